"""What git knows of the repository one stands in; asked by argument lists alone, never through a shell.

A revision comes from a workflow's file or a shell, so it may look like an option: one that begins with '-' is refused
(git allows no such branch), and `--end-of-options` stands before every other. Names are read separated by NUL, because
a file may be called anything. No answer is told from another by git's words: what git says is shown, not parsed. A
program that a repository's configuration names (external diff, textconv, fsmonitor) is not started. `.gitmodules` comes
with the change and may ask to overlook a submodule: it is not obeyed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import GitUnavailable, UsageError

BRANCHES: Final = 5  # named where one that was asked for is not there
DEADLINE_S: Final = 120  # of one question; a first `git diff` on a cold disk reads the whole index
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-pager", "--literal-pathspecs")
_DIFF: Final = ("--name-only", "-z", "--no-renames", "--no-relative", "--no-ext-diff", "--no-textconv",
         "--ignore-submodules=none")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree; `root` is its top folder, as an absolute path without symbolic links."""

    root: Path

    def commit(self, revision: str) -> str:
        """Returns the id of the commit that `revision` names.

        Raises:
            UsageError: nothing is called that here.
        """
        if revision.startswith("-") or not revision:
            raise UsageError(f"'{revision}' is not a revision")
        done = _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode != 0:
            raise UsageError(f"git knows no commit '{revision}' here{self._how_to_fetch(revision)}")
        return done.stdout.decode("ascii").strip()

    def merge_base(self, commit: str, shown: str) -> str:
        """Returns where the history of HEAD left that of `commit`, which the user called `shown`.

        Raises:
            UsageError: there is no commit yet, or none that both have.
        """
        done = _git(self.root, "merge-base", "--end-of-options", commit, "HEAD")
        if done.returncode != 0:
            raise UsageError(f"git finds no commit that '{shown}' and HEAD have in common{self._how_to_fetch(shown)}")
        return done.stdout.decode("ascii").strip()

    def changed_since(self, commit: str) -> frozenset[Path]:
        """Returns what the working tree has otherwise than `commit`, relative to the root: also what is not added yet.

        A file that was renamed counts as one that went and one that came; what git ignores does not count.
        """
        tracked = self._names("diff", *_DIFF, "--end-of-options", commit)
        return tracked | self._names("ls-files", "-z", "--others", "--exclude-standard")

    def text_at(self, commit: str, path: Path) -> str | None:
        """Returns what the file at `path` (relative to the root) held at `commit`; None where it was not there.

        Raises:
            UsageError: it is not UTF-8.
        """
        done = _git(self.root, "cat-file", "blob", "--end-of-options", f"{commit}:{path.as_posix()}")
        if done.returncode != 0:
            return None
        try:
            return done.stdout.decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{path} at {commit[:12]} is not UTF-8 text") from None

    def _names(self, *arguments: str) -> frozenset[Path]:
        done = _git(self.root, *arguments)
        if done.returncode != 0:
            raise GitUnavailable(f"'git {arguments[0]}' failed: {_said(done)}")
        return frozenset(Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name)

    def _how_to_fetch(self, revision: str) -> str:
        shallow = _git(self.root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        if shallow:
            return (
                ": this clone is shallow. Fetch the whole history: 'fetch-depth: 0' of actions/checkout, or "
                "'git fetch --unshallow'"
            )
        if not _git(self.root, "remote").stdout.strip():
            return self._what_is_here()
        return f"; fetch it first, as with 'git fetch origin {revision.removeprefix('origin/')}'"

    def _what_is_here(self) -> str:
        """Of a repository from which nothing can be fetched."""
        if _git(self.root, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:
            return ": there is no commit yet. git commits once it knows your user.name and user.email (git config)"
        listed = _git(self.root, "for-each-ref", f"--count={BRANCHES}", "--format=%(refname:short)", "refs/heads")
        branches = listed.stdout.decode("utf-8", "replace").split()
        return f", and there is no remote to fetch it from; its branches are {', '.join(branches) or 'none'}"


def repository_of(folder: Path) -> Repository:
    """Returns the repository that `folder` lies in.

    Raises:
        UsageError: it lies in none, or git refuses to look at it.
        GitUnavailable: git is not installed or does not answer.
    """
    done = _git(folder, "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        raise UsageError(f"{folder} is not in the working tree of a git repository: {_said(done)}")
    return Repository(Path(os.fsdecode(done.stdout.removesuffix(b"\n"))).resolve())


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out in `folder`, marked where files are other than in it; None where git knows none.

    A folder inside of another repository's working tree is none of its own.
    """
    with suppress(GitUnavailable, UsageError):
        if repository_of(folder).root == folder.resolve():
            done = _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
            return done.stdout.decode("ascii", "replace").strip() or None
    return None


def is_unignored(path: Path) -> bool:
    """Whether a file lies in a working tree whose git would add it; False where git is not there to be asked."""
    with suppress(GitUnavailable):
        listed = _git(path.absolute().parent, "ls-files", "--others", "--exclude-standard", "--", path.name)
        return listed.returncode == 0 and bool(listed.stdout)
    return False


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ("git", *_QUIET, *arguments), cwd=folder, env=_environment(os.environ), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitUnavailable("git is not installed: install it, or give the files without --changed-since") from None
    except subprocess.TimeoutExpired:
        raise GitUnavailable(f"'git {arguments[0]}' did not answer within {DEADLINE_S} s") from None


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Git's own words stay English and it writes nothing: no refreshed index, no question at a terminal."""
    return {**given, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    return done.stderr.decode("utf-8", "replace").strip()[:500] or f"exit code {done.returncode}"
