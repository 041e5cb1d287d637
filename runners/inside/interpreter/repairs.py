"""Puts every repair in place, once, and only on an interpreter that looks like those they were verified on.

Verified on triton 3.6.0 and 3.9.0. The guard is the version's first two numbers, and the parameters of everything that
is replaced or relied upon: a patch release that changed one of them is not touched.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Final

import triton
import triton.language as tl
import triton.runtime.interpreter as stock
from triton.language.semantic import TritonSemantic
from triton.runtime.autotuner import Autotuner
from triton.runtime.interpreter import (
    FunctionRewriter,
    InterpretedFunction,
    InterpreterBuilder,
    ReduceOps,
    ScanOps,
    TensorDescHandle,
)

from runners.inside.interpreter import (
    accesses,
    arithmetic,
    dot,
    formats,
    launch,
    libdevice,
    matching,
    reductions,
    reordering,
    rewriting,
    shapes,
    tuning,
    undefined,
)
from runners.inside.interpreter.language import LANGUAGE

_BUILDER_REPAIRS: Final = (
    arithmetic.REPAIRS | dot.REPAIRS | accesses.REPAIRS | libdevice.REPAIRS | reordering.REPAIRS | undefined.REPAIRS
)
_LOAD: Final = {
    (3, 6): "self ptrs mask other cache_modifier eviction_policy is_volatile",
    (3, 9): "self ptrs mask other cache_policy is_volatile",
}
_STORE: Final = {
    (3, 6): "self ptrs value mask cache_modifier eviction_policy",
    (3, 9): "self ptrs value mask cache_policy",
}
_ADDED: Final = {
    (3, 6): frozenset({"get_bf16", "create_fneg", "create_dot_scaled", "create_atomic_store"}),
    (3, 9): frozenset[str](),
}
_PARAMETERS: Final = {
    "binary_op": "self lhs rhs op",
    "unary_op": "self arg op",
    "ternary_op": "self lhs rhs other op",
    "cast_impl": "self src dst_type",
    "create_fp_to_fp": "self src dst_type rounding_mode",
    "create_fma": "self x y z",
    **dict.fromkeys(undefined.REPAIRS, "self lhs rhs"),
    "create_fmul": "self lhs rhs",
    "create_fadd": "self lhs rhs",
    "create_fsub": "self lhs rhs",
    "create_dot": "self a b d input_precision max_num_imprecise_acc",
    "create_gather": "self src indices axis",
    "create_cat": "self lhs rhs",
    "create_reshape": "self arg shape allow_reorder",
    "create_atomic_cas": "self ptr cmp val sem scope",
    "create_atomic_rmw": "self rmwOp ptr val mask sem scope",
    "create_extern_elementwise": "self libName libPath symbol argList retType isPure",
    "set_grid_idx": "self x y z",
    "set_grid_dim": "self nx ny nz",
}
_OTHERS: Final = (
    (InterpretedFunction.run, "self args grid warmup kwargs"),
    (InterpretedFunction.__call__, "self args kwargs"),
    (InterpretedFunction.rewrite, "self"),
    (FunctionRewriter.rewrite_ast, "self"),
    (ReduceOps.apply_impl, "self input"),
    (ReduceOps.generic_reduce, "self input"),
    (ScanOps.apply_impl, "self input"),
    (ScanOps.generic_scan, "self input"),
    (Autotuner.run, "self args kwargs"),
    (Autotuner._bench, "self args config meta"),
    (Autotuner.prune_configs, "self kwargs"),
    (TensorDescHandle.validate, "self"),
    (stock._patch_lang, "fn"),
    (stock._implicit_cvt, "arg"),
    (stock._get_np_dtype, "tt_dtype"),
    (stock._tuple_create, "arg contents"),
    (tl.core.block_type.__init__, "self element_ty shape"),
    (tl.core.tensor.__init__, "self handle type"),
    (tl.core._unwrap_shape, "shape"),
    (tl.core.validate_block_shape, "shape"),
    (
        TritonSemantic.binary_op_type_checking_impl,
        "self lhs rhs allow_lhs_ptr allow_rhs_ptr arithmetic_check div_or_mod",
    ),
    (TritonSemantic.scalar_constant, "self value dtype"),
)


class _State:
    installed = False


_STATE: Final = _State()


def installed() -> bool:
    """Whether the repairs are in place."""
    return _STATE.installed


def install() -> bool:
    """Repairs the imported Triton's interpreter; True when all repairs are in place, False when nothing was touched."""
    if _STATE.installed:
        return True
    version = _version()
    if version not in _LOAD or not _looks_familiar(version):
        return False
    for name, repair in _BUILDER_REPAIRS.items():
        setattr(InterpreterBuilder, name, repair)
    _replace_functions()
    options = stock.interpreter_builder.options
    # the overflow check is computed in int64 and then dropped, at half the time of a kernel: it asserts only in debug
    stock.interpreter_builder.options = replace(
        options,
        sanitize_overflow=False,
        allowed_dot_input_precisions=dot.PRECISIONS,
        max_num_imprecise_acc_default=dot.IMPRECISE_BY_DEFAULT,
    )
    LANGUAGE.prepare()
    libdevice.install_modules()
    tuning.install_driver()
    _STATE.installed = True
    return True


def _replace_functions() -> None:
    replacements: tuple[tuple[Any, str, Any], ...] = (
        (stock, "_get_np_dtype", formats.numpy_dtype),
        (stock, "_implicit_cvt", accesses.convert),
        (TensorDescHandle, "validate", accesses.validate_descriptor),
        (ReduceOps, "apply_impl", reductions.reduce),
        (ScanOps, "apply_impl", reductions.scan),
        (InterpretedFunction, "run", launch.run),
        (InterpretedFunction, "__call__", launch.call_helper),
        (FunctionRewriter, "rewrite_ast", rewriting.rewrite_ast),
        (Autotuner, "run", tuning.run),
        *shapes.REPLACEMENTS,
        *matching.REPLACEMENTS,
    )
    for owner, name, repair in replacements:
        setattr(owner, name, repair)


def _version() -> tuple[int, int]:
    major, minor = triton.__version__.split(".")[:2]
    return int(major), int(minor)


def _looks_familiar(version: tuple[int, int]) -> bool:
    builder = vars(InterpreterBuilder)
    present = all(name in builder or name in _ADDED[version] for name in _BUILDER_REPAIRS)
    expected = _PARAMETERS | {"create_masked_load": _LOAD[version], "create_masked_store": _STORE[version]}
    return (
        present
        and all(_parameters(builder.get(name)) == names for name, names in expected.items())
        and all(_parameters(function) == names for function, names in _OTHERS)
    )


def _parameters(function: Any) -> str:
    return " ".join(inspect.signature(function).parameters) if callable(function) else ""
