"""Where programs on a GPU come from: hardened containers with one GPU in them, kept warm with CUDA up.

A start takes seconds, nearly all of it torch and CUDA; so one of each kind waits: one that calls a candidate, one that
replays, one under each tool of compute-sanitizer. Each is used for one candidate. One candidate at a time is on a GPU,
over all runs on this machine: a lock says whose turn it is. In a flow its holder also has a slot of Prefect's server
(`pipeline.orchestration.prefect_slot`).

After a program ended in a way that it should not have, the GPU is looked at before the next candidate gets it: a known
kernel must give a known result, and the memory of those that ended must be free again. A GPU that does not pass is
quarantined: nothing more is run on it until somebody has looked.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, get_args

from pipeline.errors import SlotUnavailable
from pipeline.machine.exclusive import exclusive
from pipeline.supply.isolation_records import as_evidence
from pipeline.supply.platforms import platform_text
from pipeline.supply.slots import Slot
from pipeline.telemetry.contract import current_recorder
from runners import wire
from runners.conversation import RunnerFault
from runners.device_runners import RecordingRunner, Replayer, Tool
from runners.isolation_evidence import IsolationEvidence
from sandbox.contract import Limits, Program, Sandbox, SandboxUnavailable, Worker
from sandbox.devices import DeviceAccess
from sandbox.pool import WarmPool
from sandbox.seccomp import Use

WORKER_ARGV: Final = ("python3", "-I", "-m", "runners.inside.gpu.worker")
WATCHED_ARGV: Final = ("python3", "-I", "-m", "runners.inside.gpu.replayer")
REPLAYER_ARGV: Final = (*WATCHED_ARGV, "--times")  # under a tool nothing is timed
# The report goes to a file that the replayer reads; errors of the driver's API are the replayer's own to notice.
TOOL_ARGV: Final = (
    "--log-file", "/tmp/report", "--destroy-on-device-error", "kernel", "--print-limit", "20",
    "--report-api-errors", "no",
)  # fmt: skip
LIMITS: Final = Limits(
    memory_bytes=16 << 30, processes=1024, cpus=2.0, tmp_bytes=1 << 30, tmp_inodes=65_536, open_files=4096,
    file_bytes=1 << 30, start_deadline_s=120.0,
)  # fmt: skip
CUDA: Final[tuple[Use, ...]] = ("cuda",)
SANITIZED: Final[tuple[Use, ...]] = ("sanitizer",)
TAKE_TIMEOUT_S: Final = 180.0
LOOK_UP_S: Final = 1.0  # so often whoever waits for a turn asks whether the run has ended
HEALTH_DEADLINE_S: Final = 60.0
RUN_ENDED: Final = "the run was ended"
CONTEXT_BYTES: Final = 2 << 30  # of the GPU's memory that a warm program may hold
PROGRAMS: Final = 2 * (2 + len(get_args(Tool)))  # warm ones, and as many in use


class GpuSupply:
    """Programs on one GPU; a context manager that leaves none behind. Opens nothing before the first is taken."""

    def __init__(
        self,
        sandbox: Callable[[], Sandbox],
        image: Callable[[], str],
        access: DeviceAccess,
        sanitizer: str,
        state: Path,
        report: Callable[[str], None],
        *,
        number: int = 0,
        size: int = 1,
        limits: Limits = LIMITS,
    ) -> None:
        """Says what to start, and on what.

        Args:
            sandbox: Opened when the first program is taken; `image` is asked then, too.
            size: How many programs of each kind wait.
            sanitizer: Path of compute-sanitizer in the image.
            state: Folder in which the lock and the quarantine of this machine's GPUs are kept.
        """
        self._sandbox_of, self._image_of = sandbox, image
        self._access = access
        self._sanitizer = sanitizer
        self._state = state
        self._report = report
        self._number = number
        self._size = size
        self._limits = limits
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, ...], WarmPool] = {}
        self._sandbox: Sandbox | None = None
        self._program: Program | None = None
        self._isolation: IsolationEvidence | None = None
        self._platform: str | None = None
        self._closed = False
        self._slot: Slot | None = None
        self._turn = threading.Lock()
        self._taken: weakref.WeakSet[Worker] = weakref.WeakSet()
        self._recorder = current_recorder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._sandbox is not None:
            self._sandbox.close()  # after the takers ended theirs

    @property
    def isolation(self) -> IsolationEvidence | None:
        """In what the programs run, as proven from inside a container with the GPU in it."""
        return self._isolation

    @property
    def platform(self) -> str | None:
        """What evidence holds for: card, driver, and the image's torch and triton; None before it was opened."""
        return self._platform

    @property
    def identity(self) -> str | None:
        """The platform and the image: what evidence is kept for; None before it was opened."""
        return None if self._program is None else f"{self._platform}, image {self._program.image}"

    @property
    def number(self) -> int:
        """Which GPU of this machine."""
        return self._number

    def hold_also(self, slot: Slot) -> None:
        """From now on whoever has the turn holds `slot`, too."""
        self._slot = slot

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits until no other candidate is on the GPU, then keeps it.

        Raises:
            SandboxUnavailable: the GPU is quarantined, its slot can't be had, or the run was ended.
        """
        self._state.mkdir(parents=True, exist_ok=True)
        lock = self._state / f"gpu{self._number}.lock"
        with self._alone_here(), exclusive(lock, self._report, "is on the GPU", self._go_on):
            if self._quarantine.exists():
                raise SandboxUnavailable(
                    f"GPU {self._number} is quarantined: {self._quarantine.read_text(encoding='utf-8').strip()}. "
                    f"Look at it (nvidia-smi), then remove {self._quarantine}"
                )
            # The lock first: whoever had the slot and waited for the lock would be shown as one that is on the GPU.
            with ExitStack() as held:
                self._enter_slot(held)
                since = time.monotonic()
                held.callback(lambda: self._recorder.had_gpu(self._number, time.monotonic() - since))
                yield

    def _enter_slot(self, held: ExitStack) -> None:
        if self._slot is None:
            return
        try:
            held.enter_context(self._slot.hold(self._go_on))
        except SlotUnavailable as error:
            raise SandboxUnavailable(str(error)) from None

    def open(self) -> None:
        """Begins to warm one program of each kind, and proves what they are isolated by.

        Raises:
            SandboxUnavailable: none can be had.
        """
        with self._lock:
            self._opened()

    def take_recorder(self) -> RecordingRunner:
        """Waits for a warm program that calls a candidate."""
        return RecordingRunner(self._taken_from(WORKER_ARGV))

    def take_replayer(self) -> Replayer:
        """Waits for a warm program that replays."""
        return Replayer(self._taken_from(REPLAYER_ARGV))

    def take_sanitizer(self, tool: Tool) -> Replayer:
        """Waits for a warm program that replays under a tool."""
        return Replayer(self._taken_from(self._tool_argv(tool)))

    def look_at_the_gpu(self) -> None:
        """Runs a known kernel and looks at the free memory; quarantines the GPU where either is not as it was.

        Raises:
            SandboxUnavailable: it is quarantined now, or the run was ended, which says nothing of the GPU.
        """
        problem = self._ailment()
        if problem is None:
            return
        if self._closed:
            raise SandboxUnavailable(RUN_ENDED)
        self._quarantine.write_text(problem + "\n", encoding="utf-8")
        raise SandboxUnavailable(f"GPU {self._number} was quarantined: {problem}")

    def close(self) -> None:
        """Ends every program that waits, and aborts those that were taken, which their takers end."""
        with self._lock:
            self._closed = True
            for worker in self._taken:
                worker.abort()
            pools = tuple(self._pools.values())
        for pool in pools:
            pool.close()

    @contextmanager
    def _alone_here(self) -> Iterator[None]:
        """Of the threads of this run one at a time looks for the lock; there may be hundreds that wait."""
        while not self._turn.acquire(timeout=LOOK_UP_S):
            self._go_on()
        try:
            self._go_on()
            yield
        finally:
            self._turn.release()

    def _go_on(self) -> None:
        if self._closed:
            raise SandboxUnavailable(RUN_ENDED)

    @property
    def _quarantine(self) -> Path:
        return self._state / f"gpu{self._number}.quarantine"

    def _ailment(self) -> str | None:
        try:
            replayer = self.take_replayer()
        except SandboxUnavailable as error:
            return f"no program starts on it any more: {error}"
        try:
            healthy = replayer.health(HEALTH_DEADLINE_S)
        finally:
            replayer.end()
        if not isinstance(healthy, wire.Healthy):
            return f"a known kernel did not end: {healthy}"
        if not healthy.right:
            return "a known kernel gave a wrong result"
        used = healthy.total_bytes - healthy.free_bytes
        if used > PROGRAMS * CONTEXT_BYTES:
            return f"{used >> 20} MiB of its memory are in use after a program had ended"
        return None

    def _tool_argv(self, tool: Tool) -> tuple[str, ...]:
        return (self._sanitizer, "--tool", tool, *TOOL_ARGV, *WATCHED_ARGV)

    def _taken_from(self, argv: tuple[str, ...]) -> Worker:
        worker = self._pool(argv).take(TAKE_TIMEOUT_S)
        with self._lock:
            self._taken.add(worker)
            if self._closed:  # while this thread waited for the pool
                worker.abort()
        return worker

    def _pool(self, argv: tuple[str, ...]) -> WarmPool:
        with self._lock:
            if self._closed:
                raise SandboxUnavailable(RUN_ENDED)
            self._opened()
            return self._pools[argv]

    def _opened(self) -> None:
        if self._program is not None:
            return
        sandbox = self._recorder.around(self._sandbox_of())
        program = Program(image=self._image_of(), argv=WORKER_ARGV, limits=self._limits, device=self._access, uses=CUDA)
        self._isolation = as_evidence(sandbox.prove(program))
        self._platform = _platform_of(sandbox, replace(program, argv=REPLAYER_ARGV))
        kinds = (WORKER_ARGV, REPLAYER_ARGV, *(self._tool_argv(tool) for tool in get_args(Tool)))
        for argv in kinds:
            uses = CUDA if argv in (WORKER_ARGV, REPLAYER_ARGV) else (*CUDA, *SANITIZED)
            one = replace(program, argv=argv, uses=uses)
            self._pools[argv] = WarmPool(sandbox, one, self._size, warming_at_once=self._size)
        self._sandbox, self._program = sandbox, program


def _platform_of(sandbox: Sandbox, program: Program) -> str:
    worker = sandbox.start(program)
    replayer = Replayer(worker)
    try:
        greeting = replayer.greeting
    except RunnerFault as error:
        raise SandboxUnavailable(f"no program starts on the GPU: {error}") from None
    finally:
        replayer.end()
    return platform_text(greeting.device or "unknown", greeting.torch, greeting.triton)
