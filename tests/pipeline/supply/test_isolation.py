"""What is proven of the sandbox reaches the evidence, the verdict and the doctor, in both directions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pipeline.gate.judging import measure
from pipeline.rendering.console import output
from pipeline.rendering.signs import print_signs
from pipeline.settings import Settings
from pipeline.status.doctor import Sign, examine_machine
from pipeline.supply.runners import DockerSupply
from policies.decide import decide
from policies.policy import BUILT_IN, Policy, load_policy
from policies.verdict import Tier
from runners.candidate import Candidate, read_candidate
from runners.evidence import Evidence
from sandbox.contract import Program
from sandbox.docker_sandbox import DockerSandbox
from sandbox.hardening import ContainerSpec, harden
from sandbox.layers import LAYER_NAMES
from sandbox.owner import Owner
from sandbox.probe_inside import CHECKS

KERNEL = Path(__file__).parents[2] / "kernels" / "relu"


def too_much_processor_time(program: Program, owner: Owner, runtime: str | None) -> ContainerSpec:
    spec = harden(program, owner, runtime)
    return replace(spec, nano_cpus=spec.nano_cpus * 2)


@pytest.fixture
def loosened(monkeypatch: pytest.MonkeyPatch) -> None:
    weak = partial(DockerSandbox, hardening=too_much_processor_time)
    monkeypatch.setattr("pipeline.supply.runners.DockerSandbox", weak)
    monkeypatch.setattr("pipeline.status.doctor.DockerSandbox", weak)


@pytest.fixture(scope="module")
def short_policy() -> Policy:
    """The ci policy, with so few cases that a right kernel is through in seconds."""
    ci = load_policy("ci")
    few = dict.fromkeys(("special_cases", "block_cases", "huge_cases", "long_s", "random_cases", "targeted_cases"), 0)
    properties = ci.properties.model_copy(update=few | {"pairwise_cases": 3, "dtypes": ("float32",)})
    compiling = ci.compile.model_copy(update={"required_targets": (), "informative_targets": ()})
    return ci.model_copy(update={"properties": properties, "compile": compiling})


def limits_of(signs: tuple[Sign, ...]) -> dict[str, Sign]:
    return {sign.name.removeprefix("limit "): sign for sign in signs if sign.name.startswith("limit ")}


@pytest.mark.usefixtures("runner_image", "loosened")
def test_a_right_kernel_is_inconclusive_for_the_one_limit_that_its_sandbox_lacks(short_policy: Policy) -> None:
    candidate = read_candidate(sorted(KERNEL.glob("right_*.py"))[0])
    assert isinstance(candidate, Candidate)
    with DockerSupply(Settings.resolve(workers=1), short_policy, lambda text: None) as supply:
        evidence = measure(candidate, short_policy, supply)
    verdict = decide(evidence, short_policy)
    assert (verdict.tier, verdict.allowed) == (Tier.INCONCLUSIVE, False)
    assert [finding.message for finding in verdict.findings] == ["the limit 'cpus' was not seen to hold"]
    assert decide(with_every_limit(evidence), short_policy).tier == Tier.FUNCTIONAL


def with_every_limit(evidence: Evidence) -> Evidence:
    assert evidence.isolation is not None
    assert [layer.name for layer in evidence.isolation.layers] == list(LAYER_NAMES)
    limits = tuple(limit.model_copy(update={"holds": True}) for limit in evidence.isolation.limits)
    return evidence.model_copy(update={"isolation": evidence.isolation.model_copy(update={"limits": limits})})


@pytest.mark.usefixtures("runner_image")
def test_the_doctor_proves_every_limit_and_looks_for_every_layer() -> None:
    signs = examine_machine(Settings.resolve())
    limits = limits_of(signs)
    assert set(limits) == set(CHECKS)
    assert all(sign.fine and sign.needed for sign in limits.values())
    layers = [sign for sign in signs if sign.name.startswith("layer ")]
    assert [sign.name.removeprefix("layer ") for sign in layers] == list(LAYER_NAMES)
    assert not any(sign.needed for sign in layers)
    assert all(sign.remedy.startswith("optional; ") for sign in layers)


@pytest.mark.usefixtures("runner_image", "loosened")
def test_the_doctor_says_which_limit_is_missing_and_who_requires_it() -> None:
    limits = limits_of(examine_machine(Settings.resolve()))
    assert [name for name, sign in limits.items() if not sign.fine] == ["cpus"]
    assert limits["cpus"].needed
    asking = [name for name in BUILT_IN if "cpus" in load_policy(name).isolation.required_limits]
    assert asking == ["ci", "production"]
    assert limits["cpus"].remedy.endswith("verdicts by ci, production")


@pytest.mark.parametrize(
    ("signs", "says"),
    [
        ((Sign("engine", True, "e"),), "this machine can run the gate"),
        ((Sign("engine", True, "e"), Sign("gpu", False, "none", "r", needed=False)),
         "this machine can run the gate; what it lacks is optional"),
        ((Sign("engine", False, "none", "r"), Sign("gpu", False, "none", "r", needed=False), Sign("disk", False, "0")),
         "this machine can't run the gate yet: engine, disk"),
    ],
)  # fmt: skip
def test_the_doctor_ends_with_what_follows(
    signs: tuple[Sign, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_signs(signs, output())
    assert capsys.readouterr().out.splitlines()[-1].rstrip() == says
