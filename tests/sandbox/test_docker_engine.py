from __future__ import annotations

import gc
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from relay import Relay

from sandbox.contract import Limits, Program, Reply, SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox
from sandbox.outcomes import SandboxFault

ECHO = """
import struct, sys
source, sink = sys.stdin.buffer, sys.stdout.buffer
def say(payload):
    sink.write(struct.pack("<Q", len(payload)) + payload); sink.flush()
say(b"ready")
while head := source.read(8):
    say(source.read(struct.unpack("<Q", head)[0]))
"""
SMALL = Limits(memory_bytes=64 << 20)


def echo(image: str) -> Program:
    return Program(image, ("python3", "-I", "-u", "-c", ECHO), SMALL)


def test_no_engine_at_the_socket_says_so_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"could not connect .*nothing.sock.*docker info|kernelgate doctor"):
        DockerEngine(f"unix://{tmp_path}/nothing.sock")


def test_something_that_is_no_engine_is_unavailable(tmp_path: Path) -> None:
    path = str(tmp_path / "other.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def talk() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(b"220 smtp ready\r\n\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(SandboxUnavailable, match="could not connect"):
            DockerEngine(f"unix://{path}")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("url", ["ssh://somewhere", "https://somewhere:2376", "npipe:////./pipe/docker"])
def test_an_address_that_cannot_carry_a_conversation_is_refused_at_once(url: str) -> None:
    with pytest.raises(SandboxUnavailable, match="only unix:// and plain tcp://"):
        DockerEngine(url)


def test_the_engine_says_what_it_is(engine: DockerEngine) -> None:
    assert engine.facts.default_runtime in engine.facts.runtimes
    assert engine.facts.version in engine.facts.title


def test_an_image_that_is_not_there_is_unavailable_and_says_how_to_build_it(docker_sandbox: DockerSandbox) -> None:
    with pytest.raises(SandboxUnavailable, match="kernelgate image build"):
        docker_sandbox.start(Program("kernelgate-no-such-image:none", ("true",)))


def test_a_runtime_that_the_engine_lacks_is_refused(engine: DockerEngine) -> None:
    with pytest.raises(SandboxUnavailable, match="no runtime 'vmrun'"):
        DockerSandbox(engine, runtime="vmrun")


def test_a_default_runtime_may_be_asked_for_by_name(engine: DockerEngine, runner_image: str) -> None:
    sandbox = DockerSandbox(engine, runtime=engine.facts.default_runtime)
    with sandbox.start(echo(runner_image)) as worker:
        assert worker.greeting() == Reply(b"ready")


def test_a_container_killed_through_the_engine_is_a_fault_of_ours(
    engine: DockerEngine, docker_sandbox: DockerSandbox, runner_image: str
) -> None:
    with docker_sandbox.start(echo(runner_image)) as worker:
        worker.greeting()
        engine.api.kill(worker.name)
        assert isinstance(worker.exchange([b"x"], deadline_s=20.0, cap_bytes=10), SandboxFault)


def test_a_container_removed_through_the_engine_is_a_fault_of_ours(
    engine: DockerEngine, docker_sandbox: DockerSandbox, runner_image: str
) -> None:
    with docker_sandbox.start(echo(runner_image)) as worker:
        worker.greeting()
        engine.api.remove_container(worker.name, force=True)
        assert isinstance(worker.exchange([b"x"], deadline_s=20.0, cap_bytes=10), SandboxFault)


# The SDK drops the socket of a connection that was refused without closing it.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_an_engine_that_vanishes_in_the_middle_is_a_fault_and_never_the_programs(
    engine: DockerEngine, runner_image: str, tmp_path: Path
) -> None:
    with Relay(engine.url, tmp_path / "relay.sock") as relay, DockerEngine(relay.url) as relayed:
        worker = DockerSandbox(relayed).start(echo(runner_image))
        worker.greeting()
        relay.cut()
        outcome = worker.exchange([b"x"], deadline_s=20.0, cap_bytes=10)
        left = worker.name
    engine.api.remove_container(left, force=True)  # nothing could, without an engine
    assert isinstance(outcome, SandboxFault)
    assert worker.end() == outcome
    gc.collect()
