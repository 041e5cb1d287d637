from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.user_namespaces import OBSTACLES, Obstacle, obstacles


def machine(tmp_path: Path, **values: str) -> Path:
    for name, value in values.items():
        file = tmp_path.joinpath(*name.split("__"))
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{value}\n")
    return tmp_path


@pytest.mark.parametrize("obstacle", OBSTACLES, ids=lambda obstacle: obstacle.setting)
def test_a_setting_that_forbids_user_namespaces_is_named(tmp_path: Path, obstacle: Obstacle) -> None:
    folder = machine(tmp_path, **{obstacle.setting.replace(".", "__"): obstacle.value})
    (said,) = obstacles(is_root=False, settings=folder)
    assert said.startswith(f"{obstacle.setting} is {obstacle.value}: change it")
    assert bool(obstacles(is_root=True, settings=folder)) == obstacle.concerns_root


def test_settings_that_allow_it_are_not_named(tmp_path: Path) -> None:
    folder = machine(
        tmp_path,
        user__max_user_namespaces="96364",
        kernel__unprivileged_userns_clone="1",
        kernel__apparmor_restrict_unprivileged_userns="0",
    )
    assert obstacles(is_root=False, settings=folder) == ()


def test_a_kernel_without_these_settings_is_no_obstacle(tmp_path: Path) -> None:
    assert obstacles(is_root=False, settings=tmp_path) == ()
