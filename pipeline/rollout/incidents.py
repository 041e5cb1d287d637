"""What follows when a kernel was wrong: the channel is rolled back, and the event stands in the log with its case.

The breaker is open by then, so nobody waits for this: it happens in a thread of its own, which the end of the process
waits for. First the roll-back, which protects the other processes, and of several that see the same kernel fail one
does it: the registry moves the channel only where it still serves this digest. Then the events. A registry that does
not answer is asked again for some seconds; after that the log line is all there is, and it has the case.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.errors import RegistryError, RegistryUnavailable
from pipeline.registry.contract import CASE_CAP_BYTES, Place, Registry, open_registry
from pipeline.rollout.breaker import Breaker
from pipeline.rollout.channels import identity
from pipeline.runs.case_file import CaseFile
from pipeline.runs.case_file import Place as RanOn
from policies.verdict import Finding
from runners.recorded import RecordedArgument

LOG: Final = logging.getLogger("kernelgate.rollout")
PAUSES_S: Final = (0.0, 0.2, 1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True)
class Incident:
    """A kernel that was wrong in an application.

    Attributes:
        arguments: Those of the call; None where they were too many or could not be read.
    """

    place: Place
    digest: str
    kind: Literal["mismatch", "exception"]
    finding: Finding
    ran_on: RanOn
    arguments: tuple[RecordedArgument, ...] | None

    @property
    def reason(self) -> str:
        """The finding in a line."""
        return f"{self.finding.rule}: {self.finding.message}"

    @property
    def case_file(self) -> bytes | None:
        """What `kernelgate replay` reads; without the arguments where they are more than the log takes."""
        if self.finding.case is None:
            return None
        whole, near = (
            CaseFile(failed_on=self.ran_on, case=self.finding.case, arguments=arguments).model_dump_json().encode()
            for arguments in (self.arguments, None)
        )
        return whole if len(whole) <= CASE_CAP_BYTES else near


def trip(breaker: Breaker, incident: Incident, registry: str) -> threading.Thread | None:
    """Opens the breaker at once and lets the rest follow in a thread, which is returned; None where it was open."""
    if not breaker.open(incident.reason):
        return None
    case = incident.finding.case
    LOG.error(
        "%s %s on %s is withdrawn in this process, its reference serves: %s%s",
        incident.place.operator, incident.digest[:12], incident.place.channel, incident.reason,
        "" if case is None else f"; case {case.id}: {case.model_dump_json()}",
    )  # fmt: skip
    thread = threading.Thread(target=report, args=(incident, registry), name="kernelgate-incident")
    thread.start()
    return thread


def told(registry: str, tell: Callable[[Registry], object]) -> bool:
    """Tells a registry something, again for some seconds where it does not answer; False where it was not told."""
    why = ""
    for pause in PAUSES_S:
        time.sleep(pause)
        try:
            with closing(open_registry(registry)) as opened:
                tell(opened)
            return True
        except RegistryUnavailable as error:
            why = str(error)
        except RegistryError as error:
            why = str(error)
            break
    LOG.error("the registry was not told: %s", why)
    return False


def report(incident: Incident, registry: str) -> None:
    """Rolls the channel back where it still serves the kernel, and adds what happened to the log."""
    place, case = incident.place, incident.case_file

    def roll_back(opened: Registry) -> None:
        moved = opened.rollback(
            place.operator, place.architecture, place.channel, incident.reason, identity(),
            serving=incident.digest, case=case,
        )  # fmt: skip
        if moved.event is not None:
            LOG.warning("%s of %s was rolled back to %s", place.channel, place.operator, (moved.now or "nothing")[:12])

    def record(opened: Registry) -> None:
        actor, reason = identity(), incident.reason
        opened.record(incident.kind, incident.digest, actor=actor, reason=reason, place=place, case=case)
        opened.record("breaker-tripped", incident.digest, actor=actor, reason=reason, place=place)

    told(registry, roll_back)
    told(registry, record)
