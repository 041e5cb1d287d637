"""The reference says what the program is: its pages are up to date, and nothing is left out of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer import Context

from pipeline import exit_codes
from pipeline.reference_pages.command_line import Named, commands
from pipeline.reference_pages.policy import sections
from pipeline.reference_pages.schemas import TITLES
from pipeline.reference_pages.writing import reference_pages, write_pages
from pipeline.schemas.documents import schemas
from pipeline.settings import PROJECT
from policies.directions import DIRECTIONS

PAGES = reference_pages()
COMMAND_LINE = PAGES["docs/reference/command-line.md"]
SOURCES = [
    path
    for folder in ("sandbox", "runners", "policies", "pipeline", "kernelgate")
    for path in (PROJECT / folder).rglob("*.py")
]


def part_of(words: str) -> str:
    (part,) = re.findall(rf"^## {re.escape(words)}$\n(.*?)(?=^## |\Z)", COMMAND_LINE, re.M | re.S)
    return part


def test_the_pages_are_up_to_date() -> None:
    kept = {name: (PROJECT / name).read_text(encoding="utf-8") for name in PAGES}
    assert kept == PAGES, "python -m pipeline.reference_pages writes them"


def test_writing_the_pages_writes_them_all(tmp_path: Path) -> None:
    assert write_pages(tmp_path) == len(PAGES)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == set(PAGES)


def test_commands_within_commands_are_found() -> None:
    words = {named.words for named in commands()}
    assert {"kernelgate verify", "kernelgate operators check", "kernelgate attest verify"} <= words


@pytest.mark.parametrize("named", commands()[1:], ids=lambda named: named.words)
def test_a_command_is_there_with_its_help_and_every_option(named: Named) -> None:
    part = part_of(named.words)
    context = Context(named.command, info_name=named.words)
    options = [option for param in named.command.params for option in param.opts if option.startswith("--")]
    assert [option for option in options if f"{option}" not in part] == []
    assert (named.command.help or "").split("\n")[0] in part
    assert named.command.get_usage(context).split()[1] in part


def test_every_exit_code_has_a_meaning() -> None:
    codes = {value for name, value in vars(exit_codes).items() if isinstance(value, int)}
    assert set(exit_codes.MEANINGS) == codes == {0, 1, 2, 3}


def test_every_field_of_a_policy_is_there_with_what_it_means() -> None:
    page = PAGES["docs/reference/policy-fields.md"]
    assert set(re.findall(r"^\| `([\w.]+)` \|", page, re.M)) == set(DIRECTIONS)
    for section in sections():
        assert all(field["description"] in page for field in section.fields.values())


def test_every_field_of_what_is_stored_is_there_with_what_it_means() -> None:
    for name in TITLES:
        page, schema = PAGES[f"docs/reference/{name}.md"], schemas()[f"docs/reference/{name}.schema.json"]
        for definition in (schema, *schema["$defs"].values()):
            rows = [f"| `{field}` |" for field in definition.get("properties", {})]
            assert [row for row in rows if row not in page] == []
        assert [title for title in schema["$defs"] if f"\n## {title}\n" not in page] == []


def test_every_variable_that_the_program_reads_is_in_the_reference() -> None:
    read = {name for path in SOURCES for name in re.findall(r"\bKERNELGATE_[A-Z_]*[A-Z]\b", path.read_text())}
    built = {"KERNELGATE_GPU_CDI", "KERNELGATE_GPU_NODES", "KERNELGATE_GPU_MOUNTS"}
    levels = {"KERNELGATE_FUNCTIONAL", "KERNELGATE_PRODUCTION_SAFE"}  # of an attestation, and no variables
    told = set(re.findall(r"`(KERNELGATE_[A-Z_]+)(?:=1)?`", (PROJECT / "docs/reference/environment.md").read_text()))
    assert built <= read
    assert told == (read - levels) | {"KERNELGATE_FAIL_ON_SKIP"}
