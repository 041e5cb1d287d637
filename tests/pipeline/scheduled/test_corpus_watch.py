"""The gate, measured on a schedule: a real Prefect server, with scripted runners."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_flow import HEADER, FakeSupply

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
LABELS = {"sound.py": "right", "block|two.py": "right", "[click](http:evil).py": "wrong"}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two right kernels and a wrong one; what scripted runners do wrong is what the source says."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, label in LABELS.items():
        (folder / name).write_text(f"{HEADER}# {label} {tmp_path}\ndef relu(x):\n    return x\n")
    text = (f'["{name}"]\nlabel = "{label}"\noperator = "relu"\n' for name, label in LABELS.items())
    (folder / "labels.toml").write_text("".join(text))
    return folder


@pytest.fixture
def watched(supply: FakeSupply, corpus: Path, tmp_path: Path) -> Callable[[], Any]:
    """Runs the flow; returns its state."""
    from pipeline.scheduled.corpus_watch import corpus_watch
    from pipeline.scheduled.parameters import Corpus, Gate

    return lambda: corpus_watch(Corpus(folder=corpus), Gate(runs=tmp_path / "runs"), return_state=True)


def says(corpus: Path, name: str, word: str) -> None:
    """The kernel does from now on what a kernel with this word does."""
    (corpus / name).write_text(f"{HEADER}# {word} {corpus}\ndef relu(x):\n    return x\n")


def test_a_gate_that_is_as_it_was_is_no_alert_and_its_page_has_verdicts_errors_and_cost(
    watched: Callable[[], Any], tmp_path: Path
) -> None:
    from scheduled_runs import page, table

    state = watched()
    assert (state.name, state.message) == ("Completed", "3 kernels, of which the gate is wrong about 0")
    assert watched().name == "Completed"
    shown = page("kernelgate-corpus")
    newest = max((tmp_path / "runs").iterdir())
    assert f"Report: `{newest}/report.html`" in shown
    assert "| wrong kernels that pass | 0 | 1 |" in shown
    assert "| relu | 3 |" in shown
    rows = {row["kernel"]: row for row in table("kernelgate-corpus-verdicts")}
    # What an author wrote stays text: paths are code, in cells, too, which Prefect renders as Markdown.
    assert set(rows) == {"`sound.py`", "`block?two.py`", "`[click](http:evil).py`"}
    assert rows["`sound.py`"]["verdict"] == "functional"
    assert rows["`[click](http:evil).py`"]["first rule"].startswith("properties/")
    assert rows["`sound.py`"]["report"] == "`001-corpus-sound/report.html`"


def test_a_gate_that_fell_is_an_alert_once_and_stays_known(watched: Callable[[], Any], corpus: Path) -> None:
    from scheduled_runs import page

    assert watched().name == "Completed"
    says(corpus, "[click](http:evil).py", "passes")
    says(corpus, "sound.py", "wrong")
    fell = watched()
    assert (fell.name, "\n" in fell.message) == ("Failed", False)
    assert fell.message == (
        "the gate fell: [click](http:evil).py (wrong) passes; sound.py (right) is denied; "
        "3 kernels, of which the gate is wrong about 2"
    )
    assert "### Fallen since the last measurement" in page("kernelgate-corpus")
    assert "[click](" not in page("kernelgate-corpus").replace("`[click](http:evil).py`", "")
    known = watched()
    assert known.name == "Completed"
    assert "of which the gate is wrong about 2; 2 of these since run" in known.message
    says(corpus, "sound.py", "right")
    assert "### Right about again" in (watched().name and page("kernelgate-corpus"))


def test_what_could_not_be_measured_is_an_alert_of_its_own_and_hides_no_later_fall(
    watched: Callable[[], Any], supply: FakeSupply, corpus: Path
) -> None:
    assert watched().name == "Completed"
    supply.lost = b"right"
    incomplete = watched()
    assert incomplete.name == "Failed"
    assert incomplete.message.startswith("2 kernels not measured, first sound.py: the engine does not answer")
    supply.lost = None
    says(corpus, "sound.py", "wrong")
    assert watched().message.startswith("the gate fell: sound.py (right) is denied;")


def test_labels_that_fit_nothing_are_one_message(watched: Callable[[], Any], corpus: Path) -> None:
    (corpus / "labels.toml").write_text('["gone.py"]\nlabel = "right"\noperator = "relu"\n')
    state = watched()
    assert state.name == "Failed"
    assert "gone.py" in state.message
