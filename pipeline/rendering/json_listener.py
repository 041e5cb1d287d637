"""What stderr says of a run where programs read it: one JSON line for each check that begins, verdict and note."""

from __future__ import annotations

import logging

from pipeline.gate.judged import Judged
from pipeline.gate.steps import CheckName
from pipeline.log_format import LOG


class JsonListener:
    """Logs how a run goes; with `quiet` warnings alone. Thread-safe, as logging is."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Sets what is logged."""
        LOG.setLevel(logging.WARNING if quiet else logging.INFO)

    def close(self) -> None:
        """There is nothing to take away."""

    def note(self, text: str) -> None:
        """Logs what somebody may want to know."""
        LOG.info("%s", text, extra={"event": "note"})

    def warn(self, text: str) -> None:
        """Logs what must be seen."""
        LOG.warning("%s", text, extra={"event": "warning"})

    def check(self, path: str, name: CheckName) -> None:
        """Logs that a check of a candidate begins."""
        LOG.info("check begins", extra={"event": "check", "candidate": path, "check": name})

    def case(self, path: str, done: int, planned: int) -> None:
        """Logs nothing: there may be hundreds a second."""

    def mutant(self, path: str, done: int, planned: int) -> None:
        """Logs nothing, either."""

    def judged(self, path: str, judged: Judged) -> None:
        """Logs a verdict; of the first finding its rule alone, as messages may quote the source."""
        verdict = judged.verdict
        fields = {
            "event": "verdict",
            "candidate": path,
            "digest": judged.evidence.candidate.digest,
            "tier": verdict.tier.value,
            "allowed": verdict.allowed,
            "rule": verdict.findings[0].rule if verdict.findings else None,
            "reused": judged.reused,
            "wall_s": round(judged.wall_s, 3),
        }
        LOG.info("verdict", extra=fields)
