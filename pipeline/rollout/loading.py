"""`kernelgate.load`: from an operator's name to a callable, once a process.

Whatever is in the way (no registry, no keyring, nothing promoted, a kernel that is not to be trusted here, a module
that can't be loaded) gives the operator's reference, and is said once in the log. Only a wrong call raises: a name that
is no operator, a share that is none, a policy that does not exist. An application never fails to start because of a
kernel.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline.attestation.keys import load_keyring
from pipeline.errors import AttestationError, RegistryError, RegistryUnavailable, UsageError
from pipeline.registry.contract import Approved, Channel, Place, open_registry
from pipeline.rollout.breaker import breaker_of
from pipeline.rollout.channels import Choice, choose, identity
from pipeline.rollout.here import Here, devices_here, look_here
from pipeline.rollout.incidents import told
from pipeline.rollout.reference import reference_of
from pipeline.rollout.serving import Fallback, Kernel, Served, Serving
from pipeline.rollout.settings import RolloutSettings, policies_named
from pipeline.rollout.shadow import LOG, Shadow
from pipeline.rollout.source_unsafe import load_entry, one_at_a_time
from pipeline.rollout.trusting import Trusted, trust
from pipeline.rollout.watching import Watched, newest_event, watch
from runners.dtypes import TORCH_DTYPES
from runners.operators import OPERATORS, Operator
from runners.oracle import STRICT, Allowance

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient

MOST_ATTESTATIONS: Final = 100  # of one kernel are looked at; each costs two signatures


class _NotServed(Exception):
    """No kernel may serve; the text says why. `digest` is of the one that was refused."""

    def __init__(self, why: str, digest: str | None = None, place: Place | None = None) -> None:
        super().__init__(why)
        self.digest = digest
        self.place = place


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is loaded once: by operator, channel and settings."""

    operator: str
    choice: Choice
    settings: RolloutSettings
    fallback: Callable[..., Any] | None


class _Process:
    """What this process has loaded so far."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.served: dict[_Wanted, Served] = {}
        self.flagged: dict[tuple[str, str], Choice] = {}
        self.shadow: Shadow | None = None


_PROCESS: Final = _Process()


def load(
    operator: str,
    *,
    key: str | None = None,
    registry: str | Path | None = None,
    keyring: str | Path | None = None,
    policies: Sequence[str] | None = None,
    architecture: str | None = None,
    canary_share: float | None = None,
    sample_rate: float | None = None,
    watch_s: float | None = None,
    flags: OpenFeatureClient | None = None,
    fallback: Callable[..., Any] | None = None,
    operators: Mapping[str, Operator] | None = None,
) -> Served:
    """Returns a callable with the operator's signature: the approved kernel where one may run here, or its reference.

    Args:
        operator: Its name, as `softmax`.
        key: What decides between canary and stable, such as an id of the request or the tenant; the machine and the
            process where it is None. The same key always gets the same.
        registry: Path or URL (KERNELGATE_REGISTRY).
        keyring: The public keys that this application believes (KERNELGATE_KEYRING).
        policies: Built-in names, paths or digests of the policies whose verdicts are enough; None: any.
        architecture: Whose kernels to run on Triton's interpreter; on a GPU it is the GPU's.
        canary_share: From 0 to 1 (KERNELGATE_CANARY_SHARE; 0.05).
        sample_rate: The share of calls that are compared with the operator's oracle (KERNELGATE_SAMPLE_RATE; 0.001).
        watch_s: How often the registry's log is asked whether the kernel was withdrawn; 0: never. 30.
        flags: An OpenFeature client; its flag `kernelgate.OPERATOR` decides instead of the hash.
        fallback: Called instead of the operator's reference; that it computes the same is the caller's word.
        operators: Known operators, those of one's own among them; None: the built-in ones.

    Raises:
        UsageError: there is no such operator.
        SettingsError: a share, a rate or a time can't be used.
        PolicyError: there is no such policy.
    """
    declared = OPERATORS if operators is None else operators
    known = declared.get(operator)
    if known is None:
        raise UsageError(f"'{operator}' is not an operator; known are {', '.join(sorted(declared))}")
    settings = RolloutSettings.resolve(registry, keyring, policies, architecture, canary_share, sample_rate, watch_s)
    choice = _chosen(operator, key if key is not None else identity(), settings.canary_share, flags)
    wanted = _Wanted(operator, choice, settings, fallback)
    with _PROCESS.lock:
        served = _PROCESS.served.get(wanted)
        if served is None:
            served = _PROCESS.served[wanted] = _serve(known, wanted)
    return served


def _chosen(operator: str, key: str, canary_share: float, flags: OpenFeatureClient | None) -> Choice:
    if flags is None:
        return choose(operator, key, canary_share)
    with _PROCESS.lock:
        if (operator, key) not in _PROCESS.flagged:
            _PROCESS.flagged[operator, key] = choose(operator, key, canary_share, flags)
        return _PROCESS.flagged[operator, key]


def _serve(operator: Operator, wanted: _Wanted) -> Served:
    reference = wanted.fallback or reference_of(operator)
    try:
        return _kernel(operator, wanted, reference)
    except _NotServed as refusal:
        LOG.warning("%s: its reference serves, no kernel: %s", operator.name, refusal)
        _tell(refusal, wanted.settings.registry)
        return Fallback(operator, reference, str(refusal))


def _kernel(operator: Operator, wanted: _Wanted, reference: Callable[..., Any]) -> Kernel:
    settings = wanted.settings
    if wanted.choice == "reference":
        raise _NotServed("a feature flag asks for the reference")
    if settings.registry is None:
        raise _NotServed("no registry was named: set KERNELGATE_REGISTRY, or give registry=")
    if settings.keyring is None:
        raise _NotServed("no keyring was named, so nobody is believed: set KERNELGATE_KEYRING, or give keyring=")
    named = policies_named(settings.policies)
    here = look_here(settings.architecture)
    if isinstance(here, str):
        raise _NotServed(here)
    approved, place, seen = _looked_up(operator.name, here, wanted.choice, settings.registry)
    trusted = _trusted(approved, operator, settings, here, place)
    breaker = breaker_of(approved.digest)
    try:
        entry = load_entry(trusted.candidate)
    except Exception as error:  # noqa: BLE001  # whatever a kernel's module raises is the kernel's
        raise _NotServed(
            f"its module can't be loaded: {type(error).__name__}: {error}", approved.digest, place
        ) from None
    policy = named.get(trusted.policy_digest)
    allowance = STRICT if policy is None else Allowance(tf32=policy.properties.tf32)
    serving = Serving(
        approved.digest, place, settings.registry, here.runs_on, allowance, settings.sample_rate, settings.sample_bytes,
        tuple(TORCH_DTYPES[dtype] for dtype in trusted.dtypes), devices_here(here.runs_on),
    )  # fmt: skip
    if settings.watch_s:
        watch(settings.registry, Watched(place, approved.digest, breaker, seen), settings.watch_s)
    LOG.info("%s: the kernel %s serves (%s)", operator.name, approved.digest[:12], place.channel)
    once = one_at_a_time(entry) if here.runs_on == "interpreter" else entry
    return Kernel(operator, once, reference, breaker, _shadow(settings.queue), serving)


def _looked_up(operator: str, here: Here, choice: Channel, registry: str) -> tuple[Approved, Place, int]:
    """What serves: the canary where there is one for those who get it, else what is stable; and how far the log was."""
    channels: tuple[Channel, ...] = ("canary", "stable") if choice == "canary" else ("stable",)
    try:
        with closing(open_registry(registry)) as opened:
            seen = newest_event(opened)
            for channel in channels:
                approved = opened.serving(operator, here.architecture, channel)
                if approved is not None:
                    return approved, Place(operator, here.architecture, channel), seen
    except (RegistryUnavailable, RegistryError) as error:
        raise _NotServed(f"the registry can't be asked: {error}") from None
    raise _NotServed(f"the registry has no kernel for {here.architecture} on {' or '.join(channels)}")


def _trusted(approved: Approved, operator: Operator, settings: RolloutSettings, here: Here, place: Place) -> Trusted:
    assert settings.keyring is not None
    try:
        ring = load_keyring(settings.keyring)
    except AttestationError as error:
        raise _NotServed(str(error), approved.digest, place) from None
    policies = None if settings.policies is None else tuple(policies_named(settings.policies))
    looked = trust(approved, operator, ring, here, policies)
    if isinstance(looked, Trusted):
        return looked
    for other in _earlier(approved, settings):
        again = trust(other, operator, ring, here, policies)
        if isinstance(again, Trusted):
            return again
    raise _NotServed(f"{approved.digest[:12]} ({place.channel}) may not run here: {looked.why}", approved.digest, place)


def _earlier(approved: Approved, settings: RolloutSettings) -> Iterator[Approved]:
    """The same kernel by what was attested of it before: the newest may be of a machine with another driver."""
    assert settings.registry is not None
    try:
        with closing(open_registry(settings.registry)) as opened:
            found = opened.attestations(approved.digest, approved.architecture, limit=MOST_ATTESTATIONS)
    except (RegistryUnavailable, RegistryError) as error:
        LOG.info("the registry could not be asked for other attestations of %s: %s", approved.digest[:12], error)
        return
    yield from (replace(approved, attestation=one) for one in found if one != approved.attestation)


def _tell(refusal: _NotServed, registry: str | None) -> None:
    """Of a kernel that serves and was refused, the registry's log should know; nobody waits for that."""
    if registry is None or refusal.digest is None:
        return
    digest, place, reason, url = refusal.digest, refusal.place, str(refusal), registry

    def tell() -> None:
        told(url, lambda opened: opened.record("fallback", digest, actor=identity(), reason=reason, place=place))

    threading.Thread(target=tell, name="kernelgate-incident").start()


def _shadow(capacity: int) -> Shadow:
    if _PROCESS.shadow is None:
        _PROCESS.shadow = Shadow(capacity)
    return _PROCESS.shadow
