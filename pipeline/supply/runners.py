"""Where runners come from: a sandbox, a proof that its limits hold, and a pool of warm workers.

Opening one is what needs an engine, or a kernel that lets us make namespaces; everything above takes runners from
whatever `RunnerSupply` it is given. Neither is asked for before the first runner is: a run whose candidates are all
denied by their source needs none. Which of the two it is, the settings say and nothing else: a gate that changed to a
weaker sandbox by itself would hand out verdicts that nobody asked for.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from pipeline.machine.engine import answering_engine
from pipeline.machine.host_view import runner_view
from pipeline.machine.runner_image import COMPILER_ARGV, WORKER_ARGV, ensure_runner_image
from pipeline.settings import SMALLEST_RUNNER_MIB, SandboxKind, Settings
from pipeline.supply.isolation_records import as_evidence
from pipeline.supply.machine_slots import SharedMachine
from pipeline.telemetry.contract import current_recorder
from policies.policy import Policy
from runners.compiler import Compiler
from runners.conversation import Runner
from runners.evidence import IsolationEvidence
from sandbox.contract import Limits, Program, Sandbox, SandboxUnavailable, Worker
from sandbox.control_groups import ControlGroups
from sandbox.devices import NO_DEVICE, DeviceAccess
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.namespace_sandbox import ISOLATION, NamespaceSandbox
from sandbox.pool import WarmPool

TAKE_TIMEOUT_S = 120.0


class RunnerSupply(Protocol):
    """Gives fresh runners; thread-safe."""

    @property
    def isolation(self) -> IsolationEvidence | None:
        """In what the runners run, as proven from inside; None before the first was taken."""
        ...

    def take(self) -> Runner:
        """Returns a fresh runner, warm if one is.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...

    def take_compiler(self) -> Compiler:
        """Returns a fresh worker that compiles.

        Raises:
            SandboxUnavailable: none can be had.
        """
        ...


class Ground(NamedTuple):
    """On what runners stand: a sandbox, and the image that they are started from."""

    sandbox: Sandbox
    image: str
    device: DeviceAccess = NO_DEVICE


class PooledSupply(ABC):
    """Runners from a pool; a context manager that leaves none behind. Subclasses say on what they stand."""

    def __init__(self, settings: Settings, policy: Policy, report: Callable[[str], None]) -> None:
        self._settings = settings
        self._policy = policy
        self._report = report
        self._lock = threading.Lock()
        self._pool: WarmPool | None = None
        self._compilers: WarmPool | None = None
        self._sandbox: Sandbox | None = None
        self._taken: weakref.WeakSet[Worker] = weakref.WeakSet()
        self._closed = False
        self._isolation: IsolationEvidence | None = None
        self._recorder = current_recorder()  # now: the pool is opened on whatever thread takes first

    @property
    def isolation(self) -> IsolationEvidence | None:
        """The proof for this sandbox and image."""
        return self._isolation

    def take(self) -> Runner:
        """Opens the pool when this is the first call, then waits for a warm runner."""
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the run was ended")
            pool = self._pool = self._pool or self._open()
        worker = pool.take(TAKE_TIMEOUT_S)
        self._hand_out(worker)
        return Runner(worker)

    def take_compiler(self) -> Compiler:
        """Waits for a warm compiler; the first one was begun when the pool of runners was opened."""
        with self._lock:
            if self._closed:
                raise SandboxUnavailable("the run was ended")
            self._pool = self._pool or self._open()
            assert self._compilers is not None
            pool = self._compilers
        worker = pool.take(TAKE_TIMEOUT_S)
        self._hand_out(worker)
        return Compiler(worker)

    def _hand_out(self, worker: Worker) -> None:
        with self._lock:
            self._taken.add(worker)
            if self._closed:  # while this thread waited for the pool
                worker.abort()

    def open(self) -> None:
        """Makes sandbox, proof and pool ready now instead of at the first `take`."""
        with self._lock:
            self._pool = self._pool or self._open()

    def close(self) -> None:
        """Ends every runner that the pool holds, and aborts those that were taken, which their takers end."""
        with self._lock:
            self._closed = True
            for worker in self._taken:
                worker.abort()
        for pool in (self._pool, self._compilers):
            if pool is not None:
                pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._sandbox is not None:
            self._sandbox.close()  # after the takers ended theirs

    @abstractmethod
    def _ground(self) -> Ground:
        """Returns what runners stand on.

        Raises:
            SandboxUnavailable: it can't be had.
        """

    def _open(self) -> WarmPool:
        sandbox, image, device = self._ground()
        self._sandbox = sandbox = self._recorder.around(sandbox)
        reaped = sandbox.reap()
        if reaped:
            self._report(f"removed what {reaped} workers of a killed run had left")
        limits = Limits(memory_bytes=self._settings.runner_bytes or _memory_share(self._settings.workers))
        program = Program(
            image=image, argv=WORKER_ARGV, limits=limits, device=device, logs_refusals=self._settings.logs_refusals
        )
        pool = self._pool_of(sandbox, program, self._settings.workers)
        try:
            self._isolation = as_evidence(sandbox.prove(program))
        except BaseException:
            pool.close()
            raise
        pool.be_patient()
        # Not before the proof: until here the runner that was asked for is all that anybody waits for.
        self._compilers = self._pool_of(sandbox, replace(program, argv=COMPILER_ARGV), 1)
        self._compilers.be_patient()
        return pool

    def _pool_of(self, sandbox: Sandbox, program: Program, size: int) -> WarmPool:
        warming = SharedMachine.of_this_user(self._settings.workers).warming
        return WarmPool(
            sandbox, program, size, warming_at_once=size, patience_s=self._settings.outage_s, permit=warming
        )


class DockerSupply(PooledSupply):
    """Runners in containers of the engine that answers."""

    def __init__(self, settings: Settings, policy: Policy, report: Callable[[str], None]) -> None:
        super().__init__(settings, policy, report)
        self._engine: DockerEngine | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._engine is not None:
            self._engine.close()  # last: whoever holds a runner ends it through the engine

    def _ground(self) -> Ground:
        url = self._answering()
        image = ensure_runner_image(url, self._settings, self._policy.packages, self._report)
        if self._engine is None:
            self._engine = DockerEngine(url)
        return Ground(DockerSandbox(self._engine, runtime=self._settings.runtime), image.id)

    def _answering(self) -> str:
        try:
            return answering_engine()
        except SandboxUnavailable as error:
            if ISOLATION not in self._policy.isolation.accepted:
                raise
            raise SandboxUnavailable(
                f"{error} Or do without an engine: --sandbox embedded isolates with namespaces alone, "
                f"which policy '{self._policy.name}' accepts."
            ) from None


class EmbeddedSupply(PooledSupply):
    """Runners in namespaces that are made here, without an engine."""

    def _ground(self) -> Ground:
        if ISOLATION not in self._policy.isolation.accepted:
            self._report(
                f"note: policy '{self._policy.name}' accepts no evidence from the embedded sandbox: no candidate can "
                "end better than inconclusive here. Policy dev accepts it, or leave --sandbox out"
            )
        view = runner_view(self._settings.project, self._policy.packages)
        return Ground(NamespaceSandbox(view, ControlGroups.of_this_machine()), view.image)


def supply_for(settings: Settings, policy: Policy, report: Callable[[str], None]) -> PooledSupply:
    """Returns the supply that the settings ask for; it opens nothing yet."""
    kind = EmbeddedSupply if settings.sandbox is SandboxKind.EMBEDDED else DockerSupply
    return kind(settings, policy, report)


def _memory_share(workers: int) -> int:
    """So much for a runner that all of them, in use and warm, fit: the host's own OOM killer blames anybody."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(SMALLEST_RUNNER_MIB << 20, min(Limits().memory_bytes, int(0.8 * host / (2 * workers + 1))))
