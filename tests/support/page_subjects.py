"""Candidates for tests of pages: evidence is made up, maps of errors and verdicts are made as always."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal

import torch
from gpu_evidence import CARD, ROW, device
from whole_evidence import CI, evidence, isolated, mutated, properties

from pipeline.gate.judged import Judged
from pipeline.generation.exchange import Ending, Role, Usage
from pipeline.generation.loop.records import AttemptFacts, CallRecord, MeasuredFacts, PartRecord, ReviewRecord
from pipeline.report_pages.subject import RunSubject, Subject, Unusable
from policies.decide import decide
from policies.policy import Policy, load_policy
from runners.cases import Case, TensorPlan
from runners.device_evidence import BaselineTime, BenchmarkEvidence, CertifiedKernel
from runners.evidence import Evidence, ExaminedCase, LimitEvidence, Missing, SourceFact, SurvivingMutant, Times
from runners.failures import AccessFault, CodeRaised, WrongElement, WrongValues
from runners.mapping_errors import map_errors
from runners.oracle import Expected

RUN = "20261130-101112-0123abcd"
PRODUCTION = load_policy("production")
SOURCE = b"""# /// kernel
# operator = "softmax"
# language = "triton"
# ///
import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    column = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + column, mask=column < columns, other=0.0)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(y_ptr + row * columns + column, e / tl.sum(e, 0), mask=column < columns)


def softmax(x):
    y = torch.empty_like(x)
    softmax_kernel[(x.shape[0],)](x, y, x.shape[1], BLOCK=triton.next_power_of_2(x.shape[1]))
    return y
"""
HONEST_SOURCE = SOURCE
FLOATS = ("float32", "float16", "bfloat16")


def case_of_size(rows: int, columns: int, dtype: str = "float32") -> Case:
    plan = TensorPlan(values="normal", special="none", position="random", layout="row_padded")
    sizes = {"M": rows, "N": columns}
    return Case(operator="softmax", form="rows", dtype=dtype, sizes=sizes, scalars={}, tensors={"x": plan}, seed=7)


def wrong_values(rows: int, columns: int) -> WrongValues:
    """A softmax that counts the padding of its last block, seen against an interval around the right one."""
    x = torch.randn(rows, columns, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact = torch.softmax(x, 1)
    bound = exact * 2e-6
    expected = Expected("float32", exact, exact - bound, exact + bound, torch.zeros_like(exact, dtype=torch.bool))
    got = exact.clone()
    got[:, columns - columns // 3 :] *= 1.0 + torch.logspace(-7, -1, rows, dtype=torch.float64).unsqueeze(1)
    got[-1, -1] = torch.nan
    result = got.float()
    off = torch.nonzero(~((result.double() - exact).abs() <= bound)).tolist()
    first = tuple(
        WrongElement(index=tuple(at), got=float(result[tuple(at)]), expected=float(exact[tuple(at)]),
                     low=float((exact - bound)[tuple(at)]), high=float((exact + bound)[tuple(at)]))
        for at in [*off[:3], off[-1]]
    )  # fmt: skip
    return WrongValues(
        case=case_of_size(rows, columns), conditions="natural order", output=0, wrong=len(off), total=rows * columns,
        nonfinite=False, first=first, errors=map_errors(expected, result),
    )  # fmt: skip


def trail(count: int, *, fails: bool) -> tuple[ExaminedCase, ...]:
    """Cases in three dtypes of growing sizes; the last two fail where `fails`."""
    layouts = ("contiguous", "row_padded", "transposed", "stepped")
    made = []
    for number in range(count):
        dtype = FLOATS[number % 3]
        plan = TensorPlan(values="normal" if number % 2 else "large", special="nan" if number % 5 == 0 else "none",
                          position="random", layout=layouts[number % 4])  # fmt: skip
        case = case_of_size(1 + number % 17, 1 + number * 3, dtype).model_copy(update={"tensors": {"x": plan}})
        failed = fails and number >= count - 2
        made.append(
            ExaminedCase.of(
                case, "reduction" if failed and number == count - 1 else "pairwise" if number % 3 else "random",
                "failed" if failed else "agreed", elements=case.sizes["M"] * case.sizes["N"],
                ratio=None if failed else 0.03 * (number % 30) if dtype == "float32" else 0.9 + 0.003 * (number % 30),
                wall_s=0.02 + 0.003 * (number % 40),
            )
        )  # fmt: skip
    return tuple(made)


def subject(
    made: Evidence, source: bytes = SOURCE, policy: Policy = CI, folder: str = "001-kernels-softmax",
    provenance: str | None = None,
) -> Subject:  # fmt: skip
    facts = made.candidate.model_copy(
        update={"digest": hashlib.sha256(source).hexdigest(), "source_bytes": len(source), **_named(made)}
    )
    whole = made.model_copy(update={"candidate": facts})
    return Subject(RUN, folder, policy, Judged(source, whole, decide(whole, policy)), provenance)


def _named(made: Evidence) -> dict[str, str]:
    """The name of what the source is, unless a test gave another one."""
    if made.candidate.path != "kernels/relu.py":
        return {}
    return {"path": "kernels/softmax.py", "operator": "softmax", "entry": "softmax"}


def times() -> Times:
    return Times(source_s=0.021, origin_s=0.0004, waited_s=3.2, total_s=48.0)


def wrong(folder: str = "001-kernels-softmax") -> Subject:
    failure = wrong_values(3, 17)
    ran = properties(
        failure=failure, found=wrong_values(70, 300), failed_at=29, reductions=1, pairwise_cases=29, random_cases=0,
        targeted_cases=0, controls=(), worst_ratio={"float32": 0.87, "float16": 0.99, "bfloat16": 1.0},
        trail=trail(31, fails=True), wall_s=4.25,
    )  # fmt: skip
    return subject(evidence(properties=ran, times=times(), device=Missing(reason="a case failed", ours=False)),
                   folder=folder)  # fmt: skip


def access(folder: str = "002-kernels-access") -> Subject:
    fault = AccessFault(
        case=case_of_size(1, 17), conditions="natural order", fault="out_of_bounds_load", argument="x", allocation=None,
        element=17, line=14, program=(0, 0, 0), other=None,
    )  # fmt: skip
    ran = properties(failure=fault, failed_at=2, pairwise_cases=2, random_cases=0, targeted_cases=0, worst_ratio={})
    return subject(evidence(properties=ran), folder=folder)


def denied(folder: str = "003-kernels-denied", count: int = 3) -> Subject:
    nothing = Missing(reason="the source was denied, so it was not run", ours=False)
    found = tuple(
        SourceFact(rule=rule, line=5 + number % 15, detail=f"'x.clamp' is computed on the host ({number})")
        for number in range(count)
        for rule in (("source/host-arithmetic", "source/no-launch") if number == 0 else ("source/host-arithmetic",))
    )
    made = evidence(source=found, properties=nothing, compile=nothing, mutants=nothing, device=nothing, isolation=None,
                    environment=None)  # fmt: skip
    return subject(made, folder=folder)


CALLS_MS = tuple(1.9 + 0.05 * (number * number % 7) + 0.4 * (number % 25 == 0) for number in range(100))


def on_gpu(folder: str = "004-kernels-fast", calls_ms: tuple[float, ...] = CALLS_MS) -> Subject:
    baselines = (
        BaselineTime(name="eager", median_ms=3.1, low_ms=3.0, high_ms=3.4),
        BaselineTime(name="torch.compile", median_ms=1.9, low_ms=1.8, high_ms=2.2),
    )
    rows = tuple(
        ROW.model_copy(update={"case": f"rows M={size} N=4096", "dtype": dtype, "baselines": baselines,
                               "operations": size * 4096 * 5 * (1 + number), "moved_bytes": size * 4096 * 8,
                               "clocks_mhz": (1980, 1965), "calls_ms": calls_ms})
        for number, (size, dtype) in enumerate(((1024, "float32"), (8192, "float32"), (8192, "float16")))
    )  # fmt: skip
    card = CARD.model_copy(update={"copy_bytes_s": 3.9e12, "operations_s": {"float32": 5.1e13, "float16": 7.8e14}})
    kernel = CertifiedKernel(name="softmax_kernel", digest="c" * 64, warps=4, shared_bytes=1024, registers=40,
                             spilled_bytes=0)  # fmt: skip
    made = device(
        device="NVIDIA H200 (sm_90), CUDA 12.8", benchmark=BenchmarkEvidence(card=card, rows=rows, problem=None),
        kernels=(kernel,), phases_s={"cases": 31.5, "sanitizers": 80.0, "benchmark": 22.0},
        worst_ratio={"float32": 0.4, "float16": 0.97},
    )  # fmt: skip
    ran = properties(trail=trail(60, fails=False), wall_s=41.0, worst_ratio={"float32": 0.87, "float16": 0.99},
                     longest={"M": 131, "N": 65551})  # fmt: skip
    return subject(evidence(device=made, properties=ran, times=times()), policy=PRODUCTION, folder=folder)


def survived(folder: str = "005-kernels-mutants") -> Subject:
    diff = "@@ -14 +14 @@\n-    x = tl.load(x_ptr + row, other=0.0)\n+    x = tl.load(x_ptr + row, other=1.0)\n"
    mutants = mutated(
        killed=3, killed_by={"wrong_values": 2, "access_fault": 1}, first_kills=(0, 1, 40),
        survivors=tuple(SurvivingMutant(id=f"constant-{number}", line=14, diff=diff) for number in range(5)),
    )  # fmt: skip
    return subject(evidence(mutants=mutants), policy=PRODUCTION, folder=folder)


def provenance(said: str = "lanes beyond the row entered the maximum; now they are −Inf") -> str:
    call = CallRecord(
        role=Role.AUTHOR, provider="local", model="made-up-writer-1", answered_by="made-up-writer-1", request="d" * 64,
        request_id="req_1", response_id="resp_1", ending=Ending.COMPLETE, failure=None, detail="",
        usage=Usage(input_tokens=1120, cached_tokens=1000, written_tokens=20, output_tokens=300, reasoning_tokens=40),
        unanswered=0, tokens=1420, usd=Decimal("0.00284"), begun_at=datetime(2026, 11, 30, 10, tzinfo=UTC), wall_s=9.5,
        parts=(PartRecord(name="contract", digest="a" * 64, template="b" * 64),),
    )  # fmt: skip
    facts = AttemptFacts(
        number=3, operator="softmax", operator_digest="1", policy_digest="2", strategy=0, plan=said, purpose="mend",
        parent=2, call=call, said=said, knowledge="e" * 64, looked_up=("triton.language.log", said),
        outcome=MeasuredFacts(path="generated/softmax-003.py", digest="3", screened=False, tier="functional",
                              allowed=True, share_of_roof=None),
        review=ReviewRecord(call=call, verdict="no-objection", remarks=(said,)), complaint=None, wall_s=80.0,
        ended_s=132.0,
    )  # fmt: skip
    return facts.model_dump_json()


def generated(folder: str = "006-generated-softmax") -> Subject:
    return subject(evidence(), folder=folder, provenance=provenance())


def said_by_strangers(text: str, folder: str = "007-kernels-stranger") -> Subject:
    """One in which `text`, a single line, stands wherever a stranger chooses what stands there."""
    source = SOURCE + f"# {text}\nNAME = '''{text}'''\n".encode("utf-8", "surrogatepass")
    fails = CodeRaised(case=case_of_size(1, 2), error=text[:200], message=text, line=14)
    limits = tuple(LimitEvidence(name=name, holds=True, observed=text) for name in CI.isolation.required_limits[:3])
    mutants = mutated(survivors=(SurvivingMutant(id=text[:100], line=9, diff=f"-{text}\n+{text}\n"),))
    facts = (SourceFact(rule="source/host-arithmetic", line=14, detail=text),)
    base = evidence(
        source=facts, properties=properties(failure=fails, failed_at=1), isolation=isolated(limits=limits, engine=text),
        mutants=mutants, device=device(device=text, unrecorded=text, unrecorded_cases=1),
    )  # fmt: skip
    named = base.candidate.model_copy(update={"path": f"kernels/{text}.py", "entry": text, "operator": text[:80]})
    made = base.model_copy(update={"candidate": named})
    return subject(made, source, folder=folder, provenance=provenance(text))


def run(*candidates: Subject | Unusable, policy: Policy = CI) -> RunSubject:
    return RunSubject(RUN, policy, candidates)


def everything() -> RunSubject:
    """A run with one of each kind, and a damaged one."""
    damaged = Unusable("009-kernels-gone", "candidate.py is missing; verify the candidate again")
    return run(wrong(), access(), denied(), on_gpu(), survived(), generated(), damaged)
