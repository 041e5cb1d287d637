"""Starts the local provider, runs `kernelgate generate softmax` against it, and prints its table."""

from __future__ import annotations

import secrets
import sys
import tempfile
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Final

from pipeline.errors import UnavailableError, UserError
from pipeline.exit_codes import DENIED, INCOMPLETE, USAGE
from pipeline.generating.result import Generated
from pipeline.generating.run import Place, generate
from pipeline.generating.wanted import Wanted
from pipeline.generation.budgets import Budget
from pipeline.generation.content import Plans, Proposal, Review
from pipeline.generation.local_server.script import Api, Received, Say, Script, Step, in_order
from pipeline.generation.local_server.server import LocalProvider
from pipeline.generation.loop.records import Measured
from pipeline.rendering.console import output
from pipeline.rendering.generation import print_generated
from pipeline.rendering.listening import StderrListener
from pipeline.settings import Settings
from policies.policy import Tier, load_policy
from runners.operators import OPERATORS
from sandbox.contract import SandboxUnavailable

_WRITER: Final = "made-up-writer-1"
_REVIEWER: Final = "made-up-reviewer-1"
_ANSWERS: Final = (
    ("does_not_compile", "two passes over blocks, with a running maximum and sum"),
    ("computes_wrong", "the sum was an integer before the loop; now the whole row is one block and there is none"),
    ("is_right", "lanes beyond the row entered maximum and sum as 0; now they are −Inf"),
)
_ROLES: Final = """
author: {{provider: writes, model: {writer}}}
reviewer: {{provider: reviews, model: {reviewer}}}
providers:
  writes: {{kind: responses, base_url: "{responses}", key_variable: DEMO_KEY}}
  reviews: {{kind: messages, base_url: "{messages}", key_variable: DEMO_KEY}}
"""
_PRICES: Final = """
date: 2026-01-01
source: made up for the demonstration
prices:
  - {{provider: writes, model: {writer}, input_usd: 2, cached_usd: "0.2", written_usd: 2, output_usd: 8}}
  - {{provider: reviews, model: {reviewer}, input_usd: 3, cached_usd: "0.3", written_usd: "3.75", output_usd: 15}}
"""
EXPECTED: Final = (Tier.REJECTED, Tier.REJECTED, Tier.FUNCTIONAL)


def answering() -> Script:
    """Returns the script: plans and three candidates by one API, a review by the other."""
    plans = Plans(plans=("a program a row, in blocks", "a program for several rows"))
    proposals = [Proposal(plan=plan, code=_file(name)) for name, plan in _ANSWERS]
    author = in_order(*(Say(content.model_dump_json()) for content in (plans, *proposals)))
    reviewer = in_order(Say(Review(verdict="no-objection", remarks=()).model_dump_json()))

    def script(received: Received) -> Step:
        return author(received) if received.api is Api.RESPONSES else reviewer(received)

    return script


def demonstrate(settings: Settings, policy: str, listener: StderrListener) -> Generated:
    """Runs the loop against a provider of its own, under a policy; raises as `generate`."""
    key = secrets.token_hex(16)
    with (
        LocalProvider(answering(), key=key, models=[_WRITER, _REVIEWER]) as local,
        tempfile.TemporaryDirectory() as folder,
    ):
        names = {"writer": _WRITER, "reviewer": _REVIEWER}
        roles = Path(folder) / "roles.yaml"
        roles.write_text(_ROLES.format(**names, responses=local.responses_url, messages=local.messages_url))
        (Path(folder) / "prices.yaml").write_text(_PRICES.format(**names))
        wanted = Wanted(("softmax",), roles, Budget(rounds=6, usd=Decimal(5)), strategies=2)
        place = Place(settings, {"DEMO_KEY": key}, OPERATORS, listener.note)
        return generate(wanted, load_policy(policy), place)


def is_as_expected(generated: Generated) -> bool:
    """Whether the three answers got the verdicts that they deserve, each by the check that should find it."""
    attempts = generated.finished.measured
    tiers = tuple(one.outcome.tier for one in attempts if isinstance(one.outcome, Measured))
    lines = [one.complaint.line if one.complaint is not None else "" for one in attempts]
    found = [line.partition("/")[0] for line in lines]
    return tiers == EXPECTED and found == ["compile", "properties", ""]


def main() -> int:
    """Prints the run and returns 0 where it went as it should, 1 where not, else as the gate's commands."""
    listener = StderrListener(None)
    try:
        generated = demonstrate(Settings.resolve(workers=1), "ci", listener)
    except UserError as error:
        return _left(str(error), USAGE)
    except (UnavailableError, SandboxUnavailable) as error:
        return _left(str(error), INCOMPLETE)
    finally:
        listener.close()
    print_generated(generated, output())
    return 0 if is_as_expected(generated) else generated.finished.exit_code or DENIED


def _left(message: str, code: int) -> int:
    sys.stderr.write(f"demo-generate: {message}\n")
    return code


def _file(name: str) -> str:
    return (resources.files("pipeline.generation.demo") / f"{name}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
