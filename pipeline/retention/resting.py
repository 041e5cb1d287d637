"""Whether an approved kernel rests on a file or a folder.

Digests are looked for wherever they may stand, by their form: in what a run says of its candidates, in verdicts, in the
records of generation, in kept evidence. One too many keeps a folder that might go; one too few would lose evidence. The
bytes of sources and evidence are digested again, because a file that names digests may be damaged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pipeline.registry.approved import Approved

DIGEST: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
NAMING: Final = (".json", ".calls")
DIGESTED: Final = ("candidate.py", "evidence.json")


def rests_on(paths: Iterable[Path], approved: Approved) -> bool:
    """Whether one of these files is, or names, what an approved kernel consists of or rests on.

    Raises:
        OSError: one can't be read.
    """
    wanted = approved.sources | approved.evidence
    return bool(wanted) and any(not wanted.isdisjoint(_digests(path)) for path in paths)


def files_in(folder: Path) -> Iterator[Path]:
    """Yields the files of a run folder, or of a journal, that are worth a look."""
    yield from (path for path in sorted(folder.rglob("*")) if path.suffix in NAMING or path.name in DIGESTED)


def _digests(path: Path) -> set[str]:
    data = path.read_bytes()
    named = {digest.decode() for digest in DIGEST.findall(data)}
    return named | {hashlib.sha256(data).hexdigest()}
