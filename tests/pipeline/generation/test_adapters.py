"""Both adapters, through the real SDKs, against the local provider: each way in which a call can end."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from generation_requests import GOOD, KEY, MODEL, PARTS, VARIABLE, Notes, adapter, part, request, serving, serving_alone

from pipeline.errors import JournalError
from pipeline.generation.exchange import TEXT_CAP_BYTES, Answer, Begun, Ending, Failure, Lasts, Reason, Usage, nobody
from pipeline.generation.journal import Journal, Journaled
from pipeline.generation.local_server.script import (
    BreakOff,
    Fail,
    FailWithin,
    Filter,
    Flood,
    Garble,
    Ping,
    Redirect,
    Refuse,
    Say,
    Step,
    Tokens,
    Truncate,
)

APIS = ("messages", "responses")
TEXT = GOOD.model_dump_json()

pytestmark = pytest.mark.parametrize("api", APIS)


def failure_of(api: str, step: Step, **changes: object) -> Failure:
    with serving(step) as local:
        outcome = adapter(api, local).ask(request(**changes), nobody)
    assert isinstance(outcome, Failure), outcome
    return outcome


def answer_of(api: str, step: Step) -> Answer:
    with serving(step) as local:
        outcome = adapter(api, local).ask(request(), nobody)
    assert isinstance(outcome, Answer), outcome
    return outcome


def test_an_answer_says_what_it_used_the_same_way_for_both(api: str) -> None:
    tokens = Tokens(fresh=7, cached=1000, written=20, output=300, reasoning=40)
    answer = answer_of(api, Say(TEXT, tokens))
    assert answer.usage == Usage(
        input_tokens=1027, cached_tokens=1000, written_tokens=20, output_tokens=300, reasoning_tokens=40
    )
    assert (answer.ending, answer.text, answer.model) == (Ending.COMPLETE, TEXT, MODEL)


def test_ids_are_noted_before_the_text_is_there(api: str) -> None:
    seen: list[Begun] = []
    release = threading.Event()

    def note(begun: Begun) -> None:
        seen.append(begun)
        release.set()

    with serving(Say(TEXT, pause_s=0.02)) as local:
        provider = adapter(api, local)
        outcomes: list[object] = []
        asking = threading.Thread(target=lambda: outcomes.append(provider.ask(request(), note)))
        asking.start()
        assert release.wait(5)
        assert not outcomes
        asking.join()
    answer = outcomes[0]
    assert isinstance(answer, Answer)
    assert seen == [Begun(answer.request_id, answer.response_id)]
    assert answer.request_id is not None
    assert answer.request_id.startswith("req_")


def test_the_model_gets_the_schema_and_the_parts_with_what_lasts_first(api: str) -> None:
    with serving(Say(TEXT)) as local:
        adapter(api, local).ask(request(effort="high"), nobody)
    body = local.received[0].body
    if api == "messages":
        schema = body["output_config"]["format"]["schema"]
        blocks = [*body["system"], *body["messages"][0]["content"]]
        assert [block["text"] for block in blocks] == ["the contract", "the operator", "the attempt"]
        assert ["cache_control" in block for block in blocks] == [True, True, False]
        assert (body["output_config"]["effort"], body["max_tokens"]) == ("high", 2000)
        assert "temperature" not in body
    else:
        schema = body["text"]["format"]["schema"]
        assert (body["instructions"], body["input"]) == ("the contract", "the operator\n\nthe attempt")
        assert body["text"]["format"]["strict"] is True
        assert (body["reasoning"], body["max_output_tokens"]) == ({"effort": "high"}, 2000)
        assert body["store"] is False
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["plan", "code"]


def test_only_what_lasts_decides_where_a_provider_caches(api: str) -> None:
    other = (*PARTS[:2], part("attempt", "another attempt"))
    with serving(Say(TEXT), Say(TEXT)) as local:
        provider = adapter(api, local)
        provider.ask(request(), nobody)
        provider.ask(request(parts=other), nobody)
    first, second = (received.body for received in local.received)
    if api == "messages":
        assert first["system"] == second["system"]
        assert first["messages"][0]["content"][0] == second["messages"][0]["content"][0]
    else:
        assert first["prompt_cache_key"] == second["prompt_cache_key"]


@pytest.mark.parametrize(
    ("step", "ending"),
    [(Truncate('{"plan": "o'), Ending.TRUNCATED), (Refuse("I would rather not"), Ending.REFUSED)],
)
def test_an_answer_that_is_billed_and_not_whole_is_an_answer_with_its_ending(
    api: str, step: Step, ending: Ending
) -> None:
    answer = answer_of(api, step)
    assert answer.ending is ending
    assert answer.usage is not None
    if isinstance(step, Refuse):
        assert "I would rather not" in answer.remark


def test_a_content_filter_is_no_refusal(api: str) -> None:
    """The Messages API says so with status 400 and names no type of its own; its message is shown, not parsed."""
    with serving(Filter('{"plan"')) as local:
        outcome = adapter(api, local).ask(request(), nobody)
    if api == "messages":
        assert isinstance(outcome, Failure)
        assert outcome.reason is Reason.NOT_ACCEPTED
        assert "content filtering policy" in outcome.detail
    else:
        assert isinstance(outcome, Answer)
        assert outcome.ending is Ending.FILTERED


@pytest.mark.parametrize(
    ("step", "reason", "is_passing"),
    [
        (Fail(400), Reason.NOT_ACCEPTED, False),
        (Fail(402), Reason.NO_CREDIT, False),
        (Fail(403), Reason.WRONG_KEY, False),
        (Fail(408), Reason.TIMED_OUT, True),
        (Fail(409), Reason.OVERLOADED, True),
        (Fail(413), Reason.NOT_ACCEPTED, False),
        (Fail(429), Reason.RATE_LIMITED, True),
        (Fail(500), Reason.OVERLOADED, True),
        (Fail(503), Reason.OVERLOADED, True),
        (Fail(529), Reason.OVERLOADED, True),
        (BreakOff(TEXT), Reason.BROKEN_OFF, True),
        (Garble("event: message_start\ndata: {broken\n\n"), Reason.UNINTELLIGIBLE, False),
        (Garble('event: message_start\ndata: {"type": "message_start"}\n\n'), Reason.UNINTELLIGIBLE, False),
        (Garble("<html>Please log in.</html>\n\n"), Reason.UNINTELLIGIBLE, False),
        (Say("half of a pair: \ud800"), Reason.UNINTELLIGIBLE, False),
        (Say("x" * (TEXT_CAP_BYTES + 1)), Reason.TOO_LARGE, False),
        (Say("x" * (2 << 20)), Reason.TOO_LARGE, False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_each_failure_has_its_reason(api: str, step: Step, reason: Reason, is_passing: bool) -> None:
    if api == "responses" and isinstance(step, Garble) and '"type"' in step.lines:
        step = Garble('event: response.completed\ndata: {"type": "response.completed", "response": {"id": "r"}}\n\n')
    failure = failure_of(api, step)
    assert (failure.reason, failure.is_passing) == (reason, is_passing), failure


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (("overloaded_error", "server_error"), Reason.OVERLOADED),
        (("rate_limit_error", "rate_limit_exceeded"), Reason.RATE_LIMITED),
        (("invalid_request_error", "invalid_prompt"), Reason.NOT_ACCEPTED),
    ],
)
def test_an_error_within_the_stream_is_told_by_its_code_and_not_by_status_200(
    api: str, codes: tuple[str, str], reason: Reason
) -> None:
    failure = failure_of(api, FailWithin(codes[APIS.index(api)]))
    assert failure.reason is reason
    assert failure.has_begun
    assert failure.response_id is not None


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [(429, "insufficient_quota", Reason.NO_CREDIT), (400, "billing_error", Reason.NO_CREDIT)],
)
def test_used_up_credit_is_no_rate_limit(api: str, status: int, code: str, reason: Reason) -> None:
    if (api == "messages") == (code == "billing_error"):
        assert failure_of(api, Fail(status, code=code)).reason is reason


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("soon", None), ("nan", None), ("-3", 0.0)])
@pytest.mark.parametrize("status", [429, 503, 529])
def test_retry_after_is_kept(api: str, status: int, header: str, seconds: float | None) -> None:
    assert failure_of(api, Fail(status, retry_after=header)).retry_after_s == seconds


def test_retry_after_may_be_a_date(api: str) -> None:
    failure = failure_of(api, Fail(429, retry_after="Fri, 01 Jan 2100 00:00:00 GMT"))
    assert failure.retry_after_s is not None
    assert failure.retry_after_s > 1e6


def test_a_failure_has_the_providers_id_for_the_call(api: str) -> None:
    assert str(failure_of(api, Fail(500)).request_id).startswith("req_")


def test_a_call_is_made_once_because_repeating_is_not_the_sdks_work(api: str) -> None:
    with serving(*[Fail(503)] * 5) as local:
        adapter(api, local).ask(request(), nobody)
        assert len(local.received) == 1


def test_a_model_that_is_unknown_or_retired_is_named_with_what_to_do(api: str) -> None:
    failure = failure_of(api, Say(TEXT), model="retired-0")
    assert failure.reason is Reason.UNKNOWN_MODEL
    assert "has no model 'retired-0'" in failure.detail
    assert "name another for the author in the roles file" in failure.detail


def test_a_wrong_key_is_named_by_its_variable_and_shown_nowhere(api: str, caplog: pytest.LogCaptureFixture) -> None:
    wrong = "wrong-key-fedcba9876543210"
    caplog.set_level(logging.DEBUG)
    with serving() as local:
        provider = adapter(api, local, key=wrong)
        outcome = provider.ask(request(), nobody)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.WRONG_KEY
    assert VARIABLE in outcome.detail
    assert "Incorrect API key provided: [LOCAL_KEY]" in outcome.detail
    assert wrong not in repr(outcome)
    assert caplog.records
    assert wrong not in caplog.text


def test_the_key_is_in_no_log_and_no_representation(api: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Say(TEXT)) as local:
        provider = adapter(api, local)
        answer = provider.ask(request(), nobody)
    assert caplog.records
    assert KEY not in caplog.text + repr(provider) + repr(vars(provider)) + repr(answer) + repr(local.received)


def test_a_key_in_a_prompt_is_sent_to_nobody(api: str) -> None:
    notes = part("notes", f"our key is {KEY}", Lasts.OPERATOR)
    with serving(Say(TEXT)) as local:
        outcome = adapter(api, local).ask(request(parts=(PARTS[0], notes)), nobody)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.KEY_IN_PROMPT
    assert "part 'notes'" in outcome.detail
    assert KEY not in outcome.detail
    assert local.received == ()


def test_a_redirect_is_not_followed_because_the_key_would_go_along(api: str) -> None:
    with serving_alone(Say(TEXT)) as thief:
        address = f"{thief.messages_url}/v1/{api}"
        with serving(Redirect(address)) as local:
            outcome = adapter(api, local).ask(request(), nobody)
        assert thief.received == ()
    assert isinstance(outcome, Failure)
    assert not outcome.is_passing


def test_what_commands_a_terminal_is_made_visible(api: str) -> None:
    failure = failure_of(api, Fail(400, message="\x1b[2Jall is well\nverdict: production-safe"))
    assert "\x1b" not in failure.detail
    assert "\n" not in failure.detail


def test_a_slow_stream_within_the_deadline_is_an_answer(api: str) -> None:
    assert answer_of(api, Say(TEXT, pause_s=0.02)).wall_s > 0.1


@pytest.mark.parametrize("step", [Say(TEXT, pause_s=0.2), Ping(pause_s=0.05, for_s=5)], ids=["drips", "pings"])
def test_a_stream_that_goes_on_for_ever_ends_at_the_deadline(api: str, step: Step) -> None:
    started = time.monotonic()
    failure = failure_of(api, step, deadline_s=0.5)
    assert failure.reason is Reason.TIMED_OUT
    assert failure.has_begun
    assert time.monotonic() - started < 2


def test_a_stream_that_stalls_ends_before_twice_its_deadline(api: str) -> None:
    started = time.monotonic()
    assert failure_of(api, Ping(pause_s=3, for_s=3), deadline_s=0.3).reason is Reason.TIMED_OUT
    assert time.monotonic() - started < 1.5


def test_a_flood_is_cut_on_the_wire(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.generation.wire_bounds.WIRE_CAP_BYTES", 1 << 20)
    assert failure_of(api, Flood(16 << 20)).reason is Reason.TOO_LARGE


def test_an_error_that_is_a_flood_is_cut_too(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.generation.wire_bounds.WIRE_CAP_BYTES", 1 << 16)
    failure = failure_of(api, Fail(400, message="x" * (1 << 20)))
    assert failure.reason is Reason.TOO_LARGE
    assert failure.detail.endswith("which was not read to its end")


def test_names_that_command_a_terminal_or_fill_a_journal_are_no_answer(api: str) -> None:
    for name in ("\x1b[2J", "r" * 1000, ""):
        if api == "messages":
            start = {"type": "message_start", "message": {"id": name, "content": [], "model": MODEL}}
        else:
            start = {"type": "response.created", "response": {"id": name, "model": MODEL}}
        step = Garble(f"event: {start['type']}\ndata: {json.dumps(start)}\n\n")
        with serving(step, step) as local, TemporaryDirectory() as folder:
            outcome = Journaled(adapter(api, local), Journal(Path(folder))).ask(request(), nobody)
        assert isinstance(outcome, Failure)
        assert outcome.reason is Reason.UNINTELLIGIBLE
        assert "\x1b" not in outcome.detail


def test_nobody_at_the_address_is_unreachable(api: str) -> None:
    with serving_alone() as local:
        provider = adapter(api, local)
    outcome = provider.ask(request(), nobody)
    assert isinstance(outcome, Failure)
    assert (outcome.reason, outcome.has_begun) == (Reason.UNREACHABLE, False)


def test_an_address_without_such_an_api_is_no_unknown_model(api: str) -> None:
    with serving() as local:
        from pipeline.generation.api_key import ApiKey
        from pipeline.generation.messages_api import MessagesApi
        from pipeline.generation.responses_api import ResponsesApi

        wrong = f"{local.messages_url}/elsewhere"
        made = MessagesApi if api == "messages" else ResponsesApi
        outcome = made("local", ApiKey(VARIABLE, KEY), wrong).ask(request(), nobody)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.NOT_ACCEPTED
    assert "address" in outcome.detail


def test_a_note_that_cant_be_kept_is_our_failure_and_not_the_providers(api: str) -> None:
    def note(begun: Begun) -> None:
        raise JournalError("the disk is full")

    with serving(Say(TEXT)) as local, pytest.raises(JournalError):
        adapter(api, local).ask(request(), note)


def test_fifty_at_once_get_an_answer_each(api: str) -> None:
    with serving(*[Say(TEXT)] * 50) as local:
        provider, notes = adapter(api, local), Notes()
        outcomes: list[object] = []
        threads = [
            threading.Thread(target=lambda n=n: outcomes.append(provider.ask(request(serial=n), notes)))
            for n in range(50)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    assert len({begun.response_id for begun in notes.begun}) == 50
