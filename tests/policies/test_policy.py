"""Reading policies: the built-in ones load, a file may extend one, and what is wrong is told in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import PolicyError
from policies.policy import BUILT_IN, Tier, load_policy


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "team.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_policy_loads_under_its_name(name: str) -> None:
    assert load_policy(name).name == name


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_built_in_policy_lets_a_rejected_or_inconclusive_candidate_through(name: str) -> None:
    assert not {Tier.REJECTED, Tier.INCONCLUSIVE} & set(load_policy(name).allows)


@pytest.mark.parametrize("name", BUILT_IN)
def test_only_dev_accepts_the_embedded_sandbox(name: str) -> None:
    assert ("namespace" in load_policy(name).isolation.accepted) == (name == "dev")


def test_production_extends_ci() -> None:
    ci, production = load_policy("ci"), load_policy("production")
    assert production.isolation == ci.isolation
    assert production.source == ci.source
    assert production.properties.case_deadline_s == ci.properties.case_deadline_s
    assert production.properties.pairwise_cases > ci.properties.pairwise_cases
    assert production.allows == (Tier.PRODUCTION_SAFE,)
    assert production.gpu_checks


def test_a_file_that_extends_a_policy_replaces_only_what_it_names(tmp_path: Path) -> None:
    text = "extends: ci\nname: team\nproperties: {random_cases: 7}\nsource: {allowed_imports: [torch]}\n"
    ci, team = load_policy("ci"), load_policy(written(tmp_path, text))
    assert team.properties == ci.properties.model_copy(update={"random_cases": 7})
    assert team.source.allowed_imports == ("torch",)
    assert (team.name, team.isolation, team.allows) == ("team", ci.isolation, ci.allows)


def test_a_file_that_extends_a_policy_and_changes_nothing_has_its_digest(tmp_path: Path) -> None:
    assert load_policy(written(tmp_path, "extends: ci\n")).digest == load_policy("ci").digest


CHANGES = [
    "name: other", "description: other", "allows: [functional]", "packages: [liger-kernel==0.8.5]",
    "source: {allowed_host_calls: [torch.arange]}", "source: {waived_rules: [source/hook]}",
    "source: {allowed_imports: [torch]}", "properties: {pairwise_cases: 41}", "properties: {random_cases: 61}",
    "properties: {dtypes: [float32]}", "properties: {load_deadline_s: 21}", "properties: {case_deadline_s: 11}",
    "properties: {total_deadline_s: 301}", "isolation: {required_limits: [network]}",
    "isolation: {accepted: [docker, namespace]}", "gpu_checks: [races]",
]  # fmt: skip


def test_the_digest_changes_with_every_value(tmp_path: Path) -> None:
    digests = {load_policy(written(tmp_path, f"extends: ci\n{change}\n")).digest for change in CHANGES}
    assert len(digests | {load_policy("ci").digest}) == len(CHANGES) + 1


def test_the_digest_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    one = load_policy(written(tmp_path, "extends: ci\nname: team\nproperties: {random_cases: 1, pairwise_cases: 2}\n"))
    other = load_policy(
        written(tmp_path, "properties: {pairwise_cases: 2, random_cases: 1}\nname: team\nextends: ci\n")
    )
    assert one.digest == other.digest


WRONG = {
    "unknown_key": ("extends: ci\nproperty: {}\n", "line 2: property: no such key"),
    "unknown_inner_key": ("extends: ci\nproperties: {random_case: 5}\n", "line 2: properties.random_case: no such key"),
    "missing_keys": ("name: team\n", "fields are missing: description, allows, source"),
    "number_as_text": ("extends: ci\nproperties: {random_cases: '5'}\n", "properties.random_cases: "),
    "bool_as_number": ("extends: ci\nproperties: {random_cases: true}\n", "properties.random_cases: "),
    "part_of_a_case": ("extends: ci\nproperties: {random_cases: 5.5}\n", "properties.random_cases: "),
    "unknown_waived_rule": ("extends: ci\nsource: {waived_rules: [source/hok]}\n", "'source/hok' can't be waived"),
    "unwaivable_rule": ("extends: ci\nsource: {waived_rules: [source/no-entry]}\n", "no-entry' can't be waived"),
    "no_cases": ("extends: ci\nproperties: {pairwise_cases: 0}\n", "greater than or equal to 1"),
    "negative": ("extends: ci\nproperties: {random_cases: -1}\n", "greater than or equal to 0"),
    "too_many_cases": ("extends: ci\nproperties: {random_cases: 10001}\n", "less than or equal to 10000"),
    "no_deadline": ("extends: ci\nproperties: {case_deadline_s: 0}\n", "greater than 0"),
    "deadline_not_a_number": ("extends: ci\nproperties: {case_deadline_s: .nan}\n", "properties.case_deadline_s: "),
    "endless_deadline": ("extends: ci\nproperties: {case_deadline_s: .inf}\n", "properties.case_deadline_s: "),
    "no_dtypes": ("extends: ci\nproperties: {dtypes: []}\n", "properties.dtypes: "),
    "unknown_dtype": ("extends: ci\nproperties: {dtypes: [float8]}\n", "properties.dtypes.0: "),
    "unknown_tier": ("extends: ci\nallows: [perfect]\n", "allows.0: "),
    "no_tier": ("extends: ci\nallows: []\n", "allows: "),
    "text_for_a_list": ("extends: ci\nallows: functional\n", "allows: "),
    "null_for_a_mapping": ("extends: ci\nsource:\n", "source: "),
    "unknown_gpu_check": ("extends: ci\ngpu_checks: [luck]\n", "gpu_checks.0: "),
    "bad_name": ("extends: ci\nname: My Policy\n", "name: "),
    "unknown_isolation": ("extends: ci\nisolation:\n  accepted: [podman]\n", "isolation.accepted.0"),
    "no_isolation": ("extends: ci\nisolation:\n  accepted: []\n", "isolation.accepted"),
    "unknown_limit": ("extends: ci\nisolation:\n  required_limits: [netwrok]\n", "no limit is called 'netwrok'"),
    "unknown_layer": ("extends: ci\nisolation:\n  required_layers: [armour]\n", "no layer is called 'armour'"),
    "number_as_key": ("extends: ci\n1: 2\n", "the key 1 is not text"),
    "date": ("extends: ci\ndescription: 2026-01-01\nname: 2026-01-01\n", "name: "),
    "impossible_date": ("extends: ci\ndescription: 2026-13-45\n", "is not YAML"),
    "key_twice": ("extends: ci\nname: a\nname: b\n", "line 3 is not YAML: key 'name' stands twice"),
    "inner_key_twice": ("extends: ci\nproperties:\n  random_cases: 5\n  random_cases: 6\n", "line 4"),
    "unknown_parent": ("extends: strict\n", "extends 'strict'; it can extend dev, ci, production"),
    "list_of_parents": ("extends: [ci]\n", "it can extend"),
    "list": ("- a\n", "holds a list, and keys with values are needed"),
    "text": ("hello\n", "holds 'hello', and keys with values are needed"),
    "empty": ("", "is empty: write 'extends: ci'"),
    "not_yaml": ("name: team\nproperties: [1, 2\nallows: x\n", "line 3 is not YAML"),
    "tab": ("name: team\n\tx: 1\n", "line 2 is not YAML"),
    "python_object": ("name: !!python/object/apply:os.system [echo]\n", "line 1 is not YAML"),
    "holds_itself": ("extends: ci\nsource: &x\n  source: *x\n", "is not YAML"),
    "deeply_nested": ("[" * 5000, "is not YAML"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_policy_file_is_told_in_words(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    message = str(caught.value)
    assert told in message
    assert path in message
    assert "pydantic" not in message
    assert "Traceback" not in message


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(written(tmp_path, "extends: ci\nx: 1\ny: 2\n"))
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()[1:-1]] == [
        ["  line 2", "x"],
        ["  line 3", "y"],
    ]


@pytest.mark.parametrize("name", ["nightly", "CI", "", "ci.yaml", "/"])
def test_a_policy_that_is_not_there_is_told_with_the_names_of_those_that_are(name: str) -> None:
    with pytest.raises(PolicyError, match="give one of dev, ci, production, or the path of a YAML file"):
        load_policy(name)


def test_a_policy_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_bytes(b"name: \xff\n")
    with pytest.raises(PolicyError, match="can't be read"):
        load_policy(str(path))


def test_a_mistake_is_told_with_its_line_and_the_nearest_key_as_the_check_of_a_policy_does(tmp_path: Path) -> None:
    path = written(tmp_path, "extends: ci\nname: team\nproperties: {random_case: 5}\ndescripton: x\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert str(caught.value).splitlines()[1:] == [
        "  line 3: properties.random_case: no such key. Write 'properties.random_cases'?",
        "  line 4: descripton: no such key. Write 'description'?",
        f"`kernelgate policy check {path}` says all that is wrong with it",
    ]


def test_fields_that_are_missing_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(written(tmp_path, "name: team\n"))
    assert str(caught.value).count("fields are missing") == 1
    assert "description, allows, source" in str(caught.value)
