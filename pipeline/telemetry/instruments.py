"""Every metric: its name, its unit by UCUM, what it counts, and the attributes that it is told apart by.

The documentation's table and the dashboard's test are made from this one. Buckets of durations reach from a source that
is denied at once to a run of a night. Names of models and of tokens follow OpenTelemetry's conventions for `gen_ai`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "up-down-counter", "histogram", "gauge"]
RUN_KIND: Final = "kernelgate.run.kind"
POLICY: Final = "kernelgate.policy"
TIER: Final = "kernelgate.tier"
OPERATOR: Final = "kernelgate.operator"
REUSED: Final = "kernelgate.reused"
RULE: Final = "kernelgate.rule"
CHECK: Final = "kernelgate.check"
ISOLATION: Final = "kernelgate.isolation"
PROGRAM: Final = "kernelgate.program"
STARTED: Final = "kernelgate.started"
GPU: Final = "hw.id"
HOST: Final = "host.name"
ROLE: Final = "kernelgate.role"
MODEL: Final = "gen_ai.request.model"
PROVIDER: Final = "gen_ai.provider.name"
TOKEN: Final = "gen_ai.token.type"
OPERATION: Final = "gen_ai.operation.name"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A metric; `attributes` are the only ones that it is recorded with."""

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()


BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 150.0, 300.0, 900.0, 3600.0, 14400.0)
BUCKETS_TOKENS: Final = tuple(float(4**power) for power in range(14))  # as the convention for gen_ai has them

VERDICTS: Final = Instrument(
    "kernelgate.verdicts", "counter", "{verdict}", "verdicts, by tier", (TIER, POLICY, OPERATOR, REUSED)
)
DECIDED: Final = Instrument(
    "kernelgate.denials", "counter", "{verdict}", "denials, by the rule that decided", (RULE, POLICY)
)
RUN_TIME: Final = Instrument("kernelgate.run.duration", "histogram", "s", "a run, from its begin to its end",
                             (RUN_KIND, POLICY))  # fmt: skip
CANDIDATE_TIME: Final = Instrument(
    "kernelgate.candidate.duration", "histogram", "s", "a candidate, from its delivery to its evidence", (POLICY, TIER)
)
CHECK_TIME: Final = Instrument("kernelgate.check.duration", "histogram", "s", "a check of a candidate", (CHECK,))
QUEUE_TIME: Final = Instrument(
    "kernelgate.queue.duration", "histogram", "s", "what a candidate waited for its turns on the machine"
)
QUEUED: Final = Instrument(
    "kernelgate.queue.length", "up-down-counter", "{candidate}", "candidates that no check has begun for"
)
ACTIVE: Final = Instrument("kernelgate.candidates.active", "up-down-counter", "{candidate}",
                           "candidates that are being checked")  # fmt: skip
CONTAINERS: Final = Instrument(
    "kernelgate.containers", "up-down-counter", "{container}", "runners that are there, warm or in use",
    (ISOLATION, PROGRAM),
)  # fmt: skip
STARTS: Final = Instrument(
    "kernelgate.container.start.duration", "histogram", "s", "the start of a runner, until it has greeted or failed",
    (ISOLATION, PROGRAM, STARTED),
)  # fmt: skip
GPU_TIME: Final = Instrument(
    "kernelgate.gpu.time", "counter", "s", "seconds for which candidates had a GPU", (HOST, GPU)
)
QUARANTINED: Final = Instrument(
    "kernelgate.gpu.quarantined", "gauge", "{gpu}", "1 while a GPU is quarantined, 0 while it is not", (HOST, GPU)
)
TOKENS: Final = Instrument(
    "gen_ai.client.token.usage", "histogram", "{token}", "tokens of an answer", (OPERATION, PROVIDER, MODEL, TOKEN)
)
COST: Final = Instrument(
    "kernelgate.generation.cost", "counter", "{USD}", "what calls of models cost, where prices are known",
    (ROLE, PROVIDER, MODEL),
)  # fmt: skip

INSTRUMENTS: Final = (
    VERDICTS, DECIDED, RUN_TIME, CANDIDATE_TIME, CHECK_TIME, QUEUE_TIME, QUEUED, ACTIVE, CONTAINERS, STARTS, GPU_TIME,
    QUARANTINED, TOKENS, COST,
)  # fmt: skip
