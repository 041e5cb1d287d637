"""A whole conversation in which the other end is played from bytes: engine, container and program at once.

Everything of the host that the bytes pass is the real thing: demultiplexer, frame collector, attached stream, worker,
wire format, runner. What comes out is compared with a second, plain reading of the same bytes, so that a length that is
off by one is a failure here and not only an exception.

The program's time does not pass: it answers at once, piece by piece, and when it has no more to say it has left.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from hostile_messages import ANSWERS, BUFFERS, HEADERS, LENGTHS, Cursor, altered, lied, spoilt

from runners import wire
from runners.compiler import Compiler
from runners.conversation import CallResult, RunnerFault, tensor_of
from runners.launches import SeenLaunches
from runners.specialisation import CompileRequest
from sandbox.attached import AttachedStream
from sandbox.container import EndState
from sandbox.contract import Buffer, Limits, Reply
from sandbox.conversation import LAST_WORDS_BYTES
from sandbox.demultiplex import STDOUT, Demultiplexer, FrameCollector
from sandbox.frames import FrameError, read_frame
from sandbox.outcomes import Exited, Outcome, ProtocolBroken, SandboxFault
from sandbox.started_worker import StartedWorker
from sandbox.usage import UNSEEN, Usage

TURNS: Final = 12
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS: Final = Limits()
GREETING: Final = struct.pack("<Q", 0)
ONE: Final = (wire.Conditions(fresh_byte=0, order_seed=None, choice_seed=0, undefined_lanes=False),)
LAUNCH: Final = next(
    one
    for message, _ in ANSWERS
    if isinstance(message, wire.Ran)
    for call in message.calls
    if isinstance(call, wire.Returned)
    for one in call.specialisations
)
COMPILE: Final = CompileRequest(specialisation=LAUNCH, target="sm_90", whole=True)
# Which request each of ANSWERS answers: a run of two calls (0), of one (1), a load (2), a compilation (3).
ASKED: Final = {1: 1, 3: 1, 5: 2, 6: 2, 7: 2, 9: 3, 10: 3, 11: 3, 12: 3}
TRAIN: Final = 256
CAP_BYTES: Final = 1 << 16
PRINTED: Final = 16  # of so many answers the launches of one are printed, which takes longer than all the rest
ALWAYS_READY: Final = os.eventfd(1)


@dataclass(slots=True)
class Played:
    """What a conversation came to.

    Attributes:
        frames: Frames that the host began to read, the plain greeting left out.
        whole: Those that it read to their end; `decoded` those of them that were answers.
        said: The host's words about each frame that it refused.
    """

    frames: int = 0
    whole: int = 0
    decoded: int = 0
    said: list[str] = field(default_factory=list)


class HostileEngine:
    """A socket: what the engine sends is given, how it is cut is drawn from `cuts`."""

    def __init__(self, batches: Iterable[bytes], cuts: Cursor) -> None:
        self._batches = iter(batches)
        self._cuts = cuts
        self._ready = next(self._batches, b"")
        self._owes = True
        self.reads = 0
        self.sent_whole = True
        self.left_early = False

    def fileno(self) -> int:
        return ALWAYS_READY

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def recv_into(self, view: memoryview) -> int:
        self.reads += 1
        if not self._ready:
            if self._owes:
                return 0  # it has nothing more to say, and an answer is due: it left
            raise BlockingIOError
        if self._cuts.byte() == 255:
            raise BlockingIOError
        count = min(len(view), len(self._ready), 1 + self._cuts.below(256) * 16 if self._cuts.left else len(view))
        view[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def sendmsg(self, parts: Sequence[memoryview]) -> int:
        total = sum(len(part) for part in parts)
        match self._cuts.byte():
            case 255:
                self.sent_whole = False
                raise BlockingIOError
            case 254:
                self._owes = self.left_early = True  # it left before it was asked
                raise BrokenPipeError
            case 253:
                self.sent_whole = False
                total = min(total, 1 + self._cuts.byte())
        if not self._owes:
            self._ready += next(self._batches, b"")
            self._owes = True
        return total

    def answered(self) -> None:
        """The host has its frame: nothing is due until it asks again."""
        self._owes = False
        self.sent_whole = True

    def shutdown(self, how: int) -> None:
        self._owes = True

    def close(self) -> None:
        pass


class GoneContainer:
    """The container of a program that left with code 0."""

    name = "gone"

    def end_state(self, timeout_s: float) -> EndState:
        return EndState(exit_code=0, oom_killed=False, started_at=NOW, finished_at=NOW)

    def kill(self) -> None:
        pass

    def reached_memory_limit(self, state: EndState) -> bool:
        return False

    def usage(self, since_s: float) -> Usage:
        return UNSEEN

    def remove(self) -> None:
        pass

    def discard(self) -> None:
        pass


class CheckedWorker:
    """A worker whose replies are compared with a plain reading of what the program wrote to stdout.

    `spoken` is that, an answer a turn; None where the engine's own bytes are not to be trusted either.
    """

    def __init__(
        self, worker: StartedWorker, engine: HostileEngine, spoken: list[bytes] | None, played: Played
    ) -> None:
        self._worker, self._engine, self._spoken, self._played = worker, engine, spoken, played
        self._turn = 0
        self.replies: list[bytes] = []

    @property
    def name(self) -> str:
        return self._worker.name

    def greeting(self) -> Reply | Outcome:
        return self._worker.greeting()

    def exchange(self, request: Sequence[Buffer], *, deadline_s: float, cap_bytes: int) -> Reply | Outcome:
        if self._turn == 0:
            assert isinstance(self._worker.greeting(), Reply)
            self._engine.answered()
        reply = self._worker.exchange(request, deadline_s=deadline_s, cap_bytes=cap_bytes)
        self._count(reply)
        if self._spoken is not None:
            self._compare(reply, cap_bytes, self._spoken)
        self._turn += 1
        self._engine.answered()
        return reply

    def _count(self, reply: Reply | Outcome) -> None:
        self._played.frames += 1
        if isinstance(reply, Reply):
            self._played.whole += 1
            self.replies.append(reply.payload)
        elif isinstance(reply, ProtocolBroken | SandboxFault):
            self._played.said.append(reply.reason)

    def _compare(self, reply: Reply | Outcome, cap_bytes: int, spoken: list[bytes]) -> None:
        said = spoken[self._turn] if self._turn < len(spoken) else b""
        length = struct.unpack("<Q", said[:8])[0] if len(said) >= 8 else None
        if self._engine.left_early:
            said, length = b"", None
        match reply:
            case Reply(payload):
                assert length is not None
                assert length <= cap_bytes
                assert payload == said[8 : 8 + length]
                if len(said) > 8 + length:
                    self._spoken = None  # from here on it depends on how its surplus was cut
            case ProtocolBroken(reason):
                early = not self._engine.sent_whole and reason == "it answered before the request was complete"
                assert early or (length is not None and length > cap_bytes)
            case Exited(code):
                assert code == 0
                assert length is None or len(said) < 8 + length
            case _:
                raise AssertionError(reply)

    def ended(self) -> Outcome | None:
        return self._worker.ended()

    def last_words(self) -> str:
        return self._worker.last_words()

    def abort(self) -> None:
        self._worker.abort()

    def end(self) -> Outcome:
        return self._worker.end()

    def __enter__(self) -> CheckedWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def play(data: bytes) -> Played:
    """Plays the conversation that `data` describes and checks everything that can be said about its end."""
    cursor = Cursor(data)
    mode = cursor.below(8)
    cuts = Cursor(cursor.take(cursor.below(64)))
    if mode > 5:
        return play_train(cursor, cuts)
    spoken: list[bytes] | None
    asked = [cuts.below(4)]
    if mode < 4:
        spoken = [_wrapped(mode, cursor.take(cursor.left))]
    else:
        numbers = [cursor.below(len(HEADERS)) for _ in range(1 + cursor.below(TURNS))]
        spoken = [_answer(number, cursor) for number in numbers]
        asked = [ASKED.get(number, 0) for number in numbers]
    batches = [_chunks(GREETING, Cursor(b"")), *(_chunks(said, cuts) for said in spoken)]
    if mode == 0:
        batches[1], spoken = spoken[0], None
    played = Played()
    _converse(batches, spoken, cuts, asked, played)
    return played


def _converse(batches: list[bytes], spoken: list[bytes] | None, cuts: Cursor, asked: list[int], played: Played) -> None:
    engine = HostileEngine(batches, cuts)
    stream = AttachedStream(engine)  # type: ignore[arg-type]  # it is what the stream uses of a socket
    worker = StartedWorker(GoneContainer(), stream, LIMITS)  # type: ignore[arg-type]  # likewise of a container
    checked = CheckedWorker(worker, engine, spoken, played)
    runner = Compiler(checked)
    size = sum(len(batch) for batch in batches)
    for natural in asked:
        try:
            answer = _ask(runner, natural if cuts.byte() < 240 else cuts.below(4))
        except RunnerFault:
            break  # the engine's bytes were no engine's
        if isinstance(answer, ProtocolBroken):
            played.said.append(answer.reason)
        if worker.ended() is not None:
            break
        played.decoded += 1
    assert runner.end() is None
    assert isinstance(worker.ended(), Outcome)
    assert engine.reads <= 2 * size + 20 * len(asked) + 20
    assert all(len(words) < 400 for words in played.said)
    assert len(worker.last_words()) <= LAST_WORDS_BYTES
    for payload in checked.replies[:2]:
        assert_exact(payload, [])


def play_train(cursor: Cursor, cuts: Cursor) -> Played:
    """Plays frame after frame through the parts that parse, without a worker: a refused one does not end it."""
    played, demultiplexer, collector = Played(), Demultiplexer(), FrameCollector()
    while cursor.left and played.frames < TRAIN:
        number = cursor.byte()
        said = _answer(number % len(HEADERS), cursor) if number < 208 else _raw(number, cursor)
        cap_bytes = CAP_BYTES if cursor.byte() else cursor.byte()
        unasked = collector.unasked_bytes
        collector.ask(cap_bytes)
        for batch in _pieces(_chunks(said, cuts), cuts):
            for chunk in demultiplexer.feed(batch):
                if chunk.stream == STDOUT:
                    collector.take(chunk.data)
        payload = collector.frame()
        played.frames += 1
        assert payload == _plainly_read(said, cap_bytes)
        assert (collector.over_cap is None) == (len(said) < 8 or struct.unpack_from("<Q", said)[0] <= cap_bytes)
        if collector.over_cap is not None:
            played.said.append(collector.over_cap)
            collector = FrameCollector()
        elif payload is not None:
            assert collector.unasked_bytes - unasked == len(said) - 8 - len(payload)
            played.whole += 1
            played.decoded += assert_exact(payload, played.said)
    return played


def _plainly_read(said: bytes, cap_bytes: int) -> bytes | None:
    """The same frame as `sandbox.frames` reads it from a pipe; None where it is none, or not whole."""
    stream = io.BytesIO(said)

    def exactly(count: int) -> bytes:
        data = stream.read(count)
        if len(data) < count:
            raise EOFError
        return data

    try:
        return read_frame(exactly, cap_bytes)
    except (EOFError, FrameError):
        return None


def _pieces(sent: bytes, cuts: Cursor) -> Iterator[memoryview]:
    view = memoryview(sent)
    while view:
        count = 1 + cuts.byte() if cuts.left else len(view)
        yield view[:count]
        view = view[count:]


def _raw(number: int, cursor: Cursor) -> bytes:
    rest = cursor.take(cursor.below(64))
    return rest if number > 250 else _wrapped(2 + number % 2, rest)


def _ask(runner: Compiler, what: int) -> object:
    match what:
        case 0:
            results = runner.run((), ONE * 2, 64, 60.0)
        case 1:
            results = runner.run((), ONE, 64, 60.0)
        case 2:
            return runner.load_control(b"", "k", 60.0)
        case _:
            return runner.compile(COMPILE, 60.0)
    if isinstance(results, tuple):
        for result in results:
            _materialise(result)
    return results


def _materialise(result: CallResult) -> None:
    """Makes tensors of what came, as the judge does."""
    if not isinstance(result.call, wire.Returned):
        assert result.data == ()
        return
    for output, data in zip(result.call.outputs, result.data, strict=True):
        assert len(data) == output.data_bytes
        try:
            tensor = tensor_of(output, data)
        except ValueError:
            continue
        assert tensor.shape == output.shape
        assert tensor.nbytes == len(data)


def assert_exact(payload: bytes, said: list[str]) -> bool:
    """An answer that is accepted says the same when it is encoded again, and its buffers are all the rest.

    Returns whether it was accepted; what was said against one that was not is added to `said`.
    """
    try:
        answer, buffers = wire.decode_answer(payload)
    except wire.WireError as error:
        said.append(str(error))
        assert len(said[-1]) < 400
        return False
    (length,) = wire.HEADER_LENGTH.unpack_from(payload)
    assert b"".join(buffers) == payload[4 + length :]
    encoded = wire.encode(answer, buffers)
    again, _ = wire.decode_answer(b"".join(encoded))
    assert wire.encode(again)[0] == encoded[0]
    if isinstance(answer, wire.Ran) and zlib.crc32(payload) % PRINTED == 0:
        seen = [one for call in answer.calls if isinstance(call, wire.Returned) for one in call.specialisations]
        SeenLaunches().note(seen, declared=True)
    return True


def _wrapped(mode: int, rest: bytes) -> bytes:
    """Mode 0 is what the engine sends, 1 the program's stdout, 2 a frame's payload, 3 a message's header."""
    if mode == 3:
        rest = wire.HEADER_LENGTH.pack(len(rest)) + rest
    return struct.pack("<Q", len(rest)) + rest if mode > 1 else rest


def _answer(number: int, cursor: Cursor) -> bytes:
    header = altered(number, cursor) if cursor.below(3) else spoilt(HEADERS[number], cursor)
    data = spoilt(BUFFERS[number], cursor) if cursor.below(4) == 0 else BUFFERS[number]
    payload = struct.pack("<I", min(lied(len(header), cursor), (1 << 32) - 1)) + header + data
    said = struct.pack("<Q", lied(len(payload), cursor)) + payload
    return said + cursor.take(cursor.below(16)) if cursor.byte() > 250 else said


def _chunks(said: bytes, cuts: Cursor) -> bytes:
    """What the engine makes of the program's output: chunks, some empty, with stderr in between."""
    parts: list[bytes] = []
    while said:
        kind = cuts.byte()
        count = 1 + LENGTHS[kind % 4] + cuts.byte() if kind else len(said)
        parts.append(struct.pack(">B3xI", 1, len(said[:count])) + said[:count])
        said = said[count:]
        if kind % 8 == 7:
            words = b"\x1b[2J" * (kind // 8)
            parts.append(struct.pack(">B3xI", 2, len(words)) + words + struct.pack(">B3xI", 1, 0))
    return b"".join(parts)
