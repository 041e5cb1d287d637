"""The real gate within the loop, on scripted runners."""

from __future__ import annotations

import pytest
from scripted_flow import HEADER, FakeSupply, small_policy

from pipeline.gate.turns import Turns
from pipeline.generation.loop.examining import SCREEN_CASES, Gate, screening
from pipeline.generation.loop.feedback import complaint_about
from pipeline.supply.machine_slots import OwnMachine
from policies.policy import Policy, Tier, load_policy
from runners.candidate import Candidate, parse_candidate
from runners.evidence import PropertiesEvidence

SMALL = small_policy(cases=20)


def candidate(comment: str, body: str = "y = torch.empty_like(x)\n    return y") -> Candidate:
    text = f"{HEADER}# {comment}\nimport torch\n\n\ndef relu(x):\n    {body}\n"
    read = parse_candidate(text.encode(), "c.py")
    assert isinstance(read, Candidate)
    return read


def gate(supply: FakeSupply, policy: Policy = SMALL) -> Gate:
    return Gate(policy, supply, Turns(1, OwnMachine()))


def nothing() -> None:
    pass


def test_a_denied_source_takes_no_runner() -> None:
    supply = FakeSupply()
    examined = gate(supply).examine(candidate("", "return open('x')"), nothing)
    assert examined.screened
    assert examined.judged.verdict.tier is Tier.REJECTED
    assert supply.taken == 0


def test_what_fails_the_first_cases_is_not_measured_further() -> None:
    supply, given = FakeSupply(), candidate("wrong")
    examined = gate(supply).examine(given, nothing)
    assert examined.screened
    assert examined.judged.verdict.policy == SMALL.name
    properties = examined.judged.evidence.properties
    assert isinstance(properties, PropertiesEvidence)
    assert 0 < properties.cases <= SCREEN_CASES
    complaint = complaint_about(given, examined.judged)
    assert complaint is not None
    assert "properties/wrong-values" in complaint.text
    assert str(properties.seed) not in complaint.text


def test_what_stands_was_measured_from_the_beginning_with_a_seed_of_its_own() -> None:
    supply = FakeSupply()
    first, second = (gate(supply).examine(candidate("right"), nothing) for _ in range(2))
    assert not first.screened
    assert first.judged.verdict.allowed
    assert len(supply.measured) == 4  # each time a screening and the whole
    seeds = set()
    for one in (first, second):
        assert isinstance(one.judged.evidence.properties, PropertiesEvidence)
        assert one.judged.evidence.properties.cases == 20
        seeds.add(one.judged.evidence.properties.seed)
    assert len(seeds) == 2


def test_what_is_called_after_a_case_ends_the_measuring() -> None:
    class OverError(BaseException):
        pass

    calls = []

    def go_on() -> None:
        calls.append(1)
        if len(calls) > 3:
            raise OverError

    with pytest.raises(OverError):
        gate(FakeSupply()).examine(candidate("right"), go_on)
    assert len(calls) == 4


@pytest.mark.parametrize("name", ["dev", "ci", "production"])
def test_a_screening_asks_for_less_and_allows_nothing_more(name: str) -> None:
    policy = load_policy(name)
    few = screening(policy)
    assert few.properties.cases <= SCREEN_CASES
    assert few.compile.required_targets == policy.compile.required_targets
    assert (few.source, few.isolation, few.allows) == (policy.source, policy.isolation, policy.allows)
    assert few.gpu_checks == ()
