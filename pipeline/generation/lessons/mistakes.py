"""What makes two failures the same mistake: the rule, the kind of case, and the name that does not exist.

The loop's fingerprint is finer: it holds the text of the line, so that a run notices when it stands still. A lesson has
to hold for code that is not written yet, so lines, sizes, seeds and operators are not in it. The kind of case is what
is left of the smallest failing one when all that varies by chance is taken away: since it was made smaller as long as
it failed, a special value or a layout that is still there has to do with the failure. The name matters where it is the
mistake: `tl.reduce_max` and `tl.syncthreads` are two things to know.

A key is made of these words alone, and so is the same in every run and on every machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.errors import StoredRunError
from pipeline.generation.loop.records import AttemptFacts, NoCode
from policies.verdict import Finding
from runners.cases import Case
from runners.input_classes import Special

SYMBOL_CAP: Final = 60  # characters; a model chose the name
_NAMING: Final = frozenset({"source/unknown-name", "source/unknown-argument"})
_SYMBOL: Final = re.compile(r"\b(?:tl|triton|libdevice|torch)(?:\.[A-Za-z_]\w*)+", re.ASCII)
_SPECIALS: Final[Mapping[Special, str]] = {
    "nan": "NaN", "nan_row": "NaN", "inf": "infinities", "-inf": "infinities", "-inf_row": "infinities",
    "-inf_prefix": "infinities", "inf_and_nan": "NaN and infinities", "-0": "−0", "max": "very large values",
    "big": "very large values", "denormal": "denormals", "mixed": "special values",
}  # fmt: skip
_SHORT_FLOATS: Final = frozenset({"float16", "bfloat16"})


@dataclass(frozen=True, slots=True)
class Mistake:
    """What went wrong, in words of our own but for `symbol`.

    Attributes:
        rule: Of the policies; or `answer/...` for an answer without a candidate, `review/...` for a reviewer's word.
        where: The kind of case, a word or two each; empty where an ordinary one shows it, or none was run.
        symbol: The name that the installed Triton or PyTorch lacks, as a model wrote it; empty elsewhere.
    """

    rule: str
    where: tuple[str, ...] = ()
    symbol: str = ""

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits, the same in every run."""
        return hashlib.sha256("\0".join((self.rule, self.symbol, *self.where)).encode()).hexdigest()[:12]


def mistake_of(record: AttemptFacts, finding: Finding | None) -> Mistake | None:
    """Returns what went wrong with an attempt; None where nothing did that an author can mend.

    Args:
        finding: The one that its author was told; None where the gate had nothing to say.

    Raises:
        StoredRunError: the record says that something stands against the attempt, and nothing does.
    """
    if record.complaint is None:
        return None
    if isinstance(record.outcome, NoCode):
        return Mistake(record.outcome.problem)
    if record.outcome.allowed and record.review is not None:
        return Mistake(f"review/{record.review.verdict}")
    if finding is None:
        raise StoredRunError(f"the verdict on attempt {record.number} at {record.operator} holds no finding")
    where = () if finding.case is None else tuple(dict.fromkeys(_kind_of(finding.case)))
    return Mistake(finding.rule, where, _symbol(finding))


def _symbol(finding: Finding) -> str:
    found = _SYMBOL.search(finding.message) if finding.rule in _NAMING else None
    return found[0][:SYMBOL_CAP] if found is not None else ""


def _kind_of(case: Case) -> Iterator[str]:
    plans = [plan for _, plan in sorted(case.tensors.items())]
    if 0 in case.sizes.values():
        yield "an empty tensor"
    if case.dtype in _SHORT_FLOATS:
        yield "16-bit floats"
    yield from sorted({_SPECIALS[plan.special] for plan in plans if plan.special != "none"})
    layouts = {plan.layout for plan in plans}
    if "huge" in layouts:
        yield "offsets beyond 32 bits"
    if layouts - {"contiguous", "huge"}:
        yield "a tensor that is not contiguous"
