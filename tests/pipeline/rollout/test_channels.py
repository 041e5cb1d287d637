"""Who gets the canary: by a hash that is the same everywhere, or by a flag."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from pipeline.errors import SettingsError
from pipeline.rollout.channels import choose, share_of
from pipeline.rollout.settings import RolloutSettings

KEYS = [f"request-{number}" for number in range(4000)]


def test_a_key_stands_at_the_same_place_in_every_process_and_version() -> None:
    assert share_of("softmax", "tenant-7") == 0.4781920828501889
    assert share_of("gelu", "tenant-7") != share_of("softmax", "tenant-7")


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_about_the_share_of_the_keys_has_the_canary(share: float) -> None:
    canaries = sum(choose("softmax", key, share) == "canary" for key in KEYS)
    assert abs(canaries / len(KEYS) - share) < 0.03


def test_raising_the_share_takes_the_canary_from_nobody() -> None:
    few, more = ({key for key in KEYS if choose("softmax", key, share) == "canary"} for share in (0.05, 0.2))
    assert few < more


def test_nobody_and_everybody_are_meant_literally() -> None:
    assert {choose("softmax", key, 0.0) for key in KEYS} == {"stable"}
    assert {choose("softmax", key, 1.0) for key in KEYS} == {"canary"}


def _by_tenant(flag: InMemoryFlag[str], context: EvaluationContext) -> object:
    from openfeature.flag_evaluation import FlagResolutionDetails

    return FlagResolutionDetails("canary" if context.targeting_key == "brave" else "reference")


@pytest.mark.parametrize(
    ("flags", "key", "chosen"),
    [
        ({"kernelgate.softmax": InMemoryFlag("on", {"on": "canary"})}, "any", "canary"),
        ({"kernelgate.softmax": InMemoryFlag("on", {"on": "off"})}, "any", "stable"),  # no word of ours
        ({"kernelgate.gelu": InMemoryFlag("on", {"on": "canary"})}, "any", "stable"),  # it knows no such flag
        ({"kernelgate.softmax": InMemoryFlag("x", {"x": ""}, context_evaluator=_by_tenant)}, "brave", "canary"),
        ({"kernelgate.softmax": InMemoryFlag("x", {"x": ""}, context_evaluator=_by_tenant)}, "other", "reference"),
    ],
)  # fmt: skip
def test_a_flag_decides_instead_of_the_hash_where_it_says_one_of_our_words(
    flags: Mapping[str, InMemoryFlag[str]], key: str, chosen: str
) -> None:
    api.set_provider(InMemoryProvider(dict(flags)))
    try:
        assert choose("softmax", key, 0.0, api.get_client()) == chosen
    finally:
        api.clear_providers()


@pytest.mark.parametrize("text", ["2", "-0.1", "many", "nan"])
def test_a_share_that_is_none_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match=r"KERNELGATE_CANARY_SHARE is '.*'; a number from 0 to 1"):
        RolloutSettings.resolve(environment={"KERNELGATE_CANARY_SHARE": text})


def test_a_registry_may_be_a_path() -> None:
    assert RolloutSettings.resolve(registry=Path("team.db"), environment={}).registry == "team.db"


def test_arguments_win_over_the_environment() -> None:
    environment = {"KERNELGATE_REGISTRY": "a.db", "KERNELGATE_SAMPLE_RATE": "0.5", "KERNELGATE_KEYRING": "k.json"}
    read = RolloutSettings.resolve(registry="b.db", environment=environment)
    assert (read.registry, read.sample_rate, str(read.keyring)) == ("b.db", 0.5, "k.json")
