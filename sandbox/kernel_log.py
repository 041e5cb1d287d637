"""The kernel's log, read through /dev/kmsg: its records, and what they say of system calls that a filter refused.

The kernel logs a refusal only where it was asked to: a filter that kills is always logged, one that returns an error
only if it was loaded with SECCOMP_FILTER_FLAG_LOG and 'errno' is among `kernel.seccomp.actions_logged`. It drops lines
when many come (`kernel.printk_ratelimit`, ten in five seconds), so a count is a least. Where auditd runs, it takes the
records and they come here only if it lets them pass; its own files are not read.

The number of a process is all that says whose a record is; what it calls itself (`comm`, `exe`) is its own choice and
is not read. So only records of processes are counted that were there when the worker was ended, since the worker was
started: their numbers can't have been another's meanwhile. A child that left before is not seen.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

LOG: Final = Path("/dev/kmsg")
RECORD_BYTES: Final = 8192
COARSE_S: Final = 0.01  # a record has the time of the last tick
KERNELS_OWN: Final = 8  # a record's priority is below that; what a program writes into the log has another facility
ACTIONS: Final = Path("/proc/sys/kernel/seccomp/actions_logged")
NAMESPACE: Final = Path("/proc/self/ns/pid")
FIRST_NAMESPACE: Final = "pid:[4026531836]"  # the kernel's own constant: the one in whose numbers it logs
ERRNO: Final = "errno"
# Quotes can't occur in what the kernel quotes: a name with one is logged in hexadecimal digits instead.
REFUSAL: Final = re.compile(
    rb"audit: type=1326 audit\((?P<at>\d{1,12}\.\d{3}):\d+\): (?:(?!pid=)[a-z]+=\S+ )*"
    rb"pid=(?P<pid>\d{1,10}) comm=(?:\"[^\"]*\"|[0-9A-F]+) "
    rb"exe=(?:\"[^\"]*\"|[0-9A-F]+|\(null\)) "
    rb"sig=\d+ arch=(?P<arch>[0-9a-f]{1,8}) syscall=(?P<call>-?\d{1,10}) "
)


class LogRecord(NamedTuple):
    """One record; `at_s` is on the clock of `time.monotonic`."""

    at_s: float
    message: bytes


class Refusal(NamedTuple):
    """A system call, by its number on an architecture (`AUDIT_ARCH_…`)."""

    architecture: int
    number: int


def records(log: Path = LOG) -> Iterator[LogRecord]:
    """Yields what the kernel itself logged, the oldest first; nothing where the log can't be read."""
    for record in _lines(log):
        facts, separator, message = record.partition(b";")
        fields = facts.split(b",")
        if not separator or len(fields) < 3 or not (fields[0].isdigit() and fields[2].isdigit()):
            continue  # it belongs to the record before
        if int(fields[0]) < KERNELS_OWN:
            yield LogRecord(int(fields[2]) / 1e6, message)


def refusals(pids: Collection[int], since_s: float, log: Path = LOG) -> Counter[Refusal]:
    """Counts the refused calls of these processes since a moment, as `time.time` says it.

    The log's own clock runs a little otherwise than all others (measured: 29 ms in a day), so the record's own is read.
    """
    found: Counter[Refusal] = Counter()
    for record in records(log):
        match = REFUSAL.match(record.message)
        if match is not None and int(match["pid"]) in pids and float(match["at"]) >= since_s - COARSE_S:
            found[Refusal(int(match["arch"], 16), int(match["call"]))] += 1
    return found


def why_refusals_are_unknown(log: Path = LOG, actions: Path = ACTIONS, namespace: Path = NAMESPACE) -> str | None:
    """Says why the kernel's log tells us nothing of refused calls, in plain words; None where it does."""
    try:
        os.close(os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return f"{log} can't be read ({error.strerror}); root may, where the machine has one"
    try:
        logged = actions.read_text(encoding="ascii").split()
        numbers = str(namespace.readlink())
    except OSError as error:
        return f"this kernel does not say what it logs ({error.strerror})"
    if ERRNO not in logged:
        return f"the kernel does not log refused calls: '{ERRNO}' is not in {actions}"
    if numbers != FIRST_NAMESPACE:
        return "the kernel's log counts processes otherwise than this namespace does"
    return None


def _lines(log: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(log, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        while True:
            try:
                data = os.read(descriptor, RECORD_BYTES)  # one record
            except BrokenPipeError:  # it was overwritten meanwhile; the next read goes on behind it
                continue
            except OSError:
                return
            if not data:
                return
            yield from data.splitlines()
    finally:
        os.close(descriptor)
