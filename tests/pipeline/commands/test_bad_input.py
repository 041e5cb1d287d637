"""Bad candidates, through the whole gate in real containers: one run, one clear verdict each, nothing left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from candidate_sources import HEADER, candidate

POPULATE = "mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE | 0x4000"  # the last: no reserve
# Fresh pages cost up to a second a GiB on a virtual machine: the smallest limit is reached before the deadline on any.
SMALL = {"KERNELGATE_RUNNER_MIB": "1024"}
FORKS = "while True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.01)"


@dataclass(frozen=True)
class Bad:
    source: str | bytes
    rule: str
    says: str = ""


@dataclass(frozen=True)
class Finished:
    done: CompletedProcess[str]
    entries: dict[str, Any]
    folder: Path


BAD = {
    "not_utf8": Bad(HEADER.encode() + b"x = '\xff\xfe'\n", "candidate/not-utf8", "byte"),
    "ten_megabytes_of_junk": Bad(os.urandom(10 << 20), "candidate/too-large", "256 KiB"),
    "no_header": Bad("def relu(x):\n    return x\n", "candidate/no-header"),
    "unknown_operator": Bad(
        candidate(header=HEADER.replace("relu", "frobnicate")), "candidate/unknown-operator", "softmax"
    ),
    "syntax_error": Bad(HEADER + "def relu(x)\n    return x\n", "source/syntax-error"),
    "imports_what_is_not_allowed": Bad(candidate("import socket"), "source/import-not-allowed", "'socket'"),
    "imports_a_name_that_is_not_there": Bad(candidate("from triton import nothing_here"), "source/unknown-name"),
    "import_error": Bad(candidate("import os.gone"), "properties/raised", "while loading: ModuleNotFoundError"),
    "unknown_tl_name": Bad(
        candidate().replace("tl.where", "tl.choose"), "source/unknown-name", "triton.language.choose"
    ),
    "endless_loop_at_import": Bad(candidate("while True: pass"), "properties/timed-out", "while loading"),
    "endless_loop_at_run": Bad(candidate(at_call="while True: pass"), "properties/timed-out", "within 8 s"),
    "allocates_100_gigabytes": Bad(
        candidate("import mmap", f"keep = mmap.mmap(-1, 100 << 30, flags={POPULATE})"),
        "properties/out-of-memory",
        "1024 MiB",
    ),
    "forks_without_end": Bad(candidate(at_call=FORKS), "properties/timed-out"),
    "raises": Bad(candidate(at_call="raise ValueError('not today')"), "properties/raised", "ValueError: not today"),
    "returns_none": Bad(candidate(at_call="return None"), "properties/wrong-type", "NoneType"),
    "returns_numbers": Bad(candidate(at_call="return [1.0]"), "properties/wrong-type", "float"),
    "wrong_shape": Bad(candidate(at_call="return y.unsqueeze(0)"), "properties/wrong-shape"),
    "wrong_dtype": Bad(candidate(at_call="return y.double()"), "properties/wrong-dtype", "float64"),
    "wrong_device": Bad(candidate(at_call="return y.to('meta')"), "properties/wrong-type", "meta"),
    "too_many_outputs": Bad(candidate(at_call="return y, y.clone()"), "properties/wrong-type", "a tuple of 2"),
    "changes_its_input": Bad(
        candidate(before_launch="x.zero_() if 0 not in x.stride() else x"), "properties/input-changed", "'x'"
    ),
    "leaves_with_0": Bad(candidate(at_call="os._exit(0)"), "properties/exited", "code 0"),
    "kills_itself": Bad(candidate(at_call="os.kill(os.getpid(), 9)"), "properties/crashed", "SIGKILL"),
    "raises_system_exit": Bad(candidate(at_call="sys.exit(0)"), "properties/raised", "SystemExit"),
    "launches_nothing": Bad(candidate().replace("if x.numel():", "if False:"), "properties/no-launch"),
}
FINE = {
    "right": candidate(),
    "prints_a_gigabyte": candidate("for _ in range(1024): sys.stdout.write('x' * (1 << 20))"),
    "writes_to_descriptor_1": candidate(at_call="os.write(1, bytes(range(256)))"),
}


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    quick_policy: Path,
    runner_image: str,
    kernelgate: Callable[..., CompletedProcess[str]],
) -> Finished:
    """One run over all of them."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "candidates").mkdir()
    for name, bad in BAD.items():
        data = bad.source if isinstance(bad.source, bytes) else bad.source.encode()
        (folder / "candidates" / f"{name}.py").write_bytes(data)
    for name, source in FINE.items():
        (folder / "candidates" / f"{name}.py").write_text(source)
    done = kernelgate("verify", "candidates", "--policy", str(quick_policy), "--format", "json", cwd=folder, **SMALL)
    entries = {Path(entry["path"]).stem: entry for entry in json.loads(done.stdout)["candidates"]}
    return Finished(done, entries, folder)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_candidate_is_rejected_with_the_rule_that_says_why(finished: Finished, name: str) -> None:
    entry = finished.entries[name]
    assert entry["tier"] == "rejected", entry
    finding = entry["findings"][0]
    assert finding["rule"] == BAD[name].rule, finding
    assert BAD[name].says in finding["message"]
    assert finding["remedy"]


@pytest.mark.parametrize("name", FINE)
def test_a_right_candidate_is_functional_whatever_it_prints(finished: Finished, name: str) -> None:
    assert finished.entries[name]["tier"] == "functional", finished.entries[name]["findings"]


def test_a_run_with_something_denied_exits_1_without_a_traceback(finished: Finished) -> None:
    assert finished.done.returncode == 1
    assert len(finished.entries) == len(BAD) + len(FINE)
    assert "Traceback" not in finished.done.stderr


def test_nothing_but_the_run_folder_is_left_behind(finished: Finished) -> None:
    assert sorted(path.name for path in finished.folder.iterdir()) == ["candidates", "runs"]
    assert len(list((finished.folder / "runs").iterdir())) == 1
