"""Which files are candidates, and which links are followed: what is read is stored and shown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from candidate_sources import candidate

from pipeline.errors import UsageError
from pipeline.runs.collect import collect
from runners.candidate import Candidate, Unreadable

SECRET = "password = 'correct horse'\n"


@pytest.fixture(params=[True, False], ids=["repository", "folder"])
def is_repository(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def tree(tmp_path: Path, is_repository: bool) -> Path:
    """A working tree with a kernel, beside a folder with a secret."""
    tree = tmp_path / "tree"
    (tree / "kernels").mkdir(parents=True)
    (tree / "kernels" / "relu.py").write_text(candidate())
    (tmp_path / "secrets").mkdir()
    for name in ("key", "key.py"):
        (tmp_path / "secrets" / name).write_text(SECRET)
    if is_repository:
        (tree / ".git").mkdir()
        (tree / ".git" / "config").write_text(SECRET)
    return tree


def only(items: Sequence[Candidate | Unreadable]) -> Candidate | Unreadable:
    (item,) = items
    return item


def assert_not_followed(item: Candidate | Unreadable, target: str) -> None:
    assert isinstance(item, Unreadable)
    assert item.problem.rule == "candidate/link-elsewhere"
    assert item.source == target.encode()


@pytest.mark.parametrize(
    "target", ["../../secrets/key", "../../secrets/key.py", "/proc/self/environ", "../.git/config"]
)
@pytest.mark.parametrize("named", ["folder", "file"])
def test_a_link_to_what_is_no_kernel_of_this_tree_is_denied_unread(
    tree: Path, target: str, named: str, is_repository: bool
) -> None:
    if target == "../.git/config" and not is_repository:
        target = "../missing"
        (tree / "missing").write_text(SECRET)
    link = tree / "kernels" / "new.py"
    link.symlink_to(target)
    items = collect([tree / "kernels" if named == "folder" else link])
    assert_not_followed(items[0], target)
    assert SECRET.encode() not in b"".join(one.source for one in items)


def test_a_folder_that_is_a_link_out_of_the_repository_is_not_followed(tree: Path, is_repository: bool) -> None:
    (tree / "kernels" / "relu.py").unlink()
    (tree / "kernels").rmdir()
    (tree / "kernels").symlink_to("../secrets")
    item = only(collect([tree / "kernels"]))
    if is_repository:
        assert_not_followed(item, str((tree.parent / "secrets" / "key.py").resolve()))
    else:  # whoever named it meant it
        assert isinstance(item, Unreadable)
        assert item.problem.rule == "candidate/no-header"


def test_a_link_to_a_kernel_of_the_same_tree_is_followed(tree: Path, is_repository: bool) -> None:
    (tree / "newest.py").symlink_to("kernels/relu.py")
    item = only(collect([tree / "newest.py"]))
    assert isinstance(item, Candidate)
    assert item.path == str(tree / "newest.py")


def test_a_link_above_the_tree_changes_nothing(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(tree)
    assert isinstance(only(collect([tmp_path / "short" / "kernels"])), Candidate)
    (tree / "kernels" / "kernel.txt").write_text(candidate())
    assert isinstance(only(collect([tmp_path / "short" / "kernels" / "kernel.txt"])), Candidate)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UsageError, match=r"pipe\.py is no regular file"):
        collect([tmp_path / "pipe.py"])
    with pytest.raises(UsageError, match="no candidate in"):
        collect([tmp_path])
