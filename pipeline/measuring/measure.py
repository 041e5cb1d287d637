"""`kernelgate measure`: a labelled corpus through the gate, and how often the gate was wrong.

The candidates are verified as `kernelgate verify` does it, each with a fresh draw unless a seed is given; nothing that
the labels say reaches the gate. Before anything runs, the labels are held against the files: a labelled operator that
nobody knows, or another one than the file's header names, would turn into denials that say nothing. (A hack may lie in
its header.)

A measurement of hundreds of files takes long, so what was measured is never thrown away: an interrupt, or a failure of
ours on one file, leaves the other verdicts standing, with the rest counted as unmeasured.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.corpus.labels import MUST_ALLOW, MUST_DENY, Label, Labelled
from pipeline.corpus.reading import Corpus
from pipeline.errors import LabelsError, UsageError
from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.measuring.measurement import (
    UNNAMED,
    Measurement,
    Outcome,
    Row,
    costs,
    count_errors,
    denied_by,
    exit_code_of,
    first_kill,
)
from pipeline.observing.listeners import observed
from pipeline.runs.collect import shown_path
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import case_of, check_room, new_run_id, write_run
from pipeline.settings import Settings
from pipeline.verification.verify import Item, Listener, Options, verify_items
from policies.policy import Policy, Tier
from runners.candidate import Candidate, Unreadable, read_candidate
from runners.evidence import Missing, PropertiesEvidence
from runners.operators import OPERATORS, Operator

ENDED: Final = "the measurement was interrupted before it had its verdict"
BROKEN: Final = "a bug of kernelgate ended it; the traceback was printed"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of a corpus is measured: these operators and these labels; an empty tuple means all."""

    operators: tuple[str, ...] = ()
    labels: tuple[Label, ...] = ()

    def holds(self, kernel: Labelled, item: Candidate | Unreadable) -> bool:
        """Whether a kernel is measured."""
        named = not self.operators or _operator(kernel, item) in self.operators
        return named and (not self.labels or kernel.label in self.labels)


@dataclass(slots=True)
class _Heard:
    """Passes on what a run says, and keeps the verdicts by path: an interrupt does not take them away."""

    listener: Listener
    verdicts: dict[str, Judged] = field(default_factory=dict)

    def note(self, text: str) -> None:
        self.listener.note(text)

    def warn(self, text: str) -> None:
        self.listener.warn(text)

    def check(self, path: str, name: CheckName) -> None:
        self.listener.check(path, name)

    def case(self, path: str, done: int, planned: int) -> None:
        self.listener.case(path, done, planned)

    def mutant(self, path: str, done: int, planned: int) -> None:
        self.listener.mutant(path, done, planned)

    def judged(self, path: str, judged: Judged) -> None:
        self.verdicts[path] = judged
        self.listener.judged(path, judged)


def choose(
    corpus: Corpus, selection: Selection, operators: Mapping[str, Operator] = OPERATORS
) -> dict[Labelled, Candidate | Unreadable]:
    """Reads the labelled files that `selection` holds.

    Raises:
        LabelsError: labels and files contradict each other.
        UsageError: nothing is left, or a file can't be read.
    """
    chosen: dict[Labelled, Candidate | Unreadable] = {}
    for kernel in corpus.labelled:
        try:
            item = read_candidate(kernel.path, shown_path(kernel.path), operators)
        except OSError as error:
            raise UsageError(f"{kernel.path} can't be read: {error.strerror}") from None
        if selection.holds(kernel, item):
            chosen[kernel] = item
    problems = [problem for kernel, item in chosen.items() for problem in _contradictions(kernel, item, operators)]
    if problems:
        raise LabelsError(f"labels and files of {corpus.folder} do not fit:\n  " + "\n  ".join(problems))
    if not chosen:
        raise UsageError(f"no labelled file of {corpus.folder} is left by --only and --label")
    return chosen


def measure_corpus(
    corpus: Corpus,
    chosen: Mapping[Labelled, Candidate | Unreadable],
    policy: Policy,
    settings: Settings,
    options: Options,
    listener: Listener,
) -> Measurement:
    """Verifies `chosen`, counts the errors and writes the run folder, with measurement.json in it.

    Raises:
        SandboxUnavailable: no engine or image can be had.
        RunFolderError: the run folder can't be written.
    """
    check_room(settings.runs)
    heard = _Heard(listener)
    expected = frozenset(item.facts.path for kernel, item in chosen.items() if kernel.label in MUST_DENY)
    options = dataclasses.replace(options, unreduced=expected)
    run_id = new_run_id()
    facts = RunFacts(run_id, "measure", policy.name, policy.digest, len(chosen))
    with observed(facts, settings.runs, heard) as told:
        interrupted = _verify(tuple(chosen.values()), policy, settings, options, heard, told)
    lost = ENDED if interrupted else BROKEN
    rows = tuple(_row(corpus, kernel, item, heard.verdicts, lost) for kernel, item in chosen.items())
    paths = [item.facts.path for item in chosen.values()]
    measurement = Measurement(
        corpus=str(corpus.folder),
        policy=policy.name,
        policy_digest=policy.digest,
        seed=options.seed,
        run=run_id,
        folder=str(settings.runs / run_id),
        interrupted=interrupted,
        exit_code=exit_code_of(rows),
        false_accepts=count_errors(rows, MUST_DENY),
        false_denials=count_errors(rows, MUST_ALLOW),
        first_kill=first_kill(rows),
        denied_by=denied_by(rows),
        cost=costs(rows),
        unlabelled=tuple(corpus.name(path) for path in corpus.unlabelled),
        notes=corpus.notes,
        rows=rows,
    )
    verdicts = [heard.verdicts[path] for path in paths if path in heard.verdicts]
    write_run(settings.runs, run_id, policy, verdicts, {"measurement.json": measurement_as_json(measurement)})
    return measurement


def _verify(
    items: Sequence[Item], policy: Policy, settings: Settings, options: Options, heard: _Heard, told: Listener
) -> bool:
    """Verifies what it can; returns whether it was interrupted. Where nothing was measured, the reason is raised."""
    try:
        verify_items(items, policy, settings, options, told)
    except KeyboardInterrupt:
        if not heard.verdicts:
            raise
        heard.warn("interrupted: what follows is about the candidates that were measured")
        return True
    except Exception:  # a bug of ours on one candidate: shown here, counted as unmeasured, exit code 3
        if not heard.verdicts:
            raise
        heard.warn(f"a bug of kernelgate; what it stopped is counted as not measured\n{traceback.format_exc()}")
    return False


def warnings_of(corpus: Corpus) -> Iterator[str]:
    """Yields what the user should know about the corpus before it is measured."""
    yield from corpus.notes
    for folder in corpus.apart:
        yield f"{folder} has a policy of its own and is not measured here; measure it by itself, with --policy"
    if corpus.unlabelled:
        names = ", ".join(corpus.name(path) for path in corpus.unlabelled[:5])
        more = f" and {len(corpus.unlabelled) - 5} more" if len(corpus.unlabelled) > 5 else ""
        files = "1 Python file has" if len(corpus.unlabelled) == 1 else f"{len(corpus.unlabelled)} Python files have"
        yield f"{files} no label, not measured: {names}{more}"


def _contradictions(kernel: Labelled, item: Candidate | Unreadable, operators: Mapping[str, Operator]) -> Iterator[str]:
    if kernel.operator is None:
        return
    if kernel.operator not in operators:
        yield f"{kernel.path}: '{kernel.operator}' is not an operator; --operators DIR brings others"
    elif isinstance(item, Candidate) and item.operator.name != kernel.operator and kernel.label != "hack":
        yield f"{kernel.path}: labelled '{kernel.operator}', but its header says '{item.operator.name}'"


def _operator(kernel: Labelled, item: Candidate | Unreadable) -> str:
    return kernel.operator or item.facts.operator or UNNAMED


def _row(
    corpus: Corpus, kernel: Labelled, item: Candidate | Unreadable, judged: Mapping[str, Judged], lost: str
) -> Row:
    entry = judged.get(item.facts.path)
    case = None if entry is None else case_of(entry)
    outcome, note = (Outcome.UNMEASURED, lost) if entry is None else _outcome(entry)
    return Row(
        path=corpus.name(kernel.path),
        label=kernel.label,
        operator=_operator(kernel, item),
        defect_class=kernel.defect,
        visible=kernel.group,
        outcome=outcome,
        tier=None if entry is None else entry.verdict.tier,
        findings=() if entry is None else entry.verdict.findings,
        case=None if case is None else case.describe(),
        case_id=None if case is None else case.id,
        reason_fits=entry is not None and kernel.for_its_reason(entry.verdict),
        wall_s=None if entry is None else entry.wall_s,
        failed_at=None if entry is None else _failed_at(entry),
        note=note,
    )


def _outcome(entry: Judged) -> tuple[Outcome, str | None]:
    if entry.verdict.allowed:
        return Outcome.ALLOWED, None
    if entry.verdict.tier is not Tier.INCONCLUSIVE:
        return Outcome.DENIED, None
    checks = (check for _, check in entry.evidence)
    ours = next((check.reason for check in checks if isinstance(check, Missing) and check.ours), None)
    return (Outcome.INCONCLUSIVE, None) if ours is None else (Outcome.UNMEASURED, ours)


def _failed_at(entry: Judged) -> int | None:
    properties = entry.evidence.properties
    return properties.failed_at if isinstance(properties, PropertiesEvidence) else None


def measurement_as_json(measurement: Measurement) -> str:
    """Returns the measurement as a JSON document; `pipeline.measuring.measurement` is its schema."""
    return measurement.model_dump_json(indent=2) + "\n"
