"""A worker without a container: a Python program of this checkout, with frames on its stdin and stdout."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.contract import Buffer, Reply
from sandbox.frames import header_for, read_frame
from sandbox.outcomes import Exited, Finished, KilledBySignal, Outcome

ROOT = Path(__file__).parents[2]
START = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from runners.inside import candidate_unsafe
candidate_unsafe.FILE = Path({file!r})
from runners.inside.compiler import main
main()
"""
CAP_BYTES = 1 << 24


class PipedCompiler:
    """`runners.inside.compiler` as a process of this machine, for sources that a test wrote."""

    def __init__(self, folder: Path) -> None:
        program = START.format(root=str(ROOT), file=str(folder / "candidate.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                "TRITON_CACHE_DIR": str(folder / "cache"),
                "HOME": str(folder),
                "PATH": "/usr/bin:/bin",
                "PYTHONDONTWRITEBYTECODE": "1",  # two sources of one length in one second would share their bytecode
            },
        )
        self._outcome: Outcome | None = None
        self.name = "piped"
        self._greeting = self._read()

    def greeting(self) -> Reply | Outcome:
        return self._greeting

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        assert self._process.stdin is not None
        self._process.stdin.write(header_for(request) + b"".join(bytes(part) for part in request))
        self._process.stdin.flush()
        return self._read()

    def ended(self) -> Outcome | None:
        return self._outcome

    def last_words(self) -> str:
        return ""

    def abort(self) -> None:
        self._process.kill()

    def end(self) -> Outcome:
        self._process.kill()
        self._process.communicate()
        self._outcome = self._outcome or Finished()
        return self._outcome

    def __enter__(self) -> PipedCompiler:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _read(self) -> Reply | Outcome:
        try:
            return Reply(read_frame(self._exactly, CAP_BYTES))
        except EOFError:
            code = self._process.wait()
            self._outcome = KilledBySignal(-code) if code < 0 else Exited(code)
            return self._outcome

    def _exactly(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        if len(data) < count:
            raise EOFError
        return data
