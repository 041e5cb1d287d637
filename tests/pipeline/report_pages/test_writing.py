"""Pages of a run folder: written with the run, made again with the same bytes, and never worth a run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from page_subjects import CI, everything, said_by_strangers, wrong
from typer.testing import CliRunner
from whole_evidence import evidence, failed

from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.gate.judged import Judged
from pipeline.report_pages.rendering import candidate_html, run_html
from pipeline.report_pages.stored import report_run
from pipeline.report_pages.visible import shown, visible
from pipeline.report_pages.writing import pages_of
from pipeline.runs.folder import write_run
from pipeline.runs.stored import read_run
from policies.decide import decide

RUN = "20261130-101112-0123abcd"
SOURCES = (b"x = 1\n", b"x = 2\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of a candidate that is right and one that is wrong."""
    judged = []
    for source, made in zip(SOURCES, (evidence(), failed()), strict=True):
        facts = made.candidate.model_copy(update={"digest": hashlib.sha256(source).hexdigest()})
        whole = made.model_copy(update={"candidate": facts})
        judged.append(Judged(source, whole, decide(whole, CI)))
    return write_run(tmp_path / "runs", RUN, CI, judged)


def pages(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("report.html"))}


def test_a_run_has_a_page_and_so_has_each_candidate(folder: Path) -> None:
    assert list(pages(folder)) == ["001-kernels-relu/report.html", "002-kernels-relu/report.html", "report.html"]


def test_pages_made_again_have_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    before = pages(folder)
    made = report_run(read_run(folder.parent, folder.name))
    assert (made.page, made.pages, made.exit_code) == (folder / "report.html", 3, 0)
    assert pages(folder) == before
    report_run(read_run(folder.parent, folder.name), tmp_path / "elsewhere")
    assert pages(tmp_path / "elsewhere") == before


def test_the_command_prints_the_page_also_of_a_run_that_had_none(folder: Path) -> None:
    for path in folder.rglob("report.html"):
        path.unlink()
    result = CliRunner().invoke(app, ["report", RUN, "--runs", str(folder.parent)])
    assert (result.exit_code, result.stdout) == (0, f"{folder / 'report.html'}\n")
    assert len(pages(folder)) == 3


def test_a_run_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", "none", "--runs", str(tmp_path)])
    assert (result.exit_code, "there is no run 'none'" in result.stderr) == (2, True)


def test_a_damaged_candidate_has_no_page_and_the_others_have(folder: Path, tmp_path: Path) -> None:
    (folder / "001-kernels-relu" / "evidence.json").write_text("{")
    result = CliRunner().invoke(app, ["report", str(folder), "--output", str(tmp_path / "out")])
    assert result.exit_code == 3
    assert "001-kernels-relu has no page" in " ".join(result.stderr.split())
    assert list(pages(tmp_path / "out")) == ["002-kernels-relu/report.html", "report.html"]
    assert "damaged" in (tmp_path / "out" / "report.html").read_text()


def test_pages_of_a_signed_run_are_not_replaced(folder: Path, tmp_path: Path) -> None:
    (folder / "attestations").mkdir()
    with pytest.raises(UsageError, match="signed"):
        report_run(read_run(folder.parent, folder.name))
    assert report_run(read_run(folder.parent, folder.name), tmp_path / "out").exit_code == 0


def test_an_output_that_is_a_file_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a folder"):
        report_run(read_run(folder.parent, folder.name), tmp_path / "file")


def test_a_page_that_can_not_be_made_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(subject: object) -> str:
        raise RecursionError("too\x1b deep")

    monkeypatch.setattr("pipeline.report_pages.writing.candidate_html", broken)
    made = evidence(b"x = 1\n")
    folder = write_run(tmp_path, RUN, CI, [Judged(b"x = 1\n", made, decide(made, CI))])
    assert json.loads((folder / "run.json").read_text())["candidates"][0]["allowed"] is True
    assert list(pages(folder)) == ["report.html"]
    assert 'href="./' not in (folder / "report.html").read_text()
    assert "can't be made, which is a bug of kernelgate; the run and its verdicts stand" in capsys.readouterr().err


def test_every_kind_of_page_can_be_made() -> None:
    made, lacking = pages_of(everything())
    assert (len(made), lacking) == (7, ())
    assert all(len(page.html) < 2_000_000 for page in made)


class Elements(HTMLParser):
    """Elements in order, addresses and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def every_page() -> Iterator[str]:
    run = everything()
    yield run_html(run)
    yield candidate_html(wrong())
    yield candidate_html(said_by_strangers('"><script>x</script><a href="javascript:x">'))


def test_pages_load_nothing_and_lead_nowhere_else() -> None:
    for text in every_page():
        found = Elements(text)
        assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(found.names)
        assert not [name for name in found.attributes if name.startswith("on") or name in ("style", "srcset")]
        assert all(re.fullmatch(r"#[\w.-]+|\.\.?/[\w%./-]*report\.html", one) for one in found.addresses)


def test_the_style_sheet_is_the_one_that_the_policy_of_the_page_names() -> None:
    import base64

    for text in every_page():
        (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"default-src 'none'; style-src 'sha256-{digest}'" in text


@pytest.mark.parametrize("char", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ud800", "\u3164", "\u00a0", "\ufeff"])
def test_what_nobody_sees_is_named(char: str) -> None:
    assert visible(f"a{char}b") == f"a⟦U+{ord(char):04X}⟧b"


def test_what_has_a_shape_stays() -> None:
    text = "if x < 2:\t# é, 語, 😀, −Inf\n"
    assert visible(text) == text


@pytest.mark.parametrize("value", [None, 1.5, True, b"x", ["x"]])
def test_templates_set_text_and_whole_numbers_alone(value: object) -> None:
    with pytest.raises(TypeError):
        shown(value)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_marks_of_charts_stand_out_in_light_and_dark() -> None:
    """WCAG 1.4.11, which axe does not look at: at least 3 to 1 against the page."""
    css = (Path(__file__).parents[3] / "pipeline/report_pages/templates/page.css").read_text()
    light, dark = css.split("prefers-color-scheme: dark", 1)
    for text in (light, dark.split("* {", 1)[0]):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text))
        for name in ("bad", "warn", "good", "info", "bar", "edge", "mark", "wrong-2", "mismatch"):
            pair = sorted((luminance(colours[name]), luminance(colours["page"])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3, name
