"""The job template of a Docker work pool whose jobs run flows of ours.

    python -m pipeline.fleet.docker_pool STORAGE > template.json
    prefect work-pool create --type docker --base-job-template template.json kernelgate-docker

The image is the judge's of this checkout, built where the engine lacks it (`pipeline.fleet.judge_image`). A job runs as
the user who made the template, in the group of the engine's socket, so that what it writes to the storage is that
user's, and the locks of the machine are the same.

A job's container holds the judge, and starts the candidates' containers beside itself, through the engine's socket: it
is as trusted as the host. It shares the host's processes, because runs tell by process ids which containers a killed
run has left (`sandbox.container`); with numbers of its own, others would take those of a living run away. It shares
the locks of the machine for the same reason.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from prefect_docker.worker import DockerWorker

from pipeline.errors import SettingsError
from pipeline.fleet.judge_image import ensure_judge_image
from pipeline.machine.engine import answering_engine
from pipeline.reporting import to_stderr
from pipeline.settings import Settings
from pipeline.supply.machine_slots import folder_of_this_user
from sandbox.contract import SandboxUnavailable

UNIX: Final = "unix://"
SOCKET: Final = "/var/run/docker.sock"
# Prefect copies a job's working folder to where it runs the flow.
EMPTY: Final = "/srv"
# No program of the packages is in the judge's image.
COMMAND: Final = "python3 -m prefect flow-run execute"


def template(image: str, storage: str, socket: str = SOCKET) -> dict[str, Any]:
    """Returns the template, for `prefect work-pool create --base-job-template`.

    Args:
        image: The judge's, or one of the team's that holds the checkout; never pulled by the worker.
        storage: `KERNELGATE_STORAGE`; where it is a folder, jobs see it at the same place.
        socket: The engine's socket on the host.
    """
    made: dict[str, Any] = DockerWorker.get_default_base_job_template()
    # Not the folder itself: one that is missing would be made by the engine, as root's.
    locks = folder_of_this_user().parent
    volumes = [f"{socket}:{SOCKET}", f"{locks}:{locks}"]
    if Path(storage).is_absolute():
        volumes.append(f"{storage}:{storage}")
    defaults = {
        "image": image,
        "image_pull_policy": "Never",
        "network_mode": "host",
        "auto_remove": True,
        "volumes": volumes,
        "command": COMMAND,
        "env": {"DOCKER_HOST": f"{UNIX}{SOCKET}", "KERNELGATE_STORAGE": storage, "TMPDIR": str(locks)},
        "container_create_kwargs": {
            "pid_mode": "host",
            "user": str(os.getuid()),
            "working_dir": EMPTY,
            "group_add": [Path(socket).stat().st_gid],
        },
    }
    for name, value in defaults.items():
        made["variables"]["properties"][name]["default"] = value
    return made


def main(arguments: list[str]) -> int:
    """`python -m pipeline.fleet.docker_pool STORAGE`."""
    say = to_stderr("docker_pool")
    if len(arguments) != 1:
        say("usage: python -m pipeline.fleet.docker_pool STORAGE")
        return 2
    try:
        url = answering_engine()
        if not url.startswith(UNIX):
            raise SettingsError(f"jobs reach the engine by its socket, and DOCKER_HOST is {url}")
        image = ensure_judge_image(url, Settings.resolve(), say)
    except SettingsError as error:
        say(str(error))
        return 2
    except SandboxUnavailable as error:
        say(str(error))
        return 3
    json.dump(template(image.tag, arguments[0], url.removeprefix(UNIX)), sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
