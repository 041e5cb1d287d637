from __future__ import annotations

import json

import pytest

from sandbox.contract import Limits, Program
from sandbox.devices import DeviceAccess
from sandbox.hardening import Ulimit, harden
from sandbox.owner import Owner

LIMITS = Limits(
    memory_bytes=1 << 30,
    processes=99,
    cpus=1.5,
    tmp_bytes=1 << 20,
    tmp_inodes=77,
    open_files=55,
    file_bytes=1 << 19,
)
PROGRAM = Program("sha256:abc", ("python3", "-I", "main.py"), LIMITS)
OWNER = Owner(pid=42, start_ticks=4711, boot="a-boot", namespace="pid:[1]")
TMPFS = "rw,nosuid,nodev,size=1048576,nr_inodes=77,mode=1777"

TOP = {
    "Image": "sha256:abc",
    "Entrypoint": ["python3", "-I", "main.py"],
    "Cmd": [],
    "Env": ["HOME=/cache", "TMPDIR=/tmp", "LANG=C.UTF-8", "OMP_NUM_THREADS=2"],
    "Labels": {
        "kernelgate": "1",
        "kernelgate.owner.pid": "42",
        "kernelgate.owner.start": "4711",
        "kernelgate.owner.boot": "a-boot",
        "kernelgate.owner.namespace": "pid:[1]",
    },
    "User": "10001:10001",
    "WorkingDir": "/tmp",
    "Hostname": "sandbox",
    "Domainname": "",
    "NetworkDisabled": True,
    "Healthcheck": {"Test": ["NONE"]},
    "Tty": False,
    "OpenStdin": True,
    "StdinOnce": True,
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
}
HOST = {
    "NetworkMode": "none",
    "IpcMode": "none",
    "CgroupnsMode": "private",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": True,
    "CapAdd": [],
    "CapDrop": ["ALL"],
    "Memory": 1 << 30,
    "MemorySwap": 1 << 30,
    "NanoCpus": 1_500_000_000,
    "PidsLimit": 99,
    "OomKillDisable": False,
    "OomScoreAdj": 500,
    "Tmpfs": {
        "/tmp": f"{TMPFS},noexec",
        "/cache": f"{TMPFS},exec",
        "/dev/mqueue": "ro,nosuid,nodev,noexec,size=4096,mode=0555",
    },
    "Ulimits": [
        {"Name": "nofile", "Soft": 55, "Hard": 55},
        {"Name": "core", "Soft": 0, "Hard": 0},
        {"Name": "fsize", "Soft": 1 << 19, "Hard": 1 << 19},
    ],
    "Binds": [],
    "Mounts": [],
    "Devices": [],
    "DeviceRequests": [],
    "GroupAdd": [],
    "LogConfig": {"Type": "none", "Config": {}},
    "RestartPolicy": {"Name": "no"},
    "AutoRemove": False,
    "Init": True,
}


@pytest.fixture
def body() -> dict[str, object]:
    return harden(PROGRAM, OWNER, None).body()


@pytest.fixture
def host(body: dict[str, object]) -> dict[str, object]:
    return body.pop("HostConfig")  # type: ignore[return-value]


@pytest.mark.parametrize("field", TOP)
def test_a_field_of_the_create_call_is_pinned(body: dict[str, object], field: str) -> None:
    assert body[field] == TOP[field]


@pytest.mark.parametrize("field", HOST)
def test_a_field_of_the_host_part_is_pinned(host: dict[str, object], field: str) -> None:
    assert host[field] == HOST[field]


def test_no_field_is_set_that_is_not_pinned(body: dict[str, object], host: dict[str, object]) -> None:
    assert set(body) == set(TOP)
    assert set(host) == {*HOST, "SecurityOpt"}


def test_the_seccomp_profile_goes_as_text_beside_no_new_privileges(host: dict[str, object]) -> None:
    first, second = host["SecurityOpt"]  # type: ignore[misc]
    assert first == "no-new-privileges:true"
    assert json.loads(second.removeprefix("seccomp="))["defaultAction"] == "SCMP_ACT_ERRNO"


def test_a_runtime_is_named_only_when_one_is_asked_for(host: dict[str, object]) -> None:
    assert "Runtime" not in host
    assert harden(PROGRAM, OWNER, "runsc").body()["HostConfig"]["Runtime"] == "runsc"  # type: ignore[index]


def test_in_gvisor_a_limit_of_its_own_counts_processes_and_its_kernel_has_room_for_its_threads() -> None:
    spec = harden(PROGRAM, OWNER, "runsc")
    assert Ulimit("nproc", LIMITS.processes) in spec.ulimits
    assert spec.processes > 5 * LIMITS.processes + 53
    assert not any(limit.name == "nproc" for limit in harden(PROGRAM, OWNER, "runc").ulimits)


def test_half_a_core_still_gives_one_thread() -> None:
    spec = harden(Program("i", ("p",), Limits(cpus=0.5)), OWNER, None)
    assert "OMP_NUM_THREADS=1" in spec.environment
    assert spec.nano_cpus == 500_000_000


def host_part(access: DeviceAccess) -> dict[str, object]:
    spec = harden(Program("i", ("p",), Limits(), access), OWNER, None)
    return spec.body()["HostConfig"]  # type: ignore[return-value]


def test_a_device_is_asked_for_as_the_toolkit_wants_it() -> None:
    (asked,) = host_part(DeviceAccess(requested=("1",)))["DeviceRequests"]  # type: ignore[misc]
    assert asked == {"Driver": "nvidia", "DeviceIDs": ["1"], "Capabilities": [["gpu", "compute", "utility"]]}


def test_a_device_is_named_as_cdi_names_it() -> None:
    (asked,) = host_part(DeviceAccess(cdi=("nvidia.com/gpu=0",)))["DeviceRequests"]  # type: ignore[misc]
    assert asked == {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=0"]}


def test_nodes_are_passed_without_the_right_to_make_others_and_libraries_read_only() -> None:
    host = host_part(DeviceAccess(nodes=("/dev/nvidia0",), mounts=("/usr/local/nvidia",)))
    assert host["Devices"] == [
        {"PathOnHost": "/dev/nvidia0", "PathInContainer": "/dev/nvidia0", "CgroupPermissions": "rw"}
    ]
    (mount,) = host["Mounts"]  # type: ignore[misc]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == ("/usr/local/nvidia", "/usr/local/nvidia", True)


def test_everything_else_stays_as_it_is_with_a_device() -> None:
    plain = host_part(DeviceAccess())
    with_gpu = host_part(DeviceAccess(requested=("0",), nodes=("/dev/nvidia0",), mounts=("/usr",)))
    assert {key for key in plain if plain[key] != with_gpu[key]} == {"DeviceRequests", "Devices", "Mounts"}
