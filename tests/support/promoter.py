"""Promotes kernels in a process of its own: `python promoter.py WHERE FILE ACTOR`.

FILE holds attestations, as the test has pickled them. It says `ready`, waits for a line on stdin, and begins.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from pipeline.registry.contract import open_registry


def main() -> None:
    """Promotes them, one after the other."""
    where, file, actor = sys.argv[1:]
    attested = pickle.loads(Path(file).read_bytes())  # noqa: S301  # the test has written it
    registry = open_registry(where)
    registry.places()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for one in attested:
        registry.promote(one, "stable", actor=actor)
    registry.close()


if __name__ == "__main__":
    main()
