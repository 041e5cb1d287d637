"""`kernelgate demo`: the flow over the bundled kernels that are marked for it, held against their labels."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.corpus.labels import Labelled
from pipeline.corpus.reading import BUNDLED, read_corpus
from pipeline.errors import LabelsError
from pipeline.exit_codes import ALLOWED, DENIED, INCOMPLETE
from pipeline.observing.listeners import observed
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import check_room, new_run_id, write_run
from pipeline.settings import Settings
from pipeline.verification.verify import Listener, Options, Run, verify_items
from policies.policy import Policy, Tier
from runners.candidate import read_candidate


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo: `run.judged` and `labelled` belong together, in order."""

    run: Run
    labelled: tuple[Labelled, ...]

    @property
    def matches(self) -> tuple[bool, ...]:
        """Whether each verdict is the labelled one."""
        pairs = zip(self.labelled, self.run.judged, strict=True)
        return tuple(labelled.matches(judged.verdict) for labelled, judged in pairs)

    @property
    def exit_code(self) -> int:
        """0 every verdict is the labelled one, 3 some are not because evidence is missing, 1 some are wrong."""
        missed = [judged.verdict.tier for judged, fits in zip(self.run.judged, self.matches, strict=True) if not fits]
        if not missed:
            return ALLOWED
        return INCOMPLETE if all(tier is Tier.INCONCLUSIVE for tier in missed) else DENIED


def demo_items(settings: Settings) -> tuple[Labelled, ...]:
    """Returns the bundled kernels marked for the demo.

    Raises:
        LabelsError: the labels can't be used, or mark none.
    """
    folder = settings.project / BUNDLED
    marked = tuple(labelled for labelled in read_corpus(folder).labelled if labelled.demo)
    if not marked:
        raise LabelsError(f"no label below {folder} marks a kernel for the demo")
    return marked


def run_demo(settings: Settings, policy: Policy, listener: Listener) -> Demo:
    """Verifies the demo's kernels as a flow and writes the run folder.

    Raises:
        LabelsError: the labels can't be used, or mark none.
        SandboxUnavailable: no engine or image can be had.
        FlowUnavailable: no Prefect server can be had.
        RunFolderError: the run folder can't be written.
    """
    check_room(settings.runs)
    labelled = demo_items(settings)
    items = [read_candidate(kernel.path, str(kernel.path.relative_to(settings.project))) for kernel in labelled]
    run_id = new_run_id()
    with observed(RunFacts(run_id, "demo", policy.name, policy.digest, len(items)), settings.runs, listener) as heard:
        judged = verify_items(items, policy, settings, Options(flow=True, fresh=True), heard)
    return Demo(Run(run_id, write_run(settings.runs, run_id, policy, judged), policy, judged), labelled)
