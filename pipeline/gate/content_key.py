"""Under which key a candidate's evidence is kept: everything that the evidence depends on, and nothing else.

The operator's digest covers the code that judges; the runner's image fixes the torch and triton inside; the judge's own
are part of the key, too, because references and the source check come from them. What was never run depends on no
runner. The whole policy is part of it, and with it what the files hold that candidates are compared with, though a
change of what it *allows* would not need new evidence: a key that is too narrow hands out stale evidence, one that is
too wide only costs time.
"""

from __future__ import annotations

import hashlib
import json
from importlib import metadata

from pipeline.gate.strength_records import recorded_strength
from pipeline.supply.platforms import HARDWARE
from policies.policy import Policy
from runners.candidate import Candidate, Unreadable
from runners.contract.reading import read_source
from runners.digests import operator_digest
from runners.evidence import SCHEMA_VERSION, IsolationEvidence


def content_key(
    item: Candidate | Unreadable, policy: Policy, isolation: IsolationEvidence | None, gpu: str | None = None
) -> str | None:
    """Returns the key, safe as a file name; None when it is not known yet in what the candidate will be run.

    Args:
        gpu: What the checks on a GPU are made on, where any are: card, driver, image and versions.
    """
    if isinstance(item, Unreadable):
        about: object = item.problem.model_dump(mode="json")
    elif read_source(item, policy.source.allowance):
        about = operator_digest(item.operator)
    elif isolation is None:
        return None
    else:
        # What was observed of a limit differs between two proofs of one sandbox; whether it holds does not.
        seen = [(one.name, one.holds) for one in (*isolation.limits, *isolation.layers)]
        rest = isolation.model_dump(mode="json", exclude={"limits", "layers"})
        strength = recorded_strength(item.operator).model_dump(mode="json")
        about = [operator_digest(item.operator), rest, seen, strength]
    parts = {
        "schema": SCHEMA_VERSION,
        "candidate": item.facts.digest,
        "policy": policy.digest,
        "about": about,
        "hardware": HARDWARE,
        "gpu": gpu,
        "torch": metadata.version("torch"),
        "triton": metadata.version("triton"),
    }
    return "kernelgate-" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def key_in_look(key: str | None, look: str | None) -> str | None:
    """The key under which evidence is kept for one look alone, which may be begun again and goes on then.

    A look at what was measured before wants new evidence, so it must not find what is kept for everybody.
    """
    if key is None or look is None:
        return key
    return "kernelgate-" + hashlib.sha256(f"{key} {look}".encode()).hexdigest()
