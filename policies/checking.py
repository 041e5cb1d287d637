"""What is wrong with a policy file, all of it at once, with the line where there is one.

Four kinds of problems, worst first, and each in the order of its lines: `invalid` (it can't be read as a policy),
`contradiction`, `weaker` (than the policy that it extends), `doubt` (probably not what was meant). What is invalid is
left out and the rest is looked at all the same, as far as a policy is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml
from pydantic import ValidationError

from policies.comparing import is_weaker, shown, value_of
from policies.contradictions import clashes_in
from policies.directions import DIRECTIONS, Stricter
from policies.errors import PolicyError
from policies.invalid_fields import Invalid, invalid_fields
from policies.key_lines import line_of, lines_of, twice_in
from policies.origin_rules import with_references
from policies.policy import BUILT_IN, Policy, expression_errors, load_policy, mapping_in, no_mapping, resolved
from runners.origin.references import ReferencesError
from sandbox.os_errors import reason_of

Kind = Literal["invalid", "contradiction", "weaker", "doubt"]
_KINDS: Final = get_args(Kind)
_FILE_CAP_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Attributes:
        key: The dotted name of the field; empty where it is the whole file.
        line: Of the file, counted from 1; None where the file does not name the key.
        what: What is wrong; `remedy` what to do.
    """

    kind: Kind
    key: str
    line: int | None
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file that was looked at.

    Attributes:
        against: The name of the policy that it must not be weaker than; None where there is none.
    """

    file: str
    against: str | None
    problems: tuple[Problem, ...]


def check_policy(path: Path, against: Policy | None = None) -> Checked:
    """Looks at a policy file; `against` replaces the policy that it extends.

    Raises:
        PolicyError: the file can't be read at all.
        CelMissing: it holds rules of an organisation, and the library for them is not installed.
    """
    try:
        if path.stat().st_size > _FILE_CAP_BYTES:
            raise PolicyError(f"policy {path} is larger than {_FILE_CAP_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"policy {path} can't be read: {reason_of(error)}") from None
    return _checked(str(path), text, against)


def _checked(file: str, text: str, against: Policy | None) -> Checked:
    problems = [
        Problem("invalid", key, line, f"the key '{key}' stands twice", "Keep one of them.")
        for key, line in twice_in(text)
    ]
    lines = lines_of(text)
    try:
        data = _plain(text, file) if problems else mapping_in(text, file)
        parent = data.get("extends")
        base = against or (load_policy(parent) if parent in BUILT_IN else None)
        policy, invalid = _read(data, file)
    except PolicyError as error:
        problem = Problem("invalid", "", None, str(error), "Mend it; the rest is looked at then.")
        return Checked(file, None, (*problems, problem))
    problems += [Problem("invalid", key, line_of(key, lines), what, remedy) for key, what, remedy in invalid]
    if policy is not None:
        problems += _of_valid(policy, base, data, lines)
    in_order = sorted(problems, key=lambda problem: (_KINDS.index(problem.kind), problem.line or 0))
    return Checked(file, base.name if base is not None else None, tuple(in_order))


def _of_valid(policy: Policy, base: Policy | None, data: dict[str, Any], lines: dict[str, int]) -> Iterator[Problem]:
    for clash in clashes_in(policy):
        yield Problem(clash.kind, clash.key, line_of(clash.key, lines), clash.what, clash.remedy)
    if "extends" in data and "gpu" in data and not policy.gpu_checks:
        what = "it says how hard checks on a GPU try, and no check on a GPU is asked for"
        yield Problem("contradiction", "gpu", line_of("gpu", lines), what, "Name checks in 'gpu_checks', or drop it.")
    for key in DIRECTIONS if base is not None else ():
        assert base is not None
        if is_weaker(key, policy, than=base):
            what = f"weaker than {base.name}: {_changed(key, base, policy)}"
            yield Problem("weaker", key, line_of(key, lines), what, f"Ask for no less than {base.name} does.")


def _changed(key: str, base: Policy, policy: Policy) -> str:
    old, new = value_of(base, key), value_of(policy, key)
    if isinstance(old, tuple) and isinstance(new, tuple):
        if DIRECTIONS[key].stricter is Stricter.FEWER:
            return f"adds {shown(tuple(member for member in new if member not in old))}"
        return f"drops {shown(tuple(member for member in old if member not in new))}"
    return f"{shown(new)} instead of {shown(old)}"


def _read(data: dict[str, Any], file: str) -> tuple[Policy | None, list[Invalid]]:
    """Returns the policy without what is invalid in it, if one is left, and what is."""
    data = _copied(data)
    odd = [key for key in data if not isinstance(key, str)]
    invalid = [Invalid(str(key), f"the key {key} is not text", "Put it into quotes.") for key in odd]
    for key in odd:
        del data[key]
    for _ in range(3):  # a section that goes takes what is in it along; more rounds find nothing new
        try:
            whole = with_references(resolved(_copied(data), file), Path(file).parent)
            policy = Policy.model_validate_json(json.dumps(whole, default=str), strict=True)
        except ReferencesError as error:
            remedy = "Name a folder of references, beside the policy file."
            invalid.append(Invalid("origin.references", str(error), remedy))
            if not _drop(data, ("origin", "references")):
                return None, invalid
        except ValidationError as error:
            details = error.errors(include_url=False)
            invalid += [one for one in invalid_fields(details) if one not in invalid]
            if not [detail for detail in details if _drop(data, detail["loc"])]:
                return None, invalid
        else:
            return policy, invalid + [
                Invalid(key, what, "Mend the expression.") for key, what in expression_errors(policy)
            ]  # fmt: skip
    return None, invalid


def _drop(data: dict[str, Any], path: tuple[int | str, ...]) -> bool:
    """Takes the value at `path`, or the list that it lies in, out of what the file says; False if it says nothing."""
    inner: Any = data
    for depth, part in enumerate(path):
        if not isinstance(inner, dict) or part not in inner:
            return False
        if depth == len(path) - 1 or not isinstance(inner[part], dict):
            del inner[part]
            return True
        inner = inner[part]
    return False


def _plain(text: str, file: str) -> dict[str, Any]:
    data = yaml.safe_load(text)
    try:
        json.dumps(data, default=str, skipkeys=True)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"policy {file} is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise no_mapping(data, file)
    return data


def _copied(data: dict[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in data.items()}
