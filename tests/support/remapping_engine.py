from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker

from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine

RANGE = "nobody:200000:65536\n"
DEADLINE_S = 60.0
PACKING_S = 200


@contextmanager
def remapping_engine() -> Iterator[str]:
    """An engine of its own that gives its containers a user namespace.

    The ranges of ids lie over the machine's own files in a mount namespace that only this engine sees. Its folder is
    not pytest's, which nobody but its user may enter: the root of a container is another one.
    """
    folder = Path(tempfile.mkdtemp(prefix="kernelgate-remapping-"))
    folder.chmod(0o711)
    for name in ("subuid", "subgid"):
        (folder / name).write_text(RANGE)
    (folder / "daemon.json").write_text("{}\n")
    url = f"unix://{folder}/d.sock"
    dockerd = shutil.which("dockerd", path="/usr/local/bin:/usr/bin:/usr/sbin")
    script = f"""
set -eu
touch /etc/subuid /etc/subgid
mount --bind {folder}/subuid /etc/subuid
mount --bind {folder}/subgid /etc/subgid
exec {dockerd} --userns-remap=nobody:nogroup --host={url} --data-root={folder}/data --exec-root=/run/{folder.name} \
    --pidfile={folder}/docker.pid --config-file={folder}/daemon.json --iptables=false --ip6tables=false --bridge=none
"""
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], stdout=log, stderr=log)
    try:
        _wait(url, engine, folder / "log")
        yield url
    finally:
        engine.terminate()
        engine.wait(DEADLINE_S)
        shutil.rmtree(f"/run/{folder.name}", ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def carry_image(image: str, source: str, target: str) -> None:
    """Copies an image from one engine to another; an engine says nothing while it packs."""
    clients = (docker.APIClient(url, timeout=PACKING_S) for url in (source, target))
    with closing(next(clients)) as packing, closing(next(clients)) as unpacking:
        for _ in unpacking.load_image(packing.get_image(image)):
            pass


def _wait(url: str, engine: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until and engine.poll() is None:
        try:
            DockerEngine(url).close()
        except SandboxUnavailable:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the engine did not answer: {log.read_text()[-2000:]}")
