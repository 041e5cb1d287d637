"""What learning from many runs costs: reading them, ranking, choosing what a run is told, offering wrong kernels.

    python benchmarks/lessons.py

The runs are five real ones over scripted answers, copied until there are 200; the texts are as long as kernels are.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from generation_runs import PLAIN, PROMPTS  # noqa: E402  # where it is, is said above
from lesson_runs import leave_run  # noqa: E402

from pipeline.generation.lessons.entries import offer_to  # noqa: E402
from pipeline.generation.lessons.offering import wrong_kernels  # noqa: E402
from pipeline.generation.lessons.ranking import lessons_document  # noqa: E402
from pipeline.generation.lessons.reading import read_runs  # noqa: E402
from pipeline.generation.lessons.teaching import taught_by  # noqa: E402
from pipeline.generation.prompts import Attempt  # noqa: E402

RUNS: Final = 200
LINES: Final = 70
OPERATORS: Final = ("relu", "silu", "tanh", "sigmoid", "gelu")
TOLD: Final = ("denied f", "nan", "short", "plain", "right")


def main() -> None:
    """Prints seconds by the wall's clock and the processor's, and how long the part of the prompt is."""
    with tempfile.TemporaryDirectory() as folder:
        runs = _runs(Path(folder))
        with _timed("reading all runs"):
            read = read_runs(runs)
        with _timed("ranking"):
            document = lessons_document(read)
        with _timed("choosing what a run is told"):
            taught = taught_by(read, "relu")
        with _timed("offering wrong kernels"):
            offered = offer_to(Path(folder) / "corpus", wrong_kernels(read))
    print(f"{read.read} runs, {len(document.failures)} failures, {len(offered.written)} offered, {offered.known} known")
    parts = PROMPTS.attempt(PLAIN, Attempt(), taught)
    chars = sum(len(part.text) for part in parts)
    print(f"{len(next(part.text for part in parts if part.name == 'lessons'))} of {chars} characters of the prompt")


def _runs(folder: Path) -> Path:
    rest = "".join(f"; line {number} {'x' * 50}" for number in range(LINES))
    made = [leave_run(folder / "five", name, {name: [one + rest for one in TOLD]}).folder for name in OPERATORS]
    runs = folder / "runs"
    for number in range(RUNS):
        shutil.copytree(made[number % len(made)], runs / f"20260101-{number:06d}-00000000")
    return runs


@contextmanager
def _timed(what: str) -> Iterator[None]:
    clocks: tuple[Callable[[], float], ...] = (time.perf_counter, time.process_time)
    began = [clock() for clock in clocks]
    yield
    wall_s, used_s = (clock() - before for clock, before in zip(clocks, began, strict=True))
    print(f"{what}: {wall_s:.2f} s, {used_s:.2f} s of the processor")


if __name__ == "__main__":
    main()
