"""The conditions under which the current call runs, and what was seen of it.

One call of a candidate is one `Run`. What varies is drawn from its conditions: the order of the program instances of
each launch from `order_seed`, the configuration of an autotuned kernel from `choice_seed`; no history of the process
enters, so a replay of the same conditions does the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from runners.wire import Conditions

_NATURAL: Final = Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)
_SEED_MASK: Final = (1 << 63) - 1


@dataclass(slots=True)
class Observation:
    """What one call did: kernel launches so far, and whether an atomic operation was executed."""

    launches: int = 0
    atomics: bool = False


@dataclass(slots=True)
class Run:
    """One call: its conditions, what was seen, and which autotuner keys were tuned in it."""

    conditions: Conditions = _NATURAL
    observation: Observation = field(default_factory=Observation)
    tuned: set[tuple[int, object]] = field(default_factory=set)

    def program_order(self, count: int) -> range | list[int]:
        """Returns the order in which `count` program instances run: each exactly once."""
        seed = self.conditions.order_seed
        if seed is None:
            return range(count)
        generator = np.random.default_rng([seed & _SEED_MASK, self.observation.launches])
        order: list[int] = generator.permutation(count).tolist()
        return order

    def choice(self, count: int) -> int:
        """Returns the index of the configuration to use."""
        return (self.conditions.choice_seed & _SEED_MASK) % count


class _Current:
    run = Run()


CURRENT: Final = _Current()
