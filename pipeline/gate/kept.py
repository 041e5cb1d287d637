"""Which evidence may be kept: what was measured, and never what our side failed to.

A check that was not made because nobody asked for it, or because a case had failed before, is missing for good: the
same run would miss it again. One that our side failed to make (an engine that is gone, a GPU in quarantine) says
nothing about the candidate, whichever check it is, and another time it may be made. That goes for a candidate that
another check denied, too: its verdict stands, and it is measured again by the next run.
"""

from __future__ import annotations

from runners.evidence import DeviceEvidence, Evidence, Missing, PropertiesEvidence


def our_failure(evidence: Evidence) -> str | None:
    """Why this is not to be kept: the first check that our side failed to make; None where there is none."""
    origin = evidence.origin
    compared = origin if isinstance(origin, Missing) else origin.comparison
    checks = (evidence.properties, evidence.compile, evidence.mutants, evidence.device, compared)
    missing = (check.reason for check in checks if isinstance(check, Missing) and check.ours)
    return next(missing, None) or _tool_that_failed(evidence.device)


def _tool_that_failed(device: DeviceEvidence | Missing) -> str | None:
    tools = () if isinstance(device, Missing) else device.sanitizers
    return next((f"{one.tool}: {one.problem}" for one in tools if one.ours), None)


def lacks_only_the_gpu(evidence: Evidence) -> bool:
    """Whether the checks on the GPU are all that our side failed to make."""
    rest = evidence.model_copy(update={"device": Missing(reason="left out", ours=False)})
    return our_failure(evidence) is not None and our_failure(rest) is None


def without_time(evidence: Evidence, reason: str) -> Evidence:
    """What is left of evidence that was measured while its run was being ended: nothing of what was run."""
    missing = Missing(reason=reason, ours=True)
    run = ("properties", "compile", "mutants", "device")
    return evidence.model_copy(update={**dict.fromkeys(run, missing), "environment": None, "isolation": None})


def why_again(kept: Evidence) -> str | None:
    """Why what an earlier run has kept is measured again; None where it stands."""
    failure = our_failure(kept)
    if failure is not None:
        return f"our side failed when it was measured: {failure}"
    timed = (kept.properties, kept.device)
    if any(isinstance(check, PropertiesEvidence | DeviceEvidence) and check.deadline_spent for check in timed):
        return "the earlier measurement ran out of time, and this machine may have more"
    return None
