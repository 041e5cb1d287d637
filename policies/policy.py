"""A policy is data: which evidence is required, and which values are allowed.

Policies are YAML read into strict frozen models: an unknown key is an error, because a misspelt rule is a rule that is
not applied. `extends` names one of the built-in policies; mappings are merged, everything else is replaced.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from policies.errors import PolicyError
from policies.organisation_rules import RULES_CAP, BadExpression, CelMissing, OrganisationRule, compiled
from policies.origin_rules import OriginRules, with_references
from policies.unique_keys import UniqueKeys
from runners.architectures import ARCHITECTURES
from runners.contract.rules import WAIVABLE, Allowance
from runners.control_names import CONTROL_NAMES
from runners.origin.references import ReferencesError
from sandbox.contract import Isolation
from sandbox.layers import LAYER_NAMES
from sandbox.os_errors import reason_of
from sandbox.probe_inside import CHECKS

BUILT_IN: Final = ("dev", "ci", "production")
GpuCheck = Literal["properties", "memory", "races", "benchmark", "replay"]


class Tier(StrEnum):
    """What a candidate has earned, worst first."""

    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"
    FUNCTIONAL = "functional"
    PRODUCTION_SAFE = "production-safe"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _waivable(rule: str) -> str:
    if rule not in WAIVABLE:
        raise ValueError(f"'{rule}' can't be waived; what can is {', '.join(WAIVABLE)}")
    return rule


class SourceRules(_Strict):
    """What the source may do.

    Attributes:
        allowed_imports: Dotted modules that it may import, each with everything below it. What it calls in modules
            other than torch, triton and math is trusted.
        allowed_host_calls: Calls that widen the built-in list of host code, as `torch.arange`, `torch.Tensor.to` (the
            method of any tensor) or `print`.
        waived_rules: Rules of the contract that are not applied.
    """

    allowed_imports: tuple[str, ...]
    allowed_host_calls: tuple[str, ...] = ()
    waived_rules: tuple[Annotated[str, AfterValidator(_waivable)], ...] = ()

    @property
    def allowance(self) -> Allowance:
        """The same, as the contract takes it."""
        return Allowance(
            frozenset(self.allowed_imports), frozenset(self.allowed_host_calls), frozenset(self.waived_rules)
        )


def _plantable(name: str) -> str:
    if name not in CONTROL_NAMES:
        raise ValueError(f"no control is called '{name}'; known are {', '.join(CONTROL_NAMES)}")
    return name


def required_controls(asked: Literal["all"] | tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names of the controls that a policy asks for."""
    return CONTROL_NAMES if asked == "all" else asked


class PropertiesRules(_Strict):
    """How hard the properties check has to try, and how long it may take.

    Attributes:
        special_cases: With many specials in one tensor; none where the operator has no specials.
        block_cases: At most so many cases around the candidate's own block sizes; for an autotuned candidate so many
            for each of at most four configurations.
        huge_cases: At most so many cases with offsets beyond 32 bits, each tensor first; 0 leaves them untried.
        long_s: One size after the other is made long while a length is expected to take no more seconds than this; 0
            leaves them untried.
        dtypes: The floats in which cases are drawn; an operator's own formats are always tried.
        tf32: Whether matrix products of float32 may round their factors to tf32.
        controls: Planted faults that must have been reported in the candidate's process after its last case.
        load_deadline_s: For loading the candidate's module.
        case_deadline_s: For one case.
        total_deadline_s: For all cases together.
    """

    pairwise_cases: int = Field(ge=1, le=10_000)
    special_cases: int = Field(ge=0, le=10_000)
    block_cases: int = Field(ge=0, le=10_000)
    huge_cases: int = Field(ge=0, le=32)
    long_s: float = Field(ge=0, le=600)
    random_cases: int = Field(ge=0, le=10_000)
    targeted_cases: int = Field(ge=0, le=10_000)
    dtypes: tuple[Literal["float32", "float16", "bfloat16", "float64"], ...] = Field(min_length=1)
    tf32: bool
    controls: Literal["all"] | tuple[Annotated[str, AfterValidator(_plantable)], ...] = "all"
    load_deadline_s: float = Field(gt=0, le=600)
    case_deadline_s: float = Field(gt=0, le=600)
    total_deadline_s: float = Field(gt=0, le=86_400)

    @property
    def cases(self) -> int:
        """The cases that this asks for; there may be fewer of specials, blocks and huge ones, or an autotuner's."""
        drawn = self.pairwise_cases + self.random_cases + self.targeted_cases
        return drawn + self.special_cases + self.block_cases + self.huge_cases


def _compilable(name: str) -> str:
    if name not in ARCHITECTURES:
        raise ValueError(f"no architecture is called '{name}'; known are {', '.join(ARCHITECTURES)}")
    return name


Targets = tuple[Annotated[str, AfterValidator(_compilable)], ...]


class CompileRules(_Strict):
    """For what the launches that were seen are compiled ahead of time.

    Attributes:
        required_targets: Architectures that all of it must compile for.
        informative_targets: Architectures that it is tried for, and need not compile for.
        specialisations: How many are compiled to machine code (every kernel at least once); all others are
            translated by Triton's front end.
        deadline_s: For one compilation.
        total_deadline_s: For all compilations.
    """

    required_targets: Targets
    informative_targets: Targets
    specialisations: int = Field(ge=1, le=1000)
    deadline_s: float = Field(gt=0, le=600)
    total_deadline_s: float = Field(gt=0, le=86_400)


class MutantsRules(_Strict):
    """How many mutants of a candidate go through its own test, and how many of them it must kill.

    Attributes:
        count: 0 asks for none, and then nothing about them is required.
        required_kill_rate: Among those that could be run; None requires the evidence and no rate. Equivalent mutants
            survive every test: see docs/results for how many there are.
        total_deadline_s: For all of them together.
    """

    count: int = Field(ge=0, le=1000)
    required_kill_rate: float | None = Field(ge=0, le=1)
    total_deadline_s: float = Field(gt=0, le=86_400)


class GpuRules(_Strict):
    """How hard the checks on a GPU try, where a policy asks for any (`gpu_checks`).

    Attributes:
        watched_plans: Sets of machine code, each replayed under every sanitizer and under other scheduling.
        perturbed_rounds: How often each of them is replayed in each perturbed way.
        timed_calls: For each dtype of the benchmark.
        long_axes: Whether each dim that an operator calls long must have been tried at its full length.
        large_shapes: Whether cases with more than 2³¹ elements must have been tried, where the operator has such; they
            need some tens of gigabytes of the GPU's memory.
        total_deadline_s: For the cases; `case_deadline_s` and `load_deadline_s` are those of `properties`.
    """

    pairwise_cases: int = Field(ge=1, le=10_000)
    special_cases: int = Field(ge=0, le=10_000)
    block_cases: int = Field(ge=0, le=10_000)
    random_cases: int = Field(ge=0, le=10_000)
    watched_plans: int = Field(ge=1, le=1000)
    perturbed_rounds: int = Field(ge=1, le=100)
    timed_calls: int = Field(ge=10, le=10_000)
    long_axes: bool
    large_shapes: bool
    total_deadline_s: float = Field(gt=0, le=86_400)

    @property
    def cases(self) -> int:
        """The cases that this asks for; there may be fewer of specials and blocks."""
        return self.pairwise_cases + self.special_cases + self.block_cases + self.random_cases


class OperatorRules(_Strict):
    """How strong an operator's own test must have been shown to be, before anything is certified by it.

    Attributes:
        required_kill_rate: Of the mutants of right kernels, among those that nobody found to be equivalent; every kind
            of degenerate output must have been rejected, too. None requires nothing.
    """

    required_kill_rate: float | None = Field(default=None, ge=0, le=1)


def _provable(name: str) -> str:
    if name not in CHECKS:
        raise ValueError(f"no limit is called '{name}'; known are {', '.join(CHECKS)}")
    return name


def _stackable(name: str) -> str:
    if name not in LAYER_NAMES:
        raise ValueError(f"no layer is called '{name}'; known are {', '.join(LAYER_NAMES)}")
    return name


def _isolating(name: str) -> str:
    if name not in get_args(Isolation):
        raise ValueError(f"no sandbox isolates by '{name}'; known are {', '.join(get_args(Isolation))}")
    return name


class IsolationRules(_Strict):
    """In what a candidate must have been run.

    Attributes:
        accepted: Kinds of sandboxes whose evidence counts.
        required_limits: Limits of the sandbox that must have been seen to hold from inside.
        required_layers: Layers that only some machines have, for a team whose machines all have them.
    """

    accepted: tuple[Annotated[str, AfterValidator(_isolating)], ...] = Field(min_length=1)
    required_limits: tuple[Annotated[str, AfterValidator(_provable)], ...]
    required_layers: tuple[Annotated[str, AfterValidator(_stackable)], ...] = ()


class Policy(_Strict):
    """A whole policy, `extends` resolved.

    Attributes:
        name: The policy's name.
        description: What it is for.
        allows: The tiers that let a candidate through.
        source: What the source may do.
        packages: Pinned packages that the runner image must carry (installed without their dependencies), for
            candidates that may import them.
        properties: How hard the interpreter's cases try.
        compile: What must compile.
        mutants: What the candidate's own mutants must show.
        operator: How strong the operator's own test must be.
        isolation: In what it must have been run.
        origin: Where a candidate's text may come from; policies that were stored before it was asked ask nothing.
        gpu_checks: Checks that must have been made on a GPU.
        gpu: How hard the checks on a GPU try.
        organisation: Rules of an organisation in CEL; they deny what all else lets through, and allow nothing.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    description: str
    allows: tuple[Literal[Tier.FUNCTIONAL, Tier.PRODUCTION_SAFE], ...] = Field(min_length=1)
    source: SourceRules
    packages: tuple[str, ...]
    properties: PropertiesRules
    compile: CompileRules
    mutants: MutantsRules
    operator: OperatorRules
    isolation: IsolationRules
    origin: OriginRules = OriginRules()
    gpu_checks: tuple[GpuCheck, ...]
    gpu: GpuRules
    organisation: tuple[OrganisationRule, ...] = Field(default=(), max_length=RULES_CAP)

    @property
    def digest(self) -> str:
        """SHA-256 of the resolved policy, with what its references hold and not where they are."""
        resolved = self.model_dump_json(exclude={"origin": {"references": {"folder"}}})
        return hashlib.sha256(resolved.encode()).hexdigest()


def load_policy(name_or_path: str) -> Policy:
    """Reads a built-in policy by name, or a YAML file by path.

    Raises:
        PolicyError: no such policy, the file is not a valid one, or its references can't be used.
        CelMissing: it holds rules of an organisation, and the library for them is not installed.
    """
    if name_or_path in BUILT_IN:
        return _validated(built_in(name_or_path), f"built-in policy '{name_or_path}'")
    path = Path(name_or_path)
    if not path.is_file():
        names = ", ".join(BUILT_IN)
        raise PolicyError(f"there is no policy '{name_or_path}': give one of {names}, or the path of a YAML file")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy {path} can't be read: {reason_of(error)}") from None
    data = resolved(mapping_in(text, str(path)), str(path))
    try:
        return _validated(with_references(data, path.parent), str(path), text)
    except ReferencesError as error:
        raise PolicyError(f"policy {path}: {error}") from None


def built_in(name: str) -> dict[str, Any]:
    """Returns what the file of a built-in policy says, `extends` resolved."""
    text = (resources.files("policies") / f"{name}.yaml").read_text(encoding="utf-8")
    return resolved(mapping_in(text, name), name)


def mapping_in(text: str, where: str) -> dict[str, Any]:
    """Returns the mapping that the text of a policy file holds.

    Raises:
        PolicyError: it is not YAML, has a key twice, or holds no mapping; `where` is named in it.
    """
    try:
        data = yaml.load(text, Loader=UniqueKeys)
        json.dumps(data, default=str, skipkeys=True)  # an alias can make a mapping that holds itself: a ValueError
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise PolicyError(f"policy {where}{place} is not YAML: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # such as 2026-13-45, which looks like a date
        raise PolicyError(f"policy {where} is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise no_mapping(data, where)
    return data


def no_mapping(data: object, where: str) -> PolicyError:
    """Returns the error for a policy file that holds something else than keys with values."""
    if data is None:
        return PolicyError(f"policy {where} is empty: write 'extends: ci' and a name, and what is to be different")
    held = "a list" if isinstance(data, list) else f"'{data}'" if isinstance(data, str) else f"only {data}"
    return PolicyError(f"policy {where} holds {held[:80]}, and keys with values are needed, as 'extends: ci'")


def resolved(data: dict[str, Any], where: str) -> dict[str, Any]:
    """Takes `extends` out of `data` and returns it merged into the policy that it names.

    Raises:
        PolicyError: it names no built-in policy.
    """
    parent = data.pop("extends", None)
    if parent is None:
        return data
    if parent not in BUILT_IN:
        raise PolicyError(f"policy {where} extends '{parent}'; it can extend {', '.join(BUILT_IN)}")
    return _merged(built_in(parent), data)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _validated(data: dict[str, Any], where: str, text: str = "") -> Policy:
    from policies.invalid_fields import Invalid, invalid_fields, told_with_lines  # it knows the fields of this module

    odd = next((key for key in data if not isinstance(key, str)), None)
    if odd is not None:
        raise PolicyError(f"{where} is not a valid policy: the key {odd} is not text")
    try:
        # By way of JSON, because there a list may be a tuple and text a tier without giving up strictness.
        policy = Policy.model_validate_json(json.dumps(data, default=str), strict=True)
        wrong = [Invalid(key, what, "Mend the expression.") for key, what in expression_errors(policy)]
    except ValidationError as error:
        wrong = invalid_fields(error.errors(include_url=False))
    if wrong:
        more = f"\n`kernelgate policy check {where}` says all that is wrong with it" if text else ""
        raise PolicyError(f"{where} is not a valid policy:\n{told_with_lines(wrong, text)}{more}") from None
    return policy


def expression_errors(policy: Policy) -> tuple[tuple[str, str], ...]:
    """Returns what is wrong with its rules of an organisation, by the keys that hold it.

    Raises:
        CelMissing: there are some, and the library for them is not installed.
    """
    wrong: list[tuple[str, str]] = []
    for number, rule in enumerate(policy.organisation):
        try:
            compiled(rule.expression)
        except BadExpression as error:
            wrong.append((f"organisation.{number}.expression", str(error)))
        else:
            try:
                from policies.fact_types import wrong_in  # the facts hold a verdict, which names tiers of this module
            except ModuleNotFoundError:
                raise CelMissing from None
            wrong += [(f"organisation.{number}.expression", what) for what in wrong_in(rule.expression)]
        if rule.name in [earlier.name for earlier in policy.organisation[:number]]:
            wrong.append((f"organisation.{number}.name", f"two rules are called '{rule.name}'"))
    return tuple(wrong)
