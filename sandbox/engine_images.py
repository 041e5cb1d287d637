"""The images that an engine has, as whoever removes old ones sees them; and the removal of one name.

An image is built on others of the engine, and the layers of these are on the disk once. What is removed is a name,
never an image by its id: under a second name it stays, and so do layers that another image stands on. Nothing is
forced: the engine itself refuses where a container, running or ended, was made from the image meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.docker_engine import APIError, DockerEngine, engine_errors, is_settled
from sandbox.images import BASE_LABEL

_NO_NAME: Final = "<none>:<none>"
_GONE: Final = 404


@dataclass(frozen=True, slots=True)
class EngineImage:
    """An image, or what a build left between two steps.

    Attributes:
        id: The content id (`sha256:…`).
        names: `repository:tag`; empty between two steps.
        base: The name of what it was built on, if its label says so; what is built on top has the label, too.
        parent: The id of the image below; None where the engine keeps none, or there is none.
        own_bytes: Of the layers that no other named image has.
        used: Some container, running or ended, was made from it.
    """

    id: str
    names: tuple[str, ...]
    base: str | None
    parent: str | None
    built_at: datetime
    own_bytes: int
    used: bool


def images_of(engine: DockerEngine) -> tuple[EngineImage, ...]:
    """Returns every image that the engine has.

    Raises:
        SandboxUnavailable: the engine does not answer.
    """
    with engine_errors("list the images and containers", engine.url):
        images: list[Any] = engine.api.images(all=True)
        in_use = {str(one.get("ImageID")) for one in engine.api.containers(all=True)}
        own = {str(one["Id"]): _own(one) for one in engine.api.df().get("Images") or ()}
    return tuple(
        EngineImage(
            id=str(one["Id"]),
            names=tuple(name for name in one.get("RepoTags") or () if name != _NO_NAME),
            base=(one.get("Labels") or {}).get(BASE_LABEL),
            parent=one.get("ParentId") or None,
            built_at=datetime.fromtimestamp(int(one["Created"]), UTC),
            own_bytes=own.get(str(one["Id"]), 0),
            used=str(one["Id"]) in in_use,
        )
        for one in images
    )


def remove_name(engine: DockerEngine, name: str) -> bool:
    """Removes a name, and the image where that was its last one; False where it is in use. Gone already is removed.

    Raises:
        SandboxUnavailable: the engine does not answer, or can't remove it.
    """
    with engine_errors(f"remove the image {name}", engine.url):
        try:
            engine.api.remove_image(name, force=False)
        except APIError as error:
            if not is_settled(error):
                raise
            return error.response is not None and error.response.status_code == _GONE
    return True


def _own(said: Any) -> int:
    shared = int(said.get("SharedSize", 0))
    return max(0, int(said.get("Size", 0)) - max(0, shared))
