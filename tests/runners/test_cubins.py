"""What a module of machine code can keep between launches: read from real cubins, which Triton's ptxas makes here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import triton.backends.nvidia
from elf_files import elf

from runners.cubins import MODULE_MEMORY_CAP_BYTES, module_memory_bytes, problem_in_code

PTXAS = Path(triton.backends.nvidia.__path__[0]) / "bin" / "ptxas"
PTX = """
.version 8.0
.target sm_90
.address_size 64
{memory}
.visible .entry a_kernel(.param .u64 out) {{
    .reg .u64 %rd<3>; .reg .u32 %r<2>;
    ld.param.u64 %rd1, [out]; cvta.to.global.u64 %rd1, %rd1;
    {read}
    st.global.u32 [%rd1], %r1; ret;
}}
"""


def assembled(tmp_path: Path, memory: str, read: str) -> bytes:
    source, code = tmp_path / "a.ptx", tmp_path / "a.cubin"
    source.write_text(PTX.format(memory=memory, read=read), encoding="utf-8")
    subprocess.run([PTXAS, "-arch=sm_90", source, "-o", code], check=True, timeout=60)
    return code.read_bytes()


def keeping(count: int, tmp_path: Path, initial: str = "") -> bytes:
    """A kernel that reads the last of so many bytes of its module's memory."""
    return assembled(tmp_path, f".visible .global .align 4 .b8 kept[{count}]{initial};",
                     f"ld.global.u32 %r1, [kept+{count - 4}];")  # fmt: skip


def test_a_kernel_without_memory_of_its_module_keeps_nothing(tmp_path: Path) -> None:
    code = assembled(tmp_path, "", "mov.u32 %r1, 1;")
    assert module_memory_bytes(code) == 0
    assert problem_in_code(code) is None


@pytest.mark.parametrize("count", [4, 1 << 20])
def test_memory_that_begins_as_zeros_is_counted(tmp_path: Path, count: int) -> None:
    assert module_memory_bytes(keeping(count, tmp_path)) == count


def test_memory_that_begins_with_a_value_is_counted(tmp_path: Path) -> None:
    assert module_memory_bytes(keeping(8, tmp_path, " = {1, 2, 3, 4, 5, 6, 7, 8}")) == 8


def test_a_table_of_a_library_is_no_problem_and_room_for_results_is(tmp_path: Path) -> None:
    assert problem_in_code(keeping(MODULE_MEMORY_CAP_BYTES, tmp_path)) is None
    problem = problem_in_code(keeping(MODULE_MEMORY_CAP_BYTES + 4, tmp_path))
    assert problem == f"its module keeps {MODULE_MEMORY_CAP_BYTES + 4} bytes between launches"


def test_both_kinds_count_together() -> None:
    assert module_memory_bytes(elf({".nv.global": 4000, ".nv.global.init": 100, ".nv.shared.k": 9999})) == 4100


def broken() -> dict[str, bytes]:
    whole = elf({".nv.global": 8})
    return {
        "empty": b"",
        "text": b"// PTX is text, which a driver would compile",
        "another magic": b"\x7fELG" + whole[4:],
        "32 bits": whole[:4] + b"\x01" + whole[5:],
        "cut off in its header": whole[:40],
        "cut off in its table": whole[:-100],
        "names beyond its table": whole[:62] + b"\xff\xff" + whole[64:],
        "a table beyond its end": whole[:40] + b"\xff" * 6 + whole[46:],
    }


@pytest.mark.parametrize("name", broken())
def test_what_is_no_such_file_is_a_problem_and_no_error(name: str) -> None:
    problem = problem_in_code(broken()[name])
    assert problem is not None
    assert problem.startswith("its machine code is not what a GPU loads")
