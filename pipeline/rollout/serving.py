"""What an application gets: a callable with the operator's signature, that is a kernel or its reference.

A call that is not sampled costs, besides the kernel: whether the breaker is open, whether autograd would record it,
whether the verdict holds for its dtype and device, one random number, and whether the breaker is open again. Everything
else happens where a call is sampled or fails.

What a kernel raises is not always its fault. Arguments that the operator does not have, tensors on several devices, a
size beyond the declared ones that the kernel refuses, and a device without memory are not: such a call goes to the
reference, and nothing is opened. A call that autograd would record goes there, too, because nobody has certified a
gradient, and so does one in a dtype that the kernel was not verified in, or on a device that its evidence is not about.
"""

from __future__ import annotations

import inspect
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Literal

import torch
from triton.runtime.errors import InterpreterError

from pipeline.registry.contract import Channel, Place
from pipeline.rollout import samples
from pipeline.rollout.breaker import Breaker
from pipeline.rollout.calls import Fit, bytes_of, case_of, fit, lay, recorded
from pipeline.rollout.incidents import Incident, trip
from pipeline.rollout.judging import judge
from pipeline.rollout.reference import case_argument, name_of
from pipeline.rollout.samples import Copies, Sample
from pipeline.rollout.shadow import LOG, Shadow
from pipeline.rollout.source_unsafe import Entry
from pipeline.runs.case_file import Place as RanOn
from policies.decide import finding_of
from runners.failures import CodeRaised, Failure
from runners.operators import Operator
from runners.oracle import Allowance
from runners.refusals import lacks_room, refusal

RECORDED_CAP_BYTES: Final = 700 << 10  # in base64 it fits beside a case
Reference = Callable[..., Any]
_records_gradients = torch.is_grad_enabled
_draw = random.Random().random


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the sampled calls so far.

    Attributes:
        judged: Those that were right.
        dropped: The queue was full, arguments or results too large, the device had no room, or a graph was captured.
        beyond: Arguments that the operator does not declare: the oracle has no word on them.
        refused: Calls, sampled or not, that the kernel refused without being wrong; the reference answered.
        unverified: Likewise that no verdict holds for: another dtype, or another device.
    """

    judged: int
    dropped: int
    beyond: int
    refused: int
    unverified: int


class _Tally:
    """A count that several threads add to; off the way of a call that is not sampled."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self.count += 1


class Served(ABC):
    """A callable with the operator's signature.

    Attributes:
        operator: Its name.
        why: Why no kernel serves: what refused it, or what opened the breaker; empty where one does.
    """

    def __init__(self, operator: Operator, reference: Reference) -> None:
        """Binds what is called where no kernel may be."""
        self.operator = operator.name
        self._operator = operator
        self._reference = reference
        self._names = tuple(given.name for given in operator.inputs)
        self.__name__ = operator.name
        self.__doc__ = operator.summary
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in self._names])

    @property
    def serves(self) -> Literal["kernel", "reference"]:
        """What a call made now gets."""
        return "reference" if self.why else "kernel"

    @property
    @abstractmethod
    def why(self) -> str:
        """Why no kernel serves; empty where one does."""

    @property
    def counts(self) -> Counts:
        """What became of the sampled calls so far; none is sampled where the reference alone serves."""
        return Counts(judged=0, dropped=0, beyond=0, refused=0, unverified=0)

    def _positional(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        return self.__signature__.bind(*arguments, **named).args


class Fallback(Served):
    """The reference alone."""

    def __init__(self, operator: Operator, reference: Reference, why: str) -> None:
        """Says why no kernel serves."""
        super().__init__(operator, reference)
        self._why = why

    @property
    def why(self) -> str:
        """What refused the kernel."""
        return self._why

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the reference."""
        return self._reference(*(self._positional(arguments, named) if named else arguments))


@dataclass(frozen=True, slots=True)
class Serving:
    """What a kernel is served with.

    Attributes:
        registry: Its URL: where a failure is told.
        sample_rate: The share of calls that are judged; `sample_bytes` the most that one may have.
        dtypes: Of a case, that the verdict holds for; `devices` likewise.
    """

    digest: str
    place: Place
    registry: str
    ran_on: RanOn
    allowance: Allowance
    sample_rate: float
    sample_bytes: int
    dtypes: tuple[torch.dtype, ...]
    devices: frozenset[torch.device]


class Kernel(Served):
    """A kernel that was verified, its breaker, and its reference for when that is open."""

    def __init__(
        self, operator: Operator, entry: Entry, reference: Reference, breaker: Breaker, shadow: Shadow, serving: Serving
    ) -> None:
        """Binds an entry that was loaded from verified bytes."""
        super().__init__(operator, reference)
        self._entry = entry
        self._breaker = breaker
        self._shadow = shadow
        self._serving = serving
        self._rate = serving.sample_rate
        self._judged, self._dropped, self._beyond, self._refused, self._unverified = (_Tally() for _ in range(5))
        self._verified = frozenset(product(serving.dtypes, serving.devices))
        self._unlike: set[tuple[torch.dtype, torch.device]] = set()  # what was said to be not verified
        first = case_argument(operator)
        self._first = len(operator.inputs) if first is None else first  # beyond the last: no argument decides

    @property
    def digest(self) -> str:
        """SHA-256 of its source."""
        return self._serving.digest

    @property
    def channel(self) -> Channel:
        """Through which it came."""
        return self._serving.place.channel

    @property
    def why(self) -> str:
        """What opened the breaker."""
        return self._breaker.why

    @property
    def counts(self) -> Counts:
        """What became of the sampled calls so far."""
        tallies = (self._judged, self._dropped, self._beyond, self._refused, self._unverified)
        return Counts(*(tally.count for tally in tallies))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Calls the kernel, or the reference where the kernel may not be called."""
        if named:
            arguments = self._positional(arguments, named)
        breaker = self._breaker
        if breaker.is_open or (_records_gradients() and _needs_gradient(arguments)):
            return self._reference(*arguments)
        try:
            first = arguments[self._first]
            verified = (first.dtype, first.device) in self._verified
        except (AttributeError, IndexError):  # a wrong call: whoever is called says so
            verified = True
        if not verified:
            return self._unlike_any(arguments)
        if _draw() < self._rate:
            return self._sampled(arguments)
        try:
            result = self._entry(*arguments)
        except Exception as error:  # noqa: BLE001  # whatever a kernel raises, the caller gets an answer
            return self._failed(arguments, error, None)
        if self._breaker.is_open:  # by another thread, since
            return self._reference(*arguments)
        return result

    def _unlike_any(self, arguments: tuple[Any, ...]) -> Any:
        """A call that no verdict holds for; said once a dtype and device."""
        self._unverified.add()
        kind = (arguments[self._first].dtype, arguments[self._first].device)
        if kind not in self._unlike:
            self._unlike.add(kind)
            known = ", ".join(sorted(map(name_of, self._serving.dtypes)))
            where = ", ".join(sorted(map(str, self._serving.devices)))
            LOG.warning(
                "%s: calls in %s on %s get the reference: the kernel %s was verified in %s, for %s",
                self.operator, name_of(kind[0]), kind[1], self.digest[:12], known, where,
            )  # fmt: skip
        return self._reference(*arguments)

    def _sampled(self, arguments: tuple[Any, ...]) -> Any:
        before = self._copied(arguments)
        try:
            result = self._entry(*arguments)
        except Exception as error:  # noqa: BLE001  # as above
            return self._failed(arguments, error, before)
        if before is not None:
            self._offer(before, arguments, result)
        if self._breaker.is_open:
            return self._reference(*(before.values if before is not None else arguments))
        return result

    def _copied(self, arguments: tuple[Any, ...]) -> Copies | None:
        too_large = bytes_of(arguments) > self._serving.sample_bytes
        if too_large or self._shadow.is_full or samples.is_capturing(arguments):
            self._dropped.add()
            return None
        try:
            return samples.copied(arguments)
        except RuntimeError:  # no room on the device, or a kind of tensor that can't be copied like this
            self._dropped.add()
            return None

    def _offer(self, before: Copies, arguments: tuple[Any, ...], result: object) -> None:
        if bytes_of(result if isinstance(result, tuple | list) else (result,)) > self._serving.sample_bytes:
            self._dropped.add()  # a product of two vectors is larger than both
            return
        try:
            sample = samples.sampled(before, arguments, result)
        except RuntimeError:  # no room on the device, or a kind of tensor that can't be copied like this
            self._dropped.add()
            return
        if not self._shadow.offer(lambda: self._judge(sample)):
            self._dropped.add()

    def _judge(self, sample: Sample) -> None:
        """In the shadow's thread."""
        if self._breaker.is_open:
            return
        sample = samples.brought_to_host(sample)
        before = sample.before
        found = fit(self._operator, before.values)
        if isinstance(found, str):
            self._beyond.add()
            return
        case = case_of(self._operator, found, before.values, before.laid)
        failure = judge(
            self._operator, found, case, before.values, sample.after, sample.results, self._serving.allowance,
            contiguous=sample.contiguous,
        )  # fmt: skip
        if failure is None:
            self._judged.add()
            return
        self._trip("mismatch", failure, before)

    def _failed(self, arguments: tuple[Any, ...], error: Exception, before: Copies | None) -> Any:
        """In the caller's thread: the kernel raised."""
        given = before if before is not None else Copies(arguments, tuple(map(lay, arguments)))
        failure = self._blamed(given, error)
        if failure is None:
            self._refused.add()
        else:
            self._trip("exception", failure, given)
        if before is not None:
            samples.put_back(arguments, before)
            arguments = before.values
        return self._reference(*arguments)

    def _blamed(self, given: Copies, error: Exception) -> Failure | None:
        """What the kernel did wrong by raising; None where it may."""
        found = fit(self._operator, given.values)
        if isinstance(found, str):
            LOG.debug("%s raised on arguments that it need not take: %s", self.operator, found)
            return None
        devices = {one.device for one in given.values if isinstance(one, torch.Tensor)}
        if len(devices) > 1 or not devices <= self._serving.devices:
            LOG.debug("%s raised on tensors that are elsewhere, or on several devices: %s", self.operator, devices)
            return None
        cause = error.__cause__ if isinstance(error, InterpreterError) and error.__cause__ is not None else error
        case = self._case(found, given)
        failure = CodeRaised(case=case, error=type(cause).__name__, message=str(cause), line=None)
        refuses = refusal(failure) is not None and not self._operator.declares(found.sizes)
        return None if refuses or lacks_room(failure) else failure

    def _case(self, found: Fit, given: Copies) -> Any:
        try:
            return case_of(self._operator, found, given.values, given.laid)
        except RuntimeError:  # the device lost its context: nothing can be read from it any more
            empty = tuple(torch.empty(0) if isinstance(one, torch.Tensor) else one for one in given.values)
            return case_of(self._operator, found, empty, (None,) * len(empty))

    def _trip(self, kind: Literal["mismatch", "exception"], failure: Failure, given: Copies) -> None:
        serving = self._serving
        incident = Incident(
            serving.place, serving.digest, kind, finding_of(failure), serving.ran_on, _kept(self._operator, given)
        )
        trip(self._breaker, incident, serving.registry)


def _kept(operator: Operator, given: Copies) -> Any:
    if bytes_of(given.values) > RECORDED_CAP_BYTES:
        return None
    try:
        host = tuple(one.cpu() if isinstance(one, torch.Tensor) else one for one in given.values)
    except RuntimeError:  # as above
        return None
    return recorded(operator, host, given.laid)


def _needs_gradient(arguments: Sequence[Any]) -> bool:
    return any(isinstance(one, torch.Tensor) and one.requires_grad for one in arguments)
