"""Kernels that are loaded and called for real, on Triton's interpreter: the checks of `interpreted/`, each by name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent / "interpreted"
CHECKS = sorted(
    f"{path.name}::{name}"
    for path in FOLDER.glob("check_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What went wrong in each check; empty where nothing did."""
    report = tmp_path_factory.mktemp("interpreted") / "report.xml"
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--tb=short", "-n0", "-p", "no:cacheprovider"),
        *("-o", "python_files=check_*.py", "-o", "junit_family=xunit1"),
        *("--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"), f"--junitxml={report}", str(FOLDER)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{Path(case.get('file', '')).name}::{str(case.get('name')).partition('[')[0]}"
        problems = [child.text or "failed" for child in case if child.tag in ("failure", "error", "skipped")]
        found[name] = found.get(name, "") + "\n".join(problems)
    return found


@pytest.mark.parametrize("check", CHECKS)
def test_on_the_interpreter(outcomes: dict[str, str], check: str) -> None:
    assert outcomes[check] == ""
