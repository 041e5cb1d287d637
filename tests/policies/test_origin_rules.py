"""A policy that names references: read with them, bound to what they hold, refused in words where that fails."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from policies.errors import PolicyError
from policies.policy import BUILT_IN, Policy, load_policy
from runners.origin.references import FILE_CAP_BYTES

KERNEL = (Path(__file__).parents[1] / "kernels" / "softmax" / "right_online.py").read_text()
NAMED = "extends: ci\nname: team\norigin: {references: theirs, required: true}\n"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A policy file beside a folder of one reference."""
    (tmp_path / "theirs" / "deep").mkdir(parents=True)
    (tmp_path / "theirs" / "deep" / "k.py").write_text(KERNEL)
    (tmp_path / "theirs" / "LICENSE").write_bytes(b"\xff")
    (tmp_path / "team.yaml").write_text(NAMED)
    return tmp_path / "team.yaml"


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_built_in_policy_compares_or_requires_since_no_set_is_shipped(name: str) -> None:
    origin = load_policy(name).origin
    assert (origin.references, origin.required) == (None, False)
    assert (origin.reference_licences, origin.candidate_licences) == (None, None)


def test_a_policy_that_was_stored_before_origins_were_asked_for_still_loads() -> None:
    stored = json.loads(load_policy("ci").model_dump_json())
    del stored["origin"]
    assert Policy.model_validate_json(json.dumps(stored)) == load_policy("ci")


def test_references_are_found_beside_the_policy_whatever_the_working_folder(
    team: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    origin = load_policy(str(team)).origin
    assert origin.references is not None
    assert Path(origin.references.folder) == team.parent / "theirs"
    assert origin.max_share == load_policy("ci").origin.max_share


def test_the_digest_of_a_policy_covers_what_its_references_hold_and_not_where_they_are(team: Path) -> None:
    first = load_policy(str(team)).digest
    (team.parent / "theirs").rename(team.parent / "moved")
    team.write_text(NAMED.replace("theirs", "moved"))
    assert load_policy(str(team)).digest == first
    (team.parent / "moved" / "deep" / "k.py").write_text(KERNEL + "\n")
    assert load_policy(str(team)).digest != first
    assert load_policy("ci").digest != first


def test_a_stored_policy_loads_again_while_its_references_are_the_same(team: Path) -> None:
    policy = load_policy(str(team))
    stored = team.with_name("policy.json")
    stored.write_text(policy.model_dump_json())
    assert load_policy(str(stored)) == policy
    (team.parent / "theirs" / "deep" / "k.py").write_text(KERNEL + "# more\n")
    with pytest.raises(PolicyError, match="are not those that the policy was stored with"):
        load_policy(str(stored))


def link(folder: Path) -> None:
    (folder / "l.py").symlink_to("l.py")


def circle(folder: Path) -> None:
    (folder / "round").symlink_to(".", target_is_directory=True)


def emptied(folder: Path) -> None:
    (folder / "deep" / "k.py").unlink()


UNUSABLE = {
    "missing": (lambda folder: folder.rename(folder.with_name("gone")), "is not a folder of references"),
    "empty": (emptied, "holds no Python file"),
    "not_utf8": (lambda folder: (folder / "x.py").write_bytes(b"x = '\xff'"), "x.py: byte 5 is not UTF-8"),
    "null": (lambda folder: (folder / "x.py").write_bytes(b"x = '\0'"), "x.py"),
    "no_python": (lambda folder: (folder / "x.py").write_text("def f(:\n"), "x.py, line 1: invalid syntax"),
    "deep": (lambda folder: (folder / "x.py").write_text("(" * 5000), "x.py"),
    "endless_text": (lambda folder: (folder / "x.py").write_text("x = 1\n" + "'\\" * 100_000), "x.py, line 2"),
    "huge": (lambda folder: (folder / "x.py").write_bytes(b"#" * (FILE_CAP_BYTES + 1)), "is larger than 1024 KiB"),
    "link_to_itself": (link, "l.py is a link"),
    "circle_of_folders": (circle, "round is a link"),
    "pipe": (lambda folder: os.mkfifo(folder / "p.py"), "p.py is not a plain file"),
    "odd_name": (lambda folder: (folder / "a\x1b[2J.py").write_text("x = 1\n"), "characters that can't be printed"),
    "too_short": (lambda folder: (folder / "deep" / "k.py").write_text("x = 1\n"), "all files are too short"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_set_that_can_not_be_used_costs_one_clear_message(team: Path, name: str) -> None:
    spoil, told = UNUSABLE[name]
    spoil(team.parent / "theirs")
    with pytest.raises(PolicyError) as caught:
        load_policy(str(team))
    message = str(caught.value)
    assert told in message
    assert str(team) in message
    assert message.isprintable()


WRONG = {
    "origin: {required: true}": "'references' names no folder",
    "origin: {references: 3}": "is not the path of a folder",
    "origin: {references: [a, b]}": "is not the path of a folder",
    "origin: {max_share: 1.5}": "origin.max_share: ",
    "origin: {max_shares: 0.5}": "origin.max_shares: no such key",
    "origin: {candidate_licences: [MTI]}": "'MTI' is not one licence",
    "origin: {reference_licences: [MIT OR Zlib]}": "'MIT OR Zlib' is not one licence",
    "origin: {reference_licences: ['']}": "'' is not one licence",
    "origin:": "origin: ",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_with_the_section_is_told_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(f"extends: ci\n{text}\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(str(path))
    assert WRONG[text] in str(caught.value)


def test_licences_are_taken_as_spdx_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text("extends: ci\norigin: {candidate_licences: [mit, LicenseRef-Ours, NONE, GPL-2.0+]}\n")
    allowed = load_policy(str(path)).origin.candidate_licences
    assert allowed == ("MIT", "LicenseRef-Ours", "NONE", "GPL-2.0-or-later")
