from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from candidate_sources import candidate

Program = Callable[..., CompletedProcess[str]]
WRONG = candidate().replace("tl.where(value < 0, 0.0, value)", "tl.where(value < 0, 0.001, value)")


@pytest.fixture(scope="module")
def stored(
    tmp_path_factory: pytest.TempPathFactory, kernelgate: Program, quick_policy: Path, runner_image: str
) -> tuple[Path, str, str]:
    folder = tmp_path_factory.mktemp("stored")
    (folder / "wrong.py").write_text(WRONG)
    done = kernelgate("verify", "wrong.py", "--policy", str(quick_policy), "--format", "json", cwd=folder)
    run = json.loads(done.stdout)
    return folder, run["run"], run["candidates"][0]["case"]


def test_a_failed_case_fails_again_and_shows_the_first_wrong_elements(
    kernelgate: Program, stored: tuple[Path, str, str]
) -> None:
    folder, run, case = stored
    done = kernelgate("replay", run, case, cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "properties/wrong-values" in done.stdout
    assert "0.001" in done.stdout
    assert "expected" in done.stdout


def test_a_case_that_is_right_by_now_exits_0(kernelgate: Program, stored: tuple[Path, str, str]) -> None:
    folder, run, case = stored
    (source,) = (folder / "runs" / run).glob("*/candidate.py")
    wrong = source.read_text()
    source.write_text(candidate())
    try:
        done = kernelgate("replay", run, case[:4], cwd=folder)
    finally:
        source.write_text(wrong)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("run", "case"), [("nope", "0"), (None, "zz"), (None, "ffffffffffff")])
def test_what_is_not_stored_exits_2(
    kernelgate: Program, stored: tuple[Path, str, str], run: str | None, case: str
) -> None:
    folder, stored_run, _ = stored
    done = kernelgate("replay", run or stored_run, case, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
