"""What may be changed on this machine, and how: Debian's packages through apt-get, as root, said aloud.

Nothing is installed on a system that is not Debian or made from it, nor by a user who is not root: there the caller
gets the reason and prints what to do by hand. The environment is read once, in `Machine.this`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pipeline.reporting import Report
from sandbox.contract import SandboxUnavailable

LOG_TAIL_LINES = 15
# dpkg's lock is often held for a while by the automatic updates of a fresh machine.
APT = ("-y", "-q", "-o", "DPkg::Lock::Timeout=120")


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts about this machine that decide what may be installed or started on it."""

    is_root: bool
    environment: Mapping[str, str] = field(default_factory=dict)
    os_release: Path = Path("/etc/os-release")
    default_socket: Path = Path("/var/run/docker.sock")

    @classmethod
    def this(cls) -> Self:
        """Returns the machine that this process runs on."""
        return cls(is_root=os.geteuid() == 0, environment=dict(os.environ))

    @property
    def search_path(self) -> str:
        """PATH with the folders of system daemons, which a user's PATH often lacks."""
        return os.pathsep.join([self.environment.get("PATH", ""), "/usr/sbin", "/sbin"])

    def tool(self, name: str) -> str | None:
        """Returns where program `name` is, or None."""
        return shutil.which(name, path=self.search_path)

    def why_no_packages(self) -> str | None:
        """Returns why Debian packages cannot be installed here, or None when they can."""
        if not self.is_like_debian():
            return "this system is neither Debian nor made from it"
        if self.tool("apt-get") is None:
            return "there is no apt-get on PATH"
        return None if self.is_root else "that takes root, and this user is not root"

    def is_like_debian(self) -> bool:
        """Whether os-release says Debian, Ubuntu or a system made from them."""
        try:
            lines = self.os_release.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        pairs = (line.partition("=") for line in lines)
        words = {word for key, _, value in pairs if key in {"ID", "ID_LIKE"} for word in value.strip("\"'").split()}
        return bool(words & {"debian", "ubuntu"})


def install(machine: Machine, packages: tuple[str, ...], log: Path, report: Report) -> None:
    """Installs Debian packages without their recommendations; apt's output goes to `log`.

    Raises:
        SandboxUnavailable: this machine takes no packages, or apt-get failed; the text holds the end of its log.
    """
    names = " ".join(packages)
    if (reason := machine.why_no_packages()) is not None:
        raise SandboxUnavailable(f"{names} cannot be installed: {reason}. Install it by hand and run this again.")
    log.parent.mkdir(parents=True, exist_ok=True)
    report(f"installing Debian's {names} (a minute or so; output in {log})")
    environment = {**machine.environment, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("wb") as sink:

        def apt(*arguments: str) -> int:
            command = ["apt-get", *APT, *arguments]
            return subprocess.run(command, stdout=sink, stderr=sink, env=environment, check=False).returncode

        # An update that failed for one source may still have brought what is needed: the installation decides.
        apt("update")
        code = apt("install", "--no-install-recommends", *packages)
    if code != 0:
        raise SandboxUnavailable(
            f"apt-get could not install {names} (exit code {code}); the end of {log}:\n{tail(log)}\n"
            f"Install {names} by hand and run this again."
        )


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Returns the last lines of a log file, indented; empty when there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])
