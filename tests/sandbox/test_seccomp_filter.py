from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from sandbox.contract import SandboxUnavailable
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


def test_a_call_that_no_architecture_here_has_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.seccomp import Profile, Rule, read_profile

    before = filter_program()
    profile = read_profile()
    more = Rule(comment="", names=["no_such_call"], action="SCMP_ACT_ALLOW")
    longer: Profile = profile.model_copy(update={"syscalls": [*profile.syscalls, more]})
    monkeypatch.setattr("sandbox.seccomp_filter.read_profile", lambda: longer)
    filter_program.cache_clear()
    assert filter_program() == before


def test_a_rule_more_changes_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.seccomp import Rule, read_profile

    before, profile = filter_program(), read_profile()
    more = Rule(comment="", names=["ptrace"], action="SCMP_ACT_ALLOW")
    longer = profile.model_copy(update={"syscalls": [*profile.syscalls, more]})
    monkeypatch.setattr("sandbox.seccomp_filter.read_profile", lambda: longer)
    filter_program.cache_clear()
    assert filter_program() != before
