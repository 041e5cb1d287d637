"""Which configuration an autotuned kernel takes: the judge says it, and no clock.

An autotuner times its configurations and takes the fastest: of all the others nothing would be known, though another
card, or a busy one, takes them. Told a number, it takes that one of the configurations that are left after pruning, or
the next that the device can run, and times none; another number may stand with every call. The configuration is run
once before, as timing would have run it: a kernel that adds to what is there must have said so.

Runs in the candidate's process: a candidate can keep to one configuration, and then that one is what is certified.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from triton.runtime.autotuner import Autotuner

NOT_TAKEN = [math.inf] * 3
TAKEN = [0.0] * 3


@contextmanager
def configuration(number: int) -> Iterator[None]:
    """Autotuners take configuration `number`, counted around, while this is active."""
    run, prune, bench = Autotuner.run, Autotuner.prune_configs, Autotuner._bench
    taken: set[int] = set()  # identities of the autotuners that have theirs

    def fresh(tuner: Autotuner, *args: Any, **kwargs: Any) -> Any:
        tuner.cache.clear()
        taken.discard(id(tuner))
        return run(tuner, *args, **kwargs)

    def turned(tuner: Autotuner, *args: Any, **kwargs: Any) -> list[Any]:
        left = list(prune(tuner, *args, **kwargs))
        first = number % len(left)
        return left[first:] + left[:first]

    def first_that_runs(tuner: Autotuner, *args: Any, **kwargs: Any) -> list[float]:
        if id(tuner) in taken:
            return NOT_TAKEN
        tuner.__dict__["do_bench"] = _once  # a cached property, so this stands before it
        try:
            time = bench(tuner, *args, **kwargs)
        finally:
            del tuner.__dict__["do_bench"]
        if time == TAKEN:
            taken.add(id(tuner))
        return list(time)

    Autotuner.run, Autotuner.prune_configs, Autotuner._bench = fresh, turned, first_that_runs
    try:
        yield
    finally:
        Autotuner.run, Autotuner.prune_configs, Autotuner._bench = run, prune, bench


def _once(call: Callable[[], object], quantiles: object = None) -> list[float]:
    call()
    return TAKEN
