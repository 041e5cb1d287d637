"""What was measured of a candidate, for a reviewer: numbers in our own words, and nobody's conclusions from them."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.generation.loop.slowness import slowness_of
from runners.evidence import CompileEvidence, Evidence, MutantsEvidence, OriginEvidence, PropertiesEvidence
from runners.origin.evidence import ComparisonEvidence


def evidence_lines(evidence: Evidence) -> tuple[str, ...]:
    """Returns a text for each check that was made."""
    return tuple(_lines(evidence))


def _lines(evidence: Evidence) -> Iterator[str]:
    properties, compiled, mutants = evidence.properties, evidence.compile, evidence.mutants
    if isinstance(properties, PropertiesEvidence):
        ratios = ", ".join(f"{dtype} {ratio:.2f}" for dtype, ratio in sorted(properties.worst_ratio.items()))
        failed = "one failed" if properties.failure is not None else "none failed"
        dtypes = ", ".join(properties.dtypes)
        yield f"{properties.cases} cases in {dtypes}: {failed}; largest error over its bound: {ratios}"
    if isinstance(compiled, CompileEvidence):
        for one in compiled.targets:
            yield (
                f"compiled for {one.target}: {one.registers} registers and {one.spill_bytes} spilled bytes a thread, "
                f"{one.shared_bytes} bytes of shared memory"
            )
    if isinstance(mutants, MutantsEvidence):
        yield f"{mutants.killed} of {mutants.judged} changes of the code were noticed by its test"
    if isinstance(evidence.origin, OriginEvidence) and isinstance(evidence.origin.comparison, ComparisonEvidence):
        compared = evidence.origin.comparison
        most = compared.files[0].share if compared.files else 0.0
        yield f"compared with {compared.references} references: one has {most:.0%} of what is its own, none has more"
    slowness = slowness_of(evidence)
    if slowness:
        yield slowness
