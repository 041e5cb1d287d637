from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
import torch
import triton

from pipeline.errors import GenerationError
from pipeline.generation.knowledge.context import Fault, context_for
from pipeline.generation.knowledge.index import Index
from pipeline.generation.knowledge.installed import installed_references, other_names
from pipeline.generation.knowledge.notes import DOCUMENT_CAP_BYTES, load_notes
from pipeline.generation.knowledge.references import Reference, digest_of
from runners.contract.names import missing
from runners.contract.tables import ALLOCATIONS

NAMES = Path(__file__).parents[3] / "benchmarks/api_names.toml"
REFERENCES = installed_references()
INDEX = Index(REFERENCES)


def reference(name: str) -> Reference:
    return next(one for one in REFERENCES if one.name == name)


def test_every_reference_is_a_name_of_the_installed_version() -> None:
    assert len(REFERENCES) > 300
    assert len({one.name for one in REFERENCES}) == len(REFERENCES)
    assert [one.name for one in REFERENCES if missing(one.name) is not None] == []
    assert {one.source for one in REFERENCES} == {
        f"triton {triton.__version__}",
        f"torch {torch.__version__.partition('+')[0]}",
    }


def test_the_allocations_that_the_contract_allows_are_all_there() -> None:
    assert {one.name for one in REFERENCES} >= ALLOCATIONS


def test_a_call_shows_what_an_author_can_give_and_nothing_that_the_compiler_fills_in() -> None:
    assert reference("triton.language.load").call.startswith("tl.load(pointer, mask=None, other=None, *, cache_mod")
    assert reference("torch.empty").call.startswith("torch.empty(*size, *, out=None, dtype=None")
    assert reference("triton.language.extra.libdevice.tanh").call == "libdevice.tanh(arg0)"
    assert not [one.name for one in REFERENCES if "_semantic" in one.call or "_generator" in one.call]


def test_a_text_is_what_the_author_wrote_without_markup_for_pages() -> None:
    text = reference("triton.language.sum").text
    assert text.startswith("Returns the sum of all elements in the input tensor along the provided axis")
    assert ":code:" not in text
    assert "can also be called as a member function" not in text


def test_a_name_that_is_there_to_say_that_it_is_gone_is_told_from_the_others() -> None:
    removed = {one.name for one in REFERENCES if one.is_removed}
    assert removed <= {"triton.language.make_block_ptr", "triton.language.tensor.advance", "triton.language.advance"}
    assert "triton.language.load" not in removed
    if triton.__version__ == "3.9.0":
        assert "triton.language.make_block_ptr" in removed


def test_what_other_libraries_call_things_belongs_to_names_that_exist_somewhere() -> None:
    known = {one.name for one in REFERENCES}
    assert len(other_names().keys() & known) >= 0.9 * len(other_names())
    assert "matmul" in reference("triton.language.dot").elsewhere


def groups() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads(NAMES.read_text(encoding="utf-8"))


def test_the_right_reference_is_among_the_first_three_for_95_of_100_names() -> None:
    hundred = {
        name: right for group, names in groups().items() if group != "afterwards" for name, right in names.items()
    }
    assert len(hundred) == 100
    missed = [name for name, right in hundred.items() if not set(right) & {one.name for one in INDEX.by_name(name, 3)}]
    assert len(missed) <= 5, missed


def test_without_the_list_of_other_names_it_still_finds_most() -> None:
    """So that the number above is not the list's alone."""
    plain = Index([dataclasses.replace(one, elsewhere=()) for one in REFERENCES])
    names = groups()["misspelt"]
    found = [n for n, right in names.items() if set(right) & {one.name for one in plain.by_name(n, 3)}]
    assert len(found) >= 0.9 * len(names)


def test_the_names_of_the_benchmark_do_not_exist_and_what_is_right_does() -> None:
    known = {one.name for one in REFERENCES}
    for name, right in ((name, right) for names in groups().values() for name, right in names.items()):
        full = name.replace("tl.", "triton.language.", 1) if name.startswith("tl.") else name
        assert full.split(".")[0] not in ("triton", "torch") or missing(full) is not None, name
        assert set(right) <= known, name


def test_a_name_that_exists_is_found_exactly() -> None:
    assert INDEX.exactly("tl.load") == reference("triton.language.load")
    assert INDEX.exactly("triton.language.load") == reference("triton.language.load")
    assert INDEX.exactly("libdevice.tanh") == reference("triton.language.extra.libdevice.tanh")
    assert INDEX.exactly("tl.lod") is None
    assert INDEX.exactly("load") is None


@pytest.mark.parametrize("name", ["", ".", "tl.", "x" * 10_000, "Überlauf", "\x00", "12"])
def test_any_text_may_be_asked_for(name: str) -> None:
    assert len(INDEX.by_name(name, 3)) <= 3


def test_words_that_nothing_shares_find_nothing() -> None:
    assert INDEX.by_text("∑∂∆", 3) == ()
    assert INDEX.by_text("", 3) == ()


def test_equal_questions_have_equal_answers() -> None:
    assert INDEX.by_name("tl.matmul", 10) == Index(tuple(reversed(REFERENCES))).by_name("tl.matmul", 10)


def test_the_digest_covers_every_field() -> None:
    one = reference("triton.language.load")
    changes = {"name": "n", "call": "c", "text": "t", "source": "s", "elsewhere": ("e",)}
    digests = {digest_of([dataclasses.replace(one, **{field: value})]) for field, value in changes.items()}
    assert len(digests | {digest_of([one])}) == 6
    assert digest_of([one]) == digest_of([one])


def write(folder: Path, **documents: str) -> Path:
    for name, text in documents.items():
        (folder / f"{name}.md").write_text(text)
    return folder


def test_a_document_is_looked_up_by_section(tmp_path: Path) -> None:
    text = "Before.\n\n# Tiles\n\nUse 64.\n\n```\n# no heading\n```\n\nSwizzling\n---------\n\nGroup rows.\n"
    notes = load_notes(write(tmp_path, tips=text))
    assert [one.name for one in notes] == ["tips.md: beginning", "tips.md: Tiles", "tips.md: Swizzling"]
    assert "# no heading" in notes[1].text
    assert all(one.is_note for one in notes)
    index = Index([*REFERENCES, *notes])
    assert index.by_text("how are rows swizzled", 3)[0].name == "tips.md: Swizzling"
    assert index.digest != INDEX.digest


@pytest.mark.parametrize("text", ["", "\n\n", "# \n"])
def test_an_empty_document_has_no_section_to_be_found(tmp_path: Path, text: str) -> None:
    assert [one.text for one in load_notes(write(tmp_path, a=text, b="# B\n\ntext"))][-1] == "# B\n\ntext"


def test_notes_that_cant_be_used_say_so(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="is not a folder"):
        load_notes(tmp_path / "none")
    with pytest.raises(GenerationError, match="holds no Markdown file"):
        load_notes(tmp_path)
    (tmp_path / "a.md").write_bytes(b"\xff\xfe")
    with pytest.raises(GenerationError, match="can't be read"):
        load_notes(tmp_path)
    (tmp_path / "a.md").write_bytes(b"x" * (DOCUMENT_CAP_BYTES + 1))
    with pytest.raises(GenerationError, match="is larger than 1024 KiB"):
        load_notes(tmp_path)


FAULT = Fault(("tl.matmul", "tl.zeroes"), "acc += tl.matmul(tl.load(a), b)", "no attribute 'matmul'")


def test_what_belongs_to_a_fault_is_what_may_be_meant_and_then_what_the_code_uses() -> None:
    names = [one.name for one in context_for(INDEX, FAULT, 100_000).included]
    assert names[:2] == ["triton.language.dot", "triton.language.zeros"]
    assert names.index("triton.language.load") == 6
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("budget", [0, 10, 500, 2000, 5000])
def test_what_does_not_fit_is_left_out_whole_and_said(budget: int) -> None:
    everything = context_for(INDEX, FAULT, 1_000_000)
    context = context_for(INDEX, FAULT, budget)
    assert everything.left_out == ()
    assert sum(len(one.shown) for one in context.included) <= budget
    names = [one.name for one in everything.included]
    assert sorted([*(one.name for one in context.included), *context.left_out]) == sorted(names)
    assert context.digest == INDEX.digest


def test_building_the_index_says_nothing_to_who_logs(caplog: pytest.LogCaptureFixture) -> None:
    Index(installed_references())
    assert caplog.records == []
