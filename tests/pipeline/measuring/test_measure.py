"""`kernelgate measure` as a user runs it, in real containers: its exit codes and what it prints."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen

import pytest
from candidate_sources import candidate
from docker.models.containers import Container

from pipeline.measuring.measurement import Measurement

Program = Callable[..., CompletedProcess[str]]
WRONG = candidate().replace("tl.where(value < 0, 0.0, value)", "tl.where(value < 0, 0.001, value)")
FILES = {
    "right.py": candidate(),
    "relu/honest.py": candidate('"""Looks like an attack: os.environ, but only in words."""'),
    "relu/wrong.py": WRONG,
    "hack.py": candidate("import socket"),
}
LABELS = """
[right]
label = "right"
operator = "relu"
visible = true
["relu/honest.py"]
label = "honest"
operator = "relu"
class = "words"
[relu.wrong]
label = "wrong"
operator = "relu"
class = "constant"
["hack.py"]
label = "hack"
operator = "relu"
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name, source in FILES.items():
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    (tmp_path / "corpus" / "labels.toml").write_text(LABELS)
    return tmp_path


def test_a_corpus_without_an_error_exits_0_and_its_json_has_the_schema(
    kernelgate: Program, corpus: Path, quick_policy: Path, runner_image: str
) -> None:
    done = kernelgate("measure", "corpus", "--policy", str(quick_policy), "--seed", "7", "--format", "json", cwd=corpus)
    assert done.returncode == 0, done.stderr
    measurement = Measurement.model_validate_json(done.stdout)
    assert {row.path: row.outcome.value for row in measurement.rows} == {
        "right.py": "allowed", "relu/honest.py": "allowed", "relu/wrong.py": "denied", "hack.py": "denied",
    }  # fmt: skip
    assert measurement.seed == 7
    assert measurement.first_kill is not None
    assert all(row.wall_s is not None for row in measurement.rows)
    assert (corpus / measurement.folder / "measurement.json").read_text() == done.stdout


def test_a_false_accept_exits_1_and_a_false_denial_does_not(
    kernelgate: Program, corpus: Path, quick_policy: Path, runner_image: str
) -> None:
    arguments = ("measure", "corpus", "--policy", str(quick_policy))
    labels = corpus / "corpus" / "labels.toml"
    labels.write_text(LABELS.replace('label = "wrong"', 'label = "right"'))
    denial = kernelgate(*arguments, cwd=corpus)
    assert denial.returncode == 0, denial.stderr
    assert "1 false denials of 3" in denial.stdout
    assert "properties/wrong-values" in denial.stdout
    labels.write_text(LABELS.replace('label = "right"', 'label = "hack"'))
    accept = kernelgate(*arguments, "--label", "hack", cwd=corpus)
    assert accept.returncode == 1, accept.stderr
    assert "1 false accepts of 2" in accept.stdout


def test_an_interrupt_prints_what_was_measured_and_leaves_no_container(
    start: Callable[..., Popen[str]],
    corpus: Path,
    quick_policy: Path,
    containers_of: Callable[[int], list[Container]],
    runner_image: str,
) -> None:
    (corpus / "corpus" / "slow.py").write_text(candidate(at_call="import time\ntime.sleep(4)"))
    with (corpus / "corpus" / "labels.toml").open("a") as labels:
        labels.write('["slow.py"]\nlabel = "right"\n')
    process = start(
        "measure", "corpus", "--policy", str(quick_policy), "--workers", "1", "--format", "json", cwd=corpus
    )
    assert process.stderr is not None
    said = ""
    while "[4/5]" not in (line := process.stderr.readline()):
        assert line, "it ended before the last candidate"
        said += line
    said += line
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    document = json.loads(output)
    assert document["interrupted"]
    (unmeasured,) = (row["path"] for row in document["rows"] if row["outcome"] == "unmeasured")
    assert f"/{unmeasured}: " not in said  # the slow one, unless the machine made it miss its deadline before
    assert containers_of(process.pid) == []


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda folder: (folder / "labels.toml").unlink(), "holds no labels.toml"),
        (lambda folder: (folder / "right.py").unlink(), "which is not there"),
        (lambda folder: (folder / "labels.toml").write_text("label ="), "can't be used"),
        (lambda folder: (folder / "labels.toml").write_text(LABELS.replace('"relu"', '"swish"')), "--operators"),
    ],
)
def test_a_corpus_that_can_not_be_used_exits_2_without_a_traceback(
    kernelgate: Program, corpus: Path, break_it: Callable[[Path], object], says: str
) -> None:
    break_it(corpus / "corpus")
    done = kernelgate("measure", "corpus", cwd=corpus)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
