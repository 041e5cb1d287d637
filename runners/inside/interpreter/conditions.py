"""The conditions under which the current call runs, and what was seen of it.

One call of a candidate is one `Run`. What varies is drawn from its conditions: the order of the program instances of
each launch from `order_seed`; from `choice_seed` the configuration of an autotuned kernel, and the order of elements
that a compiler may reorder; no history of the process enters, so a replay of the same conditions does the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from runners.inside.interpreter.interleaving import Interleaving
from runners.inside.interpreter.monitor import Monitor
from runners.wire import Conditions, Fault

_NATURAL: Final = Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False)
_SEED_MASK: Final = (1 << 63) - 1


@dataclass(slots=True)
class Observation:
    """What one call did: kernel launches so far, whether an atomic operation was executed, accesses not to be made."""

    launches: int = 0
    atomics: bool = False
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One call: its conditions, what was seen, and which autotuner keys were tuned in it.

    `configurations` says among how many the autotuner of the launch that is being made could choose; 0: there is none.
    `monitor` watches the call's accesses; None outside of an observed call. `interleaving` is that of the launch that
    is being made, where its programs meet; `warps` is how many of a GPU would run one.
    """

    conditions: Conditions = _NATURAL
    observation: Observation = field(default_factory=Observation)
    monitor: Monitor | None = None
    tuned: set[tuple[int, object]] = field(default_factory=set)
    configurations: int = 0
    interleaving: Interleaving | None = None
    warps: int = 4

    def program_order(self, count: int) -> range | list[int]:
        """Returns the order in which `count` program instances run: each exactly once."""
        seed = self.conditions.order_seed
        if seed is None:
            return range(count)
        generator = np.random.default_rng([seed & _SEED_MASK, self.observation.launches])
        order: list[int] = generator.permutation(count).tolist()
        return order

    def drawn_turns(self) -> np.random.Generator | None:
        """Returns what decides which program goes on where programs meet; None in natural order."""
        seed = self.conditions.order_seed
        return None if seed is None else np.random.default_rng([seed & _SEED_MASK, self.observation.launches, 1])

    def choice(self, count: int) -> int:
        """Returns the index of the configuration to use."""
        return self.seed_of_choices() % count

    def seed_of_choices(self) -> int:
        """Returns, not negative, what decides all that a compiler may choose; the calls of a case share it."""
        return self.conditions.choice_seed & _SEED_MASK


class _Current:
    run = Run()


CURRENT: Final = _Current()
