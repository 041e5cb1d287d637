"""What the kernel logs of refused calls, on lines as a kernel wrote them (Linux 6.18)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sandbox.kernel_log import Refusal, records, refusals, why_refusals_are_unknown
from sandbox.looking import refused_calls
from sandbox.seccomp_filter import call_name

X86_64, I386 = 0xC000003E, 0x40000003
LINE = (
    '5,49702,84360174314,-;audit: type=1326 audit(1796011993.313:371): auid=4294967295 uid=0 gid=0 ses=4294967295 '
    'pid=5043 comm="python3" exe="/usr/bin/python3.11" sig=0 arch=c000003e syscall=101 compat=0 ip=0x7fbf8311d34a '
    "code=0x50000\n"
)  # fmt: skip


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "kmsg"
    path.write_text("".join(lines))
    return path


def test_a_refusal_is_counted_by_architecture_and_number(tmp_path: Path) -> None:
    killed = LINE.replace("sig=0 arch=c000003e syscall=101", "sig=31 arch=40000003 syscall=20").replace("50000", "0")
    found = refusals({5043}, 0.0, log(tmp_path, LINE, LINE, killed))
    assert found == {Refusal(X86_64, 101): 2, Refusal(I386, 20): 1}


def test_what_another_process_did_or_came_before_is_not_counted(tmp_path: Path) -> None:
    path = log(tmp_path, LINE)
    assert refusals({5044, 504, 50430}, 0.0, path) == {}
    assert refusals({5043}, 1796011993.33, path) == {}
    assert refusals({5043}, 1796011993.31, path) == {Refusal(X86_64, 101): 1}


@pytest.mark.parametrize(
    "attack",
    [
        LINE.replace("5,49702", "13,49702"),  # written into the log by a program
        # the kernel writes a name with a quote, a blank or a line end in hexadecimal digits; were it not so:
        LINE.replace('pid=5043 comm="python3"', 'pid=1 comm="x" pid=5043 comm="y"'),
        LINE.replace("audit: type=1326", "Memory cgroup out of memory: Killed process 7 (audit: type=1326"),
        LINE.replace("type=1326", "type=1400"),
        LINE.replace("syscall=101", "syscall=99999999999999999999"),
        f" SUBSYSTEM={LINE}",
        "5,x,y,-;audit: type=1326\n",
        ";;;\n\n,,,\n",
        LINE[:120],
    ],
)
def test_what_only_looks_like_a_record_is_not_counted(tmp_path: Path, attack: str) -> None:
    assert refusals({5043}, 0.0, log(tmp_path, attack)) == {}
    assert refusals({5043}, 0.0, log(tmp_path, attack, "\n", LINE)) == {Refusal(X86_64, 101): 1}, "the rest is read on"


def test_a_name_that_the_kernel_had_to_encode_is_an_honest_record(tmp_path: Path) -> None:
    encoded = LINE.replace('comm="python3"', "comm=6120706964").replace('exe="/usr/bin/python3.11"', "exe=(null)")
    assert refusals({5043}, 0.0, log(tmp_path, encoded)) == {Refusal(X86_64, 101): 1}


def test_a_log_that_cannot_be_read_holds_nothing_and_says_why(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    assert list(records(missing)) == []
    assert "can't be read (No such file or directory)" in str(why_refusals_are_unknown(missing))


def test_why_the_kernel_says_nothing_is_told(tmp_path: Path) -> None:
    path, actions, numbers = log(tmp_path, LINE), tmp_path / "actions", tmp_path / "pid"
    actions.write_text("kill_process kill_thread trap\n")
    numbers.symlink_to("pid:[4026531836]")
    assert "does not log refused calls" in str(why_refusals_are_unknown(path, actions, numbers))
    actions.write_text("kill_process errno trace\n")
    assert why_refusals_are_unknown(path, actions, numbers) is None
    numbers.unlink()
    numbers.symlink_to("pid:[4026532000]")
    assert "counts processes otherwise" in str(why_refusals_are_unknown(path, actions, numbers))


def test_calls_have_names_and_unknown_ones_their_numbers() -> None:
    assert call_name(X86_64, 101) == "ptrace"
    assert call_name(I386, 20) == "getpid"
    assert call_name(X86_64, 99999) == "call 99999 of architecture 0xc000003e"
    assert call_name(1, 1) == "call 1 of architecture 0x1"


def test_what_looks_absent_by_design_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log(tmp_path, LINE.replace("syscall=101", "syscall=435"), LINE)  # clone3, then ptrace
    monkeypatch.setattr("sandbox.looking.why_refusals_are_unknown", lambda: None)
    monkeypatch.setattr("sandbox.looking.refusals", lambda pids, since_s: refusals(pids, since_s, path))
    calls = refused_calls({5043}, -1e10)  # long before the line was written, whenever this machine was started
    assert calls is not None
    assert [(one.call, one.times) for one in calls] == [("ptrace", 1)]


def test_the_real_log_can_be_read_to_its_end() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may read the kernel's log")
    assert all(one.at_s <= time.monotonic() for one in records())
