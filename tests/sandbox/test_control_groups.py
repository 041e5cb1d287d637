from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.contract import Limits, SandboxUnavailable
from sandbox.control_groups import ControlGroup, ControlGroups, Place, _below, _handing_out, _settings
from sandbox.owner import Owner, this_process

LIMITS = Limits(memory_bytes=64 << 20, processes=7, cpus=0.5)


@pytest.fixture
def groups() -> ControlGroups:
    found = ControlGroups.of_this_machine()
    if not found.places:
        pytest.skip("needs a machine on which this user may make control groups")
    return found


def test_finding_out_leaves_nothing_behind(groups: ControlGroups) -> None:
    left = [folder for place in groups.places for folder in place.parent.glob(f"kernelgate.{os.getpid()}.*")]
    assert left == []


def test_a_group_has_the_limits_that_were_asked_for(groups: ControlGroups) -> None:
    group = groups.group_for(this_process())
    group.make(LIMITS)
    try:
        for place in groups.places:
            for file, value in _settings(place, LIMITS):
                path = place.parent / group.name / file
                assert not path.exists() or path.read_text().strip() == value
        assert group.oom_kills() == 0
    finally:
        group.remove()
    assert not [folder for folder in group.folders if folder.exists()]


def test_removing_kills_what_is_in_it(groups: ControlGroups) -> None:
    group = groups.group_for(this_process())
    group.make(LIMITS)
    joins = "".join(f"echo 0 > {folder}/cgroup.procs; " for folder in group.folders)
    with subprocess.Popen(["/bin/sh", "-c", f"{joins} echo in; exec sleep 600"], stdout=subprocess.PIPE) as inside:
        assert inside.stdout is not None
        assert inside.stdout.readline() == b"in\n"
        group.remove()
        assert inside.wait(10) == -9
    assert not [folder for folder in group.folders if folder.exists()]


def test_removing_twice_is_fine(groups: ControlGroups) -> None:
    group = groups.group_for(this_process())
    group.make(LIMITS)
    group.remove()
    group.remove()
    assert not [folder for folder in group.folders if folder.exists()]


def made_for(groups: ControlGroups, owner: Owner) -> ControlGroup:
    group = groups.group_for(owner)
    group.make(LIMITS)
    return group


def test_only_groups_whose_owner_is_known_to_be_dead_are_reaped(groups: ControlGroups) -> None:
    me = this_process()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    mine, dead, elsewhere = (
        made_for(groups, owner)
        for owner in (me, replace(me, pid=gone.pid, start_ticks=1), replace(me, namespace="pid:[1]"))
    )
    try:
        assert groups.reap() >= 1
        assert [all(f.exists() for f in group.folders) for group in (mine, dead, elsewhere)] == [True, False, True]
    finally:
        for group in (mine, dead, elsewhere):
            group.remove()


def test_a_folder_that_is_not_named_by_us_is_left_alone(groups: ControlGroups) -> None:
    foreign = groups.places[0].parent / "kernelgate.not-ours"
    foreign.mkdir()
    try:
        groups.reap()
        assert foreign.exists()
    finally:
        foreign.rmdir()


def test_a_limit_that_the_kernel_refuses_makes_no_group(groups: ControlGroups) -> None:
    group = groups.group_for(this_process())
    with pytest.raises(SandboxUnavailable, match="can't be set up"):
        group.make(replace(LIMITS, processes=-5, memory_bytes=-5))
    assert not [folder for folder in group.folders if folder.exists()]


def test_without_places_there_is_nothing_to_make_or_remove() -> None:
    group = ControlGroups().group_for(this_process())
    group.make(LIMITS)
    assert (group.folders, group.views, group.oom_kills(), group.holds("memory")) == ((), (), 0, False)
    group.remove()
    assert ControlGroups().title == "no control group"


V2 = tuple(Place(controller, 2, Path("/sys/fs/cgroup/a")) for controller in ("memory", "pids", "cpu"))


def test_version_2_has_one_folder_for_all_and_its_own_files() -> None:
    group = ControlGroup("g", V2)
    assert group.folders == (Path("/sys/fs/cgroup/a/g"),)
    assert group.views == ((Path("/sys/fs/cgroup/a/g"), "/sys/fs/cgroup"),)
    assert dict(setting for place in V2 for setting in _settings(place, LIMITS)) == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "pids.max": "7",
        "cpu.max": "50000 100000",
    }


def test_deaths_at_the_memory_limit_are_read_from_version_2(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "memory.events").write_text("low 0\nhigh 0\nmax 31\noom 2\noom_kill 3\noom_group_kill 9\n")
    assert ControlGroup("g", (Place("memory", 2, tmp_path),)).oom_kills() == 3


def test_in_version_2_the_nearest_ancestor_that_hands_a_controller_out_is_taken(tmp_path: Path) -> None:
    own = tmp_path / "user.slice" / "session.scope"
    own.mkdir(parents=True)
    for folder, handed in ((own, ""), (own.parent, "memory pids"), (tmp_path, "cpu memory pids")):
        (folder / "cgroup.subtree_control").write_text(f"{handed}\n")
    found = [_handing_out(tmp_path, "/", "/user.slice/session.scope", c) for c in ("memory", "pids", "cpu")]
    assert found == [own.parent, own.parent, tmp_path]
    (tmp_path / "cgroup.subtree_control").write_text("\n")
    assert _handing_out(tmp_path, "/", "/user.slice/session.scope", "cpu") is None


@pytest.mark.parametrize(
    ("root", "path", "found"),
    [("/", "/a/b", "/m/a/b"), ("/", "/", "/m"), ("/docker/x", "/docker/x/y", "/m/y"), ("/docker/x", "/docker/x", "/m")],
)
def test_a_group_is_found_below_a_mount_that_shows_a_part(root: str, path: str, found: str) -> None:
    assert _below(Path("/m"), root, path) == Path(found)
