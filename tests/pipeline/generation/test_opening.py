from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from generation_requests import GOOD, KEY, MODEL, PARTS, serving

from pipeline.errors import GenerationError, SdkUnavailable
from pipeline.generation.content import Content, Plans, Proposal, Review, read_content
from pipeline.generation.exchange import Answer, Failure, Reason, Role
from pipeline.generation.hardware import card_of
from pipeline.generation.journal import Journal
from pipeline.generation.knowledge.installed import installed_references
from pipeline.generation.local_server.script import Say
from pipeline.generation.opening import open_role
from pipeline.generation.prompts import Attempt, Prompts
from pipeline.generation.proposals import candidate_of
from pipeline.generation.roles import Roles, load_roles
from pipeline.generation.subject import Subject
from policies.policy import load_policy
from runners.candidate import Candidate
from runners.contract.reading import read_source
from runners.operators import OPERATORS

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
        written = open_role(given, Role.AUTHOR, journal, environment).ask("softmax", PARTS, Proposal)
        reviewed = open_role(given, Role.REVIEWER, journal, environment).ask("softmax", PARTS, Review)
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
        recorded = open_role(online, Role.AUTHOR, Journal(tmp_path / "j"), environment).ask("softmax", PARTS, Proposal)
    offline = roles(tmp_path, writes="{kind: replay, journal: j}", reviews="{kind: replay, journal: j}")
    assert open_role(offline, Role.AUTHOR, Journal(tmp_path / "unused"), {}).ask("softmax", PARTS, Proposal) == recorded


def test_no_key_is_said_with_who_needs_it(tmp_path: Path) -> None:
    given = roles(tmp_path, writes="{kind: messages}", reviews="{kind: responses}")
    with pytest.raises(GenerationError, match="ANTHROPIC_API_KEY is not set, and provider 'writes' of the author"):
        open_role(given, Role.AUTHOR, Journal(tmp_path), {})
    with pytest.raises(GenerationError, match="OPENAI_API_KEY is not set, and provider 'reviews' of the reviewer"):
        open_role(given, Role.REVIEWER, Journal(tmp_path), {"ANTHROPIC_API_KEY": KEY})


@pytest.mark.parametrize(("provider", "variable"), [("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")])
def test_a_well_known_provider_is_opened_with_its_key_alone_and_asks_nobody_yet(
    provider: str, variable: str, tmp_path: Path
) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text(f"author: {{provider: {provider}, model: {MODEL}}}\n")
    taken = open_role(load_roles(path), Role.AUTHOR, Journal(tmp_path / "j"), {variable: KEY})
    assert taken.configuration.provider == provider
    assert not (tmp_path / "j").exists()


def test_a_role_that_nobody_takes_is_the_users_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    path.write_text("author: {provider: openai, model: m}\n")
    with pytest.raises(GenerationError, match="names no reviewer"):
        open_role(load_roles(path), Role.REVIEWER, Journal(tmp_path), {})


@pytest.mark.parametrize(("kind", "sdk"), [("messages", "anthropic"), ("responses", "openai")])
def test_a_missing_sdk_says_what_to_install(
    kind: str, sdk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, sdk, None)
    monkeypatch.delitem(sys.modules, f"pipeline.generation.{kind}_api", raising=False)
    given = roles(tmp_path, writes=f"{{kind: {kind}, key_variable: A_KEY}}", reviews="{kind: messages}")
    with pytest.raises(SdkUnavailable, match=rf"pip install 'kernelgate\[generate\]', or pip install {sdk}"):
        open_role(given, Role.AUTHOR, Journal(tmp_path), {"A_KEY": KEY})


def test_files_stand_in_for_an_author(tmp_path: Path) -> None:
    given = roles(
        tmp_path, writes=f"{{kind: files, folder: '{KERNELS}'}}", reviews=f"{{kind: files, folder: '{KERNELS}'}}"
    )
    provider = open_role(given, Role.AUTHOR, Journal(tmp_path), {})
    names = sorted(path.name for path in KERNELS.glob("*.py"))
    first = provider.ask("softmax", PARTS, Proposal)
    second = provider.ask("softmax", PARTS, Proposal, serial=1)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    for answer, name in ((first, names[0]), (second, names[1])):
        content = read_content(answer, Proposal)
        assert isinstance(content, Proposal)
        assert content.code == (KERNELS / name).read_text()
    assert first.usage is None


@pytest.mark.parametrize(
    ("role", "operator", "wanted", "serial", "says"),
    [
        (Role.AUTHOR, "softmax", Proposal, 10_000, "and one more is asked for"),
        (Role.AUTHOR, "relu", Proposal, 0, "has 0 candidates for relu"),
        (Role.AUTHOR, "softmax", Plans, 0, "holds candidates, and no plans of the author"),
        (Role.OPTIMISER, "softmax", Proposal, 0, "holds candidates, and no proposal of the optimiser"),
        (Role.REVIEWER, "softmax", Review, 0, "holds candidates, and no review of the reviewer"),
    ],
)
def test_files_have_nothing_else_to_say(
    tmp_path: Path, role: Role, operator: str, wanted: type[Content], serial: int, says: str
) -> None:
    files = f"{{kind: files, folder: '{KERNELS}'}}"
    given = roles(tmp_path, writes=files, reviews=files)
    outcome = open_role(given, role, Journal(tmp_path), {}).ask(operator, PARTS, wanted, serial)
    assert isinstance(outcome, Failure)
    assert outcome.reason is Reason.NOT_RECORDED
    assert says in outcome.detail


def test_a_folder_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    given = roles(tmp_path, writes="{kind: files, folder: nowhere}", reviews="{kind: messages}")
    with pytest.raises(GenerationError, match="nowhere is not a folder"):
        open_role(given, Role.AUTHOR, Journal(tmp_path), {})


@pytest.mark.parametrize(("kind", "variable"), [("messages", "ANTHROPIC_BASE_URL"), ("responses", "OPENAI_BASE_URL")])
def test_an_address_from_a_variable_of_the_sdk_is_held_to_the_same_rule(
    kind: str, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://secret-user:x@models.example.org")
    given = roles(tmp_path, writes=f"{{kind: {kind}, key_variable: A_KEY}}", reviews="{kind: messages}")
    with pytest.raises(
        GenerationError, match=r"the address of provider 'writes'.* holds more than an address"
    ) as raised:
        open_role(given, Role.AUTHOR, Journal(tmp_path), {"A_KEY": KEY})
    assert "secret-user" not in str(raised.value)
    monkeypatch.setenv(variable, "http://models.example.org")
    with pytest.raises(GenerationError, match="unencrypted"):
        open_role(given, Role.AUTHOR, Journal(tmp_path), {"A_KEY": KEY})


def test_no_sdk_is_imported_before_a_role_needs_it() -> None:
    script = (
        "import sys, pipeline.cli, pipeline.generation.opening\n"
        "print(sorted({'anthropic', 'openai', 'httpx2'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_what_is_configured_for_a_role_is_what_its_provider_is_asked_with(tmp_path: Path) -> None:
    path = tmp_path / "roles.yaml"
    with serving(Say(GOOD.model_dump_json())) as local:
        path.write_text(
            f"author: {{provider: local, model: {MODEL}, effort: low, max_output_tokens: 777}}\n"
            f"providers:\n  local: {{kind: messages, base_url: '{local.messages_url}', key_variable: A_KEY}}\n"
        )
        taken = open_role(load_roles(path), Role.OPTIMISER, Journal(tmp_path / "j"), {"A_KEY": KEY})
        assert isinstance(taken.ask("softmax", PARTS, Proposal), Answer)
        body = local.received[0].body
    assert (body["model"], body["max_tokens"], body["output_config"]["effort"]) == (MODEL, 777, "low")
    assert taken.role is Role.OPTIMISER


@pytest.mark.parametrize("kind", ["messages", "responses"])
def test_from_an_operator_to_a_candidate_that_the_gate_can_read(kind: str, tmp_path: Path) -> None:
    """All of it but the gate: the prompt, a model's answer over the wire, and the file in it."""
    source = (KERNELS / "right_block.py").read_text()
    subject = Subject(OPERATORS["softmax"], load_policy("ci"), card_of("h100"))
    parts = Prompts(installed_references()).attempt(subject, Attempt(plan="one program a row"))
    with serving(Say(Proposal(plan="", code=source).model_dump_json())) as local:
        url = local.messages_url if kind == "messages" else local.responses_url
        given = roles(
            tmp_path, writes=f"{{kind: {kind}, base_url: '{url}', key_variable: A_KEY}}", reviews="{kind: messages}"
        )
        answer = open_role(given, Role.AUTHOR, Journal(tmp_path / "j"), {"A_KEY": KEY}).ask("softmax", parts, Proposal)
        asked = json.dumps(local.received[0].body, ensure_ascii=False)
    assert isinstance(answer, Answer)
    proposal = read_content(answer, Proposal)
    assert isinstance(proposal, Proposal)
    candidate = candidate_of(proposal, subject.operator, "attempt-1.py")
    assert isinstance(candidate, Candidate)
    assert read_source(candidate, subject.policy.source.allowance) == ()
    assert all(json.dumps(part.text, ensure_ascii=False)[1:-1] in asked for part in parts)
