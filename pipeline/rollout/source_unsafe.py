"""Runs the source of a kernel that was verified. This executes code that a model wrote, in the application's process.

Nothing stands between that code and the application any more; what vouches for it is the attestation, which is why
`trusting` comes first and hands over the bytes that it looked at. They are compiled from memory: there is no file that
could be another one by the time it is read. Triton and tracebacks ask for the text of a source; they get the verified
one from Python's cache of lines, under a name that is no path.
"""

from __future__ import annotations

import io
import linecache
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from runners.candidate import Candidate

Entry = Callable[..., Any]
_INTERPRETER: Final = threading.RLock()


def load_entry(candidate: Candidate) -> Entry:
    """Executes a verified candidate's module and returns its entry.

    Raises:
        Exception: whatever the module raises; AttributeError where it has no such entry.
    """
    name, file = f"kernelgate_kernel_{candidate.digest}", f"<kernelgate {candidate.digest}>"
    lines = io.StringIO(candidate.text, newline=None).readlines()
    linecache.cache[file] = (len(candidate.text), None, lines, file)  # without a time it is never looked for on disk
    module = ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(candidate.text, file, "exec", dont_inherit=True), module.__dict__)
        entry: Entry = getattr(module, candidate.entry)
    except BaseException:
        del sys.modules[name]
        raise
    return entry


def one_at_a_time(entry: Entry) -> Entry:
    """Returns the entry for several threads on Triton's interpreter, which keeps a program's place in its module."""

    def call(*arguments: Any) -> Any:
        with _INTERPRETER:
            return entry(*arguments)

    return call
