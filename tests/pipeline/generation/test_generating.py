"""The command: from files to a run folder, and what the user reads where something is wrong."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from generation_requests import KEY, MODEL, serving
from scripted_flow import HEADER, FakeSupply, small_policy
from typer.testing import CliRunner

import pipeline.generating.run
from pipeline.cli import app
from pipeline.errors import GenerationError, UsageError
from pipeline.experiments.reading import read_experiments
from pipeline.generating.result import Generated
from pipeline.generating.run import Place, generate
from pipeline.generating.wanted import Wanted
from pipeline.generation.assignment import Assignment
from pipeline.generation.budgets import Budget
from pipeline.generation.content import Proposal
from pipeline.generation.demo.__main__ import answering
from pipeline.generation.local_server.script import Api, Fail, Received, Say
from pipeline.generation.loop.documents import as_text, document_of, read_document
from pipeline.settings import Settings
from runners.evidence import Evidence
from runners.operators import OPERATORS

BODY = "import torch\n\n\ndef relu(x):\n    y = torch.empty_like(x)\n    return y\n"
Begin = Callable[..., Generated]


def kernel(comment: str) -> str:
    return f"{HEADER}# {comment}\n{BODY}"


@pytest.fixture
def supply(monkeypatch: pytest.MonkeyPatch) -> FakeSupply:
    made = FakeSupply()
    monkeypatch.setattr(pipeline.generating.run, "supply_for", lambda *_: made)
    return made


@pytest.fixture
def begin(tmp_path: Path, supply: FakeSupply) -> Begin:
    """Runs generation in a folder, with answers from files and scripted runners."""

    def run(roles: str, environment: dict[str, str] | None = None, **wanted: Any) -> Generated:
        path = tmp_path / "roles.yaml"
        path.write_text(roles)
        given: dict[str, Any] = {"budget": Budget(rounds=5), "strategies": 1}
        settings = Settings.resolve(runs=tmp_path / "runs", workers=1)
        place = Place(settings, environment or {}, OPERATORS, str)
        operators = wanted.pop("operators", ("relu",))
        return generate(Wanted(operators, path, **(given | wanted)), small_policy(), place)

    return run


def from_files(folder: Path, *comments: str) -> str:
    (folder / "kernels").mkdir()
    for number, comment in enumerate(comments):
        (folder / f"kernels/{number}.py").write_text(kernel(comment))
    return f"author: {{provider: mine, model: {MODEL}}}\nproviders:\n  mine: {{kind: files, folder: kernels}}\n"


def test_a_run_leaves_candidates_verdicts_and_where_they_are_from(tmp_path: Path, begin: Begin) -> None:
    generated = begin(from_files(tmp_path, "wrong", "right"))
    assert generated.finished.exit_code == 0
    folders = sorted(path.name for path in generated.folder.iterdir() if path.is_dir())
    assert folders == ["001-generated-relu-001", "002-generated-relu-002"]
    last = generated.folder / folders[1]
    assert (last / "candidate.py").read_text() == kernel("right")
    provenance = json.loads((last / "provenance.json").read_text())
    assert (provenance["parent"], provenance["purpose"], provenance["call"]["model"]) == (1, "mend", MODEL)
    assert provenance["call"]["parts"][0]["name"] == "contract"
    assert "evidence" not in provenance["outcome"]
    document = json.loads((generated.folder / "generation.json").read_text())
    (relu,) = document["operators"]
    assert (relu["best"], relu["stopped"]["reason"], len(relu["attempts"])) == (2, "stands", 2)
    assert relu["attempts"][1] == provenance
    assert document == json.loads(as_text(document_of(generated.finished, generated.folder)))
    assert Evidence.model_validate_json((last / "evidence.json").read_bytes()) == generated.judged[1].evidence
    summary = json.loads((generated.folder / "run.json").read_text())
    assert [one["allowed"] for one in summary["candidates"]] == [False, True]


def test_nothing_that_stands_is_exit_1_and_a_folder_without_answers_is_2(tmp_path: Path, begin: Begin) -> None:
    roles = from_files(tmp_path, "wrong", "wrong, too")
    assert begin(roles).finished.exit_code == 1
    (tmp_path / "kernels/0.py").unlink()
    (tmp_path / "kernels/1.py").unlink()
    empty = begin(roles)
    assert (empty.finished.exit_code, empty.judged) == (2, ())
    assert "has 0 candidates for relu" in stopped(empty)


def stopped(generated: Generated) -> str:
    return generated.finished.operators[0].stopped.detail


def online(url: str) -> str:
    return (
        f"author: {{provider: far, model: {MODEL}, patience_s: 0, max_output_tokens: 2000}}\n"
        f"providers:\n  far: {{kind: messages, base_url: '{url}', key_variable: FAR_KEY}}\n"
    )


def test_a_run_that_was_interrupted_goes_on_by_its_id_and_asks_nothing_twice(
    tmp_path: Path, begin: Begin, supply: FakeSupply, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Say(Proposal(plan="p", code=kernel(name)).model_dump_json()) for name in ("wrong", "right")]

    with serving(*answers) as local:
        roles = online(local.messages_url)
        with monkeypatch.context() as patched:
            patched.setattr(supply, "take", interrupt_now)
            with pytest.raises(KeyboardInterrupt):
                begin(roles, {"FAR_KEY": KEY})
        (run_id,) = (path.name for path in (tmp_path / "runs/generation").iterdir())
        supply.closed = False
        went_on = begin(roles, {"FAR_KEY": KEY}, resume=run_id)
        assert len(local.received) == 2
        assert went_on.finished.exit_code == 0
        assert went_on.finished.used.tokens == 2 * 1420
        with pytest.raises(GenerationError, match="was begun with other strategies: go on with"):
            begin(roles, {"FAR_KEY": KEY}, resume=run_id, strategies=2)


def test_operators_are_worked_on_at_once_and_share_budget_and_slots(tmp_path: Path, begin: Begin) -> None:
    both_asked = threading.Barrier(2, timeout=30)

    def script(received: Received) -> Say:
        both_asked.wait()  # only if both are asked at once it comes to an end
        return Say(Proposal(plan="p", code="none").model_dump_json())

    with serving(script=script) as local:
        generated = begin(
            online(local.messages_url), {"FAR_KEY": KEY}, operators=("relu", "gelu"), budget=Budget(rounds=2)
        )
    assert [len(one.attempts) for one in generated.finished.operators] == [1, 1]
    assert [one.stopped.reason for one in generated.finished.operators] == ["rounds", "rounds"]
    assert (generated.finished.used.rounds, generated.finished.exit_code) == (2, 1)


def test_one_operator_that_breaks_ends_the_others(tmp_path: Path, begin: Begin) -> None:
    with serving(script=lambda received: Say("{}", pause_s=0.05)) as local:
        roles = online(local.messages_url)
        begin(roles, {"FAR_KEY": KEY}, operators=("relu", "gelu"), budget=Budget(rounds=2))
        (run_id,) = (path.name for path in (tmp_path / "runs/generation").iterdir())
        (entry, *_) = (tmp_path / "runs/generation" / run_id / "gelu/journal").glob("*.json")
        entry.write_text("damaged")
        (tmp_path / "runs/generation" / run_id / "gelu/attempts/001.json").unlink()
        began = time.monotonic()
        with pytest.raises(GenerationError, match=r"the journal's entry .* is damaged"):
            begin(roles, {"FAR_KEY": KEY}, operators=("relu", "gelu"), budget=Budget(rounds=500), resume=run_id)
        assert time.monotonic() - began < 30
        with pytest.raises(GenerationError, match="was begun with more operators: name gelu, too"):
            begin(roles, {"FAR_KEY": KEY}, resume=run_id)


def interrupt_now() -> None:
    raise KeyboardInterrupt


def an_experiment(folder: Path) -> Path:
    for name in ("terse", "wordy"):
        (folder / name).mkdir()
        (folder / name / "attempt.j2").write_text(f"In a {name} way: {{{{ attempt.code }}}}{{{{ attempt.failure }}}}")
    path = folder / "experiment.yaml"
    path.write_text("name: tone\nruns_per_variant: 4\nvariants: {terse: terse, wordy: wordy}\n")
    return path


def drawn(generated: Generated) -> Assignment:
    assignment = generated.finished.operators[0].terms.experiment
    assert assignment is not None
    return assignment


def test_a_run_is_asked_by_the_templates_that_were_drawn_for_it(
    tmp_path: Path, begin: Begin, supply: FakeSupply
) -> None:
    roles, experiment = from_files(tmp_path, "wrong", "right"), an_experiment(tmp_path)
    seen: Counter[str] = Counter()
    for number in range(6):
        supply.closed = False
        run_id = f"20260102-030405-{number:08x}"
        generated = begin(roles, experiment=experiment, begin_as=run_id)
        assignment, (relu,) = drawn(generated), generated.finished.operators
        template = (tmp_path / assignment.variant / "attempt.j2").read_text()
        for attempt in relu.attempts:
            last = attempt.call.parts[-1]
            assert (last.name, last.template) == ("attempt", hashlib.sha256(template.encode()).hexdigest())
        assert (assignment.experiment, assignment.run) == ("tone", run_id)
        (stored,) = read_document(generated.folder / "generation.json").operators
        assert stored.terms.experiment == assignment
        seen[assignment.variant] += 1
    assert set(seen) == {"terse", "wordy"}
    (result,) = read_experiments(tmp_path / "runs", "tone", pytest.fail).experiments
    assert {one.name: one.runs + one.beyond_plan for one in result.variants} == seen
    assert [(one.runs - one.successes, one.unfinished) for one in result.variants] == [(0, 0), (0, 0)]
    assert {one.first_stands for one in result.variants} == {2}


def test_a_run_of_an_experiment_is_not_told_what_earlier_runs_taught(tmp_path: Path, begin: Begin) -> None:
    answers = [Say(Proposal(plan="p", code=kernel(name)).model_dump_json()) for name in ("wrong", "right", "right")]
    with serving(*answers, answers[1]) as local:
        roles = online(local.messages_url)
        begin(roles, {"FAR_KEY": KEY})
        taught = begin(roles, {"FAR_KEY": KEY})
        drawn_for = begin(roles, {"FAR_KEY": KEY}, experiment=an_experiment(tmp_path))
    assert taught.finished.operators[0].terms.lessons != ""
    assert drawn_for.finished.operators[0].terms.lessons == ""


def test_a_run_of_an_experiment_goes_on_with_its_variant_and_not_outside_of_it(
    tmp_path: Path, begin: Begin, supply: FakeSupply, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [Say(Proposal(plan="p", code=kernel(name)).model_dump_json()) for name in ("wrong", "right")]
    path = an_experiment(tmp_path)
    with serving(*answers) as local:
        roles = online(local.messages_url)
        with monkeypatch.context() as patched:
            patched.setattr(supply, "take", interrupt_now)
            with pytest.raises(KeyboardInterrupt):
                begin(roles, {"FAR_KEY": KEY}, experiment=path)
        (run_id,) = (each.name for each in (tmp_path / "runs/generation").iterdir())
        supply.closed = False
        with pytest.raises(GenerationError, match="was begun with other prompts, experiment: go on with"):
            begin(roles, {"FAR_KEY": KEY}, resume=run_id)
        path.write_text(path.read_text().replace("runs_per_variant: 4", "runs_per_variant: 5"))
        with pytest.raises(GenerationError, match="was begun with other experiment: go on with"):
            begin(roles, {"FAR_KEY": KEY}, resume=run_id, experiment=path)
        path.write_text(path.read_text().replace("runs_per_variant: 5", "runs_per_variant: 4"))
        went_on = begin(roles, {"FAR_KEY": KEY}, resume=run_id, experiment=path)
        assert len(local.received) == 2
        for received in local.received:
            assert f"In a {drawn(went_on).variant} way" in json.dumps(received.body)
    assert drawn(went_on).run == run_id


def test_no_key_reaches_a_prompt_a_record_or_the_run_folder(tmp_path: Path, begin: Begin) -> None:
    with serving(Say(Proposal(plan="p", code=kernel("right")).model_dump_json())) as local:
        begin(online(local.messages_url), {"FAR_KEY": KEY})
        assert KEY not in json.dumps([received.body for received in local.received])
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(files) > 8
    assert not any(KEY.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize(
    ("step", "code", "says"),
    [
        (Fail(401), 2, "does not take the key in FAR_KEY"),
        (Fail(404), 2, "has no model 'made-up-1': it is misspelt or retired"),
        (Fail(529), 3, "is overloaded or fails"),
        (Fail(429, retry_after="60"), 3, "limits the rate of calls"),
    ],
)
def test_a_provider_that_gives_nothing_is_said_with_its_exit_code(
    begin: Begin, step: Fail, code: int, says: str
) -> None:
    with serving(step) as local:
        finished = begin(online(local.messages_url), {"FAR_KEY": KEY}).finished
    assert finished.exit_code == code
    assert says in finished.operators[0].stopped.detail


def test_money_is_counted_by_the_table_beside_the_roles(tmp_path: Path, begin: Begin) -> None:
    (tmp_path / "prices.yaml").write_text(
        f"date: 2026-01-02\nsource: made up\nprices:\n  - {{provider: far, model: {MODEL}, input_usd: 3, "
        "cached_usd: '0.3', written_usd: '3.75', output_usd: 15}\n"
    )
    with serving(Say(Proposal(plan="p", code=kernel("right")).model_dump_json())) as local:
        generated = begin(online(local.messages_url), {"FAR_KEY": KEY}, budget=Budget(usd=Decimal(1)))
    assert generated.finished.used.usd == Decimal("0.005175")
    document = json.loads((generated.folder / "generation.json").read_text())
    assert document["used"]["usd"] == "0.005175"
    assert document["prices"] == {"date": "2026-01-02", "source": "made up"}


@pytest.mark.parametrize(
    ("wanted", "error", "says"),
    [
        ({"budget": Budget(rounds=0)}, UsageError, "a budget of zero asks nobody"),
        ({"budget": Budget(usd=Decimal(0))}, UsageError, "a budget of zero asks nobody"),
        ({"budget": Budget(usd=Decimal(1))}, GenerationError, "no price table was given"),
        ({"card": "abacus"}, GenerationError, "no hardware card 'abacus'"),
        ({"notes": Path("nowhere")}, GenerationError, "nowhere is not a folder"),
        ({"prompts": Path("nowhere")}, GenerationError, "nowhere is not a folder"),
        ({"operators": ()}, UsageError, "no operator was named"),
        ({"operators": ("relu", "rilu")}, UsageError, "'rilu' is not an operator"),
        ({"operators": ("relu", "relu")}, UsageError, "'relu' was named twice"),
        ({"experiment": Path("nowhere")}, GenerationError, "the experiment nowhere can't be read"),
        ({"experiment": Path("e"), "prompts": Path("p")}, UsageError, "so does --experiment: give one of them"),
        ({"resume": "../../etc"}, GenerationError, r"no run '../../etc' can go on in .*: none"),
        ({}, GenerationError, "FAR_KEY is not set, and provider 'far' of the author"),
    ],
)
def test_what_the_user_got_wrong_is_said_before_anything_begins(
    begin: Begin, supply: FakeSupply, wanted: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        begin(online("http://127.0.0.1:9"), {} if not wanted else {"FAR_KEY": KEY}, **wanted)
    assert supply.taken == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["relu"], "a run needs a limit: --budget-usd, --rounds, --max-tokens or --minutes"),
        (["relu", "--budget-usd", "two"], "--budget-usd is 'two'"),
        (["relu", "--budget-usd", "nan"], "numbers from 0 are needed"),
        (["relu", "--budget-usd=-1"], "numbers from 0 are needed"),
        (["relu", "--rounds", "1"], "there is no roles file roles.yaml: it says who writes"),
        (["rilu", "--rounds", "1"], "'rilu' is not an operator"),
        (["relu", "--rounds", "1", "--policy", "nice"], "there is no policy 'nice'"),
    ],
)
def test_the_command_line_says_in_words_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["generate", *arguments])
    assert result.exit_code == 2
    assert says in " ".join(result.stderr.split())
    assert "Traceback" not in result.output


def test_the_command_prints_a_table_and_json(tmp_path: Path, supply: FakeSupply, monkeypatch: Any) -> None:
    monkeypatch.setattr("policies.policy.load_policy", lambda name: small_policy())
    monkeypatch.setenv("COLUMNS", "400")  # folders of tests have long names, and rows must not break for them
    (tmp_path / "roles.yaml").write_text(from_files(tmp_path, "wrong", "right"))
    given = ["generate", "relu", "--roles", str(tmp_path / "roles.yaml"), "--rounds", "5", "--strategies", "1"]
    given += ["--runs", str(tmp_path / "runs")]
    table = CliRunner().invoke(app, given)
    assert table.exit_code == 0, table.output
    shown = " ".join(table.stdout.split())
    assert "relu 1 1 - write rejected properties/wrong-values: Results are wrong" in shown
    assert "relu: attempt 2 stands; ended (stands)" in shown
    assert "used: 2 of 5 rounds, 0 tokens, $0.0000" in shown
    assert "relu: attempt 1, strategy 1: asking the author (mine, made-up-1)" in table.stderr
    supply.closed = False
    document = json.loads(CliRunner().invoke(app, [*given, "--format", "json"]).stdout)
    assert (document["operators"][0]["best"], document["exit_code"]) == (2, 0)


def test_the_demonstration_answers_with_three_candidates_and_one_review() -> None:
    script = answering()
    author = [script(Received(n, Api.RESPONSES, {}, {})) for n in range(5)]
    assert [type(step) for step in author] == [Say, Say, Say, Say, Fail]
    codes = [Proposal.model_validate_json(step.text).code for step in author[1:4] if isinstance(step, Say)]
    assert len(set(codes)) == 3
    assert all(code.startswith("# /// kernel") for code in codes)
    assert isinstance(script(Received(0, Api.MESSAGES, {}, {})), Say)
