"""The verified bytes are what Triton compiles: without a file, for a GPU that need not be there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import triton
from served_kernels import RIGHT
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from pipeline.rollout.source_unsafe import load_entry
from runners.candidate import Candidate, parse_candidate


def loaded(text: bytes) -> Candidate:
    candidate = parse_candidate(text, "given.py")
    assert isinstance(candidate, Candidate)
    return candidate


def test_triton_compiles_a_kernel_that_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")
    monkeypatch.chdir(tmp_path)
    candidate = loaded(RIGHT.read_bytes() + b"# compiled from memory\n")
    entry = load_entry(candidate)
    kernel = entry.__globals__["softmax_kernel"]
    signature = dict.fromkeys(("x_ptr", "out_ptr"), "*fp32") | dict.fromkeys(
        ("columns", "row_stride", "column_stride"), "i32"
    )
    source = ASTSource(kernel, signature | {"BLOCK": "constexpr"}, constexprs={"BLOCK": 64})
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert made.asm["cubin"]
    assert f"<kernelgate {candidate.digest}>" in made.asm["ptx"]


def test_a_module_that_raises_leaves_nothing_behind() -> None:
    candidate = loaded(RIGHT.read_bytes() + b"raise KeyError('late')\n")
    with pytest.raises(KeyError, match="late"):
        load_entry(candidate)
    assert f"kernelgate_kernel_{candidate.digest}" not in sys.modules


def test_lines_are_those_of_the_file_whatever_ends_them() -> None:
    text = (
        RIGHT.read_bytes().replace(b"\n", b"\r\n")
        + b"# \xe2\x80\xa8 a line separator that ends no line\r\nLAST = 1\r\n"
    )
    entry = load_entry(loaded(text))
    assert entry.__globals__["LAST"] == 1
    assert entry.__code__.co_firstlineno == RIGHT.read_text().splitlines().index("def softmax(x):") + 1
