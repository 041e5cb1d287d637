"""What a run works with, who is asked, and why it came to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.generation.budgets import Limit, Purse
from pipeline.generation.exchange import Reason
from pipeline.generation.knowledge.index import Index
from pipeline.generation.lessons.taught import Taught
from pipeline.generation.loop.course import End
from pipeline.generation.loop.examining import Examiner
from pipeline.generation.opening import TakenRole
from pipeline.generation.prompts import Prompts
from pipeline.generation.subject import Subject
from runners.operators import OPERATORS, Operator


@dataclass(frozen=True, slots=True)
class Team:
    """Who is asked; without a reviewer the gate decides alone, as it does with one."""

    author: TakenRole
    optimiser: TakenRole
    reviewer: TakenRole | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run works with, and does not change.

    Attributes:
        strategies: How many plans are asked for; 1 asks for none and leaves the author free.
        operators: Those that a header may name.
        lessons: What earlier runs taught, when this one was begun.
    """

    subject: Subject
    prompts: Prompts
    index: Index
    team: Team
    examiner: Examiner
    purse: Purse
    strategies: int
    operators: Mapping[str, Operator] = field(default_factory=lambda: OPERATORS)
    lessons: Taught = field(default_factory=Taught)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a run has come to its end, and in words."""

    reason: End | Limit | Reason
    detail: str
