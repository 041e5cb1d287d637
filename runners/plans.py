"""Which cases are tried, and in which order.

First a pairwise covering plan: every pair of choices (size with dtype, layout with special, …) soon appears in some
case; measured on hand-made mutants it killed 60 of 62 by case 20 where random drawing killed 55. Then many specials in
one tensor over lengths of its rows (with one special a case, two drawings of eleven missed kernels that lose a NaN of
an earlier tile or treat rows of one element apart), sizes around the candidate's own block sizes, and tensors whose
offsets do not fit into 32 bits. Then Hypothesis draws at random, sizes between the boundaries included; then comes the
search for larger errors (`runners.climbing`), and last one size after the other is made long, as far as the candidate's
speed allows. All of it draws descriptions and a seed, never elements, and happens in the judge, after the candidate was
delivered, in a process that never imported it: Hypothesis mines constants from imported modules, and a candidate's
source must not steer its test.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, product
from typing import Any, Final

import numpy as np
from allpairspy import AllPairs
from hypothesis import strategies as st

from runners.cases import Case, TensorPlan
from runners.input_classes import Special, ValueClass
from runners.operators.model import CASE_DTYPE, FEW, POSITIONS, Dim, Operator, ScalarInput, TensorInput
from runners.operators.sizes import names_in

BETWEEN: Final = 200  # most sizes are drawn up to here: the interpreter needs long for larger ones
REDRAWS: Final = 50
BESIDE: Final = 17  # where one size is large, the others are not, and only a last axis is: a case has a second or two
LENGTHS: Final = (131, 515, 4_099, 65_551, 1_048_609)
SPREAD: Final = 48  # a length is drawn from so many odd numbers or more: no table has it
SPREAD_PART: Final = 32  # of longer ones, from this part of the length: the last tile is filled now more, now less
ODD_ONES: Final = 12  # so many cases of a length beyond an operator's own sizes have a special and drawn layouts
BANDS: Final = ((1, 1), (2, 63), (64, 256), (257, 4_099))  # no row, less than a tile, some tiles, many
MOST_PRODUCT: Final = 500_000  # of all sizes of a case of the covering plan, the random phase and the search
MOST_ELEMENTS: Final = 2100
MOST_BESIDE: Final = 64  # the other sizes, where all are about a block's
MOST_JOINT: Final = 13_000  # elements of such a case, of its result too
MOST_OUTER: Final = 300
MOST_WORK: Final = 100_000  # the product of all sizes of a case with a large last axis
MOST_OUTER_WORK: Final = 8_000  # the same where another axis is large: some kernels take a program for each place on it
BESIDE_HUGE: Final = range(3, 9)  # so many slices: the third begins beyond 2³¹
DECADES_APART: Final = 100
ORDINARY_WEIGHT: Final = 3  # a special in one tensor hides errors beside it: ordinary tensors stay common


def pairwise(operator: Operator, seed: int, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yields the cases of a covering plan, most new pairs first; `seed` decides which values meet first.

    Before all others comes a case with elements in each dtype: a plan that is cut short says something of every dtype.
    """
    waiting, held = set(dtypes), list[Case]()
    for case in _covering(operator, seed, dtypes):
        if case.dtype in waiting and 0 not in case.sizes.values():
            waiting.discard(case.dtype)
            yield case
        else:
            held.append(case)
        if not waiting:
            yield from held
            held.clear()
    yield from held


def _covering(operator: Operator, seed: int, dtypes: Sequence[str]) -> Iterator[Case]:
    chance = random.Random(seed)
    factors = _factors(operator, dtypes)
    names = [name for name, _ in factors]
    shuffled = [chance.sample(list(values), len(values)) for _, values in factors]
    # A plan needs two factors; an operator with fewer choices has them all in a row.
    plan = AllPairs(shuffled) if len(factors) > 1 else product(*shuffled)
    for choice in plan:
        named = {"dtype": dtypes[0]} | dict(zip(names, choice, strict=True))
        case = _kept(operator, named, chance)
        if case is not None:
            yield case


def random_cases(operator: Operator, dtypes: Sequence[str]) -> st.SearchStrategy[Case]:
    """Returns the strategy of the random phase: boundaries, any size up to 200, any up to the largest boundary."""
    return _draw_case(operator, tuple(dtypes)).filter(lambda case: _fits(operator, case))


def special_cases(operator: Operator, seed: int, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yields cases in which one tensor has a special in half of its rows, over lengths of these rows.

    Without end, unless no tensor has specials or the operator allows none of the lengths.
    """
    chance = random.Random(f"{seed} specials")
    tensors = [tensor for tensor in operator.tensors if set(tensor.specials) - {"none"} and tensor.whole is None]
    turns = [(tensor, band) for band in BANDS for tensor in tensors]
    while True:
        chance.shuffle(turns)
        cases = [_special_case(operator, tensor, band, dtypes, chance) for tensor, band in turns]
        if not any(cases):
            return
        yield from (case for case in cases if case is not None)


def _special_case(
    operator: Operator, tensor: TensorInput, band: tuple[int, int], dtypes: Sequence[str], chance: random.Random
) -> Case | None:
    for _ in range(REDRAWS):
        named = _drawn(operator, dtypes, chance)
        named |= {f"special {other.name}": "none" for other in operator.tensors} | {f"special {tensor.name}": "mixed"}
        shape = operator.form(named.get("form", operator.forms[0].name)).shapes[tensor.name]
        for axes, (lowest, highest) in ((shape[:-1], (3, BESIDE)), (shape[-1:], band)):
            for dim in operator.dims:
                if any(dim.name in names_in(axis) for axis in axes):
                    named[f"size {dim.name}"] = chance.randint(min(lowest, dim.largest), min(highest, dim.largest))
        case = _case(operator, named, chance.getrandbits(64))
        if _fits(operator, case):
            return case
    return None


def block_cases(operator: Operator, blocks: Sequence[int], seed: int, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yields cases in which one size is b−1, b, b+1, 2b+1 or 3b for a b of `blocks`; all else is drawn.

    3b is a multiple of b and not of 2b: a shortcut for multiples of one block errs there where another one is used.
    Then the same with all other sizes about a block: a candidate may take larger blocks for what is large all round.
    """
    chance = random.Random(seed)
    around = [size for b in blocks for size in (b + 1, 2 * b + 1, b - 1, b, 3 * b)]
    turns = [{dim.name: size} for dim in operator.dims for size in around]
    beside = max((b for b in blocks if b <= MOST_BESIDE), default=MOST_BESIDE)
    wide = {dim.name: beside for dim in operator.dims if dim.largest > BESIDE}
    turns += [wide | turn for turn in turns if not turn.keys() >= wide.keys()]
    chance.shuffle(turns)
    for sizes in turns:
        for _ in range(REDRAWS):
            wanted = {f"size {name}": size for name, size in sizes.items()}
            case = _case(operator, _drawn(operator, dtypes, chance) | wanted, chance.getrandbits(64))
            there = [name for name in sizes if name in case.sizes]
            if there and operator.allows(case.values) and _all_cheap(operator, case, there):
                yield case
                break


def _all_cheap(operator: Operator, case: Case, names: Sequence[str]) -> bool:
    if len(names) == 1:
        return _is_cheap(operator, case, names[0])
    elements = _elements(operator, case)
    places = math.prod(size for name, size in case.sizes.items() if name != operator.reduction)
    return _fits(operator, case) and max(elements, places) <= MOST_JOINT


def _fits(operator: Operator, case: Case) -> bool:
    """Whether the operator allows `case`, and a kernel that takes a program for each element has the time for it."""
    return operator.allows(case.values) and math.prod(case.sizes.values()) <= MOST_PRODUCT


def _elements(operator: Operator, case: Case) -> int:
    """How many elements the largest tensor has; what the tensors broadcast to is one, where they do."""
    shapes = [operator.form(case.form).shape(tensor.name, case.values) for tensor in operator.tensors]
    with suppress(ValueError):  # they do not
        shapes.append(np.broadcast_shapes(*shapes))
    return max(math.prod(shape) for shape in shapes)


def _is_cheap(operator: Operator, case: Case, name: str) -> bool:
    """Whether even a kernel that takes one program a row is done with `case` soon."""
    form = operator.form(case.form)
    size = case.sizes[name]
    elements = _elements(operator, case)
    first = next((shape for shape in form.shapes.values() if any(name in names_in(axis) for axis in shape)), (name,))
    work = math.prod(case.sizes.values())
    if name in names_in(first[-1]):  # as the length of a row; the number of rows is what costs
        return elements <= max(MOST_ELEMENTS, size) and work <= MOST_WORK
    return size <= MOST_OUTER and elements <= MOST_ELEMENTS and work <= MOST_OUTER_WORK


def huge_cases(operator: Operator, seed: int, dtypes: Sequence[str]) -> Iterator[Case]:
    """Yields small cases with 2³⁰ elements and more between a tensor's slices: each tensor, then in other forms."""
    chance = random.Random(seed)
    turns = [chance.sample(operator.forms, len(operator.forms)) for _ in operator.tensors]
    for tensor, form in chain.from_iterable(
        zip(operator.tensors, turn, strict=True) for turn in zip(*turns, strict=True)
    ):
        if len(form.shapes[tensor.name]) < 2:
            continue
        for _ in range(REDRAWS):
            named = _drawn(operator, dtypes, chance) | _plain(operator)
            named |= {"form": form.name, f"layout {tensor.name}": "huge"}
            case = _case(operator, named, chance.getrandbits(64))
            shape = operator.form(case.form).shape(tensor.name, case.values)
            if len(shape) >= 2 and shape[0] in BESIDE_HUGE and 0 not in shape and operator.allows(case.values):
                yield case
                break


def long_cases(operator: Operator, dim: Dim, seed: int, dtypes: Sequence[str]) -> Iterator[tuple[int, list[Case]]]:
    """Yields ever larger lengths of `dim` with cases of about that length, all else small.

    One in each dtype is plain. Beyond the sizes that other phases try, where a candidate may have another kernel, one
    of these has rows that are little but their end: what is dropped there is within the error of so long a sum
    elsewhere. Then come in each dtype large values, whose squares and sums leave float16, and cases in which values and
    layouts are drawn, most of them with a special.
    """
    chance = random.Random(f"{seed} {dim.name}")
    specials = _special_turns(operator, chance)
    for length in LENGTHS:
        if length <= dim.long:
            choices = list(_plain_turns(operator, dtypes, chance))
            if length > dim.largest:
                heavy = chance.randrange(len(choices))
                choices[heavy] = (choices[heavy][0], choices[heavy][1] | _of(operator, "tail"))
                choices += [(dtype, _plain(operator) | _of(operator, "large")) for dtype in dtypes]
                choices += [(chance.choice(dtypes), next(specials)) for _ in range(ODD_ONES)]
            cases = (_long_case(operator, dim, length, dtype, chance, more) for dtype, more in choices)
            yield length, [case for case in cases if case is not None]


def _plain_turns(
    operator: Operator, dtypes: Sequence[str], chance: random.Random
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each dtype, with integer operands of any kind, or of the kind that swings."""
    for number, dtype in enumerate(list(dtypes) * (1 if len(dtypes) > 1 else 3)):
        whole = {f"values {t.name}": chance.choice(t.values) for t in operator.tensors if t.whole is not None}
        yield dtype, _plain(operator) | whole | (_swinging(operator) if number % 2 == 0 else {})


def _special_turns(operator: Operator, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Each special of each tensor in turn, without end; as often as one of them, none in any."""
    nothing = {f"special {tensor.name}": "none" for tensor in operator.tensors}
    turns = [nothing | {f"special {t.name}": special} for t in operator.tensors for special in t.specials]
    while True:
        chance.shuffle(turns)
        yield from turns


def _of(operator: Operator, values: ValueClass) -> dict[str, Any]:
    """Numbers of one class wherever a tensor has it."""
    return {f"values {t.name}": values for t in operator.tensors if values in t.values}


def _long_case(
    operator: Operator, dim: Dim, length: int, dtype: str, chance: random.Random, more: dict[str, Any]
) -> Case | None:
    forms = [form.name for form in operator.forms if dim.name in form.names]
    spread = max(SPREAD, length // SPREAD_PART // 2)
    for _ in range(REDRAWS):
        small = {f"size {other.name}": chance.randint(1, min(other.largest, 3)) for other in operator.dims}
        named = _drawn(operator, (dtype,), chance) | small | more
        named |= {"form": chance.choice(forms), f"size {dim.name}": length + 2 * chance.randrange(spread)}
        case = _case(operator, named, chance.getrandbits(64))
        if operator.allows(case.values) and _elements(operator, case) <= 3 * case.sizes[dim.name]:
            return case
    return None


def _swinging(operator: Operator) -> dict[str, ValueClass]:
    """Integer operands whose partial sums leave float32 though their sum does not, where the operator has such."""
    if not any("whole_swing" in tensor.values for tensor in operator.tensors):
        return {}
    return {
        f"values {tensor.name}": "whole_swing" if "whole_swing" in tensor.values else "whole_highest"
        for tensor in operator.tensors
        if tensor.whole is not None
    }


def _drawn(operator: Operator, dtypes: Sequence[str], chance: random.Random) -> dict[str, Any]:
    """Any choice of each factor, sizes small."""
    named = {name: chance.choice(values) for name, values in _factors(operator, dtypes)}
    small = {f"size {d.name}": chance.choice([n for n in (*d.sizes, 3, FEW) if 0 < n <= BESIDE]) for d in operator.dims}
    return {"dtype": dtypes[0]} | named | small


def redrawn(operator: Operator, case: Case, dtypes: Sequence[str], chance: random.Random) -> Case:
    """Returns `case` with one choice drawn again (form, size, scalar, or how a tensor is filled or laid out)."""
    factors = dict(_factors(operator, dtypes))
    for _ in range(REDRAWS):
        name = chance.choice(list(factors))
        changed = _case(operator, _choices(case) | {name: chance.choice(factors[name])}, case.seed)
        if _fits(operator, changed):
            return changed
    return case


def _choices(case: Case) -> dict[str, Any]:
    named: dict[str, Any] = {"dtype": case.dtype, "form": case.form}
    named |= {f"size {name}": size for name, size in case.sizes.items()}
    named |= {f"scalar {name}": value for name, value in case.scalars.items()}
    for tensor, plan in case.tensors.items():
        named |= {f"{field} {tensor}": value for field, value in plan.model_dump().items()}
        named[f"dtype {tensor}"] = plan.dtype or CASE_DTYPE
    return named


def _plain(operator: Operator) -> dict[str, Any]:
    """Ordinary numbers in ordinary places: what fails then fails for the one thing that is not ordinary."""
    return {
        f"{field} {tensor.name}": value
        for tensor in operator.tensors
        for field, value in (
            ("values", "normal" if "normal" in tensor.values else tensor.values[0]),
            ("special", "none"),
            ("layout", tensor.layouts[0]),
        )
    }


def _kept(operator: Operator, named: dict[str, Any], chance: random.Random) -> Case | None:
    """Returns the case, its sizes drawn again where the operator requires another relation; None where none fits."""
    seed = chance.getrandbits(64)
    for _ in range(REDRAWS):
        case = _case(operator, named, seed)
        if _fits(operator, case):
            return case
        named = named | {f"size {dim.name}": chance.choice(dim.sizes) for dim in operator.dims}
    return None


def _factors(operator: Operator, dtypes: Sequence[str]) -> list[tuple[str, tuple[Any, ...]]]:
    factors: list[tuple[str, tuple[Any, ...]]] = [
        ("dtype", tuple(dtypes)),
        ("form", tuple(form.name for form in operator.forms)),
    ]
    factors += [(f"size {dim.name}", dim.sizes) for dim in operator.dims]
    factors += [(f"scalar {scalar.name}", scalar.values) for scalar in operator.scalars]
    for tensor in operator.tensors:
        factors += [
            (f"dtype {tensor.name}", tensor.dtypes),
            (f"values {tensor.name}", tensor.values),
            (f"special {tensor.name}", _weighted(tensor)),
            (f"position {tensor.name}", POSITIONS if len(tensor.specials) > 1 else POSITIONS[:1]),
            (f"layout {tensor.name}", tensor.layouts),
        ]
    return [(name, values) for name, values in factors if len(values) > 1]


def _weighted(tensor: TensorInput) -> tuple[Special, ...]:
    if tensor.specials == ("none",):
        return tensor.specials
    ordinary: tuple[Special, ...] = tuple("none" for _ in range(ORDINARY_WEIGHT - 1))
    return ordinary + tensor.specials


def _case(operator: Operator, named: dict[str, Any], seed: int) -> Case:
    form = operator.form(named.get("form", operator.forms[0].name))
    return Case(
        operator=operator.name,
        form=form.name,
        dtype=named["dtype"],
        sizes={d.name: named.get(f"size {d.name}", d.sizes[0]) for d in operator.dims if d.name in form.names},
        scalars={s.name: named.get(f"scalar {s.name}", s.values[0]) for s in operator.scalars if s.values},
        tensors={
            tensor.name: TensorPlan(
                values=named.get(f"values {tensor.name}", tensor.values[0]),
                special=named.get(f"special {tensor.name}", "none"),
                position=named.get(f"position {tensor.name}", "first"),
                layout=named.get(f"layout {tensor.name}", tensor.layouts[0]),
                dtype=own_dtype(named.get(f"dtype {tensor.name}", tensor.dtypes[0])),
            )
            for tensor in operator.tensors
        },
        seed=seed,
    )


def own_dtype(dtype: str) -> str | None:
    """Returns what a plan says where a tensor is tried in `dtype`: None where that is the dtype of the case."""
    return None if dtype == CASE_DTYPE else dtype


def _between(scalar: ScalarInput) -> st.SearchStrategy[float]:
    """Any value from the smallest declared one to the largest, in four digits: no table of them has it.

    Where they lie decades apart, as those of an eps, each decade is as likely as another.
    """
    lowest, highest = min(scalar.values), max(scalar.values)

    def value(part: int) -> float:
        if lowest > 0 and highest > DECADES_APART * lowest:
            return float(f"{lowest * (highest / lowest) ** (part / 9999):.4g}")
        return float(f"{lowest + (highest - lowest) * part / 9999:.4g}")

    return st.integers(0, 9999).map(value)


@st.composite
def _draw_case(draw: st.DrawFn, operator: Operator, dtypes: tuple[str, ...]) -> Case:
    named: dict[str, Any] = {name: draw(st.sampled_from(values)) for name, values in _factors(operator, dtypes)} | {
        "dtype": draw(st.sampled_from(dtypes))
    }
    for scalar in operator.scalars:
        if scalar.values and all(isinstance(value, float) for value in scalar.values):
            named[f"scalar {scalar.name}"] = draw(st.one_of(st.sampled_from(scalar.values), _between(scalar)))
    for dim in operator.dims:
        between, beyond = st.integers(1, min(dim.largest, BETWEEN)), st.integers(1, dim.largest)
        named[f"size {dim.name}"] = draw(st.one_of(st.sampled_from(dim.sizes), between, beyond))
    return _case(operator, named, draw(st.integers(0, (1 << 64) - 1)))
