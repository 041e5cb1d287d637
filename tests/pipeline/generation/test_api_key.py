from __future__ import annotations

import copy
import json
import pickle

import pytest

from pipeline.errors import GenerationError
from pipeline.generation.api_key import ApiKey, read_key

VALUE = "sk-0123456789"


def test_a_key_shows_its_variable_and_never_its_value() -> None:
    key = read_key("SOME_KEY", {"SOME_KEY": f" {VALUE}\n"}, "provider 'x'")
    assert key.reveal() == VALUE
    assert VALUE not in f"{key} {key!r} {[key]}"
    assert "SOME_KEY" in repr(key)


def test_a_key_leaves_the_process_in_no_other_way() -> None:
    key = ApiKey("SOME_KEY", VALUE)
    with pytest.raises(TypeError, match="can't be pickled"):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(key)


def test_a_key_takes_itself_out_of_a_text() -> None:
    assert ApiKey("SOME_KEY", VALUE).redact(f"no: {VALUE}, {VALUE}") == "no: [SOME_KEY], [SOME_KEY]"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "SOME_KEY is not set, and provider 'x' needs a key: export"),
        ({"SOME_KEY": "  "}, "SOME_KEY is not set"),
        ({"SOME_KEY": "short"}, "SOME_KEY holds no key"),
        ({"SOME_KEY": "two words and more"}, "SOME_KEY holds no key"),
        ({"SOME_KEY": "schlüssel-0123"}, "SOME_KEY holds no key"),
        ({"SOME_KEY": "0123456789\nx-injected: 1"}, "SOME_KEY holds no key"),
    ],
)
def test_no_key_is_said_before_anything_is_asked(environment: dict[str, str], says: str) -> None:
    with pytest.raises(GenerationError, match=says) as raised:
        read_key("SOME_KEY", environment, "provider 'x'")
    for value in environment.values():
        assert not value.strip() or value not in str(raised.value)
