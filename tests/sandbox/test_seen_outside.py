from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.contract import LimitProof, Limits
from sandbox.seen_outside import NAMES, Outside

LIMITS = Limits(memory_bytes=1 << 30, cpus=1.5)
PID = 4711
ID = "0badcafe"
V1 = f"11:memory:/docker/{ID}\n4:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}\n"
V2 = f"0::/system.slice/docker-{ID}.scope\n"
FILES_V1 = {
    f"memory/docker/{ID}/memory.limit_in_bytes": str(1 << 30),
    f"memory/docker/{ID}/memory.memsw.limit_in_bytes": str(1 << 30),
    f"cpu,cpuacct/docker/{ID}/cpu.cfs_quota_us": "150000",
    f"cpu,cpuacct/docker/{ID}/cpu.cfs_period_us": "100000",
}
FOLDER_V2 = f"system.slice/docker-{ID}.scope"
FILES_V2 = {
    f"{FOLDER_V2}/memory.max": str(1 << 30),
    f"{FOLDER_V2}/memory.swap.max": "0",
    f"{FOLDER_V2}/cpu.max": "150000 100000",
}


def seen(tmp_path: Path, groups: str, files: dict[str, str], limits: Limits = LIMITS) -> dict[str, LimitProof]:
    process = tmp_path / "proc" / str(PID)
    process.mkdir(parents=True)
    (process / "cgroup").write_text(groups)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    proofs = Outside(tmp_path / "proc", tmp_path / "cgroup").proofs(PID, ID, limits)
    return {proof.name: proof for proof in proofs}


@pytest.mark.parametrize(("groups", "files"), [(V1, FILES_V1), (V2, FILES_V2)], ids=["v1", "v2"])
def test_limits_hold_that_both_versions_of_control_groups_keep(
    tmp_path: Path, groups: str, files: dict[str, str]
) -> None:
    proofs = seen(tmp_path, groups, files)
    assert tuple(proofs) == NAMES
    assert all(proof.holds for proof in proofs.values()), proofs


@pytest.mark.parametrize(("groups", "files"), [(V1, FILES_V1), (V2, FILES_V2)], ids=["v1", "v2"])
def test_a_limit_that_is_wider_than_asked_for_does_not_hold(tmp_path: Path, groups: str, files: dict[str, str]) -> None:
    proofs = seen(tmp_path, groups, files, replace(LIMITS, memory_bytes=1 << 29, cpus=1.0))
    assert {name for name, proof in proofs.items() if not proof.holds} >= {"memory", "cpus"}


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({f"{FOLDER_V2}/memory.max": "max"}, "memory"),
        ({f"{FOLDER_V2}/memory.swap.max": "max"}, "swap"),
        ({f"{FOLDER_V2}/cpu.max": "max 100000"}, "cpus"),
    ],
)
def test_a_group_without_a_limit_does_not_hold(tmp_path: Path, files: dict[str, str], missing: str) -> None:
    proofs = seen(tmp_path, V2, FILES_V2 | files)
    assert [name for name, proof in proofs.items() if not proof.holds] == [missing]


def test_the_groups_of_another_process_with_that_number_prove_nothing(tmp_path: Path) -> None:
    elsewhere = {name.replace(ID, "other"): text for name, text in FILES_V1.items()}
    proofs = seen(tmp_path, V1.replace(ID, "other"), elsewhere)
    assert not any(proof.holds for proof in proofs.values())


def test_a_process_that_is_out_of_sight_proves_nothing(tmp_path: Path) -> None:
    proofs = Outside(tmp_path, tmp_path).proofs(PID, ID, LIMITS)
    assert not any(proof.holds for proof in proofs)
    assert "no limit was found" in proofs[0].observed
