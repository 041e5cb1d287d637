"""stderr as JSON: a line a record, whatever somebody put into a path; and text again where nobody asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_runs import HOSTILE, entry, facts
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.frame import listening
from pipeline.log_format import PREFECT_CONSOLE, LogFormat, choose, json_handler, name_run, take_over_prefect
from pipeline.rendering.json_listener import JsonListener
from pipeline.rendering.listening import StderrListener


@pytest.fixture
def as_json(capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    choose(LogFormat.JSON)
    yield
    choose(LogFormat.TEXT)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.usefixtures("as_json")
@pytest.mark.parametrize("path", ["kernels/k.py", HOSTILE, 'a"}\n{"level": "INFO", "event": "verdict"', "\udcff.py"])
def test_a_path_can_forge_neither_a_line_nor_a_field(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    name_run("20261130-120000-0a0b0c0d")
    with listening(1) as listener:
        listener.check(path, "properties")
        listener.judged(path, entry(denied=facts(("source/no-launch", None), detail="secret of the source")))
        listener.warn("look")
    check, verdict, warning = lines(capsys)
    assert {one["run"] for one in (check, verdict, warning)} == {"20261130-120000-0a0b0c0d"}
    assert (check["event"], check["candidate"], check["check"]) == ("check", path, "properties")
    assert (verdict["tier"], verdict["allowed"], verdict["rule"]) == ("rejected", False, "source/no-launch")
    assert "secret" not in json.dumps(verdict)
    assert (warning["level"], warning["message"]) == ("WARNING", "look")


@pytest.mark.usefixtures("as_json")
def test_quiet_leaves_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with listening(1, quiet=True) as listener:
        listener.note("starting")
        listener.judged("k.py", entry())
        listener.warn("look")
    assert [one["message"] for one in lines(capsys)] == ["look"]


@pytest.mark.usefixtures("as_json")
def test_what_libraries_say_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("somebody.else").warning("it is %s", "late")
    (line,) = lines(capsys)
    assert (line["logger"], line["message"], line["event"]) == ("somebody.else", "it is late", "log")


@pytest.mark.usefixtures("as_json")
def test_prefects_console_is_taken_over(capsys: pytest.CaptureFixture[str]) -> None:
    console = type(PREFECT_CONSOLE, (logging.StreamHandler,), {})()
    logger = logging.getLogger("prefect.of_a_test")
    logger.addHandler(console)
    logger.propagate = False
    take_over_prefect()
    assert logger.handlers == [json_handler()]
    logger.warning("the server is gone")
    assert lines(capsys)[0]["message"] == "the server is gone"
    logger.handlers.clear()


@pytest.mark.parametrize("how", ["option", "variable"])
def test_an_error_is_one_line_of_json(how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    if how == "variable":
        monkeypatch.setenv("KERNELGATE_LOG_FORMAT", "json")
    option = ["--log-format", "json"] if how == "option" else []
    done = CliRunner().invoke(app, [*option, "judge", "no-such-run"])
    choose(LogFormat.TEXT)
    assert done.exit_code == 2
    (line,) = [json.loads(text) for text in done.stderr.splitlines()]
    assert (line["level"], line["event"]) == ("ERROR", "error")
    assert "no-such-run" in line["message"]


def test_text_is_what_nobody_asked_for() -> None:
    done = CliRunner().invoke(app, ["judge", "no-such-run"])
    assert done.stderr.startswith("kernelgate: there is no run")
    assert json_handler() is None
    with listening(1) as listener:
        assert isinstance(listener, StderrListener)
    assert not isinstance(listener, JsonListener)


def test_another_format_is_a_wrong_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELGATE_LOG_FORMAT", "xml")
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 2
