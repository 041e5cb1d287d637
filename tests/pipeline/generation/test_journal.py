"""The journal: no answer is paid for twice, and what can't be known is said."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import killed_caller
import pytest
from generation_requests import GOOD, KEY, PARTS, adapter, part, request, serving
from killed_caller import REQUEST, Answers

from pipeline.errors import GenerationError, JournalError
from pipeline.generation.exchange import Answer, Begun, Ending, Failure, Note, Outcome, Reason, Request, nobody
from pipeline.generation.journal import Journal, Journaled, Replay
from pipeline.generation.journal_records import CallAnswered, CallFailed
from pipeline.generation.local_server.script import BreakOff, Refuse, Say

PROJECT = Path(__file__).parents[3]
TEXT = GOOD.model_dump_json()


class Counting:
    """Answers after a while, and counts; with a failure given it fails."""

    def __init__(self, wall_s: float = 0.0, failure: Failure | None = None) -> None:
        self.calls = 0
        self._wall_s = wall_s
        self._failure = failure

    def ask(self, request: Request, note: Note) -> Outcome:
        self.calls += 1
        note(Begun("req", f"resp-{self.calls}"))
        time.sleep(self._wall_s)
        if self._failure is not None:
            return self._failure
        return Answer(
            ending=Ending.COMPLETE, text=TEXT, provider="p", model="m", request_id="req",
            response_id=f"resp-{self.calls}", usage=None, begun_at=datetime.now(UTC), wall_s=0.0,
        )  # fmt: skip


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_an_answer_is_asked_for_once(api: str, tmp_path: Path) -> None:
    with serving(Say(TEXT)) as local:
        first = Journaled(adapter(api, local), Journal(tmp_path)).ask(request(), nobody)
        again = Journaled(adapter(api, local), Journal(tmp_path)).ask(request(), nobody)
        assert len(local.received) == 1
    assert isinstance(first, Answer)
    assert first == again


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_a_refusal_was_paid_for_too(api: str, tmp_path: Path) -> None:
    with serving(Refuse("no")) as local:
        provider = Journaled(adapter(api, local), Journal(tmp_path))
        assert provider.ask(request(), nobody) == provider.ask(request(), nobody)
        assert len(local.received) == 1


@pytest.mark.parametrize("api", ["messages", "responses"])
def test_a_failure_is_recorded_with_its_ids_and_asked_again(api: str, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with serving(BreakOff(TEXT), Say(TEXT)) as local:
        provider = Journaled(adapter(api, local), journal)
        assert isinstance(provider.ask(request(), nobody), Failure)
        assert isinstance(provider.ask(request(), nobody), Answer)
    events = journal.events(request().digest)
    assert [event.event for event in events] == ["asked", "begun", "failed", "asked", "begun", "answered"]
    failed = events[2]
    assert isinstance(failed, CallFailed)
    assert failed.has_begun
    assert (failed.reason, failed.response_id) == (Reason.BROKEN_OFF, events[1].response_id)  # type: ignore[union-attr]
    assert journal.lost_calls() == ()


def test_another_request_is_another_answer(tmp_path: Path) -> None:
    provider = Counting()
    journaled = Journaled(provider, Journal(tmp_path))
    journaled.ask(request(), nobody)
    journaled.ask(request(serial=1), nobody)
    journaled.ask(request(parts=(*PARTS[:2], part("attempt", "another"))), nobody)
    assert provider.calls == 3


def test_of_many_that_ask_the_same_at_once_one_pays(tmp_path: Path) -> None:
    provider = Counting(wall_s=0.1)
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(Journaled(provider, Journal(tmp_path)).ask(request(), nobody)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert provider.calls == 1
    assert len(outcomes) == 8
    assert len({outcome.model_dump_json() for outcome in outcomes if isinstance(outcome, Answer)}) == 1


def test_a_replay_asks_nobody_and_says_what_it_lacks(tmp_path: Path) -> None:
    recorded = Journaled(Counting(), Journal(tmp_path)).ask(request(), nobody)
    replay = Replay(Journal(tmp_path))
    assert replay.ask(request(), nobody) == recorded
    lacking = replay.ask(request(serial=7), nobody)
    assert isinstance(lacking, Failure)
    assert lacking.reason is Reason.NOT_RECORDED
    assert "no answer to this request of the author for softmax" in lacking.detail
    assert Replay(Journal(tmp_path / "none")).ask(request(), nobody).reason is Reason.NOT_RECORDED  # type: ignore[union-attr]


def test_a_damaged_entry_is_not_paid_for_again_in_silence(tmp_path: Path) -> None:
    provider = Counting()
    Journaled(provider, Journal(tmp_path)).ask(request(), nobody)
    entry = tmp_path / f"{request().digest}.json"
    entry.write_bytes(entry.read_bytes()[:-20])
    with pytest.raises(GenerationError, match="is damaged, and its answer was paid for"):
        Journaled(provider, Journal(tmp_path)).ask(request(), nobody)
    assert provider.calls == 1


def test_the_journal_holds_the_request_in_full_and_no_key(tmp_path: Path) -> None:
    with serving(Say(TEXT)) as local:
        Journaled(adapter("messages", local), Journal(tmp_path)).ask(request(), nobody)
    files = sorted(tmp_path.iterdir())
    assert [path.suffix for path in files] == [".calls", ".json"]
    assert not any(KEY.encode() in path.read_bytes() for path in files)
    asked = json.loads(files[1].read_text())["asked"]
    assert [one["text"] for one in asked["parts"]] == [one.text for one in PARTS]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


def test_a_journal_that_cant_be_written_costs_no_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    provider = Counting()
    with pytest.raises(JournalError, match="can't be written"):
        Journaled(provider, Journal(tmp_path / "file")).ask(request(), nobody)
    assert provider.calls == 0


def kill(where: str, folder: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    ended = subprocess.run([sys.executable, killed_caller.__file__, where, str(folder)], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("where", ["before", "during"])
def test_a_kill_between_answer_and_journal_is_one_lost_call_that_is_told(where: str, tmp_path: Path) -> None:
    """Nobody can fetch such an answer again; what can be done is to count it and to ask anew."""
    kill(where, tmp_path)
    journal = Journal(tmp_path)
    assert journal.find(REQUEST.digest) is None
    (lost,) = journal.lost_calls()
    assert (lost.digest, lost.begun) == (REQUEST.digest, Begun("req", "resp-1"))
    provider = Answers()
    for _ in range(2):
        assert isinstance(Journaled(provider, journal).ask(REQUEST, nobody), Answer)
    assert provider.calls == 1
    assert journal.lost_calls() == (lost,)


def test_a_kill_right_after_the_journal_loses_nothing(tmp_path: Path) -> None:
    kill("after", tmp_path)
    journal = Journal(tmp_path)
    assert not any(isinstance(event, CallAnswered) for event in journal.events(REQUEST.digest))
    assert journal.lost_calls() == ()
    provider = Answers()
    assert isinstance(Journaled(provider, journal).ask(REQUEST, nobody), Answer)
    assert provider.calls == 0


def test_a_run_that_goes_on_after_a_kill_repeats_no_call_that_was_answered(tmp_path: Path) -> None:
    """Ten requests; the process dies when it has the sixth answer and has not kept it."""
    kill("6", tmp_path)
    goes_on, again = Answers(), Answers()
    killed_caller.ask_all(goes_on, tmp_path)
    killed_caller.ask_all(again, tmp_path)
    assert (goes_on.calls, again.calls) == (5, 0)
    assert len(Journal(tmp_path).lost_calls()) == 1


def test_a_call_that_goes_on_is_not_lost(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    seen: list[object] = []
    Journaled(Counting(), journal).ask(request(), lambda begun: seen.append(journal.lost_calls()))
    assert seen == [()]


def test_a_line_that_was_cut_off_is_dropped_and_nothing_is_added_to_it(tmp_path: Path) -> None:
    Journaled(Counting(failure=Failure(Reason.OVERLOADED, "d")), Journal(tmp_path)).ask(request(), nobody)
    calls = tmp_path / f"{request().digest}.calls"
    calls.write_bytes(calls.read_bytes() + b'{"event":"ask')
    journal = Journal(tmp_path)
    assert len(journal.events(request().digest)) == 3
    Journaled(Counting(), journal).ask(request(), nobody)
    assert len(journal.events(request().digest)) == 6
    assert journal.lost_calls() == ()


def test_a_clock_that_jumps_changes_no_duration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter([datetime(2030, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)] * 5)

    class Jumping(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return next(jumps)

    monkeypatch.setattr("pipeline.generation.messages_api.datetime", Jumping)
    monkeypatch.setattr("pipeline.generation.journal.datetime", Jumping)
    with serving(Say(TEXT)) as local:
        answer = Journaled(adapter("messages", local), Journal(tmp_path)).ask(request(), nobody)
    assert isinstance(answer, Answer)
    assert 0 <= answer.wall_s < 10
    assert Journal(tmp_path).find(request().digest) == answer


def test_a_damaged_line_is_said_because_a_lost_call_may_stand_in_it(tmp_path: Path) -> None:
    (tmp_path / f"{request().digest}.calls").write_text('{"event":"asked"}\n')
    with pytest.raises(GenerationError, match=r"\.calls is damaged"):
        Journal(tmp_path).lost_calls()
