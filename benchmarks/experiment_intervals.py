"""How often the intervals of `kernelgate experiments` hold what they are about: the coverage of each.

    python benchmarks/experiment_intervals.py

Differences of rates in one stratum are counted out: every pair of counts, weighted by its probability. Everything else
is drawn, 10,000 times a law, from a fixed seed; the standard error of a coverage near 95 % is 0.22 points. Printed are
the lowest coverage over the rates, or laws, that were tried, and the mean.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from pipeline.statistics.pair_ratios import alike, pairs_outside  # noqa: E402  # where it is, is said above
from pipeline.statistics.rate_differences import Tables, score  # noqa: E402

RATES: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
ARMS: Final = ((3, 3), (5, 5), (10, 10), (3, 30), (5, 15), (20, 20), (10, 40), (40, 40), (100, 100))
STRATA: Final = {
    "2 of 10+10": ((10, 10),) * 2,
    "5 of 8+8": ((8, 8),) * 5,
    "10 of 2+2": ((2, 2),) * 10,
    "10 of 1+4": ((1, 4),) * 10,
    "40 of 1+1": ((1, 1),) * 40,
    "6 of all sizes": ((1, 3), (4, 2), (7, 8), (2, 2), (1, 1), (5, 3)),
    "4 of unequal arms": ((3, 12), (2, 8), (10, 5), (1, 6)),
}
RATIOS: Final = {
    "6+6": ((6, 6),),
    "10+40": ((10, 40),),
    "40+10": ((40, 10),),
    "20+20": ((20, 20),),
    "40+40": ((40, 40),),
    "60+60": ((60, 60),),
    "6 strata of all sizes": STRATA["6 of all sizes"],
}
DRAWS: Final = 10_000
LAWS: Final = 12  # sets of rates a line
Z: Final = NormalDist().inv_cdf(0.975)
Sizes = Sequence[tuple[int, int]]


class Uncorrected(Tables):
    """The same counts, for the test as it was published."""

    @property
    def correction(self) -> float:
        """None."""
        return 0.0


def main() -> None:
    """Prints a line for each design."""
    for kind in (Uncorrected, Tables):
        print(f"difference of rates, one stratum, counted out, {kind.__name__}")
        for arm, base in ARMS:
            _print(f"{arm}+{base}", list(counted_out(arm, base, kind)))
    generator = np.random.default_rng(20260102)
    for title, spread in (("the same difference in each", 0.0), ("differences that differ", 0.15)):
        print(f"difference of rates, several strata, {title}")
        for name, sizes in STRATA.items():
            _print(name, [drawn_rates(sizes, spread, generator) for _ in range(LAWS)])
    print("ratio of costs, log-normal, by σ of arm and base: Mann and Whitney's law alone, and as it is")
    for sigma, base_sigma in ((0.3, 0.3), (1.5, 1.5), (0.5, 1.0), (0.3, 1.5)):
        for name, sizes in RATIOS.items():
            both = drawn_ratios(sizes, sigma, base_sigma, generator)
            print(f"  σ {sigma} and {base_sigma}, {name}: {', '.join(f'{one:.1%}' for one in both)}", flush=True)


def counted_out(arm: int, base: int, kind: type[Tables]) -> Iterator[float]:
    """Yields the coverage for each pair of rates."""
    successes, base_successes = np.meshgrid(np.arange(arm + 1.0), np.arange(base + 1.0), indexing="ij")
    tables = kind(successes[..., None], np.array([float(arm)]), base_successes[..., None], np.array([float(base)]))
    for rate in RATES:
        for base_rate in RATES:
            is_held = np.abs(score(tables, rate - base_rate)) <= Z
            yield float(np.sum(is_held * np.outer(_binomial(arm, rate), _binomial(base, base_rate))))


def drawn_rates(sizes: Sizes, spread: float, generator: np.random.Generator) -> float:
    """Returns the coverage for one draw of the strata's rates; `spread` is how far their differences lie apart."""
    runs, base_runs = (np.array(one, dtype=np.float64) for one in zip(*sizes, strict=True))
    centre = generator.uniform(-0.8, 0.8)
    differences = np.clip(centre + generator.uniform(-spread, spread, len(sizes)), -0.95, 0.95)
    low, high = np.maximum(0, -differences), np.minimum(1, 1 - differences)
    base_rates = low + (high - low) * generator.beta(0.5, 0.5, len(sizes))
    seen = generator.binomial(runs.astype(int), np.clip(base_rates + differences, 0, 1), (DRAWS, len(sizes)))
    base_seen = generator.binomial(base_runs.astype(int), base_rates, (DRAWS, len(sizes)))
    tables = Tables(seen.astype(float), runs, base_seen.astype(float), base_runs)
    true = float(np.sum(tables.weights * differences) / np.sum(tables.weights))
    return float(np.mean(np.abs(score(tables, true)) <= Z))


def drawn_ratios(sizes: Sizes, sigma: float, base_sigma: float, generator: np.random.Generator) -> list[float]:
    """Returns how often 1, the true median of all ratios, is held: by Mann and Whitney's law alone, and as it is."""
    above, chances = np.zeros(DRAWS, dtype=int), np.ones(1)
    for arm, base in sizes:
        values = generator.normal(0, sigma, (DRAWS, arm, 1))
        above += (values > generator.normal(0, base_sigma, (DRAWS, 1, base))).sum(axis=(1, 2))
        chances = np.convolve(chances, alike(arm, base))
    pairs = sum(arm * base for arm, base in sizes)
    alone = int(np.searchsorted(np.cumsum(chances), 0.025, side="right"))
    # The interval holds 1 where neither fewer than `outside` ratios are above it, nor fewer below.
    return [
        float(np.mean((above >= outside) & (pairs - above >= outside)))
        for outside in (alone, pairs_outside(tuple(sizes), 0.025))
    ]


def _binomial(of: int, rate: float) -> NDArray[np.float64]:
    return np.array([math.comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(of + 1)])


def _print(name: str, coverages: Sequence[float]) -> None:
    print(f"  {name}: lowest {min(coverages):.1%}, mean {np.mean(coverages):.1%}", flush=True)


if __name__ == "__main__":
    main()
