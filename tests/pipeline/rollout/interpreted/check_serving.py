"""A kernel that serves: what is loaded, what is judged, whose fault an exception is, and what follows from a fault."""

from __future__ import annotations

import inspect
import logging
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import kernel_gate
import pytest
import torch
from candidate_sources import candidate
from served_kernels import ARCHITECTURE, LATER_WRONG, RIGHT, Team, attested, promoted

import kernelgate
from pipeline.registry.contract import open_registry
from pipeline.rollout import incidents
from pipeline.rollout.breaker import breaker_of
from pipeline.rollout.loading import _PROCESS
from pipeline.rollout.serving import Fallback, Kernel
from pipeline.runs.case_file import CaseFile
from policies.decide import finding_of
from runners.evidence import Environment
from runners.failures import CodeRaised
from runners.recorded import arguments_of

Loaded = Callable[..., Kernel]
FIRST = torch.arange(-8.0, 8.0)


def settled() -> None:
    """All samples were judged, and all that follows from an incident was done."""
    assert _PROCESS.shadow is not None
    _PROCESS.shadow.wait()
    for thread in threading.enumerate():
        if thread.name == "kernelgate-incident":
            thread.join()


def relu(at_call: str, before_launch: str = "", at_import: str = "", note: str = "") -> bytes:
    """A relu with code of a test's own; `note` makes its bytes, hence its digest and breaker, its own."""
    return (candidate(at_import, at_call, before_launch) + f"# {note}\n").encode()


def test_a_right_kernel_serves_and_is_judged_right(vouching: Team, loaded: Loaded) -> None:
    digest = promoted(vouching, RIGHT).digest
    softmax = loaded()
    for columns in (1, 7, 33, 64):
        for dtype in (torch.float32, torch.float16, torch.bfloat16):
            x = torch.randn(3, columns).to(dtype)
            assert torch.allclose(softmax(x).float(), torch.softmax(x.float(), -1), atol=4e-3)
    settled()
    assert (softmax.serves, softmax.why, softmax.digest, softmax.channel) == ("kernel", "", digest, "stable")
    assert softmax.counts.judged == 12
    assert vouching.kinds() == ["promoted"]


ELSEWHERE = Environment(hardware="cpu riscv", python="3", torch="9", triton="9", interpreter_repaired=True)


@pytest.mark.parametrize("newest", ["here", "elsewhere"])
def test_of_attestations_of_several_machines_that_of_one_like_this_is_enough(
    vouching: Team, loaded: Loaded, newest: str
) -> None:
    """What was verified again on a machine with another driver is not taken from those that have the first."""
    text = RIGHT.read_bytes() + f"# the newest is of {newest}\n".encode()
    here, there = {}, {"environment": ELSEWHERE}
    first, second = (there, here) if newest == "here" else (here, there)
    promoted(vouching, text, **first)
    with closing(open_registry(vouching.registry)) as opened:
        opened.renew(attested(vouching, text, **second), actor="test")
    assert torch.equal(loaded()(torch.zeros(1, 4)), torch.full((1, 4), 0.25))


def test_where_none_is_of_a_machine_like_this_the_newest_says_why(vouching: Team) -> None:
    text = RIGHT.read_bytes() + b"# verified elsewhere alone\n"
    promoted(vouching, text, environment=ELSEWHERE.model_copy(update={"torch": "8"}))
    with closing(open_registry(vouching.registry)) as opened:
        opened.renew(attested(vouching, text, environment=ELSEWHERE), actor="test")
    served = kernelgate.load(
        "softmax", registry=vouching.registry, keyring=vouching.keyring, architecture=ARCHITECTURE, watch_s=0
    )
    assert isinstance(served, Fallback)
    assert "its verdict holds for cpu riscv, torch 9, triton 9" in served.why


def test_a_call_may_name_its_arguments_as_the_operator_does(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, RIGHT)
    softmax = loaded()
    assert str(inspect.signature(softmax)) == "(x)"
    assert torch.equal(softmax(x=torch.zeros(1, 4)), torch.full((1, 4), 0.25))
    with pytest.raises(TypeError):
        softmax(torch.zeros(1, 4), y=1)


def test_keys_beyond_the_share_get_what_is_stable(vouching: Team, loaded: Loaded) -> None:
    stable, canary = promoted(vouching, RIGHT).digest, promoted(vouching, LATER_WRONG, "canary").digest
    got = {loaded(key=f"request-{number}", canary_share=0.5).digest for number in range(20)}
    assert got == {stable, canary}
    assert {loaded(key="one", canary_share=0.5).digest for _ in range(3)} in ({stable}, {canary})


def test_the_registry_is_asked_once_a_process(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, RIGHT)
    first = loaded()
    Path(vouching.registry).rename(vouching.folder / "gone.db")
    assert loaded() is first


def test_a_file_with_the_name_of_a_source_is_never_read(
    vouching: Team, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = promoted(vouching, relu("", note="a name that is a file")).digest
    monkeypatch.chdir(tmp_path)
    Path(f"<kernelgate {digest}>").write_text("raise SystemExit('read from a file')\n")
    assert torch.equal(loaded("relu")(FIRST), FIRST.clamp(min=0))


def test_a_traceback_shows_the_line_of_the_verified_source(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("raise KeyError('odd')", note="a traceback"))
    entry = loaded("relu")._entry
    with pytest.raises(KeyError) as caught:
        entry(FIRST)
    assert "raise KeyError('odd')" in "".join(traceback.format_exception(caught.value))


def test_a_module_that_raises_is_not_served(vouching: Team) -> None:
    promoted(vouching, relu("", at_import="raise OSError('no')", note="it raises at import"))
    served = kernelgate.load(
        "relu", registry=vouching.registry, keyring=vouching.keyring, architecture=ARCHITECTURE, watch_s=0
    )
    assert isinstance(served, Fallback)
    assert "its module can't be loaded: OSError: no" in served.why
    assert torch.equal(served(FIRST), FIRST.clamp(min=0))


def test_a_wrong_result_opens_the_breaker_and_rolls_the_channel_back(
    vouching: Team, loaded: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    stable = promoted(vouching, RIGHT, "canary").digest
    digest = promoted(vouching, LATER_WRONG.read_bytes() + b"# mismatch\n", "canary").digest
    softmax = loaded()
    softmax(torch.randn(4, 33))
    settled()
    x = torch.randn(4, 33).t()
    x[2, 1] = 100.0
    with caplog.at_level(logging.WARNING, "kernelgate.rollout"):
        softmax(x)
        settled()
    assert softmax.serves == "reference"
    assert torch.equal(softmax(x), torch.softmax(x, -1))
    assert vouching.serves("softmax", "canary") == stable
    assert vouching.kinds() == ["promoted", "promoted", "rolled-back", "mismatch", "breaker-tripped"]
    event = vouching.events[3]
    assert (event.digest, event.reason.partition(":")[0]) == (digest, "properties/nonfinite")
    kept = CaseFile.model_validate_json(vouching.case("mismatch"))
    assert (kept.case.sizes, kept.failed_on) == ({"M": 33, "N": 4}, "interpreter")
    assert kept.arguments is not None
    (back,) = arguments_of(kept.arguments)
    assert torch.equal(back.view, x)  # type: ignore[union-attr]
    assert back.view.stride() == x.stride()  # type: ignore[union-attr]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert kept.case.model_dump_json() in caplog.text


def test_arguments_too_many_for_the_log_leave_the_nearest_case(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("y += 1.0", note="large"))
    served = loaded("relu")
    served(torch.randn(300_000))
    settled()
    kept = CaseFile.model_validate_json(vouching.case("mismatch"))
    assert kept.arguments is None
    assert kept.case.sizes == {"N": 300_000}


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_an_exception_is_answered_by_the_reference_in_the_same_call(
    vouching: Team, loaded: Loaded, rate: float
) -> None:
    fails = "if x.numel() > 8: raise RuntimeError('no')"
    promoted(vouching, relu("", before_launch=fails, note=f"raises {rate}"))
    served = loaded("relu", sample_rate=rate)
    assert torch.equal(served(FIRST[:8]), FIRST[:8].clamp(min=0))
    assert served.serves == "kernel"
    assert torch.equal(served(FIRST), FIRST.clamp(min=0))
    assert served.serves == "reference"
    settled()
    assert vouching.kinds() == ["promoted", "rolled-back", "exception", "breaker-tripped"]
    assert vouching.serves("relu", "stable") is None
    assert "properties/raised: RuntimeError: no" in vouching.events[2].reason


@pytest.mark.parametrize(
    ("fault", "arguments"),
    [
        ("assert x.numel() < 5000, 'a row fits into one block'", (torch.ones(70_001),)),  # beyond what relu declares
        ("raise torch.OutOfMemoryError('no room')", (FIRST,)),
        ("raise ValueError('one dim only')", (torch.ones(2, 2, 2, 2),)),  # relu is not declared for four
    ],
)
def test_what_is_not_the_kernels_fault_opens_nothing(
    vouching: Team, loaded: Loaded, fault: str, arguments: Sequence[torch.Tensor]
) -> None:
    promoted(vouching, relu("", before_launch=fault, note=fault))
    served = loaded("relu")
    assert torch.equal(served(*arguments), arguments[0].clamp(min=0))
    settled()
    assert (served.serves, served.counts.refused) == ("kernel", 1)
    assert vouching.kinds() == ["promoted"]


def test_a_call_that_no_verdict_holds_for_gets_the_reference_and_is_said_once(
    vouching: Team, loaded: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel was verified in three dtypes, on this machine; it would round float64 to float32."""
    promoted(vouching, relu("", before_launch="x = x.float()", note="rounds"))
    served = loaded("relu")
    x = torch.linspace(-1, 1, 99, dtype=torch.float64)
    with caplog.at_level(logging.WARNING, logger="kernelgate.rollout"):
        for _ in range(3):
            assert torch.equal(served(x), torch.relu(x))
        assert served(torch.empty(3, device="meta")).device.type == "meta"
        assert torch.equal(served(torch.arange(-4, 4)).long(), torch.arange(-4, 4).clamp(min=0))
    assert torch.equal(served(x.float()), torch.relu(x.float()))
    settled()
    counts = served.counts
    assert (served.serves, counts.unverified, counts.judged, counts.refused) == ("kernel", 5, 1, 0)
    said = [one.getMessage() for one in caplog.records]
    assert [words.partition(" get the reference")[0] for words in said] == [
        f"relu: calls in {kind}" for kind in ("float64 on cpu", "float32 on meta", "int64 on cpu")
    ]
    assert said[0].endswith(f"the kernel {served.digest[:12]} was verified in bfloat16, float16, float32, for cpu")
    assert vouching.kinds() == ["promoted"]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_tensor_without_strides_is_the_callers_fault(vouching: Team, loaded: Loaded, rate: float) -> None:
    promoted(vouching, relu("", note=f"sparse {rate}"))
    served = loaded("relu", sample_rate=rate)
    given = torch.tensor([[0.0, -2.0], [3.0, 0.0]]).to_sparse()
    assert torch.equal(served(given).to_dense(), torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    settled()
    assert (served.serves, served.counts.refused) == ("kernel", 1)


def test_arguments_on_several_devices_are_the_callers_fault(vouching: Team, loaded: Loaded) -> None:
    source = (RIGHT.parents[1] / "add" / "right_planes.py").read_text()
    begin = "def add(x, y):\n"
    assert begin in source
    says = "    if y.device != x.device:\n        raise ValueError('Pointer argument (at 1) cannot be accessed')\n"
    promoted(vouching, source.replace(begin, begin + says).encode())  # as Triton does on a GPU
    served = loaded("add")
    with pytest.raises(RuntimeError, match="not on the expected device"):  # PyTorch's own, of the reference
        served(torch.ones(4), torch.ones(4, device="meta"))
    settled()
    assert (served.serves, served.counts.refused) == ("kernel", 1)
    assert torch.equal(served(torch.ones(4), torch.ones(4)), torch.full((4,), 2.0))


def test_an_empty_batch_rolls_no_fleet_back(vouching: Team, loaded: Loaded) -> None:
    """An approved kernel that raises on it: softmax declares no empty rows, and nobody has tried one."""
    promoted(vouching, RIGHT.read_bytes() + b"# empty\n")
    served = loaded()
    for rows, columns in ((3, 0), (0, 0), (0, 5)):
        assert served(torch.empty(rows, columns)).shape == (rows, columns)
    settled()
    assert served.serves == "kernel"
    assert served.counts.refused >= 1
    assert vouching.kinds() == ["promoted"]


@pytest.mark.parametrize("returns", ["torch.empty(x.shape, device='meta')", "torch.zeros(x.shape).to_sparse()"])
def test_a_result_that_is_no_tensor_of_memory_is_found(vouching: Team, loaded: Loaded, returns: str) -> None:
    promoted(vouching, relu(f"return {returns}", note=returns))
    loaded("relu")(FIRST)
    settled()
    assert "properties/wrong-type: type is a tensor that is" in vouching.events[-1].reason


def test_a_result_that_is_too_large_is_not_copied(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("return y.expand(1 << 19, *y.shape)", note="32 MiB of results"))
    served = loaded("relu")
    served(FIRST)
    assert served.counts.dropped == 1


def test_a_size_that_the_operator_declares_may_not_be_refused(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("", before_launch="assert x.numel() < 9, 'small only'", note="small only"))
    served = loaded("relu")
    served(FIRST)
    assert served.serves == "reference"


def test_a_call_with_the_wrong_arguments_raises_as_the_reference_does(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("", note="wrong arguments"))
    served = loaded("relu")
    with pytest.raises(TypeError):
        served(FIRST, FIRST)
    assert served.serves == "kernel"


def test_a_kernel_that_raises_half_way_leaves_a_sampled_callers_arguments_as_they_were(
    vouching: Team, loaded: Loaded
) -> None:
    promoted(vouching, relu("", before_launch="x.fill_(7.0); raise RuntimeError('half-way')", note="half-way"))
    x = FIRST.clone()
    assert torch.equal(loaded("relu")(x), FIRST.clamp(min=0))
    assert torch.equal(x, FIRST)


def test_an_expanded_argument_is_not_put_back_and_the_answer_is_right(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("", before_launch="raise RuntimeError('no')", note="expanded"))
    x = FIRST.unsqueeze(0).expand(3, 16)
    assert torch.equal(loaded("relu")(x), x.clamp(min=0))


def test_a_kernel_that_changes_its_argument_is_found(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("given.neg_()", before_launch="given = x", note="changes"))
    loaded("relu")(FIRST.clone())
    settled()
    assert "properties/input-changed" in vouching.events[-1].reason


def test_a_call_that_autograd_would_record_gets_the_references_gradient(vouching: Team, loaded: Loaded) -> None:
    promoted(vouching, relu("y += 1.0", note="gradient"))
    with torch.enable_grad():
        x = FIRST.clone().requires_grad_()
        loaded("relu", sample_rate=0.0)(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, (FIRST > 0).float())


def test_a_result_that_arrives_after_the_breaker_opened_is_thrown_away(vouching: Team, loaded: Loaded) -> None:
    source = relu("kernel_gate.wait(); y += 1000.0", at_import="import kernel_gate", note="in flight")
    digest = promoted(vouching, source).digest
    served = loaded("relu", sample_rate=0.0)
    results: list[torch.Tensor] = []
    caller = threading.Thread(target=lambda: results.append(served(FIRST)))
    caller.start()
    assert kernel_gate.ENTERED.wait(60)
    breaker_of(digest).open("by another thread")
    kernel_gate.GO_ON.set()
    caller.join()
    assert torch.equal(results[0], FIRST.clamp(min=0))


@dataclass(frozen=True)
class Called:
    """One call of the load: what served when it began, and whether its result was right."""

    began_on: str
    right: bool


def test_a_canary_that_starts_to_fail_under_load(vouching: Team, loaded: Loaded) -> None:
    stable = promoted(vouching, RIGHT.read_bytes() + b"# stable under load\n", "canary").digest
    canary = promoted(vouching, LATER_WRONG.read_bytes() + b"# under load\n", "canary").digest
    softmax = loaded(sample_rate=0.2)
    assert softmax.digest == canary
    calls: list[Called] = []
    traffic_changes, enough = threading.Event(), threading.Event()

    def serve(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        while not enough.is_set():
            x = torch.randn(2, 16, generator=generator)
            if traffic_changes.is_set():
                x[0, 0] = 120.0
            began_on = softmax.serves
            got = softmax(x)
            calls.append(Called(began_on, torch.allclose(got, torch.softmax(x, -1), atol=1e-6)))

    threads = [threading.Thread(target=serve, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    _wait_for(lambda: len(calls) > 40)
    assert softmax.serves == "kernel"
    traffic_changes.set()
    _wait_for(lambda: softmax.serves == "reference")
    after = len(calls)
    _wait_for(lambda: len(calls) > after + 100)
    enough.set()
    for thread in threads:
        thread.join()
    settled()
    late = [call for call in calls if call.began_on == "reference"]
    assert len(late) > 90
    assert all(call.right for call in late)
    assert vouching.serves("softmax", "canary") == stable
    assert vouching.kinds() == ["promoted", "promoted", "rolled-back", "mismatch", "breaker-tripped"]


def _wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.mark.parametrize("at", ["'yesterday'", "at"])
def test_a_revocation_is_heard_whatever_the_log_says(vouching: Team, loaded: Loaded, at: str) -> None:
    """A line that nobody can read stands before it, and none is about it."""
    digest = promoted(vouching, relu("y += 1.0", note=f"a line of {at}")).digest
    served = loaded("relu", sample_rate=0.0, watch_s=0.05)
    assert served.serves == "kernel"
    with closing(sqlite3.connect(vouching.registry)) as raw, raw:
        raw.execute("INSERT INTO registry_events (at, actor, kind, digest, reason)"
                    f" SELECT {at}, '', 'exported', digest, '' FROM registry_events LIMIT 1")  # fmt: skip
        raw.execute("DELETE FROM registry_channels")
        raw.execute("UPDATE registry_kernels SET revoked = 1 WHERE digest = ?", (digest,))
    _wait_for(lambda: served.serves == "reference")
    assert torch.equal(served(FIRST), FIRST.clamp(min=0))


def test_of_two_that_see_a_kernel_fail_one_rolls_it_back(vouching: Team, loaded: Loaded) -> None:
    """The other process, which comes later, finds the channel moved."""
    for note in ("first", "second", "third"):
        promoted(vouching, relu("", before_launch="raise RuntimeError('no')", note=f"twice {note}"), "canary")
    served = loaded("relu")
    served(FIRST)
    settled()
    after_one = vouching.serves("relu", "canary")
    raised = CodeRaised(case=None, error="RuntimeError", message="no", line=None)
    again = incidents.Incident(
        served._serving.place, served.digest, "exception", finding_of(raised), "interpreter", None
    )
    incidents.report(again, vouching.registry)
    assert vouching.serves("relu", "canary") == after_one


@pytest.mark.parametrize("how", ["rolled-back", "revoked"])
def test_what_was_withdrawn_elsewhere_serves_no_more(vouching: Team, loaded: Loaded, how: str) -> None:
    digest = promoted(vouching, relu("y += 1.0", note=f"withdrawn {how}")).digest
    served = loaded("relu", sample_rate=0.0, watch_s=0.05)
    assert torch.equal(served(FIRST), FIRST.clamp(min=0) + 1)
    with closing(open_registry(vouching.registry)) as opened:
        if how == "revoked":
            opened.revoke(digest, "a new finding", "somebody")
        else:
            opened.rollback("relu", ARCHITECTURE, "stable", "it is slow", "somebody")
    _wait_for(lambda: served.serves == "reference")
    assert f"{how} by somebody" in served.why
    assert torch.equal(served(FIRST), FIRST.clamp(min=0))


def test_a_newer_kernel_in_the_channel_withdraws_nothing(vouching: Team, loaded: Loaded) -> None:
    from pipeline.rollout.watching import Watched, look

    digest = promoted(vouching, relu("", note="older")).digest
    promoted(vouching, relu("", note="newer"))
    place = loaded("relu")._serving.place
    watched = Watched(place, digest, breaker_of(digest), 0)
    look(vouching.registry, watched)
    assert not watched.breaker.is_open
    assert watched.seen == 1


def test_a_registry_that_is_gone_does_not_keep_the_breaker_closed(
    vouching: Team, loaded: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    promoted(vouching, relu("y += 1.0", note="gone"))
    served = loaded("relu")
    monkeypatch.setattr(incidents, "PAUSES_S", (0.0, 0.0))
    Path(vouching.registry).rename(vouching.folder / "gone.db")
    served(FIRST)
    settled()
    assert torch.equal(served(FIRST), FIRST.clamp(min=0))
    assert "the registry was not told" in caplog.text
