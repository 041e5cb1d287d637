"""What is approved, verified again: a real registry and a real Prefect server, with scripted runners."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

import pytest
from approvals import LATELY, attestation, registry_with
from gpu_evidence import device
from pydantic import ValidationError
from scripted_flow import HEADER, FakeSupply, small_policy
from whole_evidence import evidence

from pipeline.errors import RegistryUnavailable
from pipeline.gate.judged import Judged
from pipeline.registry.contract import Approved, Place, Registry
from pipeline.scheduled.due import Due
from pipeline.scheduled.settling import Settling, Standing, readable
from policies.decide import decide
from policies.policy import load_policy
from runners.candidate import Candidate
from runners.operators import OPERATORS

# Prefect leaves the idle connections of its HTTP clients to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

PRODUCTION = load_policy("production")
STABLE = Place("relu", "sm_90", "stable")


def kernel(comment: str) -> bytes:
    return f"{HEADER}# {comment}\ndef relu(x):\n    return x\n".encode()


RIGHT, WRONG, LOST = kernel("right"), kernel("wrong"), kernel("lost")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Three kernels that were approved under the production policy."""
    made = registry_with(tmp_path / "registry.db", *(attestation(source) for source in (RIGHT, LOST, WRONG)))
    yield made
    made.close()


@pytest.fixture
def reverified(supply: FakeSupply, registry: Registry, tmp_path: Path) -> Callable[..., Any]:
    """Runs the flow; returns its state."""
    from pipeline.scheduled.parameters import Approvals, ProductionGate
    from pipeline.scheduled.reverify import reverify

    def run(**changes: Any) -> Any:
        gate = ProductionGate(runs=tmp_path / "runs", **changes)
        return reverify(Approvals(registry=str(tmp_path / "registry.db")), gate, return_state=True)

    return run


class TestFlow:
    def test_what_fails_is_revoked_with_its_finding_and_what_cant_be_proven_is_not(
        self, reverified: Callable[..., Any], supply: FakeSupply, registry: Registry, tmp_path: Path
    ) -> None:
        from scheduled_runs import page, table

        supply.lost = b"lost"
        state = reverified(reports_url="http://runs.example/kept")
        wrong, right, lost = (attestation(source).digest for source in (WRONG, RIGHT, LOST))
        assert [registry.is_revoked(digest) for digest in (wrong, right, lost)] == [True, False, False]
        # The channel is back at what it served before.
        assert registry.serving("relu", "sm_90", "stable").digest == lost  # type: ignore[union-attr]
        (revoked,) = registry.events(kind="revoked")
        assert revoked.reason.startswith("verified again because the policy is another: properties/")
        (run,) = (path.parent for path in (tmp_path / "runs").glob("*/run.json"))
        assert revoked.run == run.name
        assert revoked.case_digest is not None
        assert json.loads(registry.case(revoked.case_digest))["failed_on"] == "interpreter"
        assert {event.digest for event in registry.events(kind="drifted")} == {right, lost}
        # One clear message, which says what each failed of.
        assert (state.name, "\n" in state.message) == ("Failed", False)
        assert state.message.startswith(f"1 approved kernel revoked: relu {wrong[:12]}, properties/")
        assert "2 approved kernels not proven on this machine, and not revoked" in state.message
        rows = {row["kernel"]: row for row in table("kernelgate-approved-standing")}
        assert [rows[f"`{digest[:12]}`"]["stands"] for digest in (wrong, right, lost)] == [
            "revoked", "not proven here", "not proven here",
        ]  # fmt: skip
        address = f"http://runs.example/kept/{run.name}"
        assert f"[Report of the run]({address}/report.html)" in page("kernelgate-approved")
        assert rows[f"`{wrong[:12]}`"]["report"].startswith(f"[report]({address}/00")
        # The same again: nothing is revoked twice, and nothing is said twice in the log.
        before = registry.events()
        assert "not proven on this machine" in reverified().message
        assert registry.events() == before

    @pytest.mark.parametrize("due", [True, False])
    def test_that_there_is_no_gpu_is_said_once_in_the_log_whether_something_is_due_or_not(
        self,
        reverified: Callable[..., Any],
        supply: FakeSupply,
        registry: Registry,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        *,
        due: bool,
    ) -> None:
        policy = small_policy().model_copy(update={"gpu_checks": PRODUCTION.gpu_checks})
        monkeypatch.setattr("pipeline.scheduled.reverify.load_policy", lambda name: policy)
        monkeypatch.setattr("pipeline.supply.gpu_opening.has_gpu", lambda number: False)
        if not due:
            for source in (RIGHT, LOST, WRONG):
                again = attestation(source, policy_digest=policy.digest, run="r", summary=source)
                registry.renew(again, actor="a test")
        caplog.set_level(logging.INFO, "prefect.flow_runs")
        kept, log = BufferingHandler(1000), logging.getLogger("prefect.flow_runs")
        log.addHandler(kept)
        try:
            reverified()
        finally:
            log.removeHandler(kept)
        lines = [record.getMessage() for record in kept.buffer]
        assert [line for line in lines if "no check is made on a GPU" in line] == [
            f"note: no check is made on a GPU: this machine has no NVIDIA GPU (/dev/nvidia0); policy '{policy.name}' "
            "asks for such checks, so no candidate can end better than inconclusive here"
        ]
        assert sum(" is rejected: properties/" in line for line in lines) == (1 if due else 0)

    def test_nothing_is_measured_that_is_not_due(
        self, reverified: Callable[..., Any], supply: FakeSupply, registry: Registry
    ) -> None:
        policy = small_policy()
        for source in (RIGHT, LOST, WRONG):
            registry.renew(attestation(source, policy_digest=policy.digest, run="r", summary=source), actor="a test")
        state = reverified()
        assert (state.name, state.message) == ("Completed", "3 approved kernels not due")
        assert (supply.taken, supply.measured) == (0, [])

    def test_a_registry_that_does_not_answer_while_others_are_measured_is_asked_again_at_the_end(
        self, reverified: Callable[..., Any], registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pipeline.registry.store import SqlRegistry

        revoke, failures = SqlRegistry.revoke, [RegistryUnavailable("locked")]

        def once_locked(self: SqlRegistry, *arguments: Any, **named: Any) -> Any:
            if failures:
                raise failures.pop()
            return revoke(self, *arguments, **named)

        monkeypatch.setattr(SqlRegistry, "revoke", once_locked)
        assert reverified().message.startswith("1 approved kernel revoked")
        assert not failures
        assert registry.is_revoked(attestation(WRONG).digest)

    @pytest.mark.usefixtures("supply")
    def test_a_registry_that_is_not_there_is_one_message_and_no_traceback(self, tmp_path: Path) -> None:
        from pipeline.scheduled.parameters import Approvals
        from pipeline.scheduled.reverify import reverify

        state = reverify(Approvals(registry=str(tmp_path / "none.db")), return_state=True)
        assert state.name == "Failed"
        assert state.message.startswith("there is no registry at")


def judged(source: bytes, **changes: object) -> Judged:
    shown = evidence(source, **changes)
    return Judged(source, shown, decide(shown, PRODUCTION))


def due(source: bytes, *, drifted: bool = True) -> Due:
    return Due(Approved(attestation(source), LATELY, revoked=False), ("driver 1 is driver 2 now",), drifted)


class TestSettling:
    def test_what_is_production_safe_again_is_recorded_with_its_run(self, registry: Registry) -> None:
        settled = Settling(registry, "r").settle(due(RIGHT), judged(RIGHT), STABLE)
        assert (settled.standing, settled.why) == (Standing.PROVEN, "driver 1 is driver 2 now")
        (event,) = registry.events(kind="verified-again", digest=due(RIGHT).approved.digest)
        assert (event.run, event.place, event.reason) == ("r", STABLE, "driver 1 is driver 2 now")

    def test_a_check_that_was_not_made_revokes_nothing(self, registry: Registry) -> None:
        unproven = judged(RIGHT, device=device(guard_fired=False))
        settled = Settling(registry, "r").settle(due(RIGHT), unproven, STABLE)
        assert settled.standing is Standing.NOT_PROVEN
        assert settled.why.startswith("evidence/control-missing")
        assert not registry.is_revoked(due(RIGHT).approved.digest)

    def test_age_alone_is_no_drift(self, registry: Registry) -> None:
        Settling(registry, "r").settle(due(RIGHT, drifted=False), judged(RIGHT, device=device(cases=1)), None)
        assert registry.events(kind="drifted") == ()

    def test_what_somebody_revoked_meanwhile_is_revoked(self, registry: Registry) -> None:
        registry.revoke(due(WRONG).approved.digest, "seen in production", "a person")
        denied = judged(WRONG, device=device(sanitizers=(), cases=1)).verdict
        assert denied.tier.value == "inconclusive"
        settled = Settling(registry, "r").settle(due(WRONG), _rejected(WRONG), STABLE)
        assert settled.standing is Standing.REVOKED
        assert len(registry.events(kind="revoked")) == 1


def _rejected(source: bytes) -> Judged:
    from whole_evidence import failed

    shown = failed(candidate=evidence(source).candidate)
    return Judged(source, shown, decide(shown, PRODUCTION))


@pytest.mark.parametrize("where", ["postgresql://a:secret@h/d", "postgresql://h/d?password=secret"])
def test_a_password_is_no_parameter(where: str) -> None:
    from pipeline.scheduled.parameters import Approvals

    with pytest.raises(ValidationError, match="leave the password to KERNELGATE_REGISTRY"):
        Approvals(registry=where)
    assert Approvals(registry="postgresql://a@h/d").registry == "postgresql://a@h/d"


class TestReadable:
    def test_an_approved_kernel_is_a_candidate(self) -> None:
        assert isinstance(readable(due(RIGHT).approved, OPERATORS), Candidate)

    def test_an_operator_that_is_not_known_here_denies_nothing(self) -> None:
        assert "can't be read as a candidate here" in str(readable(due(RIGHT).approved, {}))

    def test_bytes_of_another_kernel_are_not_run(self) -> None:
        approved = due(RIGHT).approved
        swapped = replace(approved, attestation=replace(approved.attestation, source=WRONG))
        assert readable(swapped, OPERATORS) == "its bytes in the registry are not those of its digest"
