"""What one run of the flow works on, wherever it is measured: candidates in, tasks made, verdicts taken in.

Where a task runs is for the subclasses to say: in this process (`pipeline.orchestration.flow`), on workers
(`pipeline.fleet.work`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from pydantic import ValidationError

from pipeline.gate.judged import Judged
from pipeline.gate.judging import judge
from pipeline.gate.kept import why_again
from pipeline.gate.run_deadline import RunDeadline
from policies.policy import Policy
from policies.waivers import DatedWaivers
from runners.candidate import Candidate, Unreadable
from runners.evidence import Evidence

import pipeline.orchestration.prefect_connection  # isort: skip  # noqa: F401  # before Prefect is imported

from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.tasks import Task, exponential_backoff

RETRIES: Final = 2
BACKOFF_S: Final = 1.0
# What is tried again waits twice as long each time, and each task something else: many that failed at once, because an
# engine or a server was away, do not come back at once.
RETRIED: Final[dict[str, Any]] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(BACKOFF_S),
    "retry_jitter_factor": 0.5,
}
Item = Candidate | Unreadable
Progress = Callable[[str, Judged], None]


class InfrastructureFault(Exception):
    """Our side failed while a candidate was measured; worth another try, unless the run has no time for one.

    Its arguments are plain, so that it can come from another process.
    """

    def __init__(self, reason: str, evidence: str, again: bool = True) -> None:
        super().__init__(reason, evidence, again)
        self.evidence = evidence  # what was measured all the same, as JSON
        self.again = again

    def __str__(self) -> str:
        """The reason alone; Prefect's pages show it."""
        return str(self.args[0])


class NoEvidenceError(Exception):
    """A task left something else than evidence, on its second try too: a bug on our side, not a fault to wait out."""


def is_ours(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Whether a task is worth another try."""
    return isinstance(state.data, InfrastructureFault) and state.data.again


class Work(ABC):
    """Live objects, which can't be parameters of a flow.

    A plain class, because Prefect searches dataclasses in a task's parameters for futures.

    Attributes:
        at_once: So many tasks are begun before those that have ended are looked at.
        look: Whose evidence is kept for itself alone (`content_key.key_in_look`); None: for everybody.
    """

    at_once: int

    def __init__(
        self,
        items: Sequence[Item],
        policy: Policy,
        *,
        fresh: bool,
        progress: Progress,
        waivers: DatedWaivers | None,
        deadline_s: float | None,
        look: str | None,
    ) -> None:
        self.items = tuple(items)
        self.policy = policy
        self.fresh = fresh
        self.look = look
        self.judged: dict[int, Judged] = {}
        self.unread: dict[int, Exception] = {}
        self._progress = progress
        self._waivers = waivers
        self.deadline = RunDeadline(deadline_s)

    @property
    def in_order(self) -> tuple[Judged, ...]:
        """The verdicts in the order of the items."""
        return tuple(self.judged[number] for number in range(len(self.items)))

    @abstractmethod
    def begin(self) -> None:
        """Makes ready what tasks need; called once, within the flow."""

    @abstractmethod
    def submit(self, numbers: Sequence[int], *, fresh: bool) -> dict[PrefectFuture[str], int]:
        """Begins the tasks of these candidates, and says which is whose."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the measuring of all candidates."""

    @abstractmethod
    def end_in_time(self) -> None:
        """Ends the measuring: what is not finished is missing by our doing."""

    def next_task(self, number: int, future: PrefectFuture[str], *, fresh: bool) -> PrefectFuture[str] | None:
        """Begins what follows a finished task of a candidate; None where its evidence is complete."""
        return None

    def look_up(self) -> None:
        """Called now and then while tasks are waited for; may raise."""
        return

    def bounded(self) -> AbstractContextManager[None]:
        """Ends the measuring when the run's deadline has passed."""
        return self.deadline.ending(self.end_in_time)

    def take_in(self, number: int, future: PrefectFuture[str]) -> bool:
        """Judges what a finished task left; False when there is no evidence in it."""
        try:
            result: object = future.result(raise_on_failure=False)
        except Exception as error:  # noqa: BLE001  # Prefect's own: what the task itself raised is returned
            self.unread[number] = error
            return False
        reused = future.state.name == "Cached"
        try:
            evidence = evidence_in(result)
            if evidence.candidate.digest != self.items[number].facts.digest:
                raise NoEvidenceError(f"it is evidence about {evidence.candidate.path}, which has other bytes")
            if reused and (why := why_again(evidence)) is not None:
                raise NoEvidenceError(why)
        except (ValidationError, NoEvidenceError) as error:
            self.unread[number] = error
            return False
        self.judge_by(number, evidence, reused=reused)
        return True

    def judge_by(self, number: int, evidence: Evidence, *, reused: bool) -> None:
        """Gives a candidate its verdict."""
        item = self.items[number]
        own = evidence.model_copy(update={"candidate": item.facts})  # the same content may have another path now
        self.judged[number] = judge(item, own, self.policy, reused=reused, waivers=self._waivers)
        self._progress(item.facts.path, self.judged[number])


def evidence_in(result: object) -> Evidence:
    """Returns the evidence that a task left, whole or with the reason why it is not.

    Raises:
        NoEvidenceError: it left something else.
        ValidationError: it left something that is none.
    """
    if isinstance(result, InfrastructureFault):
        return Evidence.model_validate_json(result.evidence)
    if isinstance(result, str):
        return Evidence.model_validate_json(result)
    raise NoEvidenceError(repr(result)) from (result if isinstance(result, BaseException) else None)
