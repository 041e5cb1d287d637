"""Which system calls a program in a sandbox may make: an allowlist, in `seccomp.json` beside this module.

The engine's default profile allows io_uring, AF_VSOCK and PTRACE_TRACEME. Ours names what Python, PyTorch on the CPU,
Triton's interpreter and its ahead-of-time compilers use; everything else fails with EPERM. clone3 fails with ENOSYS,
because its flags lie in memory, where a filter cannot look; libc then falls back to clone.

Not handled: what CUDA needs beyond this, and architectures other than x86-64 and AArch64 (the kernel kills a call made
through another one).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class ArgumentRule(BaseModel):
    """A condition on one argument of a system call; for a masked comparison `value` is the mask."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    index: Annotated[int, Field(ge=0, le=5)]
    value: Annotated[int, Field(ge=0)]
    value_two: Annotated[int, Field(ge=0, alias="valueTwo")] = 0
    op: Literal["SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"]


class Rule(BaseModel):
    """What happens to the calls in `names`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    comment: str
    names: Annotated[list[str], Field(min_length=1)]
    action: Literal["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"]
    errno_ret: Annotated[int | None, Field(alias="errnoRet")] = None
    args: list[ArgumentRule] = []


class Architecture(BaseModel):
    """One native architecture, without the older ones that its processor also runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    architecture: str
    sub_architectures: Annotated[list[str], Field(alias="subArchitectures", max_length=0)]


class Profile(BaseModel):
    """An allowlist: what no rule names is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    default_action: Annotated[Literal["SCMP_ACT_ERRNO"], Field(alias="defaultAction")]
    arch_map: Annotated[list[Architecture], Field(alias="archMap", min_length=1)]
    syscalls: list[Rule]

    @property
    def allowed(self) -> frozenset[str]:
        """Names of the calls that are allowed, be it only with certain arguments."""
        return frozenset(name for rule in self.syscalls if rule.action == "SCMP_ACT_ALLOW" for name in rule.names)


def read_profile() -> Profile:
    """Returns the profile as data.

    Raises:
        pydantic.ValidationError: the file is not an allowlist of the form that this module knows.
    """
    return Profile.model_validate_json(_text())


@cache
def profile_text(*, for_gvisor: bool = False) -> str:
    """Returns the validated profile as one line of JSON: the engine's API takes the text, not a path.

    Args:
        for_gvisor: gVisor loads the filter inside its own kernel and refuses with EPERM only, after which libc does not
            fall back. That kernel has no clone3 and says so itself, so what is to look absent is let through to it.
    """
    profile = read_profile()
    if for_gvisor:
        profile = profile.model_copy(update={"syscalls": [_let_through(rule) for rule in profile.syscalls]})
    text = profile.model_dump_json(by_alias=True, exclude_unset=True)
    return json.dumps(json.loads(text), separators=(",", ":"))


def _let_through(rule: Rule) -> Rule:
    return rule if rule.errno_ret is None else Rule(comment=rule.comment, names=rule.names, action="SCMP_ACT_ALLOW")


def _text() -> str:
    return (files("sandbox") / "seccomp.json").read_text(encoding="utf-8")
