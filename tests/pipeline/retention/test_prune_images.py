"""Which images `kernelgate image prune` removes from a real engine, and which it leaves; names are these tests' own."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from docker.errors import APIError
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.machine.runner_image import runner_spec
from pipeline.retention.contract import Fate
from pipeline.retention.images import (
    IS_CURRENT,
    IS_USED,
    REPOSITORIES,
    Bounds,
    DecidedImage,
    current_names,
    decide_images,
    remove_images,
)
from pipeline.settings import Settings
from sandbox.docker_engine import DockerEngine, engine_errors
from sandbox.engine_images import EngineImage, images_of
from sandbox.images import ContextFile, ImageSpec, ensure_image, find_image
from sandbox.reporting import Report

DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS cpu\nCOPY harness /\n"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class NoSupplies:
    """Of what nothing may be asked but the base, which is empty."""

    def base_image(self, engine: DockerEngine, reference: str, report: Report) -> str:
        return reference

    def wheels(self, engine: DockerEngine, base: str, spec: ImageSpec, report: Report) -> tuple[Path, ...]:
        pytest.fail("an image without requirements needs no wheels")


@dataclass
class Bench:
    """Images under two repositories of this test alone, and what must be cleared away after it."""

    engine: DockerEngine
    unique: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    names: list[str] = field(default_factory=list)
    containers: list[str] = field(default_factory=list)

    @property
    def repositories(self) -> tuple[str, str]:
        return f"kernelgate-test-{self.unique}-deps", f"kernelgate-test-{self.unique}-runner"

    def built(self, repository: int | str, content: str, base: str | ImageSpec = "scratch") -> ImageSpec:
        """An image as `kernelgate image build` makes one."""
        files = (ContextFile("content", f"{self.unique} {content}".encode()),)
        called = repository if isinstance(repository, str) else self.repositories[repository]
        spec = ImageSpec(called, DOCKERFILE, "cpu", base, files=files)
        ensure_image(self.engine, spec, NoSupplies(), lambda text: None)
        self.names.append(spec.tag)
        return spec

    def foreign(self, dockerfile: str, name: str) -> str:
        """An image that somebody else makes."""
        with engine_errors("build", self.engine.url):
            for _ in self.engine.api.build(fileobj=io.BytesIO(dockerfile.encode()), tag=name, rm=True, decode=True):
                pass
        assert self.engine.find_image(name) is not None
        self.names.append(name)
        return name

    def container_of(self, spec: ImageSpec) -> None:
        """A container that was made and never started."""
        made = self.engine.api.create_container(spec.tag, command=["/content"])
        self.containers.append(made["Id"])

    def decided(self, *current: ImageSpec, bounds: Bounds = Bounds()) -> tuple[DecidedImage, ...]:  # noqa: B008
        names = frozenset(spec.tag for spec in current)
        return decide_images(images_of(self.engine), self.repositories, names, bounds, datetime.now(UTC))

    def has(self, spec: ImageSpec) -> bool:
        return find_image(self.engine, spec) is not None

    def clear(self) -> None:
        for container in self.containers:
            self.engine.api.remove_container(container, force=True)
        for name in reversed(self.names):
            with suppress(APIError):
                self.engine.api.remove_image(name, force=True)
        assert [name for name in self.names if self.engine.find_image(name) is not None] == []


@pytest.fixture
def bench(engine_url: str) -> Iterator[Bench]:
    with DockerEngine(engine_url) as engine:
        bench = Bench(engine)
        yield bench
        bench.clear()


def fates(decided: tuple[DecidedImage, ...]) -> dict[str, tuple[Fate, str]]:
    return {one.name: (one.fate, one.why) for one in decided}


def silent(text: str) -> None:
    """Hears nothing."""


def test_what_earlier_sources_left_goes_and_what_anybody_needs_stays(bench: Bench) -> None:
    deps, old_deps = bench.built(0, "now"), bench.built(0, "before")
    current = bench.built(1, "now", deps)
    old, oldest = bench.built(1, "before", deps), bench.built(1, "long before", old_deps)
    with_packages = bench.built(1, "packages", current)
    used, below, renamed = (bench.built(1, name, deps) for name in ("used", "below another's", "with another name"))
    bench.container_of(used)
    team = f"kernelgate-test-{bench.unique}-team"
    bench.foreign(f"FROM {below.tag}\nLABEL team=yes\n", f"{team}:1")
    bench.engine.api.tag(renamed.tag, team, "2")
    bench.names.append(f"{team}:2")
    by_hand = bench.foreign("FROM scratch\nLABEL hand=made\n", f"{bench.repositories[1]}:cpu-{'0' * 12}")
    own_name = bench.foreign(f"FROM {old.tag}\nLABEL own=name\n", f"{bench.repositories[1]}:ours")
    bench.engine.api.remove_image(own_name)

    decided = bench.decided(current, deps)
    goes = {spec.tag for spec in (old, oldest, old_deps)}
    assert {name for name, (fate, _) in fates(decided).items() if fate is Fate.GOES} == goes
    assert {spec.tag: fates(decided)[spec.tag][1] for spec in (current, deps, with_packages, used, below, renamed)} == {
        current.tag: IS_CURRENT,
        deps.tag: IS_CURRENT,
        with_packages.tag: f"it is {current.tag} with more packages",
        used.tag: IS_USED,
        below.tag: f"{team}:1 stands on it",
        renamed.tag: f"it is called {team}:2, too",
    }
    assert by_hand not in fates(decided)

    said: list[str] = []
    pruned = remove_images(bench.engine, decided, said.append)
    assert pruned.is_complete
    assert said == [f"removing 3 of {len(decided)} images"]
    assert {one.name for one in pruned.decided if one.fate is Fate.WENT} == goes
    assert [bench.has(spec) for spec in (old, oldest, old_deps)] == [False] * 3
    assert all(bench.has(spec) for spec in (current, deps, with_packages, used, below, renamed))
    assert all(bench.engine.find_image(name) is not None for name in (by_hand, f"{team}:1", f"{team}:2"))
    assert {fate for fate, _ in fates(bench.decided(current, deps)).values()} == {Fate.STAYS}  # and again: nothing


def test_an_image_that_a_container_was_made_from_since_stays(bench: Bench) -> None:
    meanwhile, old = bench.built(1, "used meanwhile"), bench.built(1, "before")
    decided = bench.decided()
    assert {fate for fate, _ in fates(decided).values()} == {Fate.GOES}
    bench.container_of(meanwhile)
    bench.engine.api.remove_image(old.tag)  # by somebody else
    pruned = remove_images(bench.engine, decided, silent)
    assert fates(pruned.decided)[meanwhile.tag] == (Fate.STAYS, IS_USED)
    assert fates(pruned.decided)[old.tag][0] is Fate.WENT
    assert pruned.is_complete
    assert bench.has(meanwhile)


def image(name: str, hours: int, *names: str, **facts: object) -> EngineImage:
    given = {"base": "base:1", "parent": None, "own_bytes": 1, "used": False} | facts
    return EngineImage(id=f"sha256:{name}{hours}", names=(name, *names), built_at=NOW - timedelta(hours=hours), **given)  # type: ignore[arg-type]


def name_of(number: int) -> str:
    return f"kernelgate-runner:cpu-{number:012x}"


@pytest.mark.parametrize(
    ("bounds", "goes"),
    [
        (Bounds(), [2, 3, 4]),
        (Bounds(keep=1), [3, 4]),
        (Bounds(keep=9), []),
        (Bounds(older_than=timedelta(days=2)), [3, 4]),
        (Bounds(keep=1, older_than=timedelta(days=2)), [4]),
        (Bounds(older_than=timedelta(weeks=9)), []),
    ],
)
def test_of_what_nobody_uses_the_newest_and_the_young_stay(bounds: Bounds, goes: list[int]) -> None:
    images = [image(name_of(number), hours) for number, hours in ((1, 0), (2, 47), (3, 49), (4, 300))]
    decided = decide_images(images, REPOSITORIES, frozenset({name_of(1)}), bounds, NOW)
    assert [one.name for one in decided] == [name_of(number) for number in (1, 2, 3, 4)]
    assert [one.name for one in decided if one.fate is Fate.GOES] == [name_of(number) for number in goes]


@pytest.mark.parametrize(
    "other",
    [
        image("kernelgate-runner:latest", 900),
        image("team/kernelgate-runner:cpu-0123456789ab", 900),
        image("registry.example:5000/kernelgate-runner:cpu-0123456789ab", 900),
        image("kernelgate-runner:cpu-0123456789abc", 900),
        image("kernelgate-runner-2:cpu-0123456789ab", 900),
        image(name_of(5), 900, base=None),
    ],
    ids=lambda one: f"{one.names[0]} {one.base}",
)
def test_what_is_only_named_or_labelled_like_ours_is_not_even_looked_at(other: EngineImage) -> None:
    decided = decide_images([other, image(name_of(6), 900)], REPOSITORIES, frozenset(), Bounds(), NOW)
    assert [(one.name, one.fate) for one in decided] == [(name_of(6), Fate.GOES)]


def test_two_old_names_of_one_image_go_and_one_beside_a_current_name_stays() -> None:
    images = [image(name_of(1), 9, name_of(2)), image(name_of(3), 8, name_of(4))]
    decided = decide_images(images, REPOSITORIES, frozenset({name_of(1)}), Bounds(), NOW)
    assert {one.name: one.fate for one in decided} == {
        name_of(1): Fate.STAYS, name_of(2): Fate.STAYS, name_of(3): Fate.GOES, name_of(4): Fate.GOES,
    }  # fmt: skip


def test_the_command_shows_what_would_go_and_removes_nothing(
    runner_image: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    settings = Settings.resolve()
    mine = runner_spec(settings.project, (), settings.base_image).tag
    assert mine in current_names(settings)
    old = bench.built("kernelgate-gpu-deps", "before")
    done = CliRunner().invoke(app, ["image", "prune", "--dry-run"])
    assert done.exit_code == 0, done.stderr
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines() if line}
    assert rows[mine].endswith(f" stays {IS_CURRENT}")
    assert rows[old.tag].endswith(" would go nothing uses it")
    assert bench.has(old)
    assert "looking at the images of the engine" in done.stderr
    listed = CliRunner().invoke(app, ["image", "prune", "--dry-run", "--older-than", "52w", "--format", "json", "-q"])
    document = json.loads(listed.stdout)
    (entry,) = [one for one in document["images"] if one["name"] == mine]
    assert (document["dry_run"], entry["id"], entry["fate"]) == (True, runner_image, "stays")
    assert listed.stderr == ""
