"""One container on the engine: made, attached, started, killed, looked at, removed.

It is addressed by a name that is chosen before the create call, so that it can be removed even when that call was
interrupted and its answer never read. Every failure of the engine is a `SandboxUnavailable`; what it means for the
program inside is decided by `sandbox.started_worker`.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout as RequestsTimeout

from sandbox.confinement import EndState
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import (
    CALL_TIMEOUT_S,
    APIError,
    DockerEngine,
    NotFound,
    engine_errors,
    is_settled,
    is_still_dying,
)
from sandbox.group_counters import pids_in
from sandbox.hardening import ContainerSpec
from sandbox.looking import look_at, refused_calls
from sandbox.runtimes import is_gvisor
from sandbox.seen_outside import Outside
from sandbox.usage import Usage

REMOVAL_DEADLINE_S: Final = 30.0
REMOVAL_POLL_S: Final = 0.05
LOOK_TIMEOUT_S: Final = 1.0  # for what a verdict does not need
INIT_AND_PROGRAM: Final = 2
# The engine writes down a kill only after the signal was sent, so the note may be younger than the death.
EVENT_LAG: Final = timedelta(milliseconds=50)
OOM_EVENT_LAG: Final = timedelta(seconds=1)  # measured with gVisor on a busy machine: 9 and 19 ms after the end


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What the engine really used, and the number of the container's first process where the engine runs."""

    runtime: str
    image_id: str
    container_id: str
    pid: int


class Container:
    """A container that exists on the engine until `remove`."""

    def __init__(self, engine: DockerEngine, name: str, unremoved: set[str], *, logs_refusals: bool = False) -> None:
        """Addresses a container.

        Args:
            unremoved: Holds the names of those that the engine would not remove.
            logs_refusals: Its filter was loaded so that the kernel logs what it refuses.
        """
        self.name = name
        self._engine = engine
        self._unremoved = unremoved
        self._logs_refusals = logs_refusals

    @classmethod
    def create(cls, engine: DockerEngine, spec: ContainerSpec, unremoved: set[str]) -> Container:
        """Makes the container without starting it.

        Raises:
            SandboxUnavailable: the engine does not answer, refuses, or does not have the image.
        """
        name = f"kernelgate-{secrets.token_hex(8)}"
        container = cls(engine, name, unremoved, logs_refusals=spec.logs_refusals)
        try:
            with engine_errors(f"create a container of {spec.image}", engine.url):
                engine.api.create_container_from_config(  # type: ignore[no-untyped-call]  # the SDK's stubs lack it
                    spec.body(), name=container.name
                )
        except BaseException:
            container.discard()
            raise
        return container

    def attach(self) -> socket.socket:
        """Returns the socket of stdin, stdout and stderr; attached before the start, it misses nothing."""
        with engine_errors("attach to the container", self._engine.url):
            # Not through the SDK's `attach_socket`: it leaves the HTTP connection behind the socket open.
            response = self._engine.api.post(
                self._engine.address(f"containers/{self.name}/attach"),
                params={"stdin": "1", "stdout": "1", "stderr": "1", "stream": "1"},
                headers={"Connection": "Upgrade", "Upgrade": "tcp"},
                stream=True,
                timeout=CALL_TIMEOUT_S,
            )
            with closing(response):
                response.raise_for_status()
                return socket.socket(fileno=os.dup(response.raw.fileno()))

    def start(self) -> None:
        """Starts the program."""
        with engine_errors("start the container", self._engine.url):
            self._engine.api.start(self.name)

    def facts(self) -> ContainerFacts:
        """Asks the engine which runtime and image it used."""
        with engine_errors("look at the container", self._engine.url):
            attributes = self._engine.api.inspect_container(self.name)
        return _facts_in(attributes)

    def usage(self, since_s: float) -> Usage:
        """What the kernel counted so far; unknown where it does not run, or the engine is slow or elsewhere."""
        try:
            with engine_errors("look at the container", self._engine.url):
                # Not through the SDK's `inspect_container`: it waits as long as any call may.
                address = self._engine.address(f"containers/{self.name}/json")
                response = self._engine.api.get(address, timeout=LOOK_TIMEOUT_S)
                response.raise_for_status()
                facts = _facts_in(response.json())
        except (SandboxUnavailable, KeyError, TypeError, ValueError):
            return Usage()

        def folders(controller: str) -> tuple[Path, ...]:
            return tuple(Outside().folders(facts.pid, facts.container_id, controller))

        seen = look_at(facts.pid, folders, ours=INIT_AND_PROGRAM)
        if is_gvisor(facts.runtime):  # those are its own processes, and no files
            return replace(seen, processes_left=None, folders=None, tasks_peak=None)
        if not self._logs_refusals:
            return seen
        return replace(seen, refused_calls=refused_calls(pids_in(folders), since_s))

    def kill(self) -> None:
        """Sends SIGKILL to everything in it; nothing happens when it is not running. It may not be dead yet."""
        with engine_errors("kill the container", self._engine.url):
            try:
                self._engine.api.kill(self.name)
            except APIError as error:
                if not (is_settled(error) or is_still_dying(error)):
                    raise

    def end_state(self, timeout_s: float) -> EndState | None:
        """Waits until it is not running and says how it ended; None when it still runs after `timeout_s`."""
        with engine_errors("find out how the container ended", self._engine.url):
            # The SDK raises either of the two when the time is up; whether the engine is alive shows in the look.
            with suppress(RequestsTimeout, RequestsConnectionError):
                self._engine.api.wait(self.name, timeout=max(1, round(timeout_s)))
            state = self._engine.api.inspect_container(self.name)["State"]
        if state["Running"]:
            return None
        return EndState(
            exit_code=int(state["ExitCode"]),
            oom_killed=bool(state["OOMKilled"]),
            started_at=datetime.fromisoformat(state["StartedAt"]),
            finished_at=datetime.fromisoformat(state["FinishedAt"]),
        )

    def was_signalled_from_outside(self, state: EndState) -> bool:
        """Whether a signal was sent through the engine: `docker kill`, `docker stop`, or its own shutdown."""
        return self._has_event("kill", state.started_at, state.finished_at + EVENT_LAG)

    def reached_memory_limit(self, state: EndState) -> bool:
        """Whether the engine heard of a kill at the limit, be it after the end: its state does not say so then."""
        return state.oom_killed or self._has_event("oom", state.started_at, state.finished_at + OOM_EVENT_LAG)

    def _has_event(self, event: str, since: datetime, until: datetime) -> bool:
        """Waits until that moment if it is still to come."""
        with engine_errors("ask the engine for its events", self._engine.url):
            # Not through the SDK's `events`: it cuts times to seconds and waits without a limit.
            response = self._engine.api.get(
                self._engine.address("events"),
                params={
                    "since": f"{since.timestamp():.6f}",
                    "until": f"{until.timestamp():.6f}",
                    "filters": json.dumps({"container": [self.name], "event": [event]}),
                },
                timeout=CALL_TIMEOUT_S,
            )
            response.raise_for_status()
            return bool(response.content.strip())

    def remove(self, deadline_s: float = REMOVAL_DEADLINE_S) -> None:
        """Kills what runs, removes the container, and returns when the engine knows it no more.

        Raises:
            SandboxUnavailable: it could not be removed in time, and its name is among the unremoved.
        """
        until = time.monotonic() + deadline_s
        self._unremoved.add(self.name)
        while self._exists_after_removal():
            if time.monotonic() > until:
                raise SandboxUnavailable(
                    f"the engine at {self._engine.url} does not remove a container; try `docker rm -f {self.name}`"
                )
            time.sleep(REMOVAL_POLL_S)
        self._unremoved.discard(self.name)

    def discard(self, deadline_s: float = REMOVAL_DEADLINE_S) -> None:
        """Removes it on the way out of another failure, which is the one to be reported."""
        with suppress(SandboxUnavailable):
            self.remove(deadline_s)

    def _exists_after_removal(self) -> bool:
        with engine_errors("remove the container", self._engine.url):
            try:
                self._engine.api.remove_container(self.name, v=True, force=True)
            except APIError as error:
                if not (is_settled(error) or is_still_dying(error)):
                    raise
            try:
                self._engine.api.inspect_container(self.name)
            except NotFound:
                return False
            return True


def _facts_in(attributes: dict[str, Any]) -> ContainerFacts:
    return ContainerFacts(
        runtime=str(attributes["HostConfig"]["Runtime"]),
        image_id=str(attributes["Image"]),
        container_id=str(attributes["Id"]),
        pid=int(attributes["State"]["Pid"]),
    )
