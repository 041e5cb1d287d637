from __future__ import annotations

import json

import pytest

from sandbox.call_traces import Seen, compare, noted, noted_uses, read_tables
from sandbox.seccomp import GPU_FILE, PROFILE_FILE, Trace, read_profile, read_uses

# As strace 6.1 writes it.
TABLE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.54    0.000016           8         2           read
 38.46    0.000010          10         1         1 mbind
  0.00    0.000000           0         3         1 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.000026           4         6         2 total
"""
OTHER = TABLE.replace("mbind", "ptrace").replace("1         1 ptrace", "2         1 ptrace")


def sources() -> dict[str, tuple[Trace, ...]]:
    return {name: source.traced for rule in read_profile().rules for name, source in rule.calls.items()}


def test_a_call_that_only_ever_failed_did_not_work() -> None:
    assert read_tables([TABLE]) == Seen(frozenset({"read", "openat"}), frozenset({"mbind"}))


def test_a_call_that_worked_in_one_of_several_runs_worked() -> None:
    seen = read_tables([TABLE, OTHER])
    assert "ptrace" in seen.worked
    assert seen.failed == {"mbind"}


@pytest.mark.parametrize("text", ["", "strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n"])
def test_what_is_no_table_is_an_error_and_not_an_empty_trace(text: str) -> None:
    with pytest.raises(ValueError, match="not a table"):
        read_tables([TABLE, text])


def test_a_call_that_worked_and_is_not_allowed_is_told_apart_from_one_that_was_refused() -> None:
    difference = compare(read_profile(), read_tables([OTHER, TABLE]), Trace.CUDA)
    assert difference.not_allowed == ("ptrace",)
    assert difference.refused == ("mbind",)


def test_an_allowed_call_that_was_not_seen_is_said_with_its_reason() -> None:
    difference = compare(read_profile(), read_tables([TABLE]), Trace.CPU)
    never = dict(difference.never_seen)
    assert set(never) == read_profile().allowed - {"read", "openat"}
    assert "docker-init" in never["setpgid"]
    assert all(never.values())


def test_a_call_that_is_new_in_such_a_run_is_said() -> None:
    assert (sources()["chdir"], sources()["read"]) == ((Trace.CUDA,), (Trace.CPU, Trace.CUDA))
    seen = Seen(frozenset({"chdir", "read", "fsync"}), frozenset())
    assert compare(read_profile(), seen, Trace.CPU).newly_seen == ("chdir", "fsync")
    assert compare(read_profile(), seen, Trace.CUDA).newly_seen == ("fsync",)


def test_noting_what_the_data_says_already_changes_no_byte_of_it() -> None:
    text = PROFILE_FILE.read_text()
    traced = frozenset(name for name, kinds in sources().items() if Trace.CPU in kinds)
    assert len(traced) > 40
    assert noted(text, Seen(traced, frozenset()), Trace.CPU) == text


def test_noting_adds_and_takes_away_only_that_kind_of_run() -> None:
    text = noted(PROFILE_FILE.read_text(), Seen(frozenset({"read", "fsync"}), frozenset()), Trace.CUDA)
    calls = {name: source for rule in json.loads(text)["rules"] for name, source in rule["calls"].items()}
    assert calls["read"] == {"traced": ["cpu", "cuda"]}
    assert calls["fsync"]["traced"] == ["cuda"]
    assert calls["fsync"]["reason"]
    assert calls["openat"] == {"traced": ["cpu"]}


def test_what_programs_on_a_gpu_may_do_besides_is_noted_likewise() -> None:
    text = GPU_FILE.read_text()
    calls = {name: source for rules in read_uses().values() for rule in rules for name, source in rule.calls.items()}
    traced = frozenset(name for name, source in calls.items() if Trace.CUDA in source.traced)
    assert {"socket", "bind", "listen"} < traced
    assert noted_uses(text, Seen(traced, frozenset()), Trace.CUDA) == text
    without = json.loads(noted_uses(text, Seen(traced - {"listen"}, frozenset()), Trace.CUDA))
    assert without["cuda"][1]["calls"]["listen"] == {"reason": calls["listen"].reason}


def test_most_of_the_list_was_seen_in_runs_of_both_kinds() -> None:
    traced = sources()
    assert len([name for name, kinds in traced.items() if set(kinds) == {Trace.CPU, Trace.CUDA}]) > 40
