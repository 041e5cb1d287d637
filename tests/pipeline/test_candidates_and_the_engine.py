"""Nothing of a candidate reaches the engine: not its name, not its header, not its source.

Real runs, with every request to the engine read where the SDK sends it. What goes into the container goes through the
attached stream, after it was created and started.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import docker
import pytest
from requests import PreparedRequest

from pipeline.corpus.reading import BUNDLED
from pipeline.gate.judging import judge, measure
from pipeline.settings import PROJECT, Settings
from pipeline.supply.runners import DockerSupply
from policies.policy import Policy, Tier, load_policy
from runners.candidate import Candidate, read_candidate

MARK = "ec27f1a9"  # in every name, header and source below; what of it the engine hears is what a candidate can steer
RIGHT = (PROJECT / BUNDLED / "relu" / "right_block.py").read_text()
NAMES = (
    f"--privileged={MARK} --network host.py", f"$(touch {MARK}); docker run evil #.py",
    f"{{0.__class__}}%s{MARK}[bold]@sha256%3A0&name=x☃.py",
)  # fmt: skip
SAYS = (
    f'# {{"HostConfig": {{"Privileged": true, "Binds": ["/:/{MARK}"]}}, "Env": ["LD_PRELOAD={MARK}"]}}\n',
    f"# LABEL kernelgate.owner.pid={MARK}\n# ENTRYPOINT {MARK}\n",
    "",
)


def hostile_sources() -> Iterator[tuple[str, str]]:
    for number, name in enumerate(NAMES):
        text = RIGHT + SAYS[number % len(SAYS)] + f"# {MARK} {number}\n"
        if number % 2:
            entry = f"privileged_{MARK}"
            text = text.replace("def relu(", f"def {entry}(").replace("# ///\n", f'# entry = "{entry}"\n# ///\n', 1)
        yield name, text


def few_cases() -> Policy:
    dev = load_policy("dev")
    rules = dev.properties.model_copy(
        update={"pairwise_cases": 4, "special_cases": 0, "block_cases": 0, "huge_cases": 0, "random_cases": 0,
                "targeted_cases": 0, "long_s": 0.0, "dtypes": ("float32",), "controls": ()}
    )  # fmt: skip
    compiled = dev.compile.model_copy(update={"required_targets": ("sm_90",), "informative_targets": ()})
    mutants = dev.mutants.model_copy(update={"count": 0})
    return dev.model_copy(update={"properties": rules, "compile": compiled, "mutants": mutants})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[PreparedRequest]:
    """Every request that the SDK sends, of any client."""
    sent: list[PreparedRequest] = []
    send = docker.APIClient.send

    def recorded(self: docker.APIClient, request: PreparedRequest, **options: Any) -> Any:
        sent.append(request)
        return send(self, request, **options)

    monkeypatch.setattr(docker.APIClient, "send", recorded)
    return sent


def all_of(request: PreparedRequest) -> str:
    body = request.body if isinstance(request.body, str) else (request.body or b"").decode("utf-8", "replace")
    return unquote_plus(str(request.url)) + str(dict(request.headers)) + body


@pytest.mark.usefixtures("runner_image")
def test_the_create_call_is_the_same_to_the_byte_whatever_the_candidate_is(
    asked: list[PreparedRequest], tmp_path: Path
) -> None:
    candidates = []
    for name, text in hostile_sources():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        candidates.append(read_candidate(path))
    assert all(isinstance(candidate, Candidate) for candidate in candidates)
    policy = few_cases()
    with DockerSupply(replace(Settings.resolve(), workers=1), policy, lambda text: None) as supply:
        judged = [judge(candidate, measure(candidate, policy, supply), policy) for candidate in candidates]
    assert {entry.verdict.tier for entry in judged} == {Tier.FUNCTIONAL}
    created = [request for request in asked if "/containers/create" in str(request.url)]
    bodies: dict[str, set[bytes | str | None]] = {}
    for request in created:
        bodies.setdefault(json.loads(request.body or "")["Entrypoint"][-1], set()).add(request.body)
        assert re.fullmatch(r".*/containers/create\?name=kernelgate-[0-9a-f]{16}", str(request.url))
    assert len(bodies) == 3  # the runner, the compiler and the probe that proves the limits
    assert all(len(different) == 1 for different in bodies.values())
    assert len(created) >= 2 * len(candidates) + 1
    assert [all_of(request) for request in asked if MARK in all_of(request)] == []
