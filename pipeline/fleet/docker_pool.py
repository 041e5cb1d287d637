"""The job template of a Docker work pool whose jobs run flows of ours.

    python -m pipeline.fleet.docker_pool IMAGE STORAGE > template.json
    prefect work-pool create --type docker --base-job-template template.json kernelgate

A job's container holds the judge, and starts the candidates' containers beside itself, through the engine's socket: it
is as trusted as the host. It shares the host's processes, because runs tell by process ids which containers a killed
run has left (`sandbox.container`); with numbers of its own, others would take those of a living run away. It shares
the locks of the machine for the same reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from prefect_docker.worker import DockerWorker

from pipeline.machine_slots import folder_of_this_user

SOCKET: Final = "/var/run/docker.sock"


def template(image: str, storage: str, *, socket: str = SOCKET) -> dict[str, Any]:
    """Returns the template, for `prefect work-pool create --base-job-template`.

    Args:
        image: Holds the checkout with its extras `flow` and `dask`; built by the team, never pulled by the worker.
        storage: `KERNELGATE_STORAGE`; where it is a folder, jobs see it at the same place.
        socket: The engine's socket on the host.
    """
    made: dict[str, Any] = DockerWorker.get_default_base_job_template()
    locks = folder_of_this_user()
    volumes = [f"{socket}:{SOCKET}", f"{locks}:{locks}"]
    if Path(storage).is_absolute():
        volumes.append(f"{storage}:{storage}")
    defaults = {
        "image": image,
        "image_pull_policy": "Never",
        "network_mode": "host",
        "auto_remove": True,
        "volumes": volumes,
        "env": {"DOCKER_HOST": f"unix://{SOCKET}", "KERNELGATE_STORAGE": storage, "TMPDIR": str(locks.parent)},
        "container_create_kwargs": {"pid_mode": "host"},
    }
    for name, value in defaults.items():
        made["variables"]["properties"][name]["default"] = value
    return made


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m pipeline.fleet.docker_pool IMAGE STORAGE")
    json.dump(template(*sys.argv[1:]), sys.stdout, indent=2)
