"""`policy check`: everything that is wrong with a policy file is told at once, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from changed_policies import WEAKER

from policies.checking import Checked, check_policy
from policies.directions import DIRECTIONS
from policies.errors import PolicyError
from policies.policy import BUILT_IN, load_policy

BUILT_IN_FILES = Path(__file__).parents[2] / "policies"


def checked(folder: Path, text: str, extends: str = "ci") -> Checked:
    path = folder / "team.yaml"
    path.write_text(f"extends: {extends}\nname: team\n{text}")
    return check_policy(path)


def told(checked: Checked) -> list[tuple[str, str, int | None]]:
    return [(problem.kind, problem.key, problem.line) for problem in checked.problems]


@pytest.mark.parametrize("name", BUILT_IN)
def test_nothing_is_wrong_with_a_built_in_policy(name: str) -> None:
    assert check_policy(BUILT_IN_FILES / f"{name}.yaml").problems == ()


def test_a_stricter_policy_is_fine(tmp_path: Path) -> None:
    found = checked(tmp_path, "properties: {random_cases: 100}\nallows: [functional, production-safe]\n")
    assert (found.problems, found.against) == ((), "ci")


CLASHES = {
    "unreachable": ("allows: [production-safe]\n", "contradiction", "allows", 3),
    "better_denied": (
        "allows: [functional]\ngpu_checks: [properties, memory, races, benchmark, replay]\n", "contradiction",
        "allows", 3),
    "both_lists": ("compile: {informative_targets: [sm_80]}\n", "contradiction", "compile.informative_targets", 3),
    "rate_of_nothing": ("mutants: {required_kill_rate: 0.5}\n", "contradiction", "mutants.required_kill_rate", 3),
    "rate_of_zero": (
        "mutants:\n  count: 5\n  required_kill_rate: 0\n", "contradiction", "mutants.required_kill_rate", 5),
    "rate_of_one": ("mutants: {count: 5, required_kill_rate: 1}\n", "doubt", "mutants.required_kill_rate", 3),
    "gpu_without_checks": ("gpu:\n  random_cases: 50\n", "contradiction", "gpu", 3),
    "long_axes_unseen": (
        "gpu_checks: [memory]\ngpu: {long_axes: true}\n", "contradiction", "gpu.long_axes", 4),
    "case_longer_than_all": (
        "properties: {case_deadline_s: 60, total_deadline_s: 30, long_s: 4}\n", "contradiction",
        "properties.case_deadline_s", 3),
    "compile_longer_than_all": ("compile: {total_deadline_s: 30}\n", "contradiction", "compile.deadline_s", 3),
    "case_longer_than_gpu": (
        "gpu_checks: [memory]\ngpu: {total_deadline_s: 30}\n", "contradiction", "properties.case_deadline_s", None),
    "lengths_beyond_deadline": (
        "properties: {long_s: 30, case_deadline_s: 20}\n", "contradiction", "properties.long_s", 3),
    "cases_beyond_deadline": (
        "properties:\n  random_cases: 10000\n  total_deadline_s: 80\n", "contradiction",
        "properties.total_deadline_s", 5),
    "list_beside_waiver": (
        "source: {waived_rules: [source/host-call-not-allowed], allowed_host_calls: [print]}\n", "contradiction",
        "source.allowed_host_calls", 3),
    "no_triton": ("source: {allowed_imports: [torch]}\n", "contradiction", "source.allowed_imports", 3),
    "unused_packages": ("packages: [liger-kernel==0.8.5]\n", "doubt", "packages", 3),
    "unpinned": (
        "packages: [liger-kernel]\nsource: {allowed_imports: [torch, triton, liger_kernel]}\n", "contradiction",
        "packages", 3),
    "no_controls": ("properties: {controls: []}\n", "doubt", "properties.controls", 3),
    "tf32_of_nothing": ("properties: {tf32: true, dtypes: [float16]}\n", "doubt", "properties.tf32", 3),
    "taken_name": ("name: dev\n", "doubt", "name", 2),
    "rule_of_all": (
        "organisation:\n- name: all\n  expression: 'true'\n  message: m\n", "doubt", "organisation.0.expression", 5),
    "licences_of_nothing": ("origin: {reference_licences: [MIT]}\n", "contradiction", "origin.reference_licences", 3),
    "no_licence_at_all": ("origin: {candidate_licences: []}\n", "contradiction", "origin.candidate_licences", 3),
    "share_never_looked_at": (
        "origin: {references: ., reference_licences: [MIT], licence_share: 0.5}\n", "contradiction",
        "origin.licence_share", 3),
    "twice": ("compile: {required_targets: [sm_80, sm_90, sm_100, sm_80]}\n", "doubt", "compile.required_targets", 3),
}  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "key", "line"), CLASHES.values(), ids=CLASHES)
def test_what_makes_no_sense_is_told_with_its_line(
    tmp_path: Path, text: str, kind: str, key: str, line: int | None
) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(("extends: ci\n" if "name:" in text[:5] else "extends: ci\nname: team\n") + text)
    found = check_policy(path)
    assert (kind, key, line) in told(found), found.problems
    assert all(problem.what and problem.remedy.endswith((".", "?")) for problem in found.problems)


def as_yaml(key: str, value: object) -> str:
    words = "null" if value is None else str(list(value)) if isinstance(value, tuple) else str(value).lower()
    section, _, field = key.rpartition(".")
    return f"{section}: {{{field}: {words}}}\n" if section else f"{field}: {words}\n"


@pytest.mark.parametrize("key", WEAKER)
def test_a_field_that_is_weaker_than_the_one_it_extends_is_told(tmp_path: Path, key: str) -> None:
    found = checked(tmp_path, as_yaml(key, WEAKER[key]), "production")
    weaker = [problem for problem in found.problems if problem.kind == "weaker"]
    assert [(problem.key, problem.line) for problem in weaker] == [(key, 3)]
    assert "weaker than production" in weaker[0].what


def test_what_is_added_to_a_list_or_dropped_is_named(tmp_path: Path) -> None:
    found = checked(tmp_path, "source: {waived_rules: [source/hook]}\ncompile: {required_targets: [sm_80]}\n")
    assert [problem.what for problem in found.problems] == [
        "weaker than ci: adds source/hook", "weaker than ci: drops sm_90, sm_100",
    ]  # fmt: skip


def test_another_policy_can_be_the_measure(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text("extends: ci\nname: team\n")
    assert check_policy(path).problems == ()
    found = check_policy(path, load_policy("production"))
    assert {"allows", "gpu_checks", "mutants.count"} <= {problem.key for problem in found.problems}


def test_references_that_can_not_be_read_are_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    found = told(checked(tmp_path, "origin: {references: nowhere}\nproperties: {random_cases: 1}\n"))
    assert found == [("invalid", "origin.references", 3), ("weaker", "properties.random_cases", 4)]


def test_all_mistakes_are_told_at_once_whatever_their_kind(tmp_path: Path) -> None:
    text = (
        "propertys: {}\n"  # line 3
        "properties:\n  random_cases: 10\n  randm_cases: 5\n  pairwise_cases: many\n"
        "mutants: {required_kill_rate: 0.5}\n"  # line 8
        "organisation:\n- name: spills\n  expression: evidnce.x ==\n  message: m\n"
    )
    found = told(checked(tmp_path, text))
    assert found == [
        ("invalid", "propertys", 3), ("invalid", "properties.randm_cases", 6),
        ("invalid", "properties.pairwise_cases", 7), ("invalid", "organisation.0.expression", 11),
        ("contradiction", "mutants.required_kill_rate", 8), ("weaker", "properties.random_cases", 5),
    ]  # fmt: skip


def test_a_misspelt_key_is_told_with_the_one_that_is_near(tmp_path: Path) -> None:
    (problem,) = checked(tmp_path, "properties: {random_case: 60}\n").problems
    assert problem.remedy == "Write 'properties.random_cases'?"


def test_all_fields_that_are_missing_are_one_problem(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text("name: team\n")
    (problem,) = check_policy(path).problems
    assert ("description, allows, source" in problem.what, "extends: ci" in problem.remedy) == (True, True)


def test_a_misspelt_field_of_the_facts_is_told_with_its_line_and_the_one_that_is_near(tmp_path: Path) -> None:
    rule = "organisation:\n- name: spills\n  expression: evidence.compile.targets.all(t, t.spill_byte == 0)\n"
    (problem,) = checked(tmp_path, rule + "  message: m\n").problems
    assert (problem.kind, problem.line) == ("invalid", 5)
    assert problem.what == "line 1:35: there is no field 'spill_byte'; did you mean 'spill_bytes'?"


def test_a_key_that_stands_twice_is_told_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    found = told(checked(tmp_path, "properties:\n  random_cases: 1\n  random_cases: 2\n"))
    assert found == [("invalid", "properties.random_cases", 5), ("weaker", "properties.random_cases", 4)]


UNREADABLE = {
    "not_yaml": "a: [\n", "list": "- a\n", "empty": "", "unknown_parent": "extends: strict\n", "tab": "a:\n\tb: 1\n",
    "no_section": "name: team\n", "number_as_key": "extends: ci\n1: 2\n", "endless": "extends: ci\nx: &x [*x]\n",
    "recursive": "extends: ci\nsource: &x\n  source: *x\n",
    "twice_and_recursive": "extends: ci\nname: a\nname: b\nsource: &x\n  source: *x\n",
}  # fmt: skip


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_policy_is_invalid(tmp_path: Path, text: str) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(text)
    found = check_policy(path)
    assert {problem.kind for problem in found.problems} == {"invalid"}


@pytest.mark.parametrize("data", [None, b"name: \xff\n", b"#" * (2 << 20)], ids=["gone", "not_utf8", "huge"])
def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "team.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PolicyError, match=r"team\.yaml"):
        check_policy(path)


def test_every_key_that_a_problem_names_is_a_field() -> None:
    assert {key for _, _, key, _ in CLASHES.values() if not key.startswith("organisation")} <= {*DIRECTIONS, "gpu"}


def test_the_policies_that_the_how_to_writes_are_fine(tmp_path: Path) -> None:
    blocks = (BUILT_IN_FILES.parent / "docs" / "how-to" / "write-a-policy.md").read_text().split("```yaml\n")[1:]
    assert len(blocks) == 2
    for block in blocks:
        path = tmp_path / "team.yaml"
        path.write_text(block.split("```")[0])
        assert check_policy(path).problems == ()
        assert load_policy(str(path)).name in ("team", "fleet")
