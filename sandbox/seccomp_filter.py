"""The allowlist of `sandbox.seccomp` as a program for the kernel, where no engine does that translation.

libseccomp compiles it: the library that engines use, too, so that one profile means the same in both sandboxes. It is
called through ctypes, because its Python bindings are either tied to the system's Python (Debian's python3-seccomp) or
without a release for years (pyseccomp), and seven functions are all that is needed. Debian's apt needs libseccomp2, so
it is there on every Debian.

It reads the very text that an engine gets, so how the list is kept beside its reasons is no business of this module.
What the profile names and this machine's architecture does not have is left out, as engines do. A call made through
another architecture (x86-64's i386 and x32) kills the thread, which is libseccomp's default.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from sandbox.contract import SandboxUnavailable
from sandbox.seccomp import profile_text

LIBRARY: Final = "libseccomp.so.2"
INSTRUCTION_BYTES: Final = 8
INSTRUCTIONS_CAP: Final = 4096  # the kernel's own
ALLOW: Final = 0x7FFF0000
ERRNO: Final = 0x00050000
EPERM: Final = 1
OPERATIONS: Final = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class _Argument(BaseModel):
    index: int
    op: Literal["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"]
    value: int
    value_two: int = Field(default=0, alias="valueTwo")


class _Rule(BaseModel):
    names: list[str]
    action: Literal["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]
    errno_ret: int = Field(default=EPERM, alias="errnoRet")
    args: list[_Argument] = []


class _EngineProfile(BaseModel):
    """The part of an engine's profile that says what happens to which call."""

    default_action: Literal["SCMP_ACT_ERRNO"] = Field(alias="defaultAction")
    syscalls: list[_Rule] = Field(min_length=1)


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@cache
def filter_program() -> bytes:
    """Returns the allowlist as classic BPF for this machine's architecture.

    Raises:
        SandboxUnavailable: libseccomp is missing or refuses the profile.
    """
    return _built(ERRNO | EPERM, _rules())


@cache
def logging_programs() -> tuple[bytes, bytes]:
    """Returns two programs that together are the allowlist, to be loaded in this order.

    The first refuses what is to look absent and is loaded as it is; the second refuses the rest and is loaded so that
    the kernel logs that. In one, what libc asks for at every thread would fill the log: it drops lines above a rate.

    Raises:
        SandboxUnavailable: libseccomp is missing or refuses the profile.
    """
    absent = [rule for rule in _rules() if rule.action == "SCMP_ACT_ERRNO"]
    let_through = [rule.model_copy(update={"action": "SCMP_ACT_ALLOW"}) for rule in _rules()]
    return _built(ALLOW, absent), _built(ERRNO | EPERM, let_through)


def _rules() -> list[_Rule]:
    return _EngineProfile.model_validate_json(profile_text()).syscalls


def _built(default: int, rules: list[_Rule]) -> bytes:
    library = _library()
    context = library.seccomp_init(default)
    if not context:
        raise SandboxUnavailable("libseccomp can't begin a filter on this machine's architecture")
    try:
        for rule in rules:
            _add(library, context, rule)
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


def call_name(architecture: int, number: int) -> str:
    """Returns what a system call is called on an architecture (`AUDIT_ARCH_…`); its number where nobody knows."""
    unnamed = f"call {number} of architecture {architecture:#x}"
    try:
        library = _library()
    except SandboxUnavailable:
        return unnamed
    address = library.seccomp_syscall_resolve_num_arch(architecture, number)
    if not address:
        return unnamed
    try:
        return ctypes.string_at(address).decode("ascii", "replace")
    finally:
        ctypes.CDLL(None).free(ctypes.c_void_p(address))


def _library() -> Any:
    try:
        library = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError as error:
        raise SandboxUnavailable(
            f"{LIBRARY} can't be loaded ({error}); on Debian: apt-get install libseccomp2"
        ) from None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_release.restype = None
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
    library.seccomp_syscall_resolve_num_arch.argtypes = [ctypes.c_uint32, ctypes.c_int]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library


def _add(library: Any, context: int, rule: _Rule) -> None:
    action = ALLOW if rule.action == "SCMP_ACT_ALLOW" else ERRNO | rule.errno_ret
    conditions = (_Comparison * max(1, len(rule.args)))(
        *(_Comparison(a.index, OPERATIONS[a.op], a.value, a.value_two) for a in rule.args)
    )
    for name in rule.names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # not a call of this architecture
            continue
        code = library.seccomp_rule_add_array(context, action, number, len(rule.args), conditions)
        if code != 0:
            raise SandboxUnavailable(f"libseccomp refuses the rule for {name}: {os.strerror(-code)}")


def _exported(library: Any, context: int) -> bytes:
    descriptor = os.memfd_create("filter", os.MFD_CLOEXEC)
    try:
        if (code := library.seccomp_export_bpf(context, descriptor)) != 0:
            raise SandboxUnavailable(f"libseccomp can't write the filter down: {os.strerror(-code)}")
        program = os.pread(descriptor, INSTRUCTIONS_CAP * INSTRUCTION_BYTES + 1, 0)
    finally:
        os.close(descriptor)
    if not program or len(program) % INSTRUCTION_BYTES or len(program) > INSTRUCTIONS_CAP * INSTRUCTION_BYTES:
        raise SandboxUnavailable(f"libseccomp wrote a filter of {len(program)} bytes, which is none")
    return program
