"""Where a case's arguments come from: they are made from it, or were recorded in production."""

from __future__ import annotations

from collections.abc import Callable

from runners.cases import Case
from runners.materialise import ArgumentValue
from runners.operators.model import Operator

Making = Callable[[Operator, Case], tuple[ArgumentValue, ...]]
