"""The case that made a candidate fail, and where it failed."""

from __future__ import annotations

from pipeline.gate.judged import Judged
from pipeline.runs.case_file import Place as Place
from runners.cases import Case
from runners.evidence import DeviceEvidence, Evidence, Failure, PropertiesEvidence, UnsupportedCase


def case_of(judged: Judged) -> Case | None:
    """The failing case that decided, if one did."""
    return next((finding.case for finding in judged.verdict.findings if finding.case is not None), None)


def place_of(case: Case, evidence: Evidence) -> Place:
    """Where this failing case failed; the interpreter, where it failed there, too."""
    properties, device = evidence.properties, evidence.device
    if isinstance(properties, PropertiesEvidence) and case in _cases(properties.failure, properties.unsupported):
        return "interpreter"
    on_gpu = isinstance(device, DeviceEvidence) and case in _cases(device.failure, device.unsupported)
    return "gpu" if on_gpu else "interpreter"


def _cases(*failures: Failure | UnsupportedCase | None) -> tuple[Case | None, ...]:
    return tuple(failure.case for failure in failures if failure is not None)
