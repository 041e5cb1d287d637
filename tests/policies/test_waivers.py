"""Waivers files: what is read, what is refused, and which rules nobody may waive."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from policies.rules import RULES
from policies.verdict import Finding
from policies.waivers import AGAINST_THE_JUDGE, Waiver, WaiverError, is_waivable, load_waivers, parse_waivers

DAY = date(2026, 11, 30)
DIGEST = "ab" * 32
ENTRY = f"- rule: properties/wrong-values\n  digest: {DIGEST}\n  reason: mended by Friday\n  expires: 2026-12-04\n"


def test_a_file_is_a_list_of_waivers() -> None:
    (waiver,) = parse_waivers(ENTRY, "w", DAY).waivers
    assert waiver == Waiver(
        rule="properties/wrong-values", digest=DIGEST, reason="mended by Friday", expires=date(2026, 12, 4)
    )


@pytest.mark.parametrize("text", ["", "# none\n", "[]\n"])
def test_an_empty_file_waives_nothing(text: str) -> None:
    assert parse_waivers(text, "w", DAY).waivers == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("waivers: []\n", "a list is needed"),
        ("- 3\n", "waiver 1"),
        ("- [\n", "line 2 is not YAML"),
        (ENTRY.replace("expires", "expiry"), "waiver 1.expiry: Extra inputs"),
        (ENTRY + ENTRY, "waived twice"),
        (ENTRY + "  reason: another\n", "stands twice"),
        (ENTRY.replace("mended by Friday", "' '"), "a reason is needed"),
        (ENTRY.replace("  reason: mended by Friday\n", ""), "waiver 1.reason: Field required"),
        (ENTRY.replace(DIGEST, DIGEST[:12]), "waiver 1.digest"),
        (ENTRY.replace(DIGEST, DIGEST.upper()), "waiver 1.digest"),
        (ENTRY.replace("properties/wrong-values", "properties/bad-luck"), "is not a rule"),
        (ENTRY.replace("properties/wrong-values", "evidence/too-few-cases"), "can't be waived"),
        (ENTRY.replace("2026-12-04", "soon"), "waiver 1.expires"),
        (ENTRY.replace("2026-12-04", "2026-13-04"), "not YAML"),
        (ENTRY.replace("2026-12-04", "2026-12-04 10:00:00"), "waiver 1.expires"),
        (ENTRY.replace("2026-12-04", "20261204"), "waiver 1.expires"),
        ("- !!python/object/apply:os.system ['true']\n", "not YAML"),
    ],
)
def test_a_file_that_is_not_exactly_that_is_an_error_that_says_where(text: str, says: str) -> None:
    with pytest.raises(WaiverError, match=says):
        parse_waivers(text, "w", DAY)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_can_not_be_read_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(WaiverError, match="can't be read"):
        load_waivers(tmp_path / name, DAY)


def test_a_waiver_holds_through_its_last_day() -> None:
    dated = [parse_waivers(ENTRY, "w", date(2026, 12, day)) for day in (3, 4, 5)]
    assert [one.holds(one.waivers[0]) for one in dated] == [True, True, False]


def test_what_is_not_known_and_what_works_against_the_judge_can_not_be_waived() -> None:
    closed = ("candidate/", "evidence/", "isolation/", "operator/", "mutants/", "replay/", "benchmark/", "waiver/")
    assert not [rule for rule in RULES if rule.startswith(closed) and is_waivable(rule)]
    assert not [rule for rule in AGAINST_THE_JUDGE if is_waivable(rule)]
    assert set(RULES) >= AGAINST_THE_JUDGE
    assert not is_waivable("source/syntax-error")  # nothing behind it was read
    assert not is_waivable("no/rule")


@pytest.mark.parametrize(
    "rule", ["properties/wrong-values", "memory/out-of-bounds-load", "races/double-store", "compile/error",
     "origin/copied",
             "source/host-arithmetic"]
)  # fmt: skip
def test_what_a_kernel_does_wrong_can_be_waived(rule: str) -> None:
    assert is_waivable(rule)


def test_a_reason_can_not_command_a_terminal() -> None:
    waiver = Waiver(rule="properties/raised", digest=DIGEST, reason="a\x1b[31m\nb", expires=DAY)
    assert waiver.reason.isprintable()


def test_a_finding_is_waived_by_a_waiver_and_not_without_one() -> None:
    waiver = Waiver(rule="properties/raised", digest=DIGEST, reason="r", expires=DAY)
    for severity, given in (("waived", None), ("error", waiver)):
        with pytest.raises(ValidationError):
            Finding(rule="properties/raised", severity=severity, message="m", waiver=given)
