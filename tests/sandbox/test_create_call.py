"""Every field of the create call, as the engine gets it from the SDK, and what it comes from.

The table is proven, not believed: each input is changed alone, and only the fields that name it may change. A field
that the table does not have fails, whoever added it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import docker
import pytest
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from sandbox.container import Container
from sandbox.contract import Limits, Program
from sandbox.devices import DeviceAccess
from sandbox.docker_engine import DockerEngine
from sandbox.hardening import harden
from sandbox.owner import Owner

CONSTANT, IMAGE, ARGUMENTS, OWNER, RUNTIME = "constant", "image id", "arguments of the harness", "owner", "runtime"
DEVICE, USES = "the GPU that the machine's owner named", "what the program uses"
LOGS = "whether the machine's owner wants refusals logged"
MEMORY, PROCESSES, CPUS, TMP, INODES, FILES, FSIZE = (
    "memory_bytes", "processes", "cpus", "tmp_bytes", "tmp_inodes", "open_files", "file_bytes",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    "Image": (IMAGE,),
    "Entrypoint": (ARGUMENTS,),
    "Cmd": (CONSTANT,),
    "Env[HOME]": (CONSTANT,),
    "Env[TMPDIR]": (CONSTANT,),
    "Env[LANG]": (CONSTANT,),
    "Env[OMP_NUM_THREADS]": (CPUS,),
    "Labels.kernelgate": (CONSTANT,),
    "Labels.kernelgate.owner.pid": (OWNER,),
    "Labels.kernelgate.owner.start": (OWNER,),
    "Labels.kernelgate.owner.boot": (OWNER,),
    "Labels.kernelgate.owner.namespace": (OWNER,),
    "User": (CONSTANT,),
    "WorkingDir": (CONSTANT,),
    "Hostname": (CONSTANT,),
    "Domainname": (CONSTANT,),
    "NetworkDisabled": (CONSTANT,),
    "Healthcheck.Test": (CONSTANT,),
    "Tty": (CONSTANT,),
    "OpenStdin": (CONSTANT,),
    "StdinOnce": (CONSTANT,),
    "AttachStdin": (CONSTANT,),
    "AttachStdout": (CONSTANT,),
    "AttachStderr": (CONSTANT,),
    "HostConfig.NetworkMode": (CONSTANT,),
    "HostConfig.IpcMode": (CONSTANT,),
    "HostConfig.CgroupnsMode": (CONSTANT,),
    "HostConfig.Privileged": (CONSTANT,),
    "HostConfig.PublishAllPorts": (CONSTANT,),
    "HostConfig.ReadonlyRootfs": (CONSTANT,),
    "HostConfig.CapAdd": (CONSTANT,),
    "HostConfig.CapDrop": (CONSTANT,),
    "HostConfig.SecurityOpt": (RUNTIME, USES, LOGS),  # gVisor takes the allowlist in another wording
    "HostConfig.Memory": (MEMORY,),
    "HostConfig.MemorySwap": (MEMORY,),
    "HostConfig.NanoCpus": (CPUS,),
    "HostConfig.PidsLimit": (PROCESSES, RUNTIME),
    "HostConfig.OomKillDisable": (CONSTANT,),
    "HostConfig.OomScoreAdj": (CONSTANT,),
    "HostConfig.Tmpfs./tmp": (TMP, INODES),
    "HostConfig.Tmpfs./cache": (TMP, INODES),
    "HostConfig.Tmpfs./dev/mqueue": (CONSTANT,),
    "HostConfig.Ulimits[nofile]": (FILES,),
    "HostConfig.Ulimits[nproc]": (PROCESSES, RUNTIME),
    "HostConfig.Ulimits[core]": (CONSTANT,),
    "HostConfig.Ulimits[fsize]": (FSIZE,),
    "HostConfig.Binds": (CONSTANT,),
    "HostConfig.Mounts": (DEVICE,),
    "HostConfig.Devices": (DEVICE,),
    "HostConfig.DeviceRequests": (DEVICE,),
    "HostConfig.GroupAdd": (CONSTANT,),
    "HostConfig.LogConfig.Type": (CONSTANT,),
    "HostConfig.LogConfig.Config": (CONSTANT,),
    "HostConfig.RestartPolicy.Name": (CONSTANT,),
    "HostConfig.AutoRemove": (CONSTANT,),
    "HostConfig.Init": (CONSTANT,),
    "HostConfig.Runtime": (RUNTIME,),
}


ONLY_WITH_GVISOR = {"HostConfig.Runtime", "HostConfig.Ulimits[nproc]"}


class Recorder(BaseAdapter):
    """Stands where the engine's socket is; keeps what the SDK would have sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[PreparedRequest] = []

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]
        self.sent.append(request)
        response = Response()
        response.status_code, response._content, response.request = 201, b'{"Id": "0", "Warnings": []}', request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        pass


def create(program: Program, owner: Owner, runtime: str | None) -> PreparedRequest:
    """The request that the real SDK makes of the real specification."""
    engine, recorder = object.__new__(DockerEngine), Recorder()
    engine.url = "tcp://engine:1"
    engine.api = docker.APIClient(base_url="tcp://engine:1", version="1.41")
    engine.api.mount("http://", recorder)
    try:
        Container.create(engine, harden(program, owner, runtime), set())
    finally:
        engine.close()
    (request,) = recorder.sent
    return request


def flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of a JSON document, by path; lists of named things by name."""
    match value:
        case {"Name": name, "Soft": _, "Hard": _}:
            yield f"{path}[{name}]", value
        case dict() if value:
            for key, inner in value.items():
                yield from flat(inner, f"{path}.{key}" if path else key)
        case [{"Name": _}, *_]:
            for inner in value:
                yield from flat(inner, path)
        case [str(first), *_] if path == "Env" and "=" in first:
            yield from ((f"{path}[{entry.partition('=')[0]}]", entry) for entry in value)
        case _:
            yield path, value


def fields_of(request: PreparedRequest) -> dict[str, object]:
    assert isinstance(request.body, str | bytes)
    return dict(flat(json.loads(request.body)))


LIMITS = Limits()
GPU = DeviceAccess(requested=("0",), nodes=("/dev/nvidia0",), mounts=("/usr/local/nvidia",))
PROGRAM = Program("sha256:1", ("python3", "-m", "worker"), LIMITS)
OWNER_1 = Owner(pid=1, start_ticks=2, boot="b", namespace="n")
OWNER_2 = Owner(pid=3, start_ticks=4, boot="c", namespace="o")


def changed(**limits: float) -> Program:
    return dataclasses.replace(PROGRAM, limits=dataclasses.replace(LIMITS, **limits))  # type: ignore[arg-type]


OTHERS: Mapping[str, tuple[Program, Owner, str | None]] = {
    IMAGE: (dataclasses.replace(PROGRAM, image="sha256:2"), OWNER_1, "runsc"),
    ARGUMENTS: (dataclasses.replace(PROGRAM, argv=("python3", "-m", "compiler")), OWNER_1, "runsc"),
    OWNER: (PROGRAM, OWNER_2, "runsc"),
    RUNTIME: (PROGRAM, OWNER_1, "runc"),
    DEVICE: (dataclasses.replace(PROGRAM, device=GPU), OWNER_1, "runsc"),
    USES: (dataclasses.replace(PROGRAM, uses=("cuda",)), OWNER_1, "runsc"),
    LOGS: (dataclasses.replace(PROGRAM, logs_refusals=True), OWNER_1, "runsc"),
    **{
        name: (changed(**{name: getattr(LIMITS, name) + 1}), OWNER_1, "runsc")
        for name in (MEMORY, PROCESSES, CPUS, TMP, INODES, FILES, FSIZE)
    },
}


def test_the_table_has_every_field_and_no_other() -> None:
    assert set(fields_of(create(PROGRAM, OWNER_1, "runsc"))) == set(FIELDS)


def test_without_an_asked_runtime_none_is_named() -> None:
    assert set(fields_of(create(PROGRAM, OWNER_1, None))) == set(FIELDS) - ONLY_WITH_GVISOR


@pytest.mark.parametrize("source", OTHERS)
def test_an_input_reaches_the_fields_that_name_it_and_no_other(source: str) -> None:
    before, after = fields_of(create(PROGRAM, OWNER_1, "runsc")), fields_of(create(*OTHERS[source]))
    assert {field for field in FIELDS if before.get(field) != after.get(field)} == {
        field for field, sources in FIELDS.items() if source in sources
    }


def test_every_input_of_the_call_is_in_the_table() -> None:
    inputs = {field.name for field in dataclasses.fields(Limits)} - {"start_deadline_s"}  # which the host keeps itself
    assert inputs | {IMAGE, ARGUMENTS, OWNER, RUNTIME, DEVICE, USES, LOGS} == set(OTHERS)
    assert {field.name for field in dataclasses.fields(Program)} == {
        "image", "argv", "limits", "device", "uses", "logs_refusals",
    }  # fmt: skip


def test_beside_the_body_the_call_has_a_drawn_name_and_nothing_else() -> None:
    first, second = (create(PROGRAM, OWNER_1, None) for _ in range(2))
    assert first.body == second.body
    assert first.headers == second.headers
    assert set(first.headers) == {
        "User-Agent",
        "Accept-Encoding",
        "Accept",
        "Connection",
        "Content-Type",
        "Content-Length",
    }
    for request in (first, second):
        assert re.fullmatch(r"http://engine:1/v1.41/containers/create\?name=kernelgate-[0-9a-f]{16}", str(request.url))
    assert first.url != second.url


def test_a_field_that_nobody_listed_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    body = harden(PROGRAM, OWNER_1, None).body() | {"StopSignal": "SIGUSR1"}
    monkeypatch.setattr("sandbox.hardening.ContainerSpec.body", lambda self: body)
    assert set(fields_of(create(PROGRAM, OWNER_1, None))) - set(FIELDS) == {"StopSignal"}
