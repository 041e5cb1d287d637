"""Compiles one specialisation for one target, exactly as Triton's just-in-time compiler would on such a GPU.

Triton's own binder makes signature, constants and attributes from stand-ins for the arguments, so that annotations,
`do_not_specialize` and what differs between backends are its business. Registers and spills are what ptxas says (`-v`),
for AMD what the assembly says; shared memory is Triton's own number.

Whose error it is: what the front end, a pass or ptxas refuses is the kernel's, as it would be on a GPU. A kernel that
cannot be found under its name, an option that names a file, a full disk are not (`NotCompiled`).

Runs untrusted source, so it belongs in a container, and what it says is a claim. Relies on Triton's private functions
(`create_function_from_signature`, `_pack_args`) as they are in 3.6 and 3.9.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any, Final

import torch
import triton
import triton.language as tl
from triton import knobs
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.compiler.compiler import make_backend
from triton.compiler.errors import CompilationError, CompileTimeAssertionFailure
from triton.runtime.errors import OutOfResources, PTXASError
from triton.runtime.jit import JITFunction, create_function_from_signature

from runners.message import TEXT_CAP
from runners.specialisation import (
    Compiled,
    CompileFailed,
    CompileRequest,
    Constant,
    DtypeConstant,
    Foreign,
    FunctionConstant,
    KernelName,
    LaunchValue,
    NotCompiled,
    Number,
    Pointer,
    Resources,
    Several,
    Specialisation,
)

# Of the rest, some name files (ir_override, extern_libs), some change what is compiled (instrumentation_mode).
OPTIONS: Final = frozenset(
    {"num_warps", "num_stages", "num_ctas", "maxnreg", "enable_fp_fusion", "launch_cooperative_grid", "launch_pdl"}
    | {"debug", "sanitize_overflow", "max_num_imprecise_acc_default", "warp_size", "device", "stream"}
    | {"matrix_instr_nonkdim", "kpack", "waves_per_eu", "allow_flush_denorm", "schedule_hint"}
)
_IGNORED: Final = frozenset({"device", "stream"})
_AMD_ONLY: Final = frozenset({"matrix_instr_nonkdim", "kpack", "waves_per_eu", "allow_flush_denorm", "schedule_hint"})
_PASSED_OVER: Final = (OutOfResources, CompileTimeAssertionFailure, PTXASError)  # as Autotuner._bench does
_REGISTERS: Final = re.compile(r"Used (\d+) registers")
_SPILLS: Final = re.compile(r"(\d+) bytes spill stores")
_AMD_REGISTERS: Final = re.compile(r"\.vgpr_count:\s+(\d+)")
_AMD_SPILLS: Final = re.compile(r"\.[sv]gpr_spill_count:\s+(\d+)")


class CannotCompile(Exception):
    """It can't be tried here; the text says why."""


class Kernels:
    """Every jitted function that comes to be in this process, however it is named or wrapped."""

    def __init__(self) -> None:
        self._made: list[Any] = []
        original = JITFunction.__init__

        def remember(made: Any, *args: Any, **named: Any) -> None:
            original(made, *args, **named)
            self._made.append(made)

        JITFunction.__init__ = remember

    def find(self, name: KernelName) -> Any:
        """Returns the newest function of that name and line.

        Raises:
            CannotCompile: there is none.
        """
        for kernel in reversed(self._made):
            function = kernel.fn
            place = (function.__module__, function.__qualname__, function.__code__.co_firstlineno)
            if place == (name.module, name.qualname, name.line):
                return kernel
        raise CannotCompile(f"loading the module makes no kernel {name.qualname} (line {name.line})")

    def line_in(self, filename: str, source: str, line: int) -> int | None:
        """Returns the line of `filename` that is `line` of the function with that `source`, if it is there."""
        for kernel in self._made:
            if kernel.src == source and kernel.fn.__code__.co_filename == filename:
                decorators = next(i for i, text in enumerate(kernel.raw_src) if text.lstrip().startswith("def "))
                first: int = kernel.starting_line_number + decorators
                return first + line - 1
        return None


def compile_one(request: CompileRequest, kernels: Kernels, filename: str) -> Compiled | CompileFailed | NotCompiled:
    """Compiles; lines are of `filename`, the candidate's."""
    try:
        return Compiled(resources=_compile(request, kernels))
    except CannotCompile as error:
        return NotCompiled(reason=_text(str(error)))
    except (OSError, MemoryError) as error:
        return NotCompiled(reason=_text(f"{type(error).__name__}: {error}"))
    except Exception as error:  # noqa: BLE001  # whatever Triton's compiler raises, it would raise on a GPU
        return _failed(error, kernels, filename)


def _compile(request: CompileRequest, kernels: Kernels) -> Resources | None:
    specialisation = request.specialisation
    kernel = kernels.find(specialisation.kernel)
    target = gpu_target(request.target)
    backend = make_backend(target)
    arguments = {a.name: _value(a.value, kernels) for a in specialisation.arguments}
    given = _options(specialisation, target)
    if not isinstance(given.get("debug"), bool):
        given["debug"] = bool(kernel.debug)
    bind = create_function_from_signature(kernel.signature, kernel.params, backend)
    bound, facts, _ = bind(**arguments, **given)
    options, signature, constants, attributes = kernel._pack_args(backend, given, bound, facts, None)
    source = ASTSource(kernel, signature, constants, attributes)
    if not request.whole:
        _front_end(source, target, backend, options)
        return None
    with _ptxas_log() as log:
        compiled = triton.compile(source, target=target, options=options.__dict__)
    return _resources(compiled, log.getvalue())


def gpu_target(name: str) -> GPUTarget:
    """Returns Triton's target for `sm_90` or `gfx942`."""
    if name.startswith("sm_"):
        return GPUTarget("cuda", int(name.removeprefix("sm_")), 32)
    return GPUTarget("hip", name, 64 if name.startswith("gfx9") else 32)


class _Address:
    """Stands for a tensor: what Triton's binder asks one."""

    def __init__(self, dtype: torch.dtype, *, aligned: bool) -> None:
        self.dtype = dtype
        self._address = 0 if aligned else 8

    def data_ptr(self) -> int:
        """The address."""
        return self._address

    def ptr_range(self) -> int:
        """How far it reaches: AMD's backend asks whether 32 bits do."""
        return 0


def _value(value: LaunchValue, kernels: Kernels) -> Any:
    match value:
        case Constant(value=plain) | Number(value=plain):
            return plain
        case DtypeConstant(library="torch", name=name):
            return getattr(torch, name)
        case DtypeConstant(name=name):
            return tl.dtype(name)
        case FunctionConstant(function=function):
            return kernels.find(function)
        case Pointer(dtype=dtype, aligned=aligned):
            return _Address(getattr(torch, dtype), aligned=aligned)
        case Several(items=items):
            return tuple(_value(item, kernels) for item in items)
        case Foreign(type_name=type_name):
            raise TypeError(f"a kernel does not take an argument of type {type_name}")


def _options(specialisation: Specialisation, target: GPUTarget) -> dict[str, Any]:
    given = {o.name: o.value.value for o in specialisation.options if isinstance(o.value, Constant)}
    if odd := sorted({o.name for o in specialisation.options} - OPTIONS):
        raise CannotCompile(f"the launch option {odd[0]!r} is not one that is compiled here")
    unused = _IGNORED if target.backend == "hip" else _IGNORED | _AMD_ONLY
    return {name: value for name, value in given.items() if name not in unused}


def _front_end(source: Any, target: GPUTarget, backend: Any, options: Any) -> None:
    """What `triton.compile` does first: the kernel as Triton's own IR, which is verified."""
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    codegen, modules = backend.get_codegen_implementation(options), backend.get_module_map()
    source.make_ir(target, options, codegen, modules, context)


@contextlib.contextmanager
def _ptxas_log() -> Iterator[io.StringIO]:
    knobs.nvidia.dump_ptxas_log = True  # then triton prints what ptxas -v said
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        yield log


def _resources(compiled: Any, log: str) -> Resources:
    metadata = compiled.metadata
    if metadata.target.backend == "cuda":
        registers, spills = _REGISTERS.findall(log), _SPILLS.findall(log)
    else:
        assembly = compiled.asm["amdgcn"]
        registers = _AMD_REGISTERS.findall(assembly)
        spills = [str(4 * int(count)) for count in _AMD_SPILLS.findall(assembly)]
    if not registers:
        raise CannotCompile("the assembler did not say how many registers it used")
    return Resources(
        registers=max(int(count) for count in registers),
        spill_bytes=sum(int(count) for count in spills),
        shared_bytes=metadata.shared,
        tensor_memory_columns=getattr(metadata, "tmem_size", None) or 0,
        threads=metadata.num_warps * metadata.target.warp_size,
    )


def _failed(error: BaseException, kernels: Kernels, filename: str) -> CompileFailed:
    chain = list(_compilation_errors(error))
    innermost = chain[-1] if chain else error
    lines = [_line(link, kernels, filename) for link in reversed(chain)]
    return CompileFailed(
        error=_text(type(innermost).__name__),
        message=_text(_said(innermost)),
        line=next((line for line in lines if line is not None), None),
        passed_over=isinstance(error, _PASSED_OVER),
    )


def _compilation_errors(error: BaseException | None) -> Iterator[CompilationError]:
    """From the kernel down to the helper in which it went wrong."""
    while isinstance(error, CompilationError):
        yield error
        error = error.__cause__


def _line(error: CompilationError, kernels: Kernels, filename: str) -> int | None:
    if error.src is None or not hasattr(error.node, "lineno"):
        return None
    return kernels.line_in(filename, error.src, error.node.lineno)


def _said(error: BaseException) -> str:
    if not isinstance(error, CompilationError):
        return str(error)
    if error.error_message:
        return str(error.error_message)
    if isinstance(error, CompileTimeAssertionFailure):
        return "the static_assert does not hold"
    return f"{type(error.__cause__).__name__}: {error.__cause__}" if error.__cause__ else "this is not for kernels"


def _text(text: str) -> str:
    return text[:TEXT_CAP].encode("utf-8", "replace").decode("utf-8")
