"""`--changed-since REV`: which candidates a pull request is about.

What counts is what changed since the branch left REV (the merge base, as in `git diff REV...`), looked at in the
working tree, because that is what is verified: what is not committed, or not yet added, counts too. A file that was
moved is new under its name. What lies behind a symbolic link is always taken: git sees the link, not what it leads to.

What a verdict rests on besides the candidate changes all of them: where the policy's file or the folder of operators
changed, every candidate is taken. Built-in policies and operators come with the program; its upgrade is not seen here.

Waivers are read as they stand at REV, not in the working tree: a pull request must not waive its own findings. The
policy and the operators are those of the working tree, which is what will be in force; whoever may change them without
a second look can let anything through (docs/how-to/gate-a-repository.md: code owners).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.git_repository import Repository, repository_of
from pipeline.reporting import Report
from pipeline.runs.collect import collect
from policies.waivers import DatedWaivers, load_waivers, parse_waivers
from runners.candidate import Candidate, Unreadable
from runners.operators.model import Operator


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a revision.

    Attributes:
        revision: As the user named it; `commit` is its id, `base` that of the merge base.
        paths: Relative to the root, also of what went.
        cause: The policy's file or a file of the operators that changed; None where neither did.
    """

    repository: Repository
    revision: str
    commit: str
    base: str
    paths: frozenset[Path]
    cause: Path | None

    def takes(self, path: Path) -> bool:
        """Whether the candidate at `path` is to be verified; a path outside of the repository always is."""
        inside = inside_of(self.repository.root, path)
        if self.cause is not None or inside is None or Path(os.path.realpath(path)) != self.repository.root / inside:
            return True
        return not self.paths.isdisjoint((inside, *inside.parents))  # a parent: a submodule that moved

    def remaining(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Returns `paths` without those that are gone because the change removed them."""
        return tuple(path for path in paths if os.path.lexists(path) or not self._removed(path))

    def _removed(self, path: Path) -> bool:
        inside = inside_of(self.repository.root, path)
        return inside is not None and any(inside == gone or inside in gone.parents for gone in self.paths)

    def describe(self, taken: int) -> str:
        """Says what is verified and why."""
        since = f"since {self.revision} (merge base {self.base[:12]})"
        if self.cause is not None:
            return f"{self.cause} changed {since}, so every candidate is verified by it"
        if taken == 0:
            return f"no kernel changed {since}: nothing to verify"
        return f"{taken} candidate{'s' if taken > 1 else ''} changed {since}"


def look_at_changes(revision: str | None, configuration: Sequence[Path]) -> Changes | None:
    """Like `changes_since`, in the working folder; None where nobody asked for a revision."""
    return None if revision is None else changes_since(revision, configuration, Path.cwd())


def changes_since(revision: str, configuration: Sequence[Path], folder: Path) -> Changes:
    """Asks git what changed since `revision` in the repository that `folder` lies in.

    Args:
        configuration: The policy's file and the folder of operators, where there are any.

    Raises:
        UsageError: `folder` is in no repository, or `revision` is not in its history.
        GitUnavailable: git is not installed or fails.
    """
    repository = repository_of(folder)
    commit = repository.commit(revision)
    base = repository.merge_base(commit, revision)
    paths = repository.changed_since(base)
    return Changes(repository, revision, commit, base, paths, _cause(repository.root, paths, configuration))


def collect_changed(
    paths: Sequence[Path], operators: Mapping[str, Operator], changes: Changes | None
) -> tuple[Candidate | Unreadable, ...]:
    """Reads the candidates below `paths`; with `changes`, those that it takes, which may be none.

    Raises:
        UsageError: a path is missing or unreadable, or there is no candidate at all.
    """
    if changes is None:
        return collect(paths, operators)
    remaining = changes.remaining(paths)
    return collect(remaining, operators, changes.takes) if remaining else ()


def waivers_for(path: Path | None, changes: Changes | None, day: date, note: Report) -> DatedWaivers | None:
    """Reads the waivers of a run: at the revision where there is one and the file is the repository's, or as it is.

    Raises:
        WaiverError: the file is not a valid one.
        UsageError: it is not UTF-8 text.
    """
    if path is None:
        return None
    inside = None if changes is None else inside_of(changes.repository.root, path)
    if changes is None or inside is None:
        return load_waivers(path, day)
    text = changes.repository.text_at(changes.commit, inside)
    if text is None:
        note(f"no waiver holds: {changes.revision} has no {inside}, and a pull request does not waive its own findings")
    return parse_waivers(text or "", f"{inside} at {changes.revision}", day)


def inside_of(root: Path, path: Path) -> Path | None:
    """Returns `path` relative to `root` without looking at links; None where it lies outside."""
    whole = Path(os.path.normpath(Path.cwd() / path))
    return whole.relative_to(root) if whole.is_relative_to(root) else None


def _cause(root: Path, paths: frozenset[Path], configuration: Sequence[Path]) -> Path | None:
    """The first of the files that belong to what the verdict rests on."""
    trusted = {inside for given in configuration for inside in (inside_of(root, given), _real(root, given)) if inside}
    found = sorted(path for path in paths if not trusted.isdisjoint((path, *path.parents)))
    return found[0] if found else None


def _real(root: Path, path: Path) -> Path | None:
    return inside_of(root, Path(os.path.realpath(path)))
