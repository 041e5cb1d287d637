from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from generation_requests import GOOD, KEY, MODEL, request, serving

from pipeline.errors import GenerationError, SdkUnavailable
from pipeline.generation.content import Plans, Proposal, Review, read_content
from pipeline.generation.exchange import Answer, Failure, Reason, Role, nobody
from pipeline.generation.journal import Journal
from pipeline.generation.local_server.script import Say
from pipeline.generation.opening import open_provider
from pipeline.generation.roles import Roles, load_roles

PROJECT = Path(__file__).parents[3]
KERNELS = PROJECT / "tests/kernels/softmax"


def roles(folder: Path, **providers: str) -> Roles:
    text = (
        f"author: {{provider: writes, model: {MODEL}}}\nreviewer: {{provider: reviews, model: {MODEL}}}\nproviders:\n"
    )
    path = folder / "roles.yaml"
    path.write_text(text + "".join(f"  {name}: {about}\n" for name, about in providers.items()))
    return load_roles(path)


def test_one_provider_writes_and_another_reviews(tmp_path: Path) -> None:
    review = Review(verdict="ask", remarks=("line 3: why?",)).model_dump_json()
    with serving(Say(GOOD.model_dump_json()), Say(review)) as local:
        given = roles(
            tmp_path,
            writes=f"{{kind: responses, base_url: '{local.responses_url}', key_variable: WRITER_KEY}}",
            reviews=f"{{kind: messages, base_url: '{local.messages_url}', key_variable: REVIEWER_KEY}}",
        )
        environment = {"WRITER_KEY": KEY, "REVIEWER_KEY": KEY}
        journal = Journal(tmp_path / "journal")
        written = open_provider(given, Role.AUTHOR, journal, environment).ask(request(), nobody)
        reviewed = open_provider(given, Role.REVIEWER, journal, environment).ask(
            request(role=Role.REVIEWER, wanted=Review), nobody
        )
        assert [received.api for received in local.received] == ["responses", "messages"]
    assert isinstance(written, Answer)
    assert isinstance(reviewed, Answer)
    assert read_content(written, Proposal) == GOOD
    assert read_content(reviewed, Review) == Review(verdict="ask", remarks=("line 3: why?",))
    assert (written.provider, reviewed.provider) == ("writes", "reviews")


def test_a_recorded_run_is_replayed_without_key_or_network(tmp_path: Path) -> None:
    with serving(Say(GOOD.model_dump_json())) as local:
        online = roles(
            tmp_path,
            writes=f"{{kind: messages, base_url: '{local.messages_url}'}}",
            reviews="{kind: replay, journal: j}",
        )
        environment = {"ANTHROPIC_API_KEY": KEY}
        recorded = open_provider(online, Role.AUTHOR, Journal(tmp_path / "j"), environment).ask(request(), nobody)
    offline = roles(tmp_path, writes="{kind: replay, journal: j}", reviews="{kind: replay, journal: j}")
    assert open_provider(offline, Role.AUTHOR, Journal(tmp_path / "unused"), {}).ask(request(), nobody) == recorded


def test_no_key_is_said_with_who_needs_it(tmp_path: Path) -> None:
    given = roles(tmp_path, writes="{kind: messages}", reviews="{kind: responses}")
    with pytest.raises(GenerationError, match="ANTHROPIC_API_KEY is not set, and provider 'writes' of the author"):
        open_provider(given, Role.AUTHOR, Journal(tmp_path), {})
    with pytest.raises(GenerationError, match="OPENAI_API_KEY is not set, and provider 'reviews' of the reviewer"):
        open_provider(given, Role.REVIEWER, Journal(tmp_path), {"ANTHROPIC_API_KEY": KEY})


def test_a_role_that_nobody_takes_is_the_users_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text("author: {provider: openai, model: m}\n")
    with pytest.raises(GenerationError, match="names no reviewer"):
        open_provider(load_roles(path), Role.REVIEWER, Journal(tmp_path), {})


@pytest.mark.parametrize(("kind", "sdk"), [("messages", "anthropic"), ("responses", "openai")])
def test_a_missing_sdk_says_what_to_install(
    kind: str, sdk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, sdk, None)
    given = roles(tmp_path, writes=f"{{kind: {kind}, key_variable: A_KEY}}", reviews="{kind: messages}")
    with pytest.raises(SdkUnavailable, match=rf"pip install 'kernelgate\[generate\]', or pip install {sdk}"):
        open_provider(given, Role.AUTHOR, Journal(tmp_path), {"A_KEY": KEY})


def test_files_stand_in_for_an_author(tmp_path: Path) -> None:
    given = roles(
        tmp_path, writes=f"{{kind: files, folder: '{KERNELS}'}}", reviews=f"{{kind: files, folder: '{KERNELS}'}}"
    )
    provider = open_provider(given, Role.AUTHOR, Journal(tmp_path), {})
    names = sorted(path.name for path in KERNELS.glob("*.py"))
    first = provider.ask(request(), nobody)
    second = provider.ask(request(serial=1), nobody)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    for answer, name in ((first, names[0]), (second, names[1])):
        content = read_content(answer, Proposal)
        assert isinstance(content, Proposal)
        assert content.code == (KERNELS / name).read_text()
    assert first.usage is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"serial": 10_000}, "and one more is asked for"),
        ({"operator": "relu"}, "has 0 candidates for relu"),
        ({"wanted": Plans}, "holds candidates, and no plans of the author"),
        ({"wanted": Review, "role": Role.REVIEWER}, "holds candidates, and no review of the reviewer"),
    ],
)
def test_files_have_nothing_else_to_say(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    given = roles(tmp_path, writes=f"{{kind: files, folder: '{KERNELS}'}}", reviews="{kind: messages}")
    outcome = open_provider(given, Role.AUTHOR, Journal(tmp_path), {}).ask(request(**changes), nobody)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.NOT_RECORDED
    assert says in outcome.detail


def test_a_folder_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    given = roles(tmp_path, writes="{kind: files, folder: nowhere}", reviews="{kind: messages}")
    with pytest.raises(GenerationError, match="nowhere is not a folder"):
        open_provider(given, Role.AUTHOR, Journal(tmp_path), {})


def test_no_sdk_is_imported_before_a_role_needs_it() -> None:
    script = (
        "import sys, pipeline.cli, pipeline.generation.opening\n"
        "print(sorted({'anthropic', 'openai', 'httpx2'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
