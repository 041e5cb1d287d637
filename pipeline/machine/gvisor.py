"""gVisor beside runc, in the engine that this project starts: Debian's package `runsc`, a runtime of that engine.

It is wanted, not needed: where it can't be had, the engine runs without it and says so once. `KERNELGATE_RUNTIME=runsc`
asks for it. With it come two orders: the allowlist of system calls is loaded inside too (`--oci-seccomp`; without it
gVisor takes no profile from the engine), and no network stack beyond the loopback. The platform is ptrace, which works
everywhere; KVM's spins for ever on a machine that is itself virtual.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.machine.debian import Machine, install
from pipeline.machine.dockerd import Runtime
from pipeline.reporting import Report
from sandbox.contract import SandboxUnavailable
from sandbox.runtimes import GVISOR

ARGUMENTS: Final = ("--platform=ptrace", "--network=none", "--oci-seccomp")


def gvisor_runtimes(machine: Machine, log: Path, report: Report) -> tuple[Runtime, ...]:
    """Returns gVisor as a runtime, installed first where that is allowed; nothing where it can't be had.

    Args:
        machine: Where it is looked for.
        log: Takes apt's output. Where it lies already, the installation was tried, and is not tried again.
        report: Gets a line before it is installed, and when it could not be.
    """
    if machine.tool(GVISOR) is None and machine.why_no_packages() is None and not log.exists():
        try:
            install(machine, (GVISOR,), log, report)
        except SandboxUnavailable as error:
            report(f"going on without gVisor: {error}")
    program = machine.tool(GVISOR)
    return () if program is None else (Runtime(GVISOR, Path(program), ARGUMENTS),)
