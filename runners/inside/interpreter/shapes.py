"""Equal shapes share one object.

Stock, every result of every operation unwraps its shape, checks it, wraps it again and formats a name for it: a third
of a kernel's time here. What follows from a shape alone is kept by shape; types and tensors behave as before, and the
name of a type is formatted when someone asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import triton.language as tl

_ONLY_INTEGERS: Final = {int}
_MOST_TYPES: Final = 256  # each launch makes pointer types of its own


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What a block type (plain integers) and a tensor (constexprs) keep of a shape; equal shapes are one object.

    Attributes:
        types: The block types of this shape that were asked for, by the id of their element type, which they keep.
    """

    dimensions: tuple[int, ...]
    plain: Any
    numel: int
    wrapped: Any
    wrapped_numel: tl.constexpr
    types: dict[int, Any] = field(default_factory=dict)


_KNOWN: Final[dict[tuple[int, ...], Shape]] = {}
_SCALAR: Final = Shape((), tl.core.tuple([]), 1, tl.core.tuple([]), tl.constexpr(1))


def init_block_type(self: Any, element_ty: Any, shape: Any) -> None:
    """`block_type.__init__`.

    Raises:
        TypeError: the shape is empty, or not of integers.
        ValueError: a dimension is not a power of two, or there are too many elements.
    """
    assert isinstance(shape, (list, tl.core.tuple))
    self.element_ty = element_ty
    self.known = _known(shape)
    self.shape = self.known.plain
    self.numel = self.known.numel


def init_tensor(self: Any, handle: Any, type: Any) -> None:  # Triton's own name
    """`tensor.__init__`."""
    known = type.known if type.is_block() else _SCALAR
    self.handle = handle
    self.type = type
    self.dtype = type.scalar
    self.shape = known.wrapped
    self.numel = known.wrapped_numel


def with_element_ty(self: Any, scalar_ty: Any) -> Any:
    """`block_type.with_element_ty`."""
    types = self.known.types
    made = types.get(id(scalar_ty))
    if made is None:
        if len(types) >= _MOST_TYPES:
            types.clear()
        made = types[id(scalar_ty)] = tl.core.block_type(scalar_ty, self.shape)
    return made


def _known(shape: Any) -> Shape:
    plain = tuple(shape.values if type(shape) is tl.core.tuple else shape)
    if {*map(type, plain)} == _ONLY_INTEGERS and plain in _KNOWN:
        return _KNOWN[plain]
    return _learn(tl.core._unwrap_shape(shape))


def _learn(dimensions: list[int]) -> Shape:
    if not dimensions:
        raise TypeError("0d block_type is forbidden")
    plain = tl.core.tuple(dimensions)
    numel = tl.core.validate_block_shape(plain)
    wrapped = tl.core.tuple([tl.constexpr(size) for size in dimensions])
    _KNOWN[tuple(dimensions)] = shape = Shape(tuple(dimensions), plain, numel, wrapped, tl.constexpr(numel))
    return shape


def _name(self: Any) -> str:
    return f"<{self.shape}, {self.element_ty}>"


REPLACEMENTS: Final[tuple[tuple[Any, str, Callable[..., Any] | property], ...]] = (
    (tl.core.block_type, "__init__", init_block_type),
    (tl.core.block_type, "name", property(_name)),
    (tl.core.block_type, "with_element_ty", with_element_ty),
    (tl.core.tensor, "__init__", init_tensor),
)
