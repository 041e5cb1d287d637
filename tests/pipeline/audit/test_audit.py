"""`kernelgate audit` on run folders as the gate writes them, whole, old, damaged and hostile."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from typer.testing import CliRunner
from whole_evidence import CASE, evidence, failed, properties

from pipeline.audit.events import AuditEvent, Kind, Seen
from pipeline.audit.reading import Selection, begin_audit, time_of
from pipeline.cli import app
from pipeline.gate.judged import Judged
from pipeline.runs.folder import write_run
from policies.decide import decide
from policies.policy import load_policy
from runners.evidence import AccessFault, CodeRaised, Evidence, Missing, ObservedEvidence, RunnerEnded, SourceFact
from runners.observed_evidence import FolderEvidence, RefusedCallEvidence

WIDE = {"COLUMNS": "400"}  # folders of tests have long names, and rows must not break for them
CI = load_policy("ci")
SOURCE = b"x = 1\n"
DIGEST = hashlib.sha256(SOURCE).hexdigest()
RUN = "20261101-120000-aaaaaaaa"
DOCUMENT = Path(__file__).parents[3] / "docs" / "explanation" / "audit.md"
IMPORTS = (
    SourceFact(rule="source/import-not-allowed", line=5, detail="'os' may not be imported"),
    SourceFact(rule="source/reflection", line=7, detail="'getattr' looks things up by name"),
)
EVIL = "\x1b[2J\x9b31m\u202e\r\n::error::forged\u2028{}[bold]"


def seen(**changes: object) -> ObservedEvidence:
    right: dict[str, object] = {
        "ran": "interpreter", "programs": 2, "seen": 2, "memory_peak_bytes": 300 << 20, "oom_kills": 0,
        "tasks_peak": 5, "refused_forks": 0, "cpu_s": 3.0, "processes_left": (), "stdout_bytes": 4000,
        "stderr_bytes": 0, "refused_calls": None,
        "folders": (FolderEvidence(path="/tmp", used_bytes=4096, entries=1, names=("candidate.py", "control.py")),),
    }  # fmt: skip
    return ObservedEvidence.model_validate(right | changes)


BUSY = seen(
    oom_kills=1, refused_forks=3, processes_left=("sleep",), stderr_bytes=9,
    refused_calls=(RefusedCallEvidence(call="ptrace", times=2),),
    folders=(FolderEvidence(path="/tmp", used_bytes=8192, entries=2, names=("candidate.py", "loot")),),
)  # fmt: skip


def denied(source: tuple[SourceFact, ...] = IMPORTS, **changes: object) -> Evidence:
    return evidence(source=source, properties=Missing(reason="denied", ours=False), observed=(), **changes)


def store(runs: Path, run: str = RUN, *entries: Evidence) -> Path:
    judged = [Judged(SOURCE, one, decide(one, CI)) for one in entries or (evidence(observed=(BUSY,)),)]
    return write_run(runs, run, CI, judged)


class Answer(NamedTuple):
    code: int
    text: str
    told: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.split("\n") if line]


def audit(runs: Path, *arguments: str) -> Answer:
    done = CliRunner(env=WIDE).invoke(app, ["audit", "--runs", str(runs), *arguments])
    return Answer(done.exit_code, done.stdout, done.stderr)


def lines(runs: Path, *arguments: str) -> Answer:
    return audit(runs, "--format", "jsonl", *arguments)


def test_each_fact_is_a_line_that_says_whose_word_it_is(tmp_path: Path) -> None:
    store(tmp_path)
    answer = lines(tmp_path)
    assert answer.code == 0
    told = [(one["kind"], one["refused"], one["detail"], one["amount"], one["seen"]) for one in answer.events]
    assert told == [
        ("seccomp", True, "ptrace", 2, "kernel log"),
        ("memory", True, "processes were killed at the memory limit", 1, "measured outside"),
        ("processes", True, "processes or threads were refused at the limit", 3, "measured outside"),
        ("memory", False, "the most at one moment, the harness included", 300 << 20, "measured outside"),
        ("processes", False, "the most processes and threads at one moment", 5, "measured outside"),
        ("outputs", False, "sent as answers", 4000, "measured outside"),
        ("outputs", False, "written to stderr", 9, "measured outside"),
        ("processes", False, "ran beside it at the end: sleep", None, "measured outside"),
        ("files", False, "in /tmp at the end", 2, "measured outside"),
        ("files", False, "left /tmp/loot", None, "measured outside"),
    ]
    first = AuditEvent.model_validate(answer.events[0])
    assert (first.run, first.folder, first.candidate, first.path) == (
        RUN,
        "001-kernels-relu",
        DIGEST,
        "kernels/relu.py",
    )
    assert (first.operator, first.verdict.value, first.allowed) == ("relu", "functional", True)
    assert first.time is not None
    assert first.time.isoformat() == "2026-11-01T12:00:00+00:00"


def test_what_was_denied_in_the_source_has_its_rule_and_line(tmp_path: Path) -> None:
    store(tmp_path, RUN, denied())
    told = [(one["kind"], one["rule"], one["line"], one["seen"]) for one in lines(tmp_path).events]
    assert told == [
        ("imports", "source/import-not-allowed", 5, "read in the source"),
        ("source", "source/reflection", 7, "read in the source"),
    ]


@pytest.mark.parametrize(
    ("failure", "kind", "word"),
    [
        (RunnerEnded(case=CASE, how="signal", detail="SIGSYS"), "ends", "measured outside"),
        (RunnerEnded(case=CASE, how="protocol_broken", detail="no frame"), "outputs", "measured outside"),
        (CodeRaised(case=None, error="E", message="m", line=3), "ends", "said by its own process"),
        (
            AccessFault(case=CASE, conditions="natural order", fault="out_of_bounds_load", argument="x",
                        allocation=None, element=9, line=4, program=(0, 0, 0), other=None),
            "memory", "said by its own process",
        ),
    ],
)  # fmt: skip
def test_how_it_failed_says_who_saw_it(tmp_path: Path, failure: Any, kind: str, word: str) -> None:
    store(tmp_path, RUN, evidence(properties=properties(failure=failure, failed_at=1), observed=()))
    (event,) = lines(tmp_path).events
    assert (event["kind"], event["seen"], event["refused"]) == (kind, word, True)
    assert event["line"] == getattr(failure, "line", None)


def test_wrong_results_are_found_by_the_judge(tmp_path: Path) -> None:
    store(tmp_path, RUN, failed(observed=()))
    (event,) = lines(tmp_path).events
    assert (event["kind"], event["seen"]) == ("outputs", "found by the judge")


def test_an_honest_candidate_has_nothing_that_was_refused(tmp_path: Path) -> None:
    store(tmp_path, RUN, evidence(observed=(seen(),)))
    events = lines(tmp_path).events
    assert events
    assert not [one for one in events if one["refused"] or "left" in one["detail"]]
    assert re.search(r"functional +300 +5 +4000 +-", audit(tmp_path).text)


def test_the_table_has_a_row_for_each_candidate_with_what_was_denied_first(tmp_path: Path) -> None:
    store(tmp_path, RUN, denied(), evidence(observed=(BUSY,)))
    answer = audit(tmp_path)
    assert answer.code == 0
    text = " ".join(answer.text.split())
    assert "source/import-not-allowed (line 5): 'os' may not be imported" in text
    assert "+ 1 source" in text
    assert "seccomp: ptrace (2 times)" in text
    assert "left /tmp/loot" in text
    assert "2 candidates in 1 run" in text


def test_evidence_from_before_anybody_looked_is_read(tmp_path: Path) -> None:
    run = store(tmp_path)
    place = run / "001-kernels-relu"
    old = json.loads((place / "evidence.json").read_bytes())
    del old["observed"], old["device"]["observed"]
    (place / "evidence.json").write_text(json.dumps(old))
    verdict = json.loads((place / "verdict.json").read_bytes())
    verdict["evidence_digest"] = hashlib.sha256((place / "evidence.json").read_bytes()).hexdigest()
    (place / "verdict.json").write_text(json.dumps(verdict))
    assert (lines(tmp_path).code, lines(tmp_path).events) == (0, [])
    assert re.search(r"functional +- +- +- +-", audit(tmp_path).text)


def test_a_run_under_a_policy_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    (store(tmp_path) / "policy.json").write_text("{}")
    assert lines(tmp_path).code == 0
    assert len(lines(tmp_path).events) == 10


@pytest.mark.parametrize("kind", list(Kind))
def test_only_one_kind_of_fact_can_be_asked_for(tmp_path: Path, kind: Kind) -> None:
    ended = properties(failure=RunnerEnded(case=CASE, how="signal", detail="SIGSYS"), failed_at=1)
    store(tmp_path, RUN, denied(), evidence(observed=(BUSY,), properties=ended))
    kinds = {one["kind"] for one in lines(tmp_path, "--only", kind.value).events}
    assert kinds == {kind.value}


def test_the_table_of_one_kind_shows_those_that_have_some(tmp_path: Path) -> None:
    store(tmp_path, RUN, denied(), evidence(observed=(BUSY,)))
    text = " ".join(audit(tmp_path, "--only", "imports").text.split())
    assert "source/import-not-allowed" in text
    assert "2 candidates in 1 run, 1 of them shown" in text


def test_candidates_are_chosen_by_run_digest_day_and_operator(tmp_path: Path) -> None:
    store(tmp_path, RUN)
    store(tmp_path, "20261115-120000-bbbbbbbb")
    store(tmp_path, "by-hand")

    def runs_of(*arguments: str) -> set[str]:
        return {one["run"] for one in lines(tmp_path, *arguments).events}

    everything = {RUN, "20261115-120000-bbbbbbbb", "by-hand"}
    assert runs_of() == everything
    assert runs_of(RUN, str(tmp_path / "by-hand")) == {RUN, "by-hand"}
    assert runs_of("--candidate", DIGEST[:8], "--operator", "relu") == everything
    assert runs_of("--since", "2026-11-15") == everything - {RUN}, "whose day nobody knows is taken"
    assert runs_of("--since", "2026-11-01") == everything


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nowhere",), "there is no run 'nowhere'"),
        (("--candidate", "xyz"), "not the beginning of a digest"),
        (("--candidate", "ab"), "6 to 64 digits"),
        (("--candidate", "000000"), "no candidate of these runs"),
        (("--operator", "softmax"), "no candidate of these runs"),
        (("--since", "yesterday"), "written YYYY-MM-DD"),
        (("--only", "everything"), "is not one of"),
    ],
)
def test_what_cannot_be_asked_for_exits_2_and_says_why(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    store(tmp_path)
    answer = audit(tmp_path, *arguments)
    assert answer.code == 2
    assert says in " ".join(answer.told.replace("│", " ").split())
    assert "Traceback" not in answer.told


@pytest.mark.parametrize("folder", ["empty", "missing"])
def test_a_folder_without_runs_exits_2(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty" / "generation" / "clock").mkdir(parents=True)
    (tmp_path / "empty" / ".half.partial").mkdir()
    (tmp_path / "empty" / ".half.partial" / "run.json").write_text("{}")
    answer = audit(tmp_path / folder)
    assert answer.code == 2
    assert "there is no run in" in answer.told


def test_what_is_damaged_is_told_left_out_and_exits_3(tmp_path: Path) -> None:
    store(tmp_path, RUN, evidence(observed=(BUSY,)), denied())
    (tmp_path / RUN / "001-kernels-relu" / "evidence.json").write_text("{")
    hollow = store(tmp_path, "20261102-120000-cccccccc")
    shutil.rmtree(hollow / "001-kernels-relu")
    (hollow / "run.json").write_text("[]")
    answer = lines(tmp_path)
    assert answer.code == 3
    assert {one["folder"] for one in answer.events} == {"002-kernels-relu"}
    told = " ".join(answer.told.split())
    assert f"left out: {RUN}/001-kernels-relu: evidence.json is cut off or is no JSON" in told
    assert "left out: 20261102-120000-cccccccc: run 20261102-120000-cccccccc holds no candidate" in told
    assert "2 damaged and left out" in audit(tmp_path).text


def test_a_run_in_which_nothing_changed_is_no_damage(tmp_path: Path) -> None:
    store(tmp_path, RUN)
    write_run(tmp_path, "20261102-120000-cccccccc", CI, [])
    answer = audit(tmp_path)
    assert (answer.code, "damaged" in answer.text, answer.told) == (0, False, "")


def hostile(tmp_path: Path) -> None:
    facts = evidence().candidate.model_copy(update={"path": f"kernels/{EVIL}.py", "operator": "relu"})
    busy = seen(processes_left=(EVIL,), folders=(FolderEvidence(path="/tmp", used_bytes=1, entries=1, names=(EVIL,)),))
    raised = CodeRaised(case=None, error=EVIL, message=EVIL, line=1)
    one = evidence(candidate=facts, observed=(busy,), properties=properties(failure=raised, failed_at=0))
    store(tmp_path, RUN, one)


def test_a_hostile_text_is_one_line_of_plain_ascii_and_keeps_its_value(tmp_path: Path) -> None:
    hostile(tmp_path)
    answer = lines(tmp_path)
    assert re.fullmatch(r"[ -~\n]+", answer.text)
    assert len(answer.text.splitlines()) == len(answer.events)
    assert {one["path"] for one in answer.events} == {f"kernels/{EVIL}.py"}
    assert f"left /tmp/{EVIL}" in {one["detail"] for one in answer.events}


def test_no_terminal_obeys_a_hostile_text(tmp_path: Path) -> None:
    hostile(tmp_path)
    text = audit(tmp_path).text
    assert [char for char in text if char != "\n" and not char.isprintable()] == []
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    assert "\\x1b[2J" in " ".join(text.split()).replace(" ", "")


def test_a_link_to_elsewhere_is_no_candidate(tmp_path: Path) -> None:
    run = store(tmp_path / "runs")
    document = json.loads((run / "run.json").read_bytes())
    document["candidates"].append({"folder": "../../secret"})
    (run / "run.json").write_text(json.dumps(document))
    store(tmp_path / "secret-runs", "secret")
    assert {one["folder"] for one in lines(tmp_path / "runs").events} == {"001-kernels-relu"}


def test_hundreds_of_runs_are_read_one_at_a_time_and_it_is_told_how_far(tmp_path: Path) -> None:
    first = store(tmp_path, "20261101-000000-00000000")
    for number in range(1, 300):
        (tmp_path / f"20261101-000000-{number:08d}").symlink_to(first)
    told: list[str] = []
    now = iter(float(second) for second in range(10_000))
    reading = begin_audit(tmp_path, Selection(), told.append)
    reading.clock = lambda: next(now)  # each look at the clock is a second later
    candidates = reading.candidates()
    next(candidates)
    assert reading.audited == 1, "the others are not read before they are asked for"
    assert sum(1 for _ in candidates) == 299
    assert reading.runs == 300
    assert "2 of 300 runs read, 2 candidates so far" in told
    quick: list[str] = []
    assert sum(1 for _ in begin_audit(tmp_path, Selection(runs=(str(first),)), quick.append).candidates()) == 1
    assert quick == []


def test_a_run_whose_name_is_no_time_has_none() -> None:
    assert time_of("20261332-990000-x") is None
    assert time_of("r1") is None


def test_the_document_describes_every_field_and_kind() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in AuditEvent.model_fields:
        assert f"`{name}`" in text, name
    for word in (*get_args(Seen), *(kind.value for kind in Kind)):
        assert word in text, word
