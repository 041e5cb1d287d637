"""Finished runs to learn from: scripted answers and a scripted gate; loop, records and run folders are the real ones.

A candidate's text says what is found in it: `denied NAME` (a name that does not exist), `nan`, `short` and `plain`
(wrong there), `early` (the screening finds it), `right`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from generation_requests import MODEL
from generation_runs import CASE, PLAIN, WRONG, OneRun, ScriptedGate, answer, evidence_of, planned

from pipeline.gate.judging import judge
from pipeline.generating.result import Generated, write_generated
from pipeline.generation.budgets import Amount, Budget
from pipeline.generation.content import Proposal
from pipeline.generation.exchange import Answer, Outcome
from pipeline.generation.loop.course import End
from pipeline.generation.loop.examining import Examined, GoOn
from pipeline.generation.loop.report import Finished, FinishedOperator
from pipeline.generation.loop.setting import Stopped
from pipeline.generation.loop.store import Terms
from pipeline.generation.subject import Subject
from runners.candidate import Candidate
from runners.cases import Case, TensorPlan
from runners.evidence import Evidence, SourceFact
from runners.failures import WrongValues
from runners.operators import OPERATORS

Told = Sequence[str | Answer]  # what an author says, or the whole answer where that is none


def kernel(operator: str, *lines: str) -> str:
    """A candidate whose comments say what the scripted gate finds; the first is in its code, too."""
    header = f'# /// kernel\n# operator = "{operator}"\n# language = "triton"\n# ///\n'
    kind = f"    kind = {lines[0]!r}\n" if lines else ""
    says = "".join(f"    # {line}\n" for line in lines)
    return f"{header}import torch\n\n\ndef {operator}(x):\n{kind}{says}    return x\n"


def case_of(operator: str, special: str = "none", dtype: str = "float32", layout: str = "contiguous") -> Case:
    plan = TensorPlan.model_validate({"values": "normal", "special": special, "position": "first", "layout": layout})
    return CASE.model_copy(update={"operator": operator, "dtype": dtype, "tensors": {"x": plan}})


class MarkedGate(ScriptedGate):
    """Judges really, on evidence that the text of a candidate asks for."""

    def examine(self, candidate: Candidate, go_on: GoOn) -> Examined:
        go_on()
        self.examined.append(candidate)
        early = any(f"# {word}" in candidate.text for word in ("early", "denied"))
        return Examined(judge(candidate, _found_in(candidate), PLAIN.policy), screened=early)


def _found_in(candidate: Candidate) -> Evidence:
    name = candidate.operator.name
    denied = re.search(r"# denied (\w+)", candidate.text)
    if denied is not None:
        line = candidate.text[: denied.start()].count("\n") + 1
        detail = f"'tl.{denied[1]}' does not exist in the installed version"
        return evidence_of(candidate, source=(SourceFact(rule="source/unknown-name", line=line, detail=detail),))
    if "# nan" in candidate.text:
        case, nonfinite = case_of(name, "nan", layout="transposed"), True
    elif "# short" in candidate.text:
        case, nonfinite = case_of(name, dtype="float16"), False
    elif "# plain" in candidate.text:
        case, nonfinite = case_of(name), False
    else:
        return evidence_of(candidate)
    failure: WrongValues = WRONG.model_copy(update={"case": case, "nonfinite": nonfinite})
    return evidence_of(candidate, failure=failure)


def leave_run(runs: Path, run_id: str, told: Mapping[str, Told], strategies: int = 1) -> Generated:
    """Makes a run for each operator over what its author says, and leaves its run folder in `runs`."""
    operators = tuple(
        _finished(runs / "under way" / run_id / name, name, said, strategies) for name, said in told.items()
    )
    used = sum((one.amount for operator in operators for one in operator.attempts), Amount())
    finished = Finished(run_id, Budget(rounds=20), used, 1.5, None, operators)
    return write_generated(finished, PLAIN.policy, runs, OPERATORS)


def _finished(folder: Path, operator: str, told: Told, strategies: int) -> FinishedOperator:
    answers: list[Outcome] = [planned(*(f"plan {n}" for n in range(strategies)))] if strategies > 1 else []
    answers += [_answered(operator, one) for one in told]
    subject = Subject(OPERATORS[operator], PLAIN.policy, PLAIN.card)
    run = OneRun(
        folder, answers, budget=Budget(rounds=len(told)), gate=MarkedGate(), subject=subject, strategies=strategies
    )
    stopped = run.generation.run()
    assert isinstance(stopped, Stopped)
    assert len(run.generation.attempts) == len(told), (stopped, End)
    terms = Terms(
        operator=operator, operator_digest="d", policy="dev", policy_digest="d", card="h100", roles=(MODEL,),
        strategies=strategies, prompts="d", knowledge="d",
    )  # fmt: skip
    return FinishedOperator(terms, stopped, run.generation.plans, run.generation.attempts)


def _answered(operator: str, one: str | Answer) -> Answer:
    if isinstance(one, Answer):
        return one
    return answer(Proposal(plan="a plan", code=kernel(operator, *one.split("; "))))
