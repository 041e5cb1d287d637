"""The embedded sandbox: namespaces of this kernel, for a machine on which no container engine can be had.

It is made with util-linux's `unshare`, and not with bubblewrap. Both work as root and, where the kernel lets ordinary
users make user namespaces, as one of them. What decided: util-linux is on every Linux already, and a machine without an
engine is often one where nothing can be installed; bubblewrap's file systems in memory have no limit on files and are
always executable, so it would need `unshare` and mounts of ours around it anyway; and its user namespace holds one user
alone, so that where root starts it, Python below /root is out of reach or the program is root on the host. What it has
and this lacks, code that many have read, is why `sandbox.namespace_inside` is short and all of it proven from inside.

What a program gets is in `_orders`: the same file systems, limits, filter and environment as in a container, and of the
host only what `sandbox.python_view` names. What it may lack: limits on memory and processor time need control groups.
Where none can be made, memory is watched (`sandbox.memory_watch`), processes are limited by RLIMIT_NPROC, which counts
for each user namespace alone since Linux 5.14, and a processor is only bounded by the deadline; the proof says so.

Not defended against beyond a container: a bug in the host's kernel, which here unprivileged user namespaces make more
likely to be reachable while the sandbox is prepared (not by the program: its filter has no unshare, mount or setns).
"""

from __future__ import annotations

import base64
import math
import os
import platform
import shutil
import subprocess
from dataclasses import replace
from typing import Final

from sandbox.contract import Isolation, IsolationProof, Limits, Program, Reply, SandboxUnavailable
from sandbox.control_groups import ControlGroup, ControlGroups
from sandbox.devices import NO_DEVICE
from sandbox.namespace_inside import Orders, TmpfsOrder
from sandbox.namespaces import TOOLS_PATH, Namespaces
from sandbox.owner import this_process
from sandbox.piped import PipedStream
from sandbox.printable import printable
from sandbox.proof import probe_argv, read_report
from sandbox.python_view import SEARCH_PATH, HostView
from sandbox.seccomp_filter import filter_program, logging_programs
from sandbox.started_worker import StartedWorker

ISOLATION: Final[Isolation] = "namespace"
UID: Final = 10001
SCRATCH: Final = "/tmp"
CACHE: Final = "/cache"
HOSTNAME: Final = "sandbox"
NEEDED_TOOLS: Final = ("unshare", "sh")
OLDEST_KERNEL: Final = (5, 14)
VERSION_TIMEOUT_S: Final = 10


class NamespaceSandbox:
    """Starts workers in namespaces. Thread-safe."""

    def __init__(self, view: HostView, groups: ControlGroups) -> None:
        """Checks what can be checked without starting anything.

        Args:
            view: What programs see of the host.
            groups: Where control groups are made; `ControlGroups()` for none.

        Raises:
            SandboxUnavailable: a tool, a library or the kernel is missing or too old.
        """
        _demand_machine()
        self._view = view
        self._groups = groups
        self._filter = base64.b64encode(filter_program()).decode()
        self._logging = tuple(base64.b64encode(program).decode() for program in logging_programs())

    def start(self, program: Program) -> StartedWorker:
        """Starts `program` in fresh namespaces.

        Raises:
            SandboxUnavailable: the machine does not allow it, or the program names another view or a GPU.
        """
        if program.image != self._view.image:
            raise SandboxUnavailable(
                f"there is no image {program.image} here, only the host's Python {self._view.image}"
            )
        if program.device != NO_DEVICE:
            raise SandboxUnavailable("the embedded sandbox passes no GPU; an engine's containers can have one")
        group = self._groups.group_for(this_process())
        held = Namespaces(group, program.limits)
        stream, ends = PipedStream.with_pipes()
        try:
            try:
                held.start(self._orders(program, group), ends, stream)
            finally:
                ends.close()
            return StartedWorker(held, stream, program.limits)
        except BaseException:
            held.discard()
            stream.close()
            raise

    def prove(self, program: Program) -> IsolationProof:
        """Shows from inside namespaces made like all others which limits hold.

        Raises:
            SandboxUnavailable: the machine does not allow it, or the probe did not complete.
        """
        argv = probe_argv(program.limits, _environment(program.limits), platform.release())
        with self.start(replace(program, argv=argv)) as worker:
            answer = worker.greeting()
            if not isinstance(answer, Reply):
                raise SandboxUnavailable(
                    f"the isolation probe did not complete in namespaces: {answer}; "
                    f"its last words: {printable(worker.last_words()[-500:]) or 'none'}"
                )
        report = read_report(answer.payload)
        return IsolationProof(
            isolation=ISOLATION,
            engine=f"Linux {platform.release()}, {self._groups.title}",
            runtime=_unshare_version(),
            image=self._view.image,
            limits=report.limits,
            layers=report.layers,
        )

    def reap(self) -> int:
        """Removes control groups whose owner is gone; their processes ended with the owner."""
        return self._groups.reap()

    def close(self) -> None:
        """Nothing of a worker outlives it here."""

    def _orders(self, program: Program, group: ControlGroup) -> Orders:
        limits = program.limits
        return Orders(
            binds=[*self._view.binds, *((str(folder), place) for folder, place in group.views)],
            links=[*self._view.links],
            files=[*self._view.files],
            folders=["/var/tmp"],
            open_folders=["/var/tmp"],
            tmpfs=[
                TmpfsOrder(SCRATCH, limits.tmp_bytes, limits.tmp_inodes, executable=False),
                TmpfsOrder(CACHE, limits.tmp_bytes, limits.tmp_inodes, executable=True),
            ],
            resources=[
                ("NOFILE", limits.open_files),
                ("CORE", 0),
                ("FSIZE", limits.file_bytes),
                ("NPROC", limits.processes),
            ],
            hostname=HOSTNAME,
            uid=UID,
            gid=UID,
            oom_score_adj=500,  # when the whole host is short of memory, this dies before the judge does
            argv=list(program.argv),
            environment=_environment(limits),
            working_dir=SCRATCH,
            seccomp=self._logging[1] if program.logs_refusals else self._filter,
            quiet_seccomp=self._logging[0] if program.logs_refusals else None,
        )


def _environment(limits: Limits) -> dict[str, str]:
    """As in a container: home is the executable file system, thread pools fit the quota."""
    return {
        "PATH": SEARCH_PATH,
        "HOME": CACHE,
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": str(max(1, math.ceil(limits.cpus))),
        "TRITON_CACHE_DIR": CACHE,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _demand_machine() -> None:
    missing = [tool for tool in NEEDED_TOOLS if shutil.which(tool, path=TOOLS_PATH) is None]
    if missing:
        raise SandboxUnavailable(
            f"the embedded sandbox needs {' and '.join(missing)}, not found in {TOOLS_PATH}; install util-linux"
        )
    release = platform.release().split("-")[0].split(".")
    if tuple(int(part) for part in release[:2] if part.isdigit()) < OLDEST_KERNEL:
        raise SandboxUnavailable(f"the embedded sandbox needs Linux 5.14 or newer, this is {platform.release()}")
    if not os.path.exists("/proc/self/ns/user"):  # noqa: PTH110  # a link to nothing that can be opened by name
        raise SandboxUnavailable("this kernel was built without user namespaces, which the embedded sandbox needs")


def _unshare_version() -> str:
    said = subprocess.run(
        ["unshare", "--version"],
        env={"PATH": TOOLS_PATH},
        capture_output=True,
        text=True,
        timeout=VERSION_TIMEOUT_S,
        check=False,
    )
    return said.stdout.strip() or "unshare"
