from __future__ import annotations

import json
import struct
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from sandbox.contract import SandboxUnavailable
from sandbox.seccomp import profile_text
from sandbox.seccomp_filter import ALLOW, EPERM, ERRNO, filter_program


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    filter_program.cache_clear()
    yield
    filter_program.cache_clear()


def returns(program: bytes) -> set[int]:
    """The values of every return instruction."""
    instructions = struct.iter_unpack("<HBBI", program)
    return {value for code, _, _, value in instructions if code == 0x06}


def test_the_filter_allows_refuses_and_kills_and_nothing_else() -> None:
    kill_thread, refuse, absent = 0x00000000, ERRNO | EPERM, ERRNO | 38
    assert returns(filter_program()) == {ALLOW, refuse, absent, kill_thread}


def test_a_missing_library_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.seccomp_filter.LIBRARY", "libnosuch.so.2")
    with pytest.raises(SandboxUnavailable, match="apt-get install libseccomp2"):
        filter_program()


def profile_with(name: str) -> str:
    profile = json.loads(profile_text())
    profile["syscalls"].append({"names": [name], "action": "SCMP_ACT_ALLOW"})
    return json.dumps(profile)


@pytest.mark.parametrize(("call", "is_one"), [("no_such_call", False), ("ptrace", True)])
def test_a_rule_more_changes_the_filter_unless_no_architecture_here_has_the_call(
    monkeypatch: pytest.MonkeyPatch, call: str, is_one: bool
) -> None:
    before, longer = filter_program(), profile_with(call)
    monkeypatch.setattr("sandbox.seccomp_filter.profile_text", lambda: longer)
    filter_program.cache_clear()
    assert (filter_program() != before) == is_one


def test_another_default_than_refusal_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    open_to_all = profile_text().replace('"defaultAction":"SCMP_ACT_ERRNO"', '"defaultAction":"SCMP_ACT_ALLOW"')
    monkeypatch.setattr("sandbox.seccomp_filter.profile_text", lambda: open_to_all)
    with pytest.raises(ValidationError):
        filter_program()
