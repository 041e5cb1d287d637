"""The allow-list of host code: which attributes, methods and functions it may use.

Grouped by what they give: a size, a view of the same memory, new memory. What is missing here is denied, and a policy
widens it by name (`source.allowed_host_calls`). `clone`, `contiguous` and `reshape` may copy and so are kin of views;
`zero_` and `fill_` set a constant and so are kin of allocation; `cat`, `stack`, `repeat` and `flip` arrange elements,
which is a kernel's work.
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget

_KINDS: Final = (
    int,
    float,
    str,
    tuple,
    range,
    torch.Size,
    torch.dtype,
    torch.device,
    torch.finfo,
    torch.iinfo,
    tl.dtype,
)
# Size attributes are those of these kinds; the rest are of tuning configurations and of what a device is like.
SIZE_ATTRIBUTES: Final = frozenset(
    name for kind in (*_KINDS, GPUTarget, triton.Config) for name in dir(kind) if not name.startswith("_")
) | {
    "kwargs", "num_warps", "num_stages", "num_ctas", "maxnreg", "multi_processor_count", "major", "minor", "warp_size",
    "total_memory", "shared_memory_per_block", "shared_memory_per_block_optin", "shared_memory_per_multiprocessor",
    "regs_per_multiprocessor", "max_threads_per_multi_processor", "L2_cache_size", "min", "max", "eps", "tiny",
    "primitive_bitwidth", "backend", "arch", "get", "items", "keys", "values", "copy", "shared", "value",
}  # fmt: skip

# What host code may know of a tensor: what the gate's inputs vary. The rest (whether a gradient is wanted, a parameter,
# a version, an offset, pinned memory) tells an application's tensors from the gate's, which have none of it.
TENSOR_FACTS: Final = frozenset({"shape", "ndim", "dtype", "itemsize"})
TENSOR_SIZES: Final = frozenset({
    "size", "stride", "numel", "dim", "nelement", "ndimension", "element_size", "is_contiguous", "is_floating_point",
    "is_complex", "is_signed",
})  # fmt: skip
TENSOR_PLACE: Final = frozenset({"device"})
TENSOR_DEVICES: Final = frozenset({"is_cuda", "is_cpu", "is_meta", "is_xpu", "is_mps", "is_hpu"})
TENSOR_OBSERVED: Final = frozenset({"get_device"})
# Methods that tell more of a tensor than its values and form; so does any whose name begins with "is_".
TENSOR_TELLING: Final = frozenset({
    "data_ptr", "storage_offset", "const_data_ptr", "dim_order", "has_names", "dense_dim", "sparse_dim", "retain_grad",
    "register_hook", "requires_grad_", "storage_type", "type",
})  # fmt: skip
TENSOR_TURNED: Final = frozenset({"T", "mT", "H", "mH"})
# Classes that host code may ask for; any other of torch's tells a parameter or a tensor of one device from the rest.
CLASSES: Final = frozenset({
    "torch.Tensor", "torch.dtype", "torch.device", "torch.Size", "triton.language.constexpr", "triton.language.dtype",
    "builtins.int", "builtins.float", "builtins.bool", "builtins.complex", "builtins.str", "builtins.bytes",
    "builtins.tuple", "builtins.list", "builtins.dict", "builtins.set", "builtins.frozenset", "builtins.range",
    "builtins.slice",
})  # fmt: skip
TURNING: Final = frozenset({
    "T", "mT", "H", "mH", "t", "transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis", "as_strided",
    "adjoint", "unfold", "diagonal",
})  # fmt: skip
COPYING: Final = frozenset({"contiguous", "clone", "reshape", "reshape_as", "flatten", "ravel"})
VIEWS: Final = TURNING | COPYING | frozenset({
    "view", "view_as", "expand", "expand_as", "unflatten", "squeeze", "unsqueeze", "narrow", "select", "detach", "data",
    "broadcast_to",
})  # fmt: skip
SPLITTING: Final = frozenset({
    "split", "chunk", "unbind", "tensor_split", "unsafe_chunk", "unsafe_split", "split_with_sizes",
})  # fmt: skip
NEW_METHODS: Final = frozenset({"new_empty", "new_zeros", "new_ones", "new_full", "new_empty_strided"})
SETTING: Final = frozenset({"zero_", "fill_"})

# What gives new memory an order of axes other than that of its shape.
STRIDED: Final = frozenset({"torch.empty_strided", "torch.empty_permuted", "new_empty_strided"})
PLAIN_FORMATS: Final = frozenset({"torch.contiguous_format", "torch.preserve_format"})
ALLOCATIONS: Final = frozenset({
    "torch.empty", "torch.empty_like", "torch.empty_strided", "torch.empty_permuted", "torch.zeros", "torch.zeros_like",
    "torch.ones", "torch.ones_like", "torch.full", "torch.full_like",
})  # fmt: skip
VIEW_FUNCTIONS: Final = frozenset({
    "reshape", "transpose", "permute", "squeeze", "unsqueeze", "flatten", "unflatten", "broadcast_to", "movedim",
    "moveaxis", "swapaxes", "swapdims", "as_strided", "t", "narrow", "select", "clone", "ravel", "split", "chunk",
    "unbind", "tensor_split", "atleast_1d", "atleast_2d", "atleast_3d", "detach", "diagonal", "adjoint",
})  # fmt: skip
TORCH_SIZES: Final = frozenset({
    "torch.numel", "torch.is_tensor", "torch.is_floating_point", "torch.is_complex", "torch.finfo", "torch.iinfo",
    "torch.promote_types", "torch.result_type", "torch.can_cast",
})  # fmt: skip
SIZE_FUNCTIONS: Final = frozenset({
    "torch.Size", "torch.broadcast_shapes", "triton.cdiv", "triton.next_power_of_2", "triton.Config",
    "triton.language.constexpr",
    "triton.language.core.constexpr", "triton.runtime.Config", "triton.runtime.autotuner.Config",
})  # fmt: skip
PLACES: Final = frozenset({"torch.device", "torch.cuda.current_device"})
HARDWARE: Final = frozenset({
    "torch.cuda.get_device_properties", "torch.cuda.get_device_capability", "torch.cuda.device_count",
})  # fmt: skip
OBSERVING: Final = frozenset({"torch.cuda.is_available", "torch.cuda.get_device_name", "torch.is_grad_enabled"})
CONTEXTS: Final = frozenset({
    "torch.cuda.device", "torch.cuda.device_of", "torch.no_grad", "torch.inference_mode", "torch.cuda._DeviceGuard",
})  # fmt: skip
ENVIRONMENT: Final = (
    "torch.version", "torch.__version__", "triton.__version__", "triton.knobs", "triton.runtime.interpreter",
    "triton.testing", "torch.cuda", "torch.backends", "torch.utils", "torch.os", "torch.sys", "torch.get_num_threads",
    "torch.cpu", "torch.mps", "torch.xpu", "torch.accelerator", "torch.random", "torch.seed", "torch.initial_seed",
    "torch.rand", "torch.randn", "torch.randint", "torch.randperm", "torch.get_default_device", "torch.profiler",
    "torch.autograd.profiler", "triton.runtime.driver", "triton.backends", "triton.runtime.cache", "torch.xpu",
)  # fmt: skip
INTERPRETER: Final = "triton.runtime.interpreter"  # no part of it, whether or not this process has loaded it
BUILTIN_SIZES: Final = frozenset({
    "int", "float", "bool", "str", "repr", "round", "abs", "divmod", "pow", "min", "max", "sum", "len", "any", "all",
    "range", "slice", "isinstance", "format", "ord", "chr", "complex", "bin", "hex",
})  # fmt: skip
BUILTIN_TEXTS: Final = frozenset({"str", "repr", "format"})
BUILTIN_TRUTHS: Final = frozenset({"bool", "len", "any", "all"})
BUILTIN_READING: Final = frozenset({"int", "float", "bool", "str", "repr", "complex", "format", "any", "all"})
BUILTIN_CONTAINERS: Final = frozenset({"list", "tuple", "dict", "set", "frozenset", "sorted"})
BUILTIN_ITERATORS: Final = frozenset({"zip", "enumerate", "reversed"})
MUTATORS: Final = frozenset({
    "append", "extend", "insert", "update", "setdefault", "add", "pop", "popitem", "remove", "discard", "clear", "sort",
    "reverse", "intersection_update", "difference_update", "symmetric_difference_update",
})  # fmt: skip
CONTAINER_METHODS: Final = MUTATORS | frozenset({
    "copy", "count", "index", "get", "items", "keys", "values", "fromkeys", "union", "intersection", "difference",
    "symmetric_difference", "isdisjoint", "issubset", "issuperset",
})  # fmt: skip
# What these return holds none of the objects that they were given.
BUILTIN_DROPPING: Final = frozenset({
    "int", "float", "bool", "str", "repr", "round", "abs", "len", "any", "all", "isinstance", "format", "ord", "chr",
    "complex", "bin", "hex", "range",
})  # fmt: skip
COMPILED_FACTS: Final = frozenset({
    "n_regs", "n_spills", "n_max_threads", "metadata", "shared", "_init_handles", "num_warps",
})  # fmt: skip
DESCRIPTORS: Final = frozenset({
    "triton.tools.tensor_descriptor.TensorDescriptor", "triton.tools.tensor_descriptor.TensorDescriptor.from_tensor",
    "triton.reinterpret",
})  # fmt: skip
