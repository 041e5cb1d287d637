"""What is approved, verified again when what its evidence depends on changed, or when it is old.

`due` says which kernels and why, `settling` what follows. What is rejected is revoked while the others are still being
measured; if the registry does not answer then, it is asked again at the end. All else is written behind the run folder,
which the log names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.orchestration.prefect_connection import server as server  # isort: skip  # before Prefect is imported

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.schedules import Schedule
from prefect.states import Completed

from pipeline.errors import RegistryUnavailable
from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.orchestration.prefect_flow_runs import look_of_this_run
from pipeline.own_operators import load_operators
from pipeline.registry.contract import CHANNELS, Approved, Place, Registry, open_registry
from pipeline.registry.naming import registry_named
from pipeline.reporting import Report
from pipeline.runs.finished import Run
from pipeline.runs.folder import folder_names, new_run_id
from pipeline.scheduled.alerts import About, Kind, alert, concluded
from pipeline.scheduled.deployments import Deployed
from pipeline.scheduled.due import Due, Here, due_of, proven_by
from pipeline.scheduled.pages import Reports, Table, code, plain, section, show_page, show_table
from pipeline.scheduled.parameters import Approvals, Gate, ProductionGate, Signing
from pipeline.scheduled.renewing import Renewed, check_signing, renew
from pipeline.scheduled.run_log import RunLog
from pipeline.scheduled.settling import Settled, Settling, Standing, path_of, readable
from pipeline.settings import Settings
from pipeline.supply.gpu_opening import gpu_for
from pipeline.verification.verify import Options, verify
from policies.policy import Policy, Tier, load_policy
from runners.candidate import Candidate
from runners.digests import operator_digest
from runners.operators import Operator

KEY: Final = "kernelgate-approved"
NAMED: Final = 3  # so many kernels are named in a message
LOOKS: Final = 20  # so many events that a kernel was verified again are read, the newest
DIGITS: Final = 12


@flow(
    name="Verify approved kernels again",
    flow_run_name="what is approved, under {gate.policy}",
    persist_result=False,
)
def reverify(
    approvals: Approvals = Approvals(),  # noqa: B008  # they are frozen
    gate: ProductionGate = ProductionGate(),  # noqa: B008
    signing: Signing = Signing(),  # noqa: B008
) -> State[Any]:
    """Verifies approved kernels again whose hardware, driver, torch, triton, image, operator or policy is another now.

    What nothing changed for is looked at again after some days. A kernel that is rejected now is revoked at once, and
    the run fails; so it does where one can't be proven on this machine, which revokes nothing.

    Args:
        approvals: What is approved, and how often it is looked at again.
        gate: How kernels are judged, and where that is written.
        signing: Who signs what was verified again; nobody, if empty.
    """
    about = About("approved kernels", gate.policy)
    return concluded(about, lambda: _reverified(approvals, gate, signing, about))


def deployed(
    schedule: Schedule, approvals: Approvals, gate: ProductionGate, signing: Signing, report: Report | None = None
) -> Deployed:
    """The deployment of this flow, once everything was read that its runs will read.

    Args:
        report: Hears what is waited for.

    Raises:
        UserError: something can't be used.
        RegistryUnavailable: the registry does not answer.
    """
    load_policy(gate.policy)
    load_operators(gate.operators)
    check_signing(signing)
    open_registry(registry_named(approvals.registry, os.environ), report).close()
    parameters = {"approvals": approvals, "gate": gate, "signing": signing}
    return Deployed(reverify, "approved-kernels", "approved", schedule, parameters)


def _reverified(approvals: Approvals, gate: Gate, signing: Signing, about: About) -> State[Any]:
    settings, policy, log = Settings.resolve(runs=gate.runs), load_policy(gate.policy), RunLog()
    operators = load_operators(gate.operators)
    with closing(open_registry(registry_named(approvals.registry, os.environ), log.note)) as registry:
        approved = tuple(registry.all_approved())
        told = _Told(log)
        here = _here(settings, policy, gate, {one.operator for one in approved}, operators, told.note)
        chosen = _chosen(approved, registry, here, settings.runs, approvals.every_days, signed=signing.key is not None)
        log.note(f"{len(chosen.due)} of {len(approved)} approvals are to be looked at again")
        work = _Work(registry, new_run_id(), chosen.due, operators, log, frozenset(told.notes))
        run = None
        if work.items:
            options = Options(flow=True, look=look_of_this_run(), mode=gate.mode)
            run = verify(work.items, policy, settings, options, work, work.run_id)
        settled = (*work.settle_all(), *chosen.others)
        proven = {one.approved.digest for one in settled if one.standing is Standing.PROVEN}
        renewed = Renewed() if run is None else renew(registry, run.folder, proven, signing, policy, operators)
    message = _in_words(settled) + _signed_in_words(renewed, proven, signing, run)
    _show(settled, run, gate, message)
    standings = {one.standing for one in settled}
    if Standing.REVOKED in standings:
        return alert(Kind.REVOKED, about, message)
    if Standing.NOT_PROVEN in standings:
        return alert(Kind.NOT_PROVEN, about, message)
    if renewed.problem:
        return alert(Kind.STOPPED, about, message)
    return Completed(message=message)


@dataclass(frozen=True, slots=True)
class _Chosen:
    due: tuple[Due, ...]
    others: tuple[Settled, ...]


def _here(
    settings: Settings, policy: Policy, gate: Gate, names: set[str], operators: Mapping[str, Operator], report: Report
) -> Here:
    with gpu_for(settings, policy, gate.mode, report) as gpu:
        platform = gpu.platform if gpu is not None else None
        image = gpu.isolation.image if gpu is not None and gpu.isolation is not None else None
    digests = {name: operator_digest(operators[name]) for name in sorted(names) if name in operators}
    return Here(platform, image, policy.digest, digests, datetime.now(UTC))


def _chosen(
    approved: tuple[Approved, ...], registry: Registry, here: Here, runs: Path, every_days: int, *, signed: bool
) -> _Chosen:
    """Says what is due. Where this machine signs, a look that was not signed is none: it is made again."""
    due: list[Due] = []
    others: list[Settled] = []
    for one in approved:
        if here.platform is not None and not here.has(one.architecture):
            others.append(Settled(one, Standing.ELSEWHERE, f"a machine with {one.architecture} has to look at it"))
            continue
        looks = () if signed else registry.events(digest=one.digest, kind="verified-again", limit=LOOKS, newest=True)
        alone = sum(other.digest == one.digest for other in approved) == 1
        attested = registry.attestations(one.digest, one.architecture)
        found = due_of(one, proven_by(one, attested, looks, runs, alone=alone), here, every_days)
        if found is None:
            others.append(Settled(one, Standing.AS_IT_WAS, "nothing changed"))
        else:
            due.append(found)
    return _Chosen(tuple(due), tuple(others))


@dataclass(slots=True)
class _Told:
    """Hears what is noted while this machine is looked at, and remembers it: the run looks again, for itself."""

    log: RunLog
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.log.note(text)


@dataclass(slots=True)
class _Work:
    """Hears the verdicts on what is due, and settles them; a kernel that is due twice is measured once.

    Attributes:
        told: Notes that stand in the log already.
    """

    registry: Registry
    run_id: str
    due: tuple[Due, ...]
    operators: Mapping[str, Operator]
    log: RunLog
    told: frozenset[str] = frozenset()
    items: tuple[Candidate, ...] = ()
    _judged: dict[str, Judged] = field(default_factory=dict)
    _unread: dict[str, str] = field(default_factory=dict)
    _settled: dict[int, Settled] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found: dict[str, Candidate] = {}
        for one in self.due:
            item = readable(one.approved, self.operators)
            if isinstance(item, Candidate):
                found[path_of(one.approved)] = item
            else:
                self._unread[path_of(one.approved)] = item
        self.items = tuple(found.values())

    def note(self, text: str) -> None:
        if text not in self.told:
            self.log.note(text)

    def warn(self, text: str) -> None:
        self.log.warn(text)

    def check(self, path: str, name: CheckName) -> None:
        self.log.check(path, name)

    def case(self, path: str, done: int, planned: int) -> None:
        self.log.case(path, done, planned)

    def mutant(self, path: str, done: int, planned: int) -> None:
        self.log.mutant(path, done, planned)

    def judged(self, path: str, judged: Judged) -> None:
        self.log.judged(path, judged)
        self._judged[path] = judged
        if judged.verdict.tier is not Tier.REJECTED:
            return
        try:
            self._settle(path)
        except RegistryUnavailable as error:
            self.log.warn(f"{path} is rejected, and can't be revoked yet: {error}")

    def settle_all(self) -> tuple[Settled, ...]:
        """Settles what was not yet; in the order of what is due."""
        for path in dict.fromkeys(path_of(one.approved) for one in self.due):
            self._settle(path)
        return tuple(self._settled[number] for number in range(len(self.due)))

    def _settle(self, path: str) -> None:
        settling = Settling(self.registry, self.run_id)
        for number, one in enumerate(self.due):
            if path_of(one.approved) != path or number in self._settled:
                continue
            place = self._place_of(one.approved)
            if path in self._unread:
                self._settled[number] = settling.not_proven(one, self._unread[path], place)
            else:
                self._settled[number] = settling.settle(one, self._judged[path], place)

    def _place_of(self, approved: Approved) -> Place | None:
        """Where it serves, `stable` before `canary`; None where it does not."""
        about = (approved.digest, approved.operator, approved.architecture)
        served = [
            one.place
            for one in self.registry.places()
            if (one.digest, one.place.operator, one.place.architecture) == about
        ]
        return max(served, key=lambda place: CHANNELS.index(place.channel), default=None)


def _in_words(settled: Iterable[Settled]) -> str:
    by_standing = {standing: [one for one in settled if one.standing is standing] for standing in Standing}
    parts = list(_parts(by_standing))
    return "; ".join(parts) or "nothing is approved"


def _parts(by_standing: Mapping[Standing, list[Settled]]) -> Iterator[str]:
    revoked, unproven = by_standing[Standing.REVOKED], by_standing[Standing.NOT_PROVEN]
    if revoked:
        yield f"{_approvals(revoked)} revoked: {_named(revoked)}"
    if unproven:
        yield f"{_approvals(unproven)} not proven on this machine, and not revoked: {_named(unproven)}"
    for standing in (Standing.PROVEN, Standing.AS_IT_WAS, Standing.ELSEWHERE):
        if by_standing[standing]:
            yield f"{_approvals(by_standing[standing])} {standing.value}"


def _signed_in_words(renewed: Renewed, proven: set[str], signing: Signing, run: Run | None) -> str:
    """What an application will find of what was verified again."""
    if not proven or run is None:
        return ""
    if signing.key is None:
        return (
            f"; to have it loaded on this platform: kernelgate attest sign {run.id}, kernelgate registry renew {run.id}"
        )
    problem = f"; {len(proven) - len(renewed.kernels)} not signed: {renewed.problem}" if renewed.problem else ""
    return f"; {len(renewed.kernels)} signed and renewed{problem}"


def _approvals(settled: list[Settled]) -> str:
    return "1 approved kernel" if len(settled) == 1 else f"{len(settled)} approved kernels"


def _named(settled: list[Settled]) -> str:
    named = [f"{one.approved.operator} {one.approved.digest[:DIGITS]}, {one.why}" for one in settled[:NAMED]]
    more = len(settled) - NAMED
    return "; ".join([*named, *([f"and {more} more"] if more > 0 else [])])


def _show(settled: tuple[Settled, ...], run: Run | None, gate: Gate, headline: str) -> None:
    table = _table(settled, run, gate)
    parts = [section("Approved kernels", table)]
    if run is not None:
        parts.insert(0, Reports.of(run.folder, gate).whole())
        parts.append(f"Cost: {sum(one.wall_s for one in run.judged):.1f} seconds of checks")
    show_page(KEY, headline, [part for part in parts if part], "How each approved kernel stands now, and why.")
    show_table(f"{KEY}-standing", table, "Each approved kernel, with how it stands.")


def _rule(one: Settled) -> str:
    findings = one.judged.verdict.findings if one.judged is not None else ()
    return f"{findings[0].rule}: {findings[0].about.title}" if findings else one.why


def _table(settled: tuple[Settled, ...], run: Run | None, gate: Gate) -> Table:
    reports = {} if run is None else _reports_of(run, gate)
    rows = tuple(
        (
            plain(one.approved.operator),
            code(one.approved.digest[:DIGITS]),
            plain(one.approved.architecture),
            plain(one.standing.value),
            "–" if one.judged is None else plain(one.judged.verdict.tier.value),
            plain(_rule(one)),
            "–" if one.judged is None else f"{one.judged.wall_s:.1f}",
            reports.get(path_of(one.approved), "–"),
        )
        for one in settled
    )
    return Table(("operator", "kernel", "architecture", "stands", "verdict", "why", "seconds", "report"), rows)


def _reports_of(run: Run, gate: Gate) -> dict[str, str]:
    reports = Reports.of(run.folder, gate)
    return {
        judged.evidence.candidate.path: reports.of_candidate(name)
        for judged, name in zip(run.judged, folder_names(run.judged), strict=True)
    }
