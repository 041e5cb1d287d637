from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from approvals import CARD, LATELY, attestation
from gpu_evidence import device
from whole_evidence import evidence

from pipeline.gate.judged import Judged
from pipeline.registry.contract import Approved, Attestation, Event, Place
from pipeline.runs.folder import write_run
from pipeline.scheduled.due import Due, Here, due_of, proven_by
from pipeline.supply.platforms import platform_text
from policies.decide import decide
from policies.policy import load_policy
from runners.digests import operator_digest
from runners.operators import OPERATORS

PRODUCTION = load_policy("production")
SOURCE = b"x = 1\n"
NOW = datetime.now(UTC)
RUN = f"{NOW:%Y%m%d-%H%M%S}-00000001"
HERE = Here(
    platform=platform_text(CARD.device, CARD.torch, CARD.triton),
    image="sha256:1",
    policy_digest=PRODUCTION.digest,
    operator_digests={"relu": operator_digest(OPERATORS["relu"])},
    now=LATELY + timedelta(days=1),
)


def approved(**changes: object) -> Approved:
    return Approved(attestation(SOURCE, **changes), LATELY, revoked=False)


def due(here: Here = HERE, every_days: int = 7, **changes: object) -> Due | None:
    one = approved(**changes)
    return due_of(one, proven_by(one, (), (), Path("none"), alone=True), here, every_days)


def test_what_nothing_changed_for_is_not_due() -> None:
    assert due() is None


def moved(text: str, to: str) -> Here:
    assert HERE.platform is not None
    return replace(HERE, platform=HERE.platform.replace(text, to))


@pytest.mark.parametrize(
    ("here", "reason"),
    [
        (moved("a GPU", "another GPU"), "a GPU is another GPU now"),
        (moved("driver 580.1", "driver 590.2"), "driver 580.1 is driver 590.2 now"),
        (moved("torch 2.11.0", "torch 2.12.0"), "torch 2.11.0 is torch 2.12.0 now"),
        (moved("triton 3.6.0", "triton 3.9.0"), "triton 3.6.0 is triton 3.9.0 now"),
        (moved("CUDA 13.0, ", ""), "a GPU, sm_90, driver 580.1"),
        (replace(HERE, image="sha256:2"), "the image is another"),
        (replace(HERE, policy_digest="other"), "the policy is another"),
        (replace(HERE, operator_digests={"relu": "other"}), "the operator's declaration is another"),
    ],
)
def test_each_thing_that_evidence_depends_on_makes_a_kernel_due(here: Here, reason: str) -> None:
    found = due(here)
    assert found is not None
    assert (len(found.reasons), found.drifted) == (1, True)
    assert reason in found.reasons[0]


def test_age_alone_makes_it_due_and_is_no_drift() -> None:
    found = due(replace(HERE, now=LATELY + timedelta(days=7)))
    assert found is not None
    assert (found.reasons, found.drifted) == (("last looked at 7 days ago",), False)
    assert due(replace(HERE, now=LATELY + timedelta(days=7)), every_days=8) is None


def test_what_seems_to_be_from_the_future_is_due() -> None:
    for days, is_due in ((0.5, False), (400, True)):
        found = due(signed_at=HERE.now + timedelta(days=days))
        assert (found is not None) == is_due


def test_without_a_gpu_what_can_be_compared_is() -> None:
    without = replace(HERE, platform=None, image=None)
    assert due(without) is None
    assert due(replace(without, policy_digest="other")) is not None


def test_an_operator_that_is_not_known_here_is_not_taken_for_a_changed_one() -> None:
    assert due(replace(HERE, operator_digests={})) is None


def test_of_attestations_of_several_machines_that_which_fits_here_counts() -> None:
    other = replace(CARD, device=CARD.device.replace("580.1", "590.2"))
    newest = replace(approved().attestation, platform=other, signed_at=LATELY + timedelta(hours=1))
    one = Approved(newest, LATELY, revoked=False)

    def found(*attestations: Attestation) -> Due | None:
        return due_of(one, proven_by(one, attestations, (), Path("none"), alone=True), HERE, 7)

    assert found(newest) is not None
    assert found(newest, approved().attestation) is None


def look(run: str | None = RUN, place: Place | None = None) -> Event:
    return Event(
        number=1, at=datetime.now(UTC), actor="a", kind="verified-again", digest=approved().digest, place=place,
        reason="r", replaced=None, serves=None, run=run, case_digest=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a run that proved the kernel on a newer driver, and one that denied it."""
    folder = tmp_path_factory.mktemp("runs")
    newer = device(device=CARD.device.replace("580.1", "590.2"), torch=CARD.torch, triton=CARD.triton)
    digest = HERE.operator_digests["relu"]
    for run, measured in ((RUN, newer), ("20261130-070849-00000002", newer.model_copy(update={"guard_fired": False}))):
        shown = evidence(SOURCE, device=measured, operator_digest=digest)
        write_run(folder, run, PRODUCTION, [Judged(SOURCE, shown, decide(shown, PRODUCTION))])
    return folder


@pytest.mark.parametrize("later", [0, 100])
def test_a_later_look_is_as_old_as_its_run(runs: Path, later: int) -> None:
    """Whatever the line says that any application may have written."""
    one = approved()
    here = replace(moved("580.1", "590.2"), image="i", now=NOW + timedelta(days=30))
    said = replace(look(), at=NOW + timedelta(days=30 + later))
    found = due_of(one, proven_by(one, (), (said,), runs, alone=True), here, 7)
    assert found is not None
    assert found.reasons == ("last looked at 30 days ago",)


@pytest.mark.parametrize(
    ("event", "alone", "counts"),
    [
        (look(), True, True),
        (look(), False, False),
        (look(place=Place("relu", "sm_90", "stable")), False, True),
        (look(place=Place("relu", "sm_80", "stable")), True, False),
        (look("20261130-070849-00000002"), True, False),
        (look("20261130-070850-00000003"), True, False),
        (look(".."), True, False),
        (look(None), True, False),
    ],
    ids=["its own", "of which architecture?", "its place", "another place", "denied", "pruned", "no run", "none named"],
)
def test_a_later_look_counts_where_its_run_proves_it(runs: Path, event: Event, alone: bool, counts: bool) -> None:
    one = approved()
    here = replace(moved("580.1", "590.2"), image="i")
    found = due_of(one, proven_by(one, (), (event,), runs, alone=alone), here, 7)
    assert (found is None) == counts
