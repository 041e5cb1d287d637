"""A live runner container against the checklists that auditors use: `python benchmarks/container_checks.py`.

Two lists, each item with what was observed: section 5 (container runtime) of the CIS Docker Benchmark v1.6, which
docker-bench-security checks, read from the engine's own description of the container; and what deepce and its like
look for from inside one. Both tools are shell scripts that no package registry has, so the items are written out here.

A warning is printed with why it stays; one without an explanation is exit code 1. The first list is also read from a
container that has everything wrong and is never started: an item that passes there, too, would be no check.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from pipeline.machine.engine import answering_engine
from pipeline.machine.runner_image import ensure_runner_image
from pipeline.settings import Settings
from sandbox.contract import Program, Reply
from sandbox.docker_engine import DockerEngine
from sandbox.docker_sandbox import DockerSandbox

SENSITIVE: Final = ("/", "/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr")


Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a checklist.

    Attributes:
        observed: Reads what there is.
        fine: Whether that is as the list wants it.
        stays: Why it stays as it is where it is not.
    """

    id: str
    title: str
    observed: Callable[[Facts], Any]
    fine: Callable[[Any], bool]
    stays: str = ""

    def holds(self, facts: Facts) -> bool:
        """Whether it is as the list wants it."""
        return bool(self.fine(self.observed(facts)))


def host(name: str) -> Callable[[Facts], Any]:
    """Reads a field of HostConfig."""
    return lambda facts: facts["HostConfig"].get(name)


def unset(value: object) -> bool:
    """Whether nothing was given."""
    return not value


def _sources(facts: Facts) -> list[str]:
    return [mount["Source"] for mount in facts["Mounts"]]


def _options(prefix: str) -> Callable[[Facts], list[str]]:
    """Security options that begin so; a long profile is cut."""
    return lambda facts: [o[:40] for o in facts["HostConfig"]["SecurityOpt"] or () if o.startswith(prefix)]


CIS: Final = (
    Item("5.2", "an AppArmor profile", lambda f: f["AppArmorProfile"], lambda value: value not in ("", "unconfined"),
         "this kernel has no AppArmor; where it has, the engine's docker-default applies, and a layer of the "
         "evidence says so"),
    Item("5.3", "SELinux options", _options("label"), lambda value: "type" in str(value),
         "Debian and Ubuntu have none; on a host with SELinux the engine labels containers by itself"),
    Item("5.4", "capabilities restricted", lambda f: (host("CapDrop")(f), host("CapAdd")(f)),
         lambda value: value[0] == ["ALL"] and not value[1]),
    Item("5.5", "not privileged", host("Privileged"), lambda value: value is False),
    Item("5.6", "no sensitive folder of the host", _sources, lambda value: not set(value) & set(SENSITIVE)),
    Item("5.7", "no sshd", lambda f: f["Config"]["Entrypoint"], lambda value: "sshd" not in str(value)),
    Item("5.8", "no privileged port", host("PortBindings"), unset),
    Item("5.9", "no open port that nobody needs", lambda f: f["NetworkSettings"]["Ports"], unset),
    Item("5.10", "not the host's network", host("NetworkMode"), lambda value: value == "none"),
    Item("5.11", "memory is limited", host("Memory"), lambda value: value > 0),
    Item("5.12", "processor shares are set", host("CpuShares"), lambda value: value > 0,
         "a hard quota (NanoCpus) is set instead: shares bind only where cores are short"),
    Item("5.13", "root file system is read-only", host("ReadonlyRootfs"), lambda value: value is True),
    Item("5.14", "ports bound to one interface", host("PortBindings"), unset),
    Item("5.15", "restarts at most five times", host("RestartPolicy"), lambda value: value["Name"] in ("no",
         "on-failure")),
    Item("5.16", "not the host's processes", host("PidMode"), unset),
    Item("5.17", "not the host's IPC", host("IpcMode"), lambda value: value == "none"),
    Item("5.18", "no device of the host", host("Devices"), unset),
    Item("5.19", "resource limits of its own", lambda f: [u["Name"] for u in host("Ulimits")(f)],
         lambda value: "nofile" in value),
    Item("5.20", "no shared mount propagation", lambda f: [m.get("Propagation") for m in f["Mounts"]],
         lambda value: "shared" not in str(value)),
    Item("5.21", "not the host's names", host("UTSMode"), unset),
    Item("5.22", "seccomp is not switched off", _options("seccomp"),
         lambda value: value != [] and "unconfined" not in str(value)),
    Item("5.25", "control group is the engine's", host("CgroupParent"), unset),
    Item("5.26", "no new privileges", _options("no-new-privileges"), lambda value: value == ["no-new-privileges:true"]),
    Item("5.27", "health is checked", lambda f: f["Config"].get("Healthcheck"),
         lambda value: value and value["Test"] != ["NONE"],
         "the judge speaks with it all the time, under a deadline; a command that the engine starts in it "
         "would be one more way in"),
    Item("5.28", "the image is meant, and no moving tag", lambda f: f["Image"][:19],
         lambda value: value.startswith("sha256:")),
    Item("5.29", "processes are limited", host("PidsLimit"), lambda value: bool(value) and value > 0),
    Item("5.30", "not on the bridge docker0", lambda f: list(f["NetworkSettings"]["Networks"]),
         lambda value: "bridge" not in value),
    Item("5.31", "not the host's user namespace", host("UsernsMode"), lambda value: value != "host"),
    Item("5.32", "no docker socket inside", _sources, lambda value: "docker.sock" not in str(value)),
)  # fmt: skip

INSIDE: Final = Path(__file__).with_name("container_inside.py")
LOOSE: Final[dict[str, object]] = {
    "CapDrop": [],
    "CapAdd": ["SYS_ADMIN"],
    "Privileged": True,
    "Binds": ["/etc:/host:rshared", "/var/run/docker.sock:/s"],
    "PortBindings": {"22/tcp": [{"HostPort": "22"}]},
    "NetworkMode": "bridge",
    "Memory": 0,
    "CpuShares": 0,
    "RestartPolicy": {"Name": "always"},
    "PidMode": "host",
    "IpcMode": "host",
    "UTSMode": "host",
    "UsernsMode": "host",
    "Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/kmsg", "CgroupPermissions": "r"}],
    "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
    "CgroupParent": "/loose",
    "Ulimits": [],
    "PidsLimit": 0,
}
# Where a port is bound shows in 5.8 already; a container that never ran has no network of its own yet.
ONLY_WHEN_RUNNING: Final = ("5.9", "5.28", "5.30")
ZEROS: Final = ["0000000000000000"]
DEEPCE: Final = (
    Item("user", "not root", lambda f: f["user"], lambda value: value != 0),
    Item("groups", "in no group that means something", lambda f: f["groups"], lambda value: set(value) <= {10001}),
    Item("caps", "no capability in any set", lambda f: f["capabilities"], lambda value: value == ZEROS),
    Item("nnp", "no new privileges", lambda f: f["no new privileges"], lambda value: value == "1"),
    Item("seccomp", "a filter", lambda f: f["seccomp"], lambda value: value == "2"),
    Item("sock", "no socket of an engine", lambda f: f["engine sockets"], unset),
    Item("disks", "no disk device", lambda f: f["disks"], unset),
    Item("mounts", "no file of the host's file system", lambda f: f["mounts of the host"], unset,
         "the engine's own init and a generated host name, both mounted read-only"),
    Item("writable", "nothing writable but memory", lambda f: f["writable folders"],
         lambda value: value == ["/cache", "/tmp"]),
    Item("escapes", "no writable way out by the kernel", lambda f: f["ways out"], unset),
    Item("secrets", "no secret in a variable", lambda f: f["secrets"], unset),
    Item("network", "no interface but loopback", lambda f: f["interfaces"], lambda value: value == ["lo"]),
    Item("dns", "no name server", lambda f: f["name servers"], unset,
         "the engine copies the host's file, its address included; no packet reaches it, for there is no interface"),
    Item("processes", "only its own", lambda f: f["processes"], lambda value: len(value) <= 3),
    Item("suid", "no set-user-id program", lambda f: f["set-user-id"], unset,
         "Debian's passwd, su, mount and their like lie in the base image; no_new_privs makes the bit mean nothing"),
    Item("tools", "no tool that helps an attacker", lambda f: f["tools"], unset,
         "nsenter and their like belong to Debian's util-linux; seccomp and the missing capabilities refuse "
         "what they ask for"),
)  # fmt: skip


def main() -> int:
    """Starts a runner's container, looks at it from both sides, prints both tables."""
    settings = Settings.resolve()
    url = answering_engine()
    image = ensure_runner_image(url, settings, (), lambda text: print(text, file=sys.stderr))
    console = Console(width=150)
    with DockerEngine(url) as engine:
        program = Program(image.id, ("python3", "-I", "-c", INSIDE.read_text(encoding="utf-8")))
        with DockerSandbox(engine, runtime=settings.runtime).start(program) as worker:
            answer = worker.greeting()
            if not isinstance(answer, Reply):
                raise SystemExit(f"the container did not answer: {answer}; {worker.last_words()}")
            outside = engine.api.inspect_container(worker.name)
        inside = json.loads(answer.payload)
        blind = [one.id for one in CIS if one.holds(_loose(engine, image.id)) and one.id not in ONLY_WHEN_RUNNING]
    unexplained = _print(console, "CIS Docker Benchmark 1.6, section 5", CIS, outside)
    unexplained += _print(console, "from inside", DEEPCE, inside)
    print(f"items that pass where everything is wrong: {', '.join(blind) or 'none'}")
    return 1 if unexplained or blind else 0


def _loose(engine: DockerEngine, image: str) -> Facts:
    """What the engine says of a container with everything wrong."""
    body = {"Image": image, "Entrypoint": ["sshd"], "ExposedPorts": {"22/tcp": {}}, "HostConfig": LOOSE}
    name = engine.api.create_container_from_config(body)["Id"]
    try:
        return engine.api.inspect_container(name)
    finally:
        engine.api.remove_container(name, force=True)


def _print(console: Console, title: str, items: tuple[Item, ...], facts: Facts) -> int:
    table = Table("item", "what", "result", "observed", "why it stays", title=title, box=None, title_justify="left")
    unexplained = 0
    for one in items:
        holds = one.holds(facts)
        unexplained += not holds and not one.stays
        table.add_row(
            one.id, one.title, "pass" if holds else "warn", str(one.observed(facts))[:60], "" if holds else one.stays
        )
    console.print(table)
    held = sum(one.holds(facts) for one in items)
    console.print(f"{held} of {len(items)} pass, {len(items) - held} warn, {unexplained} of them unexplained\n")
    return unexplained


if __name__ == "__main__":
    sys.exit(main())
