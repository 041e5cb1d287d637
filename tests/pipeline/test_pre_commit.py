"""The hook, run by pre-commit itself from a local repository, when a commit is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from candidate_sources import candidate
from git_folders import QUIET, commit, new_repository, write

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def test_a_commit_with_a_denied_kernel_is_refused_with_its_finding(tmp_path: Path) -> None:
    hooks = new_repository(tmp_path / "hooks")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    revision = commit(hooks)
    project = new_repository(tmp_path / "project")
    commit(project, {
        ".pre-commit-config.yaml": f"repos:\n- repo: {hooks}\n  rev: {revision}\n"
        "  hooks:\n  - id: kernelgate\n    files: ^kernels/\n",
        ".gitignore": "runs/\n", "kernels/old.py": candidate("import socket"),
    })  # fmt: skip
    environment = (
        os.environ | QUIET | {"PATH": f"{BIN}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(tmp_path / "home")}
    )
    run = {"cwd": project, "env": environment, "capture_output": True, "text": True, "timeout": 250}
    subprocess.run([BIN / "pre-commit", "install"], check=True, **run)  # type: ignore[call-overload]
    write(project, {"kernels/new one.py": candidate("import socket"), "other.py": "x = 1\n"})
    subprocess.run(["git", "add", "-A"], check=True, **run)  # type: ignore[call-overload]
    done = subprocess.run(["git", "commit", "-m", "m"], check=False, **run)  # type: ignore[call-overload]
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "kernels/new one.py: rejected" in said
    assert "source/import-not-allowed" in said
    assert "other.py" not in said
    assert "old.py" not in said
    assert "exit code: 1" in said
