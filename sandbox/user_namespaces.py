"""Whether this machine lets us make user namespaces, as far as its settings say: for messages, never for decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple


class Obstacle(NamedTuple):
    """A setting, and the value with which it stands in the way."""

    setting: str
    value: str
    concerns_root: bool


OBSTACLES: Final = (
    Obstacle("user.max_user_namespaces", "0", concerns_root=True),
    Obstacle("kernel.unprivileged_userns_clone", "0", concerns_root=False),
    Obstacle("kernel.apparmor_restrict_unprivileged_userns", "1", concerns_root=False),
)


def obstacles(*, is_root: bool, settings: Path = Path("/proc/sys")) -> tuple[str, ...]:
    """Returns what stands in the way, each with what to do about it; nothing where no setting says so."""
    ways = "change it (sysctl) or use an engine" if is_root else "change it (sysctl), run as root, or use an engine"
    return tuple(
        f"{obstacle.setting} is {obstacle.value}: {ways}"
        for obstacle in OBSTACLES
        if (obstacle.concerns_root or not is_root) and _value(settings, obstacle.setting) == obstacle.value
    )


def _value(settings: Path, name: str) -> str | None:
    try:
        return settings.joinpath(*name.split(".")).read_text().strip()
    except OSError:  # this kernel has no such setting
        return None
