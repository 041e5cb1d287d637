"""The operators against formulas: what is right is let through in every dtype, the classic mistakes are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention

from runners.cases import Case
from runners.drawing import draw
from runners.dtypes import TORCH_DTYPES
from runners.materialise import ScalarValue, materialise
from runners.operators import OPERATORS, Operator
from runners.oracle import Expected, compare, expect
from runners.plans import pairwise, random_cases

Formula = Callable[..., torch.Tensor]

PLANNED = 100
DRAWN = 100


class Trial(NamedTuple):
    case: Case
    values: list[torch.Tensor | float]
    want: Expected


def trial(operator: Operator, case: Case) -> Trial:
    arguments = materialise(operator, case)
    values = [a.value if isinstance(a, ScalarValue) else a.view for a in arguments]
    return Trial(case, values, expect(operator, case.dtype, arguments)[0])


def in_single(operator: Operator) -> tuple[str, ...]:
    """The dtypes in which float32 arithmetic is what is asked for."""
    return tuple(dtype for dtype in operator.dtypes if dtype != "float64")


@lru_cache(maxsize=1)
def planned(name: str) -> tuple[Trial, ...]:
    operator = OPERATORS[name]
    return tuple(trial(operator, case) for case in islice(pairwise(operator, 11, in_single(operator)), PLANNED))


@lru_cache(maxsize=1)
def drawn(name: str) -> tuple[Trial, ...]:
    operator = OPERATORS[name]
    cases: list[Case] = []
    draw(random_cases(operator, in_single(operator)), 12, DRAWN, lambda case: cases.append(case) is None)
    return tuple(trial(operator, case) for case in cases)


def in_float32(formula: Formula) -> Formula:
    """The formula in float32 arithmetic, rounded once to the dtype of the first argument."""

    def run(*arguments: torch.Tensor | float) -> torch.Tensor:
        dtype = arguments[0].dtype
        widened = [a.float() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in arguments]
        return formula(*widened).to(dtype)

    return run


def wrong_trials(formula: Formula, trials: Iterable[Trial]) -> Iterator[str]:
    for case, values, want in trials:
        got = formula(*values)
        assert got.dtype == TORCH_DTYPES[want.dtype]
        assert tuple(got.shape) == want.shape, case.describe()
        comparison = compare(want, got)
        if comparison.wrong:
            yield f"{case.describe()}: {comparison.first[0]}, {comparison.wrong} of {comparison.total}"


def sequential_sum(x: torch.Tensor) -> torch.Tensor:
    """One after the other in float32, as numpy's accumulate does it (its sum is pairwise)."""
    with np.errstate(over="ignore"):  # where a partial sum may leave float32, anything is right
        return torch.from_numpy(np.add.accumulate(x.contiguous().numpy(), axis=-1)[..., -1])


def blocked_sum(x: torch.Tensor, block: int = 64) -> torch.Tensor:
    """As a kernel with an accumulator a lane sums: block after block, then across the lanes."""
    lanes = torch.zeros((*x.shape[:-1], block))
    for start in range(0, x.shape[-1], block):
        piece = x[..., start : start + block]
        lanes[..., : piece.shape[-1]] += piece
    return lanes.sum(-1)


def mean(x: torch.Tensor) -> torch.Tensor:
    return (blocked_sum(x) / x.shape[-1])[..., None]


def softmax_base_two(x: torch.Tensor) -> torch.Tensor:
    power = torch.exp2((x - x.amax(-1, keepdim=True)) * 1.4426950408889634)
    return power / blocked_sum(power)[..., None]


def softmax_online(x: torch.Tensor, block: int = 128) -> torch.Tensor:
    top = torch.full((*x.shape[:-1], 1), -torch.inf)
    total = torch.zeros_like(top)
    for start in range(0, x.shape[-1], block):
        piece = x[..., start : start + block]
        new = torch.maximum(top, piece.amax(-1, keepdim=True))
        safe = torch.where(new == -torch.inf, 0.0, new)
        total = total * torch.exp(top - safe) + torch.exp(piece - safe).sum(-1, keepdim=True)
        top = new
    return torch.exp(x - top) / total


def layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    centred = x - mean(x)
    return centred * (1 / torch.sqrt(mean(centred * centred) + eps)) * weight + bias


def layer_norm_welford(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    running = torch.zeros((*x.shape[:-1], 1))
    squares = torch.zeros_like(running)
    for n in range(x.shape[-1]):
        piece = x[..., n : n + 1]
        change = piece - running
        running = running + change / (n + 1)
        squares = squares + change * (piece - running)
    return (x - running) / torch.sqrt(squares / x.shape[-1] + eps) * weight + bias


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x / torch.sqrt(mean(x * x) + eps) * weight


def cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    top = logits.amax(-1)
    lse = top + torch.log(blocked_sum(torch.exp(logits - top[:, None])))
    picked = logits.gather(-1, target.clamp(min=0)[:, None])[:, 0]
    return torch.where(target == -100, 0.0, lse - picked)


def matmul_blocked(a: torch.Tensor, b: torch.Tensor, block: int = 16) -> torch.Tensor:
    total = torch.zeros(a.shape[0], b.shape[1])
    for start in range(0, a.shape[1], block):
        total = total + a[:, start : start + block] @ b[start : start + block]
    return total


def matmul_sequential(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return matmul_blocked(a, b, 1)


RIGHT: list[tuple[str, str, Formula]] = [
    ("add", "reversed", lambda x, y: y + x),
    ("relu", "where", lambda x: torch.where(x <= 0, torch.zeros_like(x), x)),
    ("gelu", "erf", lambda x: 0.5 * x * (1 + torch.erf(x * 0.7071067811865476))),
    ("gelu", "erfc", lambda x: 0.5 * x * torch.erfc(-x * 0.7071067811865476)),
    ("swiglu", "divided", lambda gate, up: gate / (1 + torch.exp(-gate)) * up),
    ("swiglu", "sigmoid", lambda gate, up: gate * (1 / (1 + torch.exp(-gate))) * up),
    ("swiglu", "up_first", lambda gate, up: (gate * torch.sigmoid(gate)) * up),
    ("softmax", "base_two", softmax_base_two),
    ("softmax", "online", softmax_online),
    ("sum", "blocked", blocked_sum),
    ("sum", "sequential", sequential_sum),
    ("layer_norm", "two_pass", layer_norm),
    ("layer_norm", "welford", layer_norm_welford),
    ("rms_norm", "divided", rms_norm),
    ("rms_norm", "weight_first", lambda x, w, eps: x * w * (1 / torch.sqrt((x * x).mean(-1, keepdim=True) + eps))),
    ("cross_entropy", "two_pass", cross_entropy),
    ("matmul", "blocked", matmul_blocked),
    ("matmul", "sequential", matmul_sequential),
]


@pytest.mark.parametrize(("name", "formula"), [pytest.param(n, f, id=f"{n}-{how}") for n, how, f in RIGHT])
def test_an_honest_float32_formula_rounded_once_is_right_in_every_case(name: str, formula: Formula) -> None:
    wrong = list(wrong_trials(in_float32(formula), planned(name) + drawn(name)))
    assert wrong == []


def one_pass_layer_norm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
    average = x.mean(-1, keepdim=True)
    variance = (x * x).mean(-1, keepdim=True) - average * average
    return (x - average) * torch.rsqrt(variance + eps) * weight + bias


def with_variance(variance: Callable[[torch.Tensor], torch.Tensor]) -> Formula:
    def run(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(variance(x) + eps) * weight + bias

    return run


def in_float32_with_half_steps(first: Formula, second: Formula) -> Formula:
    """Rounds what `first` returns to the result's dtype before `second` goes on: exact for float32 inputs."""

    def run(*arguments: torch.Tensor | float) -> torch.Tensor:
        dtype = arguments[0].dtype
        widened = [a.float() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in arguments]
        return second(first(*widened).to(dtype).float(), *widened).to(dtype)

    return run


def tf32(x: torch.Tensor) -> torch.Tensor:
    """Rounds to ten bits of mantissa."""
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


def accumulated_in_the_inputs_dtype(x: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(x.shape[:-1], dtype=x.dtype)
    for column in x.unbind(-1):
        total = total + column
    return total


def matmul_accumulated_in_half(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    total = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for k in range(a.shape[1]):
        total = total + a[:, k : k + 1] * b[k : k + 1]
    return total


def flat_modulo_add(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    shape = torch.broadcast_shapes(x.shape, y.shape)
    if 0 in shape:
        return x + y
    places = torch.arange(torch.Size(shape).numel())
    return (x.reshape(-1)[places % x.numel()] + y.reshape(-1)[places % y.numel()]).reshape(shape)


def in_float32_of_memory(formula: Formula) -> Formula:
    """Reads the memory in order from the first element on, whatever the strides are, without leaving it."""

    def run(x: torch.Tensor) -> torch.Tensor:
        if x.numel() == 0:
            return x
        length = x.untyped_storage().nbytes() // x.element_size() - x.storage_offset()
        memory = x.as_strided((length,), (1,))
        return in_float32(formula)(memory[torch.arange(x.numel()) % length].reshape(x.shape))

    return run


def softmax_with_a_short_constant(x: torch.Tensor) -> torch.Tensor:
    power = torch.exp2((x - x.amax(-1, keepdim=True)) * 1.4427)
    return power / power.sum(-1, keepdim=True)


def masked_tail(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Pads rows to a power of two with `value`, as a masked load does."""

    def pad(x: torch.Tensor) -> torch.Tensor:
        width = 1 << (x.shape[-1] - 1).bit_length()
        return F.pad(x, (0, width - x.shape[-1]), value=value)

    return pad


SQRT_HALF = 0.7071067811865476
# Sorted by operator, because the trials of one operator at a time are kept.
WRONG: list[tuple[str, str, Formula]] = [
    ("gelu", "tanh_form", in_float32(lambda x: F.gelu(x, approximate="tanh"))),
    ("gelu", "short_constant", in_float32(lambda x: 0.5 * x * (1 + torch.erf(x * 0.7071)))),
    ("gelu", "sigmoid_form", in_float32(lambda x: x * torch.sigmoid(1.702 * x))),
    ("gelu", "rounded_cdf", in_float32_with_half_steps(lambda x: 0.5 * (1 + torch.erf(x * SQRT_HALF)), torch.mul)),
    ("relu", "drops_nan", in_float32(lambda x: torch.where(x > 0, x, torch.zeros_like(x)))),
    ("relu", "multiplies_by_mask", in_float32(lambda x: x * (x > 0))),
    ("relu", "leaks", in_float32(lambda x: torch.where(x > 0, x, 1e-3 * x))),
    ("relu", "ignores_strides", in_float32_of_memory(torch.relu)),
    ("add", "in_bfloat16", lambda x, y: (x.bfloat16() + y.bfloat16()).to(x.dtype)),
    ("add", "modulo_broadcast", in_float32(flat_modulo_add)),
    ("add", "subtracts", in_float32(torch.sub)),
    ("swiglu", "rounded_silu", in_float32_with_half_steps(lambda g, u: g * torch.sigmoid(g), lambda s, g, u: s * u)),
    ("swiglu", "swapped", in_float32(lambda g, u: F.silu(u) * g)),
    ("swiglu", "exp_overflow", in_float32(lambda g, u: g * (torch.exp(g) / (1 + torch.exp(g))) * u)),
    ("softmax", "no_maximum", in_float32(lambda x: torch.exp(x) / torch.exp(x).sum(-1, keepdim=True))),
    ("softmax", "no_sum_of_tail", in_float32(lambda x: torch.softmax(masked_tail(0.0)(x), -1)[..., : x.shape[-1]])),
    ("softmax", "short_constant", in_float32(softmax_with_a_short_constant)),
    ("softmax", "infinite_row_is_zero", in_float32(lambda x: torch.softmax(x, -1).nan_to_num(nan=0.0))),
    ("softmax", "rounded_power", in_float32_with_half_steps(
        lambda x: torch.exp(x - x.amax(-1, keepdim=True)), lambda p, x: p / p.sum(-1, keepdim=True))),
    ("softmax", "first_axis", in_float32(lambda x: torch.softmax(x, 0))),
    ("sum", "accumulates_in_the_inputs_dtype", accumulated_in_the_inputs_dtype),
    ("sum", "drops_last_chunk", in_float32(lambda x: x[..., : max(1, x.shape[-1] // 16 * 16)].sum(-1))),
    ("sum", "infinity_becomes_nan", in_float32(lambda x: (x * torch.ones_like(x) + 0 * x).sum(-1))),
    ("layer_norm", "one_pass_variance", in_float32(one_pass_layer_norm)),
    ("layer_norm", "unbiased_variance",
     in_float32(with_variance(lambda x: x.var(-1, keepdim=True, correction=min(1, x.shape[-1] - 1))))),
    ("layer_norm", "eps_outside_the_root", in_float32(
        lambda x, w, b, eps: (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True, correction=0) + eps) * w + b)),
    ("layer_norm", "bias_forgotten", in_float32(lambda x, w, b, eps: F.layer_norm(x, w.shape, w, None, eps))),
    ("layer_norm", "fixed_eps", in_float32(lambda x, w, b, eps: F.layer_norm(x, w.shape, w, b, 1e-5))),
    ("rms_norm", "rounds_before_weight", in_float32_with_half_steps(
        lambda x, w, eps: x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps), lambda n, x, w, eps: n * w)),
    ("rms_norm", "eps_outside_the_root", in_float32(
        lambda x, w, eps: x / ((x * x).mean(-1, keepdim=True).sqrt() + eps) * w)),
    ("rms_norm", "subtracts_the_mean", in_float32(
        lambda x, w, eps: layer_norm(x, w, torch.zeros(()), eps))),
    ("rms_norm", "sums_squares", in_float32(
        lambda x, w, eps: x * torch.rsqrt((x * x).sum(-1, keepdim=True) + eps) * w)),
    ("cross_entropy", "ignored_row_counts", in_float32(
        lambda x, t: -torch.log_softmax(x, -1).gather(-1, t.clamp(min=0)[:, None])[:, 0])),
    ("cross_entropy", "clamped_probability", in_float32(
        lambda x, t: torch.where(t == -100, 0.0, -torch.log(
            torch.softmax(x, -1).gather(-1, t.clamp(min=0)[:, None])[:, 0] + 1e-10)))),
    ("cross_entropy", "log_of_softmax", in_float32(
        lambda x, t: torch.where(t == -100, 0.0, -torch.log(
            torch.softmax(x, -1).gather(-1, t.clamp(min=0)[:, None])[:, 0])))),
    ("cross_entropy", "mean_over_rows", in_float32(
        lambda x, t: F.cross_entropy(x, t, reduction="mean").expand(x.shape[0]))),
    ("matmul", "tf32", in_float32(lambda a, b: tf32(a) @ tf32(b))),
    ("matmul", "accumulates_in_half", matmul_accumulated_in_half),
    ("matmul", "drops_k_tail", in_float32(
        lambda a, b: a[:, : max(1, a.shape[1] // 16 * 16)] @ b[: max(1, a.shape[1] // 16 * 16)])),
    ("matmul", "in_bfloat16", lambda a, b: (a.bfloat16().float() @ b.bfloat16().float()).to(a.dtype)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "formula"), [pytest.param(n, f, id=f"{n}-{how}") for n, how, f in WRONG])
def test_a_classic_mistake_is_found_within_the_cases_of_a_pull_request(name: str, formula: Formula) -> None:
    tried = planned(name)[:40] + drawn(name)[:60]
    assert next(wrong_trials(formula, tried), None) is not None


def doubles(values: list[torch.Tensor | float]) -> list[torch.Tensor | float]:
    return [v.double() if isinstance(v, torch.Tensor) and v.is_floating_point() else v for v in values]


IN_DOUBLE: dict[str, Formula] = {"add": torch.add, "sum": lambda x: x.flip(-1).sum(-1), "transpose": lambda x: x.mT}


@pytest.mark.parametrize("name", IN_DOUBLE)
def test_float64_is_asked_for_in_float64_arithmetic(name: str) -> None:
    operator, formula = OPERATORS[name], IN_DOUBLE[name]
    tried = [trial(operator, case) for case in islice(pairwise(operator, 5, ("float64",)), 40)]
    assert all(compare(want, formula(*values)).wrong == 0 for _, values, want in tried)
    rounded = [compare(want, in_float32(formula)(*values).float().double()).wrong for _, values, want in tried]
    assert any(rounded)


DECLARED = [name for name, operator in OPERATORS.items() if operator.condition is not None]


@pytest.mark.parametrize("name", DECLARED)
def test_the_condition_term_of_finite_inputs_is_a_number_and_not_negative(name: str) -> None:
    """Infinite is a statement, too: any finite result is right."""
    finite = 0
    for case, values, _ in planned(name) + drawn(name):
        if all(bool(value.double().isfinite().all()) for value in values if isinstance(value, torch.Tensor)):
            finite += 1
            condition = OPERATORS[name].condition
            assert condition is not None
            terms = condition(*doubles(values))
            for term in terms if isinstance(terms, tuple) else (terms,):
                assert bool((term >= 0).all()), case.describe()
    assert finite > 20


@pytest.mark.parametrize("name", OPERATORS)
def test_a_result_without_elements_is_expected_only_where_the_operator_declares_empties(name: str) -> None:
    declared = any(0 in dim.sizes for dim in OPERATORS[name].dims)
    seen = any(want.exact.numel() == 0 for _, _, want in planned(name))
    assert seen == declared
