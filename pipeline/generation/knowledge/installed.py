"""References read from what is installed: the version that will run the kernel, not one that a model remembers.

Which names: all that `triton.language` and libdevice make public, methods of tensors and descriptors, Triton's few host
functions, and the allocations of torch that the static contract allows. Parameters that the compiler fills in are left
out of signatures, and so is the boilerplate that Triton adds to docstrings. Nothing is executed but the imports.
"""

from __future__ import annotations

import functools
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

from pipeline.generation.knowledge.references import Reference
from runners.contract.tables import ALLOCATIONS, NEW_METHODS

_HOST: Final = ("cdiv", "next_power_of_2", "autotune", "Config", "heuristics", "jit")
_INNER: Final = frozenset({
    "core", "math", "random", "standard", "extra", "target_info", "condition", "const", "constexpr_type", "block_type",
    "pointer_type", "tensor_descriptor_type", "tuple_type", "slice", "str_to_ty", "to_tensor", "expect_zero",
    "philox_impl", "pi32_t", "pair_uniform_to_normal", "uint_to_uniform_float", "bitonic_merge", "aggregate_replace",
    "void", "PropagateNan", "TRITON_MAX_TENSOR_NUMEL", "tensor_descriptor", "tuple",
})  # fmt: skip  # public by accident: a kernel has no use for them
_FILLED_IN: Final = frozenset({"_semantic", "_generator", "_builder", "self"})
_MEMBER: Final = re.compile(r"\s*This function can also be called as a member function.*", re.DOTALL)
_ROLE: Final = re.compile(r":(?:code|py:[a-z]+|ref):`([^`]*)`")
_FIELD: Final = re.compile(r"^:type .*(?:\n {2,}.*)*\n?", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"^\.\. (?:highlight|code-block|rubric)::.*\n+", re.MULTILINE)
_CAP: Final = 1500  # characters of a docstring; torch's run to pages


@functools.cache
def other_names() -> Mapping[str, tuple[str, ...]]:
    """Returns what other libraries call a name of ours, by our name."""
    text = (resources.files("pipeline.generation.knowledge") / "elsewhere.toml").read_text(encoding="utf-8")
    return MappingProxyType({name: tuple(others) for name, others in tomllib.loads(text).items()})


@functools.cache
def installed_references() -> tuple[Reference, ...]:
    """Returns the references of the installed triton and torch, in order of their names."""
    return tuple(sorted((*_language(), *_libdevice(), *_host(), *_allocations()), key=lambda one: one.name))


def _language() -> Iterator[Reference]:
    for name in dir(tl):
        value = getattr(tl, name)
        if name.startswith("_") or name in _INNER:
            continue
        if isinstance(value, tl.dtype):
            full = f"triton.language.{name}"
            yield Reference(full, f"tl.{name}", "a dtype", _source(triton), other_names().get(full, ()))
        else:
            yield _reference(f"triton.language.{name}", f"tl.{name}", value, _source(triton))
    for kind in (tl.tensor, tl.tensor_descriptor):
        for name, value in inspect.getmembers(kind, inspect.isfunction):
            if not name.startswith("_") and not _forwards(value):
                shown = f"{'x' if kind is tl.tensor else 'descriptor'}.{name}"
                yield _reference(f"triton.language.{kind.__name__}.{name}", shown, value, _source(triton))


def _forwards(value: object) -> bool:
    """Whether it is a free function, called as a method; that one is here already."""
    return (inspect.getdoc(value) or "").startswith("Forwards to")


def _libdevice() -> Iterator[Reference]:
    for name, value in inspect.getmembers(libdevice, inspect.isfunction):
        if not name.startswith("_"):
            yield _reference(f"triton.language.extra.libdevice.{name}", f"libdevice.{name}", value, _source(triton))


def _host() -> Iterator[Reference]:
    for name in _HOST:
        yield _reference(f"triton.{name}", f"triton.{name}", getattr(triton, name), _source(triton))


def _allocations() -> Iterator[Reference]:
    for name in sorted(ALLOCATIONS):
        yield _reference(name, name, getattr(torch, name.rpartition(".")[2]), _source(torch))
    for name in sorted(NEW_METHODS):
        yield _reference(f"torch.Tensor.{name}", f"x.{name}", getattr(torch.Tensor, name), _source(torch))


def _source(package: object) -> str:
    return f"{getattr(package, '__name__', '')} {getattr(package, '__version__', '').partition('+')[0]}"


def _reference(name: str, shown: str, value: Any, source: str) -> Reference:
    function = getattr(value, "fn", value)  # what jit decorates is within
    text = inspect.getdoc(function) or ""
    try:
        arguments = _arguments(inspect.signature(function))
    except (TypeError, ValueError):  # written in C: its docstring begins with it
        first, _, text = text.partition("\n")
        arguments = first[first.find("(") :]
    return Reference(name, shown + arguments, _cleaned(text), source, other_names().get(name, ()))


def _arguments(signature: inspect.Signature) -> str:
    kept = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name not in _FILLED_IN]
    return str(signature.replace(parameters=kept, return_annotation=signature.empty))


def _cleaned(text: str) -> str:
    text = _MEMBER.sub("", text)
    text = _FIELD.sub("", text)
    text = _DIRECTIVE.sub("", text)
    text = _ROLE.sub(r"\1", text).replace("``", "`").strip()
    return text if len(text) <= _CAP else text[:_CAP].rpartition("\n")[0] + "\n…"
