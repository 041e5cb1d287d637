"""Which system calls a program in a sandbox may make: an allowlist, in `seccomp.json` beside this module.

The engine's default profile allows io_uring, AF_VSOCK and PTRACE_TRACEME. Ours names what Python, PyTorch on the CPU,
Triton's interpreter and its ahead-of-time compilers use; everything else fails with EPERM. clone3 fails with ENOSYS,
because its flags lie in memory, where a filter cannot look; libc then falls back to clone.

Beside each call the data says why it is there: it was traced in real runs (`benchmarks/retrace_calls.py` traces them
again), or the reason for which it is allowed though no trace has it.

Programs that use CUDA, or run under compute-sanitizer, may make a few calls more (`seccomp_gpu.json`); no candidate's
Python runs under the sanitizer.

Not handled: architectures other than x86-64 and AArch64 (the kernel kills a call made
through another one).
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

PROFILE_FILE: Final = Path(__file__).with_name("seccomp.json")
GPU_FILE: Final = PROFILE_FILE.with_name("seccomp_gpu.json")
LOG_FLAG: Final = "SECCOMP_FILTER_FLAG_LOG"
Use = Literal["cuda", "sanitizer"]  # what a program uses that makes calls of its own


class Trace(StrEnum):
    """In which kind of run a call was seen."""

    CPU = "cpu"
    CUDA = "cuda"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(_Strict):
    """Why a call is in the list: it was traced, or somebody argued for it. One of the two there must be."""

    traced: tuple[Trace, ...] = ()
    reason: str = ""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if not self.traced and not self.reason.strip():
            raise ValueError("a call was neither traced nor argued for")
        return self

    @property
    def why(self) -> str:
        """In words."""
        traced = f"traced in runs on {' and '.join(self.traced)}" if self.traced else ""
        return "; ".join(text for text in (traced, self.reason) if text)


class ArgumentRule(_Strict):
    """A condition on one argument of a system call; for a masked comparison `value` is the mask."""

    index: Annotated[int, Field(ge=0, le=5)]
    value: Annotated[int, Field(ge=0)]
    value_two: Annotated[int, Field(ge=0, alias="valueTwo")] = 0
    op: Literal["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"]


class Rule(_Strict):
    """What happens to `calls`: they are allowed, with `args` where there are any, or fail with `errno`."""

    comment: str
    calls: Annotated[dict[str, Source], Field(min_length=1)]
    errno: int | None = None
    args: tuple[ArgumentRule, ...] = ()


class Profile(_Strict):
    """An allowlist: what no rule names is refused."""

    architectures: Annotated[tuple[Literal["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"], ...], Field(min_length=1)]
    rules: tuple[Rule, ...]

    @property
    def allowed(self) -> frozenset[str]:
        """Names of the calls that are allowed, be it only with certain arguments."""
        return frozenset(name for rule in self.rules if rule.errno is None for name in rule.calls)


def read_profile() -> Profile:
    """Returns the profile as data.

    Raises:
        pydantic.ValidationError: the file is not an allowlist of the form that this module knows.
    """
    return Profile.model_validate_json(PROFILE_FILE.read_text(encoding="utf-8"))


def read_uses() -> dict[Use, tuple[Rule, ...]]:
    """Returns what is allowed besides, by what a program uses.

    Raises:
        pydantic.ValidationError: the file is not of the form that this module knows.
    """
    return TypeAdapter(dict[Use, tuple[Rule, ...]]).validate_json(GPU_FILE.read_text(encoding="utf-8"))


@cache
def profile_text(*, for_gvisor: bool = False, uses: tuple[Use, ...] = (), logs_refusals: bool = False) -> str:
    """Returns the profile in the engine's form, as one line of JSON: its API takes the text, not a path.

    Args:
        uses: What the program uses that makes calls of its own.
        for_gvisor: gVisor loads the filter inside its own kernel and refuses with EPERM only, after which libc does not
            fall back. That kernel has no clone3 and says so itself, so what is to look absent is let through to it.
        logs_refusals: The kernel logs what is refused. Not every runtime takes a profile that asks for it.
    """
    profile = read_profile()
    # No sub-architecture: the older ones that a processor also runs have calls of their own, under other numbers.
    native: list[dict[str, object]] = [{"architecture": name, "subArchitectures": []} for name in profile.architectures]
    besides = (rule for use in uses for rule in read_uses()[use])
    rules = [_engine_form(rule, for_gvisor) for rule in (*profile.rules, *besides)]
    document: dict[str, object] = {"defaultAction": "SCMP_ACT_ERRNO", "archMap": native, "syscalls": rules}
    if logs_refusals:
        document["flags"] = [LOG_FLAG]
    return json.dumps(document, separators=(",", ":"))


def _engine_form(rule: Rule, for_gvisor: bool) -> dict[str, object]:
    form: dict[str, object] = {"names": list(rule.calls), "action": "SCMP_ACT_ALLOW"}
    if rule.errno is not None and not for_gvisor:
        form |= {"action": "SCMP_ACT_ERRNO", "errnoRet": rule.errno}
    if rule.args:
        form["args"] = [argument.model_dump(by_alias=True) for argument in rule.args]
    return form
