"""Which images of the engine are old ones of this tool, and their removal.

An image is ours where it has the name that a build gives, REPOSITORY:TARGET-DIGEST of our repositories, and the label
that a build sets. One without the label, such as one that was made by hand under such a name, is not; neither is one
that was built on top of ours, which has the label and a name of its own. Of ours stay those of this checkout as it is,
with what stands on its runner image (the packages that policies let candidates import), what a container was made
from, what has another name besides, and whatever an image stands on that stays, be that ours or another's.

Another checkout of this machine has images of its own as it is, which nobody here knows: it builds them again.

Deliberately not handled: images without a name (`docker image prune`), base images, and registries.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.fleet.judge_image import judge_spec
from pipeline.machine.engine import answering_engine
from pipeline.machine.exclusive import exclusive
from pipeline.machine.runner_image import gpu_runner_spec, runner_spec
from pipeline.reporting import Report
from pipeline.retention.contract import Fate
from pipeline.retention.limits import in_days_or_hours
from pipeline.settings import Settings
from pipeline.supply.machine_slots import folder_of_this_user, make_own
from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine
from sandbox.engine_images import EngineImage, images_of, remove_name
from sandbox.images import HASH_LENGTH, ImageSpec

REPOSITORIES: Final = (
    "kernelgate-deps", "kernelgate-runner", "kernelgate-gpu-deps", "kernelgate-gpu-runner", "kernelgate-judge-deps",
    "kernelgate-judge",
)  # fmt: skip
IS_CURRENT: Final = "this checkout as it is uses it"
IS_USED: Final = "a container was made from it"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may stay of images that nobody uses.

    Attributes:
        keep: So many of each repository, the newest; those that stay for another reason do not count.
        older_than: What is younger stays; None: age is no reason.
    """

    keep: int = 0
    older_than: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DecidedImage:
    """An image of ours, what became of it, and why.

    Attributes:
        layers: On how many images and steps of builds it stands.
    """

    image: EngineImage
    name: str
    layers: int
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class PrunedImages:
    """All images of ours, by name and the newest first.

    Attributes:
        interrupted: It ended before all had gone that was to go.
    """

    decided: tuple[DecidedImage, ...]
    dry_run: bool
    interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all went that was to go."""
        return not self.interrupted and all(one.fate is not Fate.FAILED for one in self.decided)


def prune_images(settings: Settings, bounds: Bounds, report: Report, *, dry_run: bool) -> PrunedImages:
    """Removes old images of ours from the engine; an interrupt ends it between two, and is no error.

    Raises:
        SandboxUnavailable: no engine answers, or what this checkout needs can't be said.
    """
    folder = folder_of_this_user()
    make_own(folder)
    with exclusive(folder / "prune.lock", report, "prunes"), DockerEngine(answering_engine()) as engine:
        report(f"looking at the images of the engine at {engine.url}")
        decided = decide_images(images_of(engine), REPOSITORIES, current_names(settings), bounds, datetime.now(UTC))
        return PrunedImages(decided, dry_run) if dry_run else remove_images(engine, decided, report)


def current_names(settings: Settings) -> frozenset[str]:
    """The names of the images that this checkout uses as it is, whether they were built or not.

    Raises:
        SandboxUnavailable: the checkout lacks a file of theirs.
    """
    specs = (
        runner_spec(settings.project, (), settings.base_image),
        gpu_runner_spec(settings.project, settings.base_image),
        judge_spec(settings),
    )
    return frozenset(name for spec in specs for name in _chain(spec))


def decide_images(
    images: Sequence[EngineImage],
    repositories: Sequence[str],
    current: frozenset[str],
    bounds: Bounds,
    now: datetime,
) -> tuple[DecidedImage, ...]:
    """Returns what becomes of each of ours, by repository and the newest first; nothing is changed."""
    is_name = re.compile(rf"(?:{'|'.join(map(re.escape, repositories))}):[a-z]+-[0-9a-f]{{{HASH_LENGTH}}}", re.ASCII)
    ours = [
        (image, name)
        for image in images
        if image.base is not None
        for name in image.names
        if is_name.fullmatch(name)
    ]  # fmt: skip
    ours.sort(key=lambda one: (_repository(one[1]), -one[0].built_at.timestamp(), one[1]))
    by_id, kept = {image.id: image for image in images}, defaultdict[str, int](int)
    decided = []
    for image, name in ours:
        others = [other for other in image.names if other in current or not is_name.fullmatch(other)]
        why = _why_it_stays(image, name, current, others) or _young(image, bounds, now)
        if why is None and kept[_repository(name)] < bounds.keep:
            kept[_repository(name)] += 1
            why = f"among the {bounds.keep} newest that nothing uses"
        fate = Fate.GOES if why is None else Fate.STAYS
        layers = sum(1 for _ in _below(image, by_id.get))
        decided.append(DecidedImage(image, name, layers, fate, why or "nothing uses it"))
    return tuple(_with_what_they_stand_on(decided, images))


def remove_images(engine: DockerEngine, decided: Sequence[DecidedImage], report: Report) -> PrunedImages:
    """Carries it out: what stands on another goes before it."""
    going = sorted(
        (number for number, one in enumerate(decided) if one.fate is Fate.GOES),
        key=lambda number: decided[number].layers,
        reverse=True,
    )
    if going:
        report(f"removing {len(going)} of {len(decided)} images")
    ended = list(decided)
    try:
        for number in going:
            ended[number] = _removed(engine, decided[number])
    except KeyboardInterrupt:
        left = [replace(one, fate=Fate.STAYS, why="interrupted") if one.fate is Fate.GOES else one for one in ended]
        return PrunedImages(tuple(left), dry_run=False, interrupted=True)
    return PrunedImages(tuple(ended), dry_run=False)


def _removed(engine: DockerEngine, decided: DecidedImage) -> DecidedImage:
    try:
        removed = remove_name(engine, decided.name)
    except SandboxUnavailable as error:
        return replace(decided, fate=Fate.FAILED, why=str(error))
    return replace(decided, fate=Fate.WENT) if removed else replace(decided, fate=Fate.STAYS, why=IS_USED)


def _why_it_stays(image: EngineImage, name: str, current: frozenset[str], others: Sequence[str]) -> str | None:
    if name in current:
        return IS_CURRENT
    if image.base in current and _repository(str(image.base)) == _repository(name):
        return f"it is {image.base} with more packages"
    if image.used:
        return IS_USED
    return f"it is called {others[0]}, too" if others else None


def _young(image: EngineImage, bounds: Bounds, now: datetime) -> str | None:
    if bounds.older_than is None or now - image.built_at > bounds.older_than:
        return None
    return f"not older than {in_days_or_hours(bounds.older_than)}"


def _with_what_they_stand_on(decided: Sequence[DecidedImage], images: Sequence[EngineImage]) -> Iterator[DecidedImage]:
    """What an image stands on that stays, stays, too: without its name its layers would be there all the same."""
    goes = {one.image.id for one in decided if one.fate is Fate.GOES}
    by_id = {image.id: image for image in images}
    inner = {image.parent for image in images}
    stands: dict[str, str] = {}
    for image in images:
        if image.id not in goes and (image.names or image.id not in inner):
            for below in _below(image, by_id.get):
                stands.setdefault(
                    below.id, image.names[0] if image.names else f"an image without a name ({image.id[7:19]})"
                )
    for one in decided:
        on_it = stands.get(one.image.id)
        is_needed = one.fate is Fate.GOES and on_it is not None
        yield replace(one, fate=Fate.STAYS, why=f"{on_it} stands on it") if is_needed else one


def _below(image: EngineImage, find: Callable[[str], EngineImage | None]) -> Iterator[EngineImage]:
    while image.parent is not None and (below := find(image.parent)) is not None:
        yield (image := below)


def _chain(spec: ImageSpec) -> Iterator[str]:
    yield spec.tag
    if isinstance(spec.base, ImageSpec):
        yield from _chain(spec.base)


def _repository(name: str) -> str:
    return name.rpartition(":")[0]
