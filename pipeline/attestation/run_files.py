"""Which files of a run folder an attestation covers: those of the candidate, and those of the run as a whole.

A file that is not covered is found, too: what somebody laid into a candidate's folder would be read by whoever looks at
it. The folder of attestations itself is left out; an envelope can't hold its own digest.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline.errors import StoredRunError
from pipeline.runs.places import RunPlace, place_of

ATTESTATIONS: Final = "attestations"
ENDINGS: Final = (".test-result.json", ".summary.json")
_CHUNK: Final = 1 << 20


def digests_of(run: Path, candidate: str) -> Mapping[str, str]:
    """Returns SHA-256 of the files that belong to a candidate, by their paths in the run folder.

    Raises:
        StoredRunError: one can't be read, or is no plain file.
    """
    own = sorted(path for path in (run / candidate).rglob("*") if not path.is_dir() or path.is_symlink())
    return {path.relative_to(run).as_posix(): _digest(path) for path in (*_of_the_run(run), *own)}


def _of_the_run(run: Path) -> list[Path]:
    return sorted(path for path in run.iterdir() if not path.is_dir() or path.is_symlink())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise StoredRunError(f"{path} is no plain file: nothing in a run folder is a link")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise StoredRunError(f"{path} can't be read: {error.strerror or error}") from None
    return digest.hexdigest()


def attested_place(runs: Path, text: str) -> RunPlace:
    """Finds the run that is called `text`, or the candidate that it names or is an envelope of.

    Raises:
        StoredRunError: it is none of them.
    """
    for path in (runs / text, Path(text)):
        for ending in ENDINGS:
            if path.parent.name == ATTESTATIONS and path.name.endswith(ending):
                return RunPlace(path.parent.parent, path.name.removesuffix(ending))
    try:
        return place_of(runs, text)
    except StoredRunError as error:
        if Path(text).is_dir():  # what every run has was taken away; the envelopes say so
            return RunPlace(Path(text))
        raise StoredRunError(f"{error}, and it is no envelope in the {ATTESTATIONS}/ of one") from None


def signed_names(run: Path) -> frozenset[str]:
    """Returns the candidates that a run has envelopes of, whether their folders are still there or not."""
    there = [path.name for path in (run / ATTESTATIONS).glob("*")]
    named = {name.removesuffix(ending) for name in there for ending in ENDINGS if name.endswith(ending)}
    return frozenset(name for name in named if name and not name.startswith("."))


def names_of(candidate: str) -> tuple[str, str]:
    """Returns the names of a candidate's two envelopes: the test result, the summary."""
    first, second = (f"{candidate}{ending}" for ending in ENDINGS)
    return first, second
