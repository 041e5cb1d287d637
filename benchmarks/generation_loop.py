"""What a round of the repair loop costs besides the provider and the verification.

    python benchmarks/generation_loop.py

The provider and the gate are scripted and take no time; all between them is the real thing: prompts, looking up,
budget, journal, records. The clock is around whole rounds, so what is printed is an upper bound.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from generation_runs import OneRun, proposed  # noqa: E402  # where it is, is said above

from pipeline.generation.budgets import Budget  # noqa: E402
from pipeline.generation.loop.records import AttemptRecord  # noqa: E402

ROUNDS: Final = 100


def main() -> None:
    """Prints median and 95th percentile of a round."""
    answers = [proposed(f"denied_{number}(tl.reduce_max(x))") for number in range(ROUNDS)]  # each in a way of its own
    with tempfile.TemporaryDirectory() as folder:
        run = OneRun(Path(folder), answers, budget=Budget(rounds=ROUNDS))
        seconds: list[float] = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            made = run.generation.step()
            seconds.append(time.perf_counter() - began)
            assert isinstance(made, AttemptRecord)
    milliseconds = sorted(1e3 * one for one in seconds)
    print(f"{ROUNDS} rounds: median {statistics.median(milliseconds):.1f} ms, "
          f"95th percentile {milliseconds[int(0.95 * ROUNDS)]:.1f} ms, first {1e3 * seconds[0]:.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
