"""An approved kernel on a GPU that its evidence is not of: refused, verified again to production-safe, and loaded.

Real from end to end: Prefect's server, containers, a registry, a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
import triton
from gpu_evidence import device
from mounted_supply import MountedSupply
from prefect_here import new_home, started_in, talking_to
from served_kernels import ARCHITECTURE, RIGHT, Team, promoted, team

import kernelgate
from pipeline.machine.gpu_access import GpuSettings
from pipeline.registry.contract import open_registry
from pipeline.rollout.here import Here, look_here
from pipeline.rollout.loading import _PROCESS
from pipeline.rollout.serving import Fallback, Kernel
from pipeline.settings import Mode, Settings
from pipeline.supply.runners import PooledSupply
from policies.policy import Policy
from sandbox.docker_engine import DockerEngine

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    home = new_home(tmp_path / "prefect", tmp_path / "migrated.db")
    with started_in(home) as server, talking_to(server, tmp_path / "storage"):
        monkeypatch.setenv("PREFECT_API_URL", server.url)
        yield


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runners without a GPU, on this machine."""
    gpu = GpuSettings.resolve()
    if gpu.access is None or not gpu.access.mounts:
        yield
        return
    with DockerEngine() as engine:

        def mounted(settings: Settings, policy: Policy, report: Callable[[str], None]) -> PooledSupply:
            return MountedSupply(settings, policy, report, engine, gpu)

        monkeypatch.setattr("pipeline.verification.verify.supply_for", mounted)
        yield


def load(vouching: Team) -> kernelgate.Served:
    return kernelgate.load(
        "softmax", registry=vouching.registry, keyring=vouching.keyring, canary_share=0.0, sample_rate=1.0, watch_s=0
    )


@pytest.mark.usefixtures("prefect", "interpreter")
def test_a_kernel_of_another_driver_is_verified_again_here_and_loads_then(tmp_path: Path) -> None:
    from pipeline.scheduled.parameters import Approvals, ProductionGate, Signing
    from pipeline.scheduled.reverify import reverify

    here = look_here(None)
    assert isinstance(here, Here)
    if here.architecture != ARCHITECTURE:
        pytest.fail(f"this test holds evidence of {ARCHITECTURE}, and the GPU is {here.architecture}")
    vouching = team(tmp_path)
    of_another = device(
        device=here.platform.partition(", torch ")[0] + "9", torch=torch.__version__, triton=triton.__version__
    )
    digest = promoted(vouching, RIGHT, device=of_another).digest
    refused = load(vouching)
    assert isinstance(refused, Fallback)
    assert "its verdict holds for" in refused.why

    state = reverify(
        Approvals(registry=vouching.registry),
        ProductionGate(runs=tmp_path / "again", mode=Mode.GPU),
        Signing(key=tmp_path / "key.pem", keyring=vouching.keyring),
        return_state=True,
    )
    (verdict,) = (path.read_text() for path in (tmp_path / "again").glob("*/*/verdict.json"))
    assert state.name == "Completed", f"{state.message}\n{verdict}"
    with closing(open_registry(vouching.registry)) as opened:
        kinds = [event.kind for event in opened.events(digest=digest)]
        newest = opened.attestations(digest, ARCHITECTURE)[0]
    assert kinds[-1] == "verified-again"
    assert newest.tier == "production-safe"
    assert newest.platform.device == here.platform.partition(", torch ")[0]

    _PROCESS.served.clear()  # a process asks once which kernel serves; this stands for the next one
    served = load(vouching)
    assert isinstance(served, Kernel), served.why
    x = torch.randn(64, 129, device="cuda")
    with torch.no_grad():
        assert torch.allclose(served(x), torch.softmax(x, -1), atol=1e-6)
    assert served.serves == "kernel"
