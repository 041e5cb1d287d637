from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import GenerationError
from pipeline.generation.exchange import Role
from pipeline.generation.roles import FilesProvider, MessagesProvider, ReplayProvider, ResponsesProvider, load_roles

AUTHOR = "author: {provider: openai, model: made-up-1}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "roles.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("writes", "reviews"), [("openai", "anthropic"), ("anthropic", "openai")])
def test_who_writes_and_who_reviews_is_two_lines(tmp_path: Path, writes: str, reviews: str) -> None:
    text = f"author: {{provider: {writes}, model: made-up-1}}\nreviewer: {{provider: {reviews}, model: made-up-2}}\n"
    roles = load_roles(write(tmp_path, text))
    kinds = {"openai": ResponsesProvider, "anthropic": MessagesProvider}
    assert isinstance(roles.provider(roles.author.provider), kinds[writes])
    reviewer = roles.of(Role.REVIEWER)
    assert reviewer is not None
    assert isinstance(roles.provider(reviewer.provider), kinds[reviews])
    assert reviewer.model == "made-up-2"


def test_nobody_has_to_review_and_the_author_optimises_if_nobody_else_does(tmp_path: Path) -> None:
    roles = load_roles(write(tmp_path, AUTHOR))
    assert roles.of(Role.REVIEWER) is None
    assert roles.of(Role.OPTIMISER) is roles.author


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    more = "providers:\n  recorded: {kind: replay, journal: j}\n  mine: {kind: files, folder: /k}\n"
    roles = load_roles(write(tmp_path, AUTHOR + more))
    assert roles.provider("recorded") == ReplayProvider(kind="replay", journal=tmp_path / "j")
    assert roles.provider("mine") == FilesProvider(kind="files", folder=Path("/k"))


def test_a_provider_of_ones_own_may_take_a_known_ones_name(tmp_path: Path) -> None:
    more = "providers:\n  openai: {kind: responses, base_url: 'https://gateway.example.org/v1'}\n"
    configured = load_roles(write(tmp_path, AUTHOR + more)).provider("openai")
    assert isinstance(configured, ResponsesProvider)
    assert configured.base_url == "https://gateway.example.org/v1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a roles file"),
        ("[]", "not a roles file"),
        ("author: {provider: openai}", r"author\.model: Field required"),
        ("author: {provider: openai, model: ''}", r"author\.model"),
        ("author: {provider: elsewhere, model: m}", "no provider 'elsewhere': known are anthropic, openai"),
        ("author: {provider: openai, model: m, temperature: 1}", r"author\.temperature: Extra inputs"),
        ("author: {provider: openai, model: m, deadline_s: 0}", r"author\.deadline_s"),
        ("author: {provider: openai, model: m, max_output_tokens: 5.5}", r"author\.max_output_tokens"),
        ("author: {provider: openai, model: m, model: n}", "line 1 is not YAML: key 'model' stands twice"),
        ("author: {provider: openai", "is not YAML"),
        ("judge: {provider: openai, model: m}\n" + AUTHOR, "judge: Extra inputs"),
        (AUTHOR + "providers: {x: {kind: telepathy}}", r"providers\.x"),
        (AUTHOR + "providers: {x: {kind: messages, key_variable: lower}}", r"key_variable"),
    ],
)
def test_a_file_that_cant_be_used_says_where_and_why(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(GenerationError, match=says):
        load_roles(write(tmp_path, text))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://models.example.org", "would send the key unencrypted"),
        ("https://me:secret-value@models.example.org", "a key belongs in the environment"),
        ("https://models.example.org/?key=secret-value", "a key belongs in the environment"),
        ("models.example.org", "is no address"),
        ("file:///etc/passwd", "is no address"),
    ],
)
def test_an_address_that_would_give_the_key_away_is_refused(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(GenerationError, match=says) as raised:
        load_roles(write(tmp_path, AUTHOR + f"providers: {{x: {{kind: messages, base_url: '{url}'}}}}"))
    assert "secret-value" not in str(raised.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "[::1]:80"])
def test_this_machine_may_be_asked_without_tls(tmp_path: Path, host: str) -> None:
    roles = load_roles(write(tmp_path, AUTHOR + f"providers: {{x: {{kind: messages, base_url: 'http://{host}'}}}}"))
    assert "x" in roles.providers


def test_a_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"providers\.x\.messages\.api_key") as raised:
        load_roles(write(tmp_path, AUTHOR + "providers: {x: {kind: messages, api_key: secret-value}}"))
    assert "secret-value" not in str(raised.value)


def test_a_file_that_is_not_there_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match="there is no roles file"):
        load_roles(tmp_path / "none.yaml")
