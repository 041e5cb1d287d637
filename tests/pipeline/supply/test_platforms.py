"""What a verdict holds for, and where it is said."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from gpu_evidence import device
from rich.console import Console

from pipeline.gate.judged import Judged
from pipeline.rendering.results import print_run, run_as_json
from pipeline.runs.folder import write_run
from pipeline.supply.platforms import holds_for
from pipeline.verification.verify import Run
from policies.policy import Tier, load_policy
from policies.verdict import Verdict
from runners.evidence import CandidateFacts, Environment, Evidence, Missing

CARD = "a GPU, sm_90, CUDA 13.0, driver 580"
MISSING = Missing(reason="nobody asked", ours=False)
EVIDENCE = Evidence(
    candidate=CandidateFacts(digest="d", path="p.py", source_bytes=1, operator="relu", entry="relu"),
    operator_digest="o", source=(), properties=MISSING, device=device(device=CARD, torch="2.11.0", triton="3.6.0"),
    isolation=None,
    environment=Environment(
        hardware="cpu x86_64", python="3", torch="2.13.0", triton="3.9.0", interpreter_repaired=True
    ),
)  # fmt: skip
ON_GPU = f"{CARD}, torch 2.11.0, triton 3.6.0"
ON_CPU = "cpu x86_64, torch 2.13.0, triton 3.9.0"


def judged(tier: Tier, evidence: Evidence = EVIDENCE) -> Judged:
    verdict = Verdict(tier=tier, allowed=True, policy="p", policy_digest="d", evidence_digest="e", findings=())
    return Judged(b"", evidence, verdict)


def test_production_safe_holds_for_the_gpu_and_every_other_tier_for_the_interpreter() -> None:
    assert holds_for(EVIDENCE, Tier.PRODUCTION_SAFE) == ON_GPU
    assert {holds_for(EVIDENCE, tier) for tier in Tier if tier is not Tier.PRODUCTION_SAFE} == {ON_CPU}


def test_what_was_never_run_holds_for_nothing_in_particular() -> None:
    never = EVIDENCE.model_copy(update={"environment": None, "device": MISSING})
    assert {holds_for(never, tier) for tier in Tier} == {None}


def test_every_output_says_what_a_verdict_holds_for(tmp_path: Path) -> None:
    entries = (judged(Tier.PRODUCTION_SAFE), judged(Tier.FUNCTIONAL), judged(Tier.PRODUCTION_SAFE))
    policy = load_policy("production")
    run = Run("r", write_run(tmp_path, "r", policy, entries), policy, entries)
    text = StringIO()
    print_run(run, Console(file=text, width=200))
    assert text.getvalue().count(f"production-safe holds for {ON_GPU}\n") == 1
    assert "functional holds" not in text.getvalue()
    for document in (run_as_json(run), (run.folder / "run.json").read_text()):
        assert [one["holds_for"] for one in json.loads(document)["candidates"]] == [ON_GPU, ON_CPU, ON_GPU]
