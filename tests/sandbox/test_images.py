from __future__ import annotations

import io
import os
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from docker.errors import APIError

from sandbox.contract import SandboxUnavailable
from sandbox.docker_engine import DockerEngine, engine_errors
from sandbox.images import ContextFile, ImageSpec, ensure_image, find_image, write_context
from sandbox.reporting import Report

DOCKERFILE = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS cpu\nCOPY harness /harness\n"
FILES = (ContextFile("a.py", b"a = 1\n"), ContextFile("inside/b.py", b"b = 2\n"))
SPEC = ImageSpec("kernelgate-test", DOCKERFILE, "cpu", "base:1", requirements=("x==1", "y==2"), files=FILES)


class NoSupplies:
    """A supplier of which nothing may be asked but the base, which the engine has."""

    def base_image(self, engine: DockerEngine, reference: str, report: Report) -> str:
        return reference

    def wheels(self, engine: DockerEngine, base: str, spec: ImageSpec, report: Report) -> tuple[Path, ...]:
        pytest.fail("an image without requirements needs no wheels")


def context_of(spec: ImageSpec, wheels: tuple[Path, ...] = ()) -> bytes:
    sink = io.BytesIO()
    write_context(sink, spec, wheels)
    return sink.getvalue()


def test_equal_content_gives_an_equal_context_whatever_the_order() -> None:
    shuffled = replace(SPEC, files=FILES[::-1], requirements=("y==2", "x==1"))
    assert context_of(shuffled) == context_of(SPEC)
    assert shuffled.tag == SPEC.tag


def test_context_holds_nothing_of_the_machine(tmp_path: Path) -> None:
    wheel = tmp_path / "x-1-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    first = context_of(SPEC, (wheel,))
    os.utime(wheel, (1, 1))
    wheel.chmod(0o600)
    assert context_of(SPEC, (wheel,)) == first
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.gid) for member in members} == {(0, 0, 0)}


def test_context_holds_exactly_what_the_specification_says() -> None:
    with tarfile.open(fileobj=io.BytesIO(context_of(SPEC))) as archive:
        files = {member.name for member in archive.getmembers() if member.isfile()}
        folders = {member.name for member in archive.getmembers() if member.isdir()}
    assert files == {"Dockerfile", "requirements.txt", "harness/a.py", "harness/inside/b.py"}
    assert folders == {"harness", "harness/inside", "wheelhouse"}


@pytest.mark.parametrize(
    "changed",
    [
        replace(SPEC, dockerfile=DOCKERFILE + "USER 1\n"),
        replace(SPEC, target="gpu"),
        replace(SPEC, base="base:2"),
        replace(SPEC, base=replace(SPEC, files=())),
        replace(SPEC, requirements=("x==1", "y==3")),
        replace(SPEC, alone=True),
        replace(SPEC, files=(ContextFile("a.py", b"a = 2\n"), FILES[1])),
        replace(SPEC, files=(ContextFile("c.py", b"a = 1\n"), FILES[1])),
        replace(SPEC, files=FILES[:1]),
    ],
)
def test_every_input_changes_the_tag(changed: ImageSpec) -> None:
    assert changed.tag != SPEC.tag


def test_change_below_changes_the_tag_above() -> None:
    above = replace(SPEC, base=SPEC)
    assert replace(above, base=replace(SPEC, requirements=())).tag != above.tag


def test_tag_names_repository_target_and_content() -> None:
    repository, _, rest = SPEC.tag.partition(":")
    target, _, digest = rest.partition("-")
    assert (repository, target, len(digest)) == ("kernelgate-test", "cpu", 12)


@pytest.fixture
def small(engine: DockerEngine, runner_image: str) -> Iterator[ImageSpec]:
    """A specification that no engine has seen; whatever was built from it is removed afterwards."""
    unique = uuid.uuid4().hex
    label = f"kernelgate.test={unique}"
    files = (ContextFile("unique.txt", unique.encode()),)
    dockerfile = DOCKERFILE.replace("COPY", f"LABEL {label}\nCOPY")
    yield ImageSpec("kernelgate-test", dockerfile, "cpu", runner_image, files=files)
    with engine_errors("remove test images", engine.url):
        for _ in range(3):  # a parent can only go after its child, and images of one second are listed in any order
            for image in engine.api.images(filters={"label": label}):
                with suppress(APIError):
                    engine.api.remove_image(image["Id"], force=True)
        assert engine.api.images(filters={"label": label}) == []


def test_image_is_built_once_and_then_reused_without_a_word(engine: DockerEngine, small: ImageSpec) -> None:
    assert find_image(engine, small) is None
    said: list[str] = []
    built = ensure_image(engine, small, NoSupplies(), said.append)
    assert built.id.startswith("sha256:")
    assert said[0] == f"building {small.tag}"
    assert ensure_image(engine, small, NoSupplies(), pytest.fail) == built


def test_base_that_is_a_specification_is_built_first(engine: DockerEngine, small: ImageSpec) -> None:
    above = replace(small, files=(), base=small)
    ensure_image(engine, above, NoSupplies(), lambda text: None)
    assert find_image(engine, small) is not None


def test_failed_build_shows_the_end_of_its_log_and_leaves_no_image(engine: DockerEngine, small: ImageSpec) -> None:
    broken = replace(small, dockerfile=small.dockerfile + "RUN echo what went wrong; exit 7\n")
    with pytest.raises(SandboxUnavailable, match="what went wrong") as caught:
        ensure_image(engine, broken, NoSupplies(), lambda text: None)
    assert broken.tag in str(caught.value)
    assert find_image(engine, broken) is None


def test_build_without_requirements_has_no_network(engine: DockerEngine, small: ImageSpec) -> None:
    # Interfaces that are always there carry no traffic; a way out would be a route.
    probe = replace(small, dockerfile=small.dockerfile + "RUN : ; test $(wc -l < /proc/net/route) -eq 1\n")
    assert ensure_image(engine, probe, NoSupplies(), lambda text: None).tag == probe.tag
