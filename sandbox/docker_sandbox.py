"""The Docker sandbox: hardened containers, used once.

This module only puts the parts together: the specification (`sandbox.hardening`), the container (`sandbox.container`),
the conversation (`sandbox.started_worker`), the proof (`sandbox.proof`), and who owns what (`sandbox.owner`).

What an engine that did not answer has kept is removed when the sandbox is closed.

Deliberately not handled: a container whose owner lives in another boot or process namespace is left alone while it runs
(its owner may be alive and out of our sight); once it has stopped and is an hour old it is reaped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sandbox.attached import AttachedStream
from sandbox.container import Container, ContainerFacts
from sandbox.contract import IsolationProof, LimitProof, Limits, Program, Reply, SandboxUnavailable
from sandbox.docker_engine import DockerEngine, engine_errors
from sandbox.hardening import ContainerSpec, harden
from sandbox.layers import ROOTLESS
from sandbox.owner import MARK, Liveness, Owner, from_labels, this_process
from sandbox.printable import printable
from sandbox.proof import probe_argv, read_report
from sandbox.runtimes import is_gvisor
from sandbox.seen_outside import Outside
from sandbox.started_worker import StartedWorker

Harden = Callable[[Program, Owner, str | None], ContainerSpec]
STALE_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class OwnedContainer:
    """A container of kernelgate's, and what can be said of the process that started it; `pid` None: nobody knows."""

    pid: int | None
    owner: Liveness
    is_running: bool


class DockerSandbox:
    """Starts workers as containers of one engine. Thread-safe."""

    def __init__(self, engine: DockerEngine, *, runtime: str | None = None, hardening: Harden = harden) -> None:
        """Checks that the engine knows the runtime.

        Args:
            engine: The engine; stays the caller's, who closes it.
            runtime: An OCI runtime such as `runsc`, or None for the engine's default.
            hardening: Makes the specification. The proof says what a weaker one lacks.

        Raises:
            SandboxUnavailable: the engine does not have that runtime.
        """
        if runtime is not None and runtime not in engine.facts.runtimes:
            raise SandboxUnavailable(
                f"the engine has no runtime {runtime!r}, only {', '.join(engine.facts.runtimes)}; "
                "add it to the engine's daemon.json or ask for another"
            )
        self._engine = engine
        self._runtime = runtime or engine.facts.default_runtime
        self._hardening = hardening
        self._unremoved: set[str] = set()  # also holds what is being removed right now

    def start(self, program: Program) -> StartedWorker:
        """Starts `program` in a fresh container.

        Raises:
            SandboxUnavailable: the engine does not answer or refused.
        """
        return self._start(program)[1]

    def prove(self, program: Program) -> IsolationProof:
        """Shows from inside a container made like every other that each limit holds.

        Raises:
            SandboxUnavailable: the engine does not answer or refused, or the probe did not complete.
        """
        argv = probe_argv(program.limits, self._trusted_variables(program), self._engine.facts.kernel)
        container, started = self._start(replace(program, argv=argv))
        with started as worker:
            answer = worker.greeting()
            if not isinstance(answer, Reply):
                raise SandboxUnavailable(
                    f"the isolation probe did not complete in image {program.image}: {answer}; "
                    f"its last words: {printable(worker.last_words()[-500:]) or 'none'}"
                )
            report = read_report(answer.payload)
            facts = container.facts()
            limits = _with_outside(report.limits, facts, program.limits)
        return IsolationProof(
            isolation="docker",
            engine=self._engine.facts.title,
            runtime=facts.runtime,
            image=facts.image_id,
            limits=limits,
            layers=(*report.layers, self._rootless_engine()),
        )

    def reap(self) -> int:
        """Removes containers whose owner is gone; returns how many this call removed."""
        left_over = [entry["Names"][0].lstrip("/") for entry in self._listed() if _is_left_over(entry)]
        for name in left_over:
            self._container(name).remove()
        return len(left_over)

    def owned(self) -> tuple[OwnedContainer, ...]:
        """Returns all that kernelgate has started on this engine and that are still there, whoever's they are.

        Raises:
            SandboxUnavailable: the engine does not answer.
        """
        return tuple(map(_owned, self._listed()))

    def _listed(self) -> list[dict[str, Any]]:
        with engine_errors("list containers", self._engine.url):
            return list(self._engine.api.containers(all=True, filters={"label": f"{MARK}=1"}))

    def close(self) -> None:
        """Removes what could not be removed before; what still cannot be is left to a later run's `reap`."""
        for name in tuple(self._unremoved):
            self._container(name).discard()

    def _container(self, name: str) -> Container:
        return Container(self._engine, name, self._unremoved)

    def _rootless_engine(self) -> LimitProof:
        options = ", ".join(self._engine.facts.security) or "none"
        return LimitProof(ROOTLESS, self._engine.facts.is_rootless, f"the engine says that it has: {options}")

    def _start(self, program: Program) -> tuple[Container, StartedWorker]:
        # A runtime that does not know the flag refuses to start anything.
        logs = program.logs_refusals and self._runtime in self._engine.facts.logging_runtimes
        spec = self._hardening(replace(program, logs_refusals=logs), this_process(), self._runtime)
        container = Container.create(self._engine, spec, self._unremoved)
        try:
            stream = AttachedStream(container.attach())
            try:
                container.start()
                return container, StartedWorker(container, stream, program.limits)
            except BaseException:
                stream.close()
                raise
        except BaseException:
            container.discard()
            raise

    def _trusted_variables(self, program: Program) -> set[str]:
        spec = self._hardening(program, this_process(), self._runtime)
        ours = (line.partition("=")[0] for line in spec.environment)
        return {*ours, *self._engine.image(program.image).variables}


def _with_outside(inside: tuple[LimitProof, ...], facts: ContainerFacts, limits: Limits) -> tuple[LimitProof, ...]:
    """gVisor has no control groups to show, so the host's are looked at; every other runtime is seen from inside."""
    if not is_gvisor(facts.runtime):
        return inside
    outside = {proof.name: proof for proof in Outside().proofs(facts.pid, facts.container_id, limits)}
    return tuple(outside.get(proof.name, proof) for proof in inside)


def _owned(entry: dict[str, Any]) -> OwnedContainer:
    owner = from_labels(entry["Labels"])
    liveness = Liveness.OUT_OF_SIGHT if owner is None else owner.liveness()
    return OwnedContainer(None if owner is None else owner.pid, liveness, str(entry["State"]) == "running")


def _is_left_over(entry: dict[str, Any]) -> bool:
    owner = from_labels(entry["Labels"])
    if owner is None:
        return False
    match owner.liveness():
        case Liveness.ALIVE:
            return False
        case Liveness.DEAD:
            return True
        case Liveness.OUT_OF_SIGHT:
            old = time.time() - float(entry["Created"]) > STALE_AFTER_S
            return old and entry["State"] != "running"
