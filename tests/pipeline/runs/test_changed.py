"""`--changed-since`: what a pull request is about, in real repositories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from git_folders import commit, git, new_repository, write
from scripted_flow import HEADER

from pipeline.errors import GitUnavailable, UsageError
from pipeline.git_repository import repository_of
from pipeline.runs.changed import Changes, changes_since, collect_changed, waivers_for
from policies.waivers import WaiverError
from runners.operators import OPERATORS

DAY = date(2026, 11, 30)
KERNEL = HEADER + "# "


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three kernels on main, and a branch that changed none yet."""
    folder = new_repository(tmp_path_factory.mktemp("template"))
    commit(folder, {f"kernels/{name}.py": KERNEL + name * 200 for name in "abc"} | {"policy.yaml": "extends: dev\n"})
    git(folder, "checkout", "-q", "-b", "work")
    return folder


@pytest.fixture
def repository(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return folder


def taken(*paths: str, since: str = "main", configuration: tuple[str, ...] = ()) -> list[str]:
    changes = changes_since(since, [Path(path) for path in configuration], Path.cwd())
    items = collect_changed([Path(path) for path in paths or ("kernels",)], OPERATORS, changes)
    return [item.facts.path for item in items]


def test_nothing_changed_takes_nothing_and_says_so(repository: Path) -> None:
    assert taken() == []
    changes = changes_since("main", (), repository)
    assert "no kernel changed since main" in changes.describe(0)


CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "committed": (lambda r: commit(r, {"kernels/a.py": KERNEL}), ["kernels/a.py"]),
    "not_committed": (lambda r: write(r, {"kernels/a.py": KERNEL}), ["kernels/a.py"]),
    "added_to_the_index": (lambda r: (write(r, {"kernels/d.py": KERNEL}), git(r, "add", "kernels/d.py")),
                           ["kernels/d.py"]),
    "not_added": (lambda r: write(r, {"kernels/d.py": KERNEL}), ["kernels/d.py"]),
    "ignored_by_git": (lambda r: write(r, {"kernels/d.py": KERNEL, ".gitignore": "d.py\n"}), []),
    "moved": (lambda r: (git(r, "mv", "kernels/a.py", "kernels/z.py"), commit(r)), ["kernels/z.py"]),
    "deleted": (lambda r: ((r / "kernels/a.py").unlink(), commit(r)), []),
    "made_executable": (lambda r: ((r / "kernels/a.py").chmod(0o755), commit(r)), ["kernels/a.py"]),
    "outside_of_the_paths": (lambda r: commit(r, {"other/d.py": KERNEL}), []),
    "a_name_of_spaces_quotes_and_letters": (lambda r: commit(r, {"kernels/ü '\" $(x) :(top).py": KERNEL}),
                                            ["kernels/ü '\" $(x) :(top).py"]),
    "a_name_like_an_option": (lambda r: commit(r, {"kernels/--output=x.py": KERNEL}), ["kernels/--output=x.py"]),
    "back_to_what_it_was": (lambda r: (commit(r, {"kernels/a.py": "x\n"}), git(r, "revert", "--no-edit", "HEAD")), []),
    "a_file_that_lost_its_header": (lambda r: commit(r, {"kernels/a.py": "x = 1\n"}), ["kernels/a.py"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_is_taken_and_nothing_else(repository: Path, name: str) -> None:
    change, expected = CHANGES[name]
    change(repository)
    assert taken() == expected


def test_what_only_the_other_branch_changed_is_not_this_ones(repository: Path) -> None:
    commit(repository, {"kernels/a.py": KERNEL})
    git(repository, "checkout", "-q", "main")
    commit(repository, {"kernels/b.py": KERNEL})
    git(repository, "checkout", "-q", "work")
    assert taken() == ["kernels/a.py"]


def test_the_merge_commit_that_a_service_checks_out_is_compared_with_its_base(repository: Path) -> None:
    commit(repository, {"kernels/a.py": KERNEL})
    git(repository, "checkout", "-q", "main")
    commit(repository, {"kernels/b.py": KERNEL})
    git(repository, "merge", "-q", "--no-edit", "work")
    assert taken(since="HEAD^1") == ["kernels/a.py"]


@pytest.mark.parametrize("where", ["kernels", "other"])
def test_it_works_from_any_folder_of_the_repository(
    repository: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, {"kernels/a.py": KERNEL, "other/d.txt": "x"})
    monkeypatch.chdir(repository / where)
    (found,) = taken("../kernels")
    assert Path(found).resolve() == repository / "kernels/a.py"
    assert taken(str(repository / "kernels")) == [str(repository / "kernels/a.py")]


def test_a_path_that_the_change_removed_is_no_mistake(repository: Path) -> None:
    shutil.rmtree(repository / "kernels")
    commit(repository)
    assert taken("kernels") == taken("kernels/a.py") == []
    with pytest.raises(UsageError, match="kernel does not exist"):
        taken("kernel")


def test_a_folder_without_candidates_stays_a_mistake(repository: Path) -> None:
    write(repository, {"empty/readme.txt": "x"})
    with pytest.raises(UsageError, match="no candidate in empty"):
        taken("empty")


def test_what_lies_behind_a_link_is_always_taken(repository: Path) -> None:
    write(repository, {"elsewhere/t.py": KERNEL})
    (repository / "kernels/link.py").symlink_to("../elsewhere/t.py")
    (repository / "linked").symlink_to("kernels")
    commit(repository)
    git(repository, "branch", "-f", "main")
    assert taken("kernels", "linked/a.py") == ["kernels/link.py", "linked/a.py"]


def test_a_submodule_that_moved_is_taken_whatever_the_change_says_of_it(repository: Path, tmp_path: Path) -> None:
    other = new_repository(tmp_path / "other")
    commit(other, {"s.py": KERNEL})
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "kernels/module")
    commit(repository)
    git(repository, "branch", "-f", "main")
    assert taken() == []
    git(repository, "config", "-f", ".gitmodules", "submodule.kernels/module.ignore", "all")
    commit(repository / "kernels/module", {"s.py": KERNEL + "other"})
    commit(repository)
    assert taken() == ["kernels/module/s.py"]


def test_what_lies_outside_of_the_repository_is_always_taken(repository: Path, tmp_path: Path) -> None:
    write(tmp_path, {"out.py": KERNEL})
    assert taken("kernels", "../out.py") == ["../out.py"]


@pytest.mark.parametrize("changed", ["policy.yaml", "operators/mine.py"])
def test_all_are_taken_where_what_judges_them_changed(repository: Path, changed: str) -> None:
    commit(repository, {changed: "extends: ci\n"})
    assert taken(configuration=("policy.yaml", "operators")) == [f"kernels/{name}.py" for name in "abc"]
    changes = changes_since("main", (Path("policy.yaml"), Path("operators")), repository)
    assert f"{changed} changed since main" in changes.describe(3)
    assert taken(configuration=("ci",)) == []


def test_the_configuration_of_the_repository_starts_no_program(repository: Path) -> None:
    write(repository, {"evil": f"#!/bin/sh\ntouch {repository}/ran\n", ".gitattributes": "*.py diff=evil\n"})
    (repository / "evil").chmod(0o755)
    for key in ("diff.external", "diff.evil.textconv", "diff.evil.command", "core.fsmonitor", "core.pager"):
        git(repository, "config", key, f"{repository}/evil")
    git(repository, "config", "diff.relative", "true")
    write(repository, {"kernels/a.py": KERNEL})
    assert taken() == ["kernels/a.py"]
    assert not (repository / "ran").exists()


@pytest.mark.parametrize(
    "revision", ["--output=x", "-x", "", "gone", "main:kernels/a.py", "main..work", "a b", "HEAD^{tree}"]
)
def test_what_is_no_revision_is_said_with_what_to_do(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError, match=r"not a revision|its branches are main, work"):
        changes_since(revision, (), repository)
    assert not (repository / "x").exists()


@pytest.mark.parametrize("kind", ["tag", "id", "short", "remote"])
def test_a_revision_may_be_a_tag_an_id_or_a_remote_branch(repository: Path, kind: str) -> None:
    names = {"tag": "v1", "id": git(repository, "rev-parse", "main"),
             "short": git(repository, "rev-parse", "--short", "main"), "remote": "origin/main"}  # fmt: skip
    git(repository, "tag", "-a", "-m", "m", "v1", "main")
    git(repository, "update-ref", "refs/remotes/origin/main", "main")
    commit(repository, {"kernels/a.py": KERNEL})
    assert taken(since=names[kind]) == ["kernels/a.py"]


def test_a_shallow_clone_says_how_to_fetch_the_history(repository: Path, tmp_path: Path) -> None:
    commit(repository, {"kernels/a.py": KERNEL})
    git(tmp_path, "clone", "-q", "--depth", "1", "--branch", "work", f"file://{repository}", "shallow")
    git(tmp_path / "shallow", "fetch", "-q", "--depth", "1", "origin", "main:base")
    for revision in ("base", "gone"):
        with pytest.raises(UsageError, match="fetch-depth: 0"):
            changes_since(revision, (), tmp_path / "shallow")


def test_branches_without_a_common_commit_are_said(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "apart")
    commit(repository)
    with pytest.raises(UsageError, match="in common"):
        changes_since("main", (), repository)


def test_a_repository_without_a_commit_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="git knows no commit 'HEAD'"):
        changes_since("HEAD", (), new_repository(tmp_path / "new"))


def test_without_a_commit_the_advice_is_to_commit_and_not_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(new_repository(tmp_path / "r"))
    with pytest.raises(UsageError, match=r"there is no commit yet.*user\.name") as caught:
        repository_of(Path.cwd()).commit("main")
    assert "fetch" not in str(caught.value)


def test_without_a_remote_the_branches_that_there_are_are_named(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no remote to fetch it from; its branches are .*main") as caught:
        repository_of(repository).commit("mian")
    assert "git fetch" not in str(caught.value)


def test_with_a_remote_the_advice_is_to_fetch(repository: Path, tmp_path: Path) -> None:
    git(repository, "remote", "add", "origin", str(tmp_path))
    with pytest.raises(UsageError, match="git fetch origin mian"):
        repository_of(repository).commit("mian")


def test_a_folder_outside_of_any_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="not in the working tree of a git repository"):
        changes_since("main", (), tmp_path)


def test_a_machine_without_git_is_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitUnavailable, match="git is not installed"):
        changes_since("main", (), tmp_path)


WAIVER = f"- rule: properties/raised\n  digest: {'ab' * 32}\n  reason: r\n  expires: 2026-12-01\n"


def noted(path: str, changes: Changes | None) -> tuple[int, list[str]]:
    notes: list[str] = []
    waivers = waivers_for(Path(path), changes, DAY, notes.append)
    assert waivers is not None
    return len(waivers.waivers), notes


def test_a_pull_request_does_not_waive_its_own_findings(repository: Path) -> None:
    commit(repository, {"waivers.yaml": WAIVER})
    changes = changes_since("main", (), repository)
    assert noted("waivers.yaml", None) == (1, [])
    count, notes = noted("waivers.yaml", changes)
    assert count == 0
    assert "main has no waivers.yaml" in notes[0]


def test_waivers_are_those_of_the_revision_even_where_it_is_ahead(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "main")
    commit(repository, {"waivers.yaml": WAIVER})
    git(repository, "checkout", "-q", "work")
    changes = changes_since("main", (), repository)
    assert noted("waivers.yaml", changes) == (1, [])
    write(repository, {"waivers.yaml": "3\n"})
    assert noted("waivers.yaml", changes) == (1, [])
    write(tmp_path, {"outside.yaml": WAIVER})
    assert noted(str(tmp_path / "outside.yaml"), changes) == (1, [])


def test_a_damaged_waivers_file_at_the_revision_is_named_with_it(repository: Path) -> None:
    commit(repository, {"waivers.yaml": "3\n"})
    with pytest.raises(WaiverError, match=r"waivers\.yaml at work"):
        noted("waivers.yaml", changes_since("work", (), repository))


def test_an_unset_option_asks_git_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert waivers_for(None, None, DAY, print) is None


def test_where_nothing_can_be_fetched_the_branches_are_named(repository: Path) -> None:
    with pytest.raises(UsageError) as error:
        taken(since="master")
    assert str(error.value) == (
        "git knows no commit 'master' here, and there is no remote to fetch it from; its branches are main, work"
    )
    git(repository, "remote", "add", "origin", "nowhere")
    with pytest.raises(UsageError, match="fetch it first, as with 'git fetch origin master'"):
        taken(since="master")


def test_a_repository_without_a_commit_is_told_what_commits_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = new_repository(tmp_path / "empty")
    write(empty, {"kernels/a.py": KERNEL})
    monkeypatch.chdir(empty)
    with pytest.raises(UsageError, match="there is no commit yet"):
        taken(since="main")
