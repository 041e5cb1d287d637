"""Coverage-guided fuzzing of the host's side of the channel: `python benchmarks/fuzz_channel.py --frames N --seed S`.

libFuzzer (through atheris: `pip install -c constraints.txt '.[fuzz]'`) chooses the bytes; `play` of
`tests/support/hostile_channel.py` takes them for a conversation and compares what the host makes of it with a plain
reading. Guidance comes from the Python code of the parser's modules and, since the JSON parser is native, from what
kind of refusal an input led to.

`--blind` mutates the inputs of a corpus without guidance, at four times the rate; SIGTERM ends it early, with its
report. `--trains` leaves the workers out and plays frame after frame, so that most of the time goes into parsing.

It ends with exit code 0 after N frames; a crash, a wrong length, an input that takes longer than 10 s or more memory
than the limit ends it earlier with libFuzzer's message, and the input is left in `--finds`. `--corpus` keeps the inputs
that reached something new. Printed at the end: frames, rate, the slowest input, the most that Python allocated for one
of those that were measured, peak memory of the process, lines of each module that the corpus reaches and misses.
"""

from __future__ import annotations

import argparse
import dis
import faulthandler
import os
import re
import resource
import signal
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import CodeType, FrameType

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

MODULES = (
    "sandbox.frames", "sandbox.demultiplex", "sandbox.attached", "sandbox.conversation", "sandbox.started_worker",
    "runners.message", "runners.specialisation", "runners.wire", "runners.conversation", "runners.compiler",
    "runners.launches",
)  # fmt: skip

BLIND = "--blind" in sys.argv  # known before the modules are imported: guidance costs four times their own time
if BLIND:
    import hostile_channel
    from hostile_messages import BUFFERS, HEADERS, WORDS
else:
    import atheris

    with atheris.instrument_imports(include=list(MODULES)):
        import hostile_channel
        from hostile_messages import BUFFERS, HEADERS, WORDS

RSS_LIMIT_MIB = 1024
INPUT_CAP_BYTES = 2048
TIMEOUT_S = 10
MEASURED = 256  # of so many inputs one is measured with tracemalloc, which triples its time
KINDS = 512
TRAIN = bytes([6])  # the mode of `hostile_channel.play` that takes frame after frame


class Fuzzing:
    """One run; counts what libFuzzer feeds it."""

    def __init__(self, frames: int, corpus: Path, before: bytes) -> None:
        self._wanted = frames
        self._corpus = corpus
        self._before = before
        self._began = time.monotonic()
        self._inputs = self._frames = self._whole = self._decoded = 0
        self._kinds: Counter[str] = Counter()
        self._marks: dict[str, Callable[[], None]] = {}
        self._slowest_s = 0.0
        self.stopped = False
        self._largest_bytes = 0

    def one(self, data: bytes) -> None:
        """Plays one input; leaves the process when there were enough."""
        data = self._before + data
        self._inputs += 1
        measured = self._inputs % MEASURED == 0
        if measured:
            tracemalloc.start()
        began = time.process_time()
        played = hostile_channel.play(data)
        if measured:
            self._largest_bytes = max(self._largest_bytes, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        else:
            self._slowest_s = max(self._slowest_s, time.process_time() - began)
        self._frames += played.frames
        self._whole += played.whole
        self._decoded += played.decoded
        for words in played.said:
            self._reached(re.sub(r"\d+|\'[^\']*(\'|$)", "N", words[:80])[:60])
        if self._frames >= self._wanted or self.stopped:
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_REAL, 0)  # libFuzzer's alarm, which is for one input
            self._report()
            sys.stdout.flush()
            os._exit(0)

    def _reached(self, kind: str) -> None:
        self._kinds[kind] += 1
        if BLIND:
            return
        mark = self._marks.get(kind)
        if mark is None:
            if len(self._marks) >= KINDS:
                return
            mark = self._marks[kind] = _mark()
        mark()

    def _report(self) -> None:
        wall_s = time.monotonic() - self._began
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"frames {self._frames} in {self._inputs} inputs, {wall_s:.0f} s ({self._frames / wall_s:.0f} a second)")
        print(
            f"  read to their end {self._whole}, of these answers {self._decoded}; ways of refusal {len(self._kinds)}"
        )
        print(f"  slowest input {self._slowest_s * 1e3:.0f} ms of CPU; peak of the process {peak_mib} MiB")
        print(f"  most allocated for one input {self._largest_bytes >> 10} KiB (1 of {MEASURED} measured)")
        for module, (hit, missed) in _lines_reached(self._corpus, self._before).items():
            print(f"  {module}: {hit} of {hit + len(missed)} lines; not {', '.join(map(str, missed)) or '-'}")


def _mark() -> Callable[[], None]:
    """A new function with its own place in the coverage map."""
    names: dict[str, Callable[[], None]] = {}
    exec("def mark():\n    pass\n", names)  # constant text: what counts is that its code object is new
    return atheris.instrument_func(names["mark"])


def _lines_reached(corpus: Path, before: bytes) -> dict[str, tuple[int, list[int]]]:
    """Plays the corpus again and says which lines of functions it reaches, and which it does not."""
    files = {sys.modules[name].__file__: name for name in MODULES}
    reached: dict[str, set[int]] = {name: set() for name in MODULES}

    def trace(frame: FrameType, event: str, argument: object) -> object:
        name = files.get(frame.f_code.co_filename)
        if name is None:
            return None
        if event in ("call", "line"):
            reached[name].add(frame.f_lineno)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]  # what the type says is stricter than what the function takes
    try:
        for path in sorted(corpus.iterdir()):
            hostile_channel.play(before + path.read_bytes())
    finally:
        sys.settrace(None)
    lines = {name: _lines_of_functions(Path(str(sys.modules[name].__file__))) for name in MODULES}
    return {name: (len(all_ & reached[name]), sorted(all_ - reached[name])) for name, all_ in lines.items()}


def _lines_of_functions(path: Path) -> set[int]:
    lines: set[int] = set()
    waiting = [compile(path.read_text(), str(path), "exec")]
    while waiting:
        code = waiting.pop()
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        if code.co_flags & 0x2:  # a function's, not a module's or a class's, which run on import
            lines |= {line for _, line in dis.findlinestarts(code) if line is not None and line > code.co_firstlineno}
    return lines


def _mutated(stored: list[bytes], random: Random) -> bytes:
    """A stored input with some bytes changed, two of them joined, or bytes that come from nowhere."""
    choice = random.random()
    if choice < 0.2:
        return random.randbytes(random.randrange(1, INPUT_CAP_BYTES))
    data = bytearray(random.choice(stored))
    if choice < 0.5:
        data = data[: random.randrange(len(data) + 1)] + random.choice(stored)
    for _ in range(random.randrange(1, 2 + len(data) // 16)):
        data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data[:INPUT_CAP_BYTES])


def _run_blindly(fuzzing: Fuzzing, corpus: Path, seed: int, finds: Path) -> None:
    """Plays mutated inputs until there were enough; an input that fails is kept."""
    random = Random(seed)
    stored = [data for path in sorted(corpus.iterdir()) if (data := path.read_bytes())]
    faulthandler.enable()
    signal.signal(signal.SIGTERM, lambda number, frame: setattr(fuzzing, "stopped", True))
    while True:
        data = _mutated(stored, random)
        faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
        try:
            fuzzing.one(data)
        except BrokenPipeError:  # whoever was to read the report is gone; that is no find
            raise
        except BaseException:
            (finds / f"blind-{seed}-{random.getrandbits(32):08x}").write_bytes(data)
            raise


def _seed(corpus: Path, trains: bool) -> None:
    """Writes valid conversations of each kind as the first inputs."""
    if trains:
        for number in range(len(HEADERS)):
            (corpus / f"seed-{number}").write_bytes(bytes([0, number, 1, 0, 0, 0, 0, 1]) * 100)
        return
    for number, (header, data) in enumerate(zip(HEADERS, BUFFERS, strict=True)):
        payload = len(header).to_bytes(4, "little") + header + data
        frame = len(payload).to_bytes(8, "little") + payload
        stream = b"\1\0\0\0" + len(frame).to_bytes(4, "big") + frame
        for mode, rest in enumerate((stream, frame, payload, header)):
            (corpus / f"seed-{number}-{mode}").write_bytes(bytes([mode, 0]) + rest)
        (corpus / f"seed-{number}-train").write_bytes(bytes([6, 0, number, 1, 0, 0, 0, 0, 1]) * 4)
        (corpus / f"seed-{number}-turns").write_bytes(bytes([4, 0, 2, number, number]))


def _dictionary(folder: Path) -> Path:
    path = folder / "words.dict"
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in WORDS if len(word) < 64]
    path.write_text("\n".join(lines) + "\n")
    return path


def main() -> None:
    """Runs until there were enough frames or a find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--blind", action="store_true", help="Mutate the corpus without guidance.")
    parser.add_argument("--trains", action="store_true", help="No workers: many frames an input, ten times the rate.")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--finds", type=Path, default=Path.cwd())
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or Path(folder) / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        asked.finds.mkdir(parents=True, exist_ok=True)
        _seed(corpus, asked.trains)
        fuzzing = Fuzzing(asked.frames, corpus, TRAIN if asked.trains else b"")
        if BLIND:
            _run_blindly(fuzzing, corpus, asked.seed, asked.finds)
        options = [
            f"-seed={asked.seed}",
            f"-max_len={INPUT_CAP_BYTES}",
            f"-len_control={0 if asked.trains else 20}",
            f"-timeout={TIMEOUT_S}",
            f"-rss_limit_mb={RSS_LIMIT_MIB}",
            f"-artifact_prefix={asked.finds}/",
            f"-dict={_dictionary(Path(folder))}",
            str(corpus),
        ]
        atheris.Setup([sys.argv[0], *options], fuzzing.one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
