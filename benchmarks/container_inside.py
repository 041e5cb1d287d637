"""What `container_checks.py` runs in a container: looks around as an intruder would and says it in one frame."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path

SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")
DISKS = ("sd", "vd", "nvme", "xvd", "dm-")
WAYS_OUT = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/fs/cgroup/release_agent",
    "/sys/fs/cgroup/memory/release_agent",
    "/etc/hostname",
    "/usr/sbin/docker-init",
)
SECRETS = ("KEY", "TOKEN", "SECRET", "PASS")
TOOLS = ("docker", "kubectl", "nsenter", "capsh", "gdb", "strace", "nmap", "curl", "wget", "gcc", "sudo")
PROGRAMS = ("/bin", "/sbin", "/usr", "/opt")


def lines(path: str) -> list[str]:
    """The lines of a file; none where there is none."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def opens_to_write(path: str) -> bool:
    """Whether the file can be opened to be written."""
    try:
        with Path(path).open("a"):
            return True
    except OSError:
        return False


def makes_a_file(folder: str) -> bool:
    """Whether a file can be made there."""
    path = Path(folder) / "made"
    try:
        path.write_text("")
        path.unlink()
    except OSError:
        return False
    return True


def is_set_user_id(path: Path) -> bool:
    """Whether a program changes its user or group."""
    return path.is_file() and not path.is_symlink() and bool(path.stat().st_mode & 0o6000)


def look() -> dict[str, object]:
    """Everything that is of interest."""
    status = dict(line.split(":\t", 1) for line in lines("/proc/self/status") if ":\t" in line)
    mounts = [line.split() for line in lines("/proc/self/mounts")]
    search = os.environ["PATH"].split(":")
    return {
        "user": os.getuid(),
        "groups": os.getgroups(),
        "capabilities": sorted({status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}),
        "no new privileges": status["NoNewPrivs"],
        "seccomp": status["Seccomp"],
        "engine sockets": [path for path in SOCKETS if Path(path).exists()],
        "disks": sorted(path.name for path in Path("/dev").iterdir() if path.name.startswith(DISKS)),
        "mounts of the host": sorted({mount[1] for mount in mounts if mount[2] in ("ext4", "xfs", "btrfs")}),
        "writable folders": sorted(mount[1] for mount in mounts if makes_a_file(mount[1])),
        "ways out": [path for path in WAYS_OUT if opens_to_write(path)],
        "secrets": [name for name in os.environ if any(word in name.upper() for word in SECRETS)],
        "interfaces": [line.split(":")[0].strip() for line in lines("/proc/net/dev")[2:]],
        "name servers": [line for line in lines("/etc/resolv.conf") if line.startswith("nameserver")],
        "processes": sorted(path.name for path in Path("/proc").iterdir() if path.name.isdigit()),
        "set-user-id": [str(path) for folder in PROGRAMS for path in Path(folder).rglob("*") if is_set_user_id(path)],
        "tools": [name for name in TOOLS if any(os.access(f"{folder}/{name}", os.X_OK) for folder in search)],
    }


text = json.dumps(look()).encode()
sys.stdout.buffer.write(struct.pack("<Q", len(text)) + text)
sys.stdout.buffer.flush()
sys.stdin.buffer.read()
