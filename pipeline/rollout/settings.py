"""What `kernelgate.load` was told: arguments win over the environment; resolved to one value that never changes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import SettingsError
from policies.policy import BUILT_IN, Policy, load_policy

CANARY_SHARE: Final = 0.05
SAMPLE_RATE: Final = 0.001
WATCH_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How kernels are found, trusted and watched.

    Attributes:
        registry: Path or URL; None where nobody said one.
        keyring: The public keys that this application believes; None likewise.
        policies: Names of built-in policies, paths of policy files or digests whose verdicts are enough; None takes
            `production-safe` by any policy that a believed key vouches for.
        architecture: Whose kernels to load; None takes the GPU's.
        canary_share: From 0 to 1.
        sample_rate: The share of calls that are judged, from 0 to 1.
        sample_bytes: A call whose arguments or whose results have more is not judged.
        queue: How many samples may wait to be judged.
        watch_s: How often the log is asked whether the kernel was withdrawn; 0: never.
    """

    registry: str | None
    keyring: Path | None
    policies: tuple[str, ...] | None = None
    architecture: str | None = None
    canary_share: float = CANARY_SHARE
    sample_rate: float = SAMPLE_RATE
    sample_bytes: int = 16 << 20
    queue: int = 16
    watch_s: float = WATCH_S

    @classmethod
    def resolve(
        cls,
        registry: str | Path | None = None,
        keyring: str | Path | None = None,
        policies: Sequence[str] | None = None,
        architecture: str | None = None,
        canary_share: float | None = None,
        sample_rate: float | None = None,
        watch_s: float | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> RolloutSettings:
        """Reads the environment; arguments win over it.

        Raises:
            SettingsError: a share or rate is no number from 0 to 1, or a time is none.
        """
        ring = keyring or environment.get("KERNELGATE_KEYRING") or None
        return cls(
            registry=(registry and str(registry)) or environment.get("KERNELGATE_REGISTRY") or None,
            keyring=Path(ring) if ring is not None else None,
            policies=tuple(policies) if policies is not None else None,
            architecture=architecture,
            canary_share=_share("KERNELGATE_CANARY_SHARE", canary_share, CANARY_SHARE, environment),
            sample_rate=_share("KERNELGATE_SAMPLE_RATE", sample_rate, SAMPLE_RATE, environment),
            watch_s=_seconds(watch_s),
        )


def policies_named(names: Sequence[str] | None) -> Mapping[str, Policy | None]:
    """Returns the policies whose verdicts are enough, by digest; None stands for one of which only that is known.

    Without names, the built-in ones: what they allow a kernel is known to the oracle then.

    Raises:
        PolicyError: a name is neither a policy, nor a file, nor a digest.
    """
    found: dict[str, Policy | None] = {}
    for name in BUILT_IN if names is None else names:
        if len(name) == 64 and not set(name) - set("0123456789abcdef"):
            found.setdefault(name, None)
        else:
            policy = load_policy(name)
            found[policy.digest] = policy
    return found


def _share(name: str, given: float | None, default: float, environment: Mapping[str, str]) -> float:
    text = environment.get(name) if given is None else str(given)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SettingsError(f"{name} is '{text}'; a number from 0 to 1 is needed")
    return value


def _seconds(given: float | None) -> float:
    if given is None:
        return WATCH_S
    if not 0 <= given < 1e6:
        raise SettingsError(f"watch_s is {given}; a number of seconds is needed, or 0 for never")
    return given
