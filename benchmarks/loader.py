"""What `kernelgate.load` adds to a call, and how soon a canary that starts to fail is gone.

    python benchmarks/loader.py            # on a GPU, or with TRITON_INTERPRET=1 on the interpreter

The overhead is measured twice: around a function that does nothing, where it is all there is, and around the real
kernel. Bare and loaded calls are timed in turns, and the median difference of two rounds that follow each other counts;
half of the differences are within the range beside it. Samples of the row before are judged by then: that takes turns
with whatever is timed. The threshold is 2 µs a call that is not sampled, on a GPU around the kernel, too; on the
interpreter, where a call takes milliseconds, that can't be told. An operation of PyTorch's own on the CPU must take
what it took before anything was sampled, by a half more at most. The exit code is 1 where either is exceeded.

The fault: threads call a canary that is right until elements above 88 come. Every call notes what served when it began,
and whether its result was right.
"""

from __future__ import annotations

import dataclasses
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

import torch  # noqa: E402  # after the path
import triton  # noqa: E402
from gpu_evidence import device as gpu_device  # noqa: E402
from served_kernels import ARCHITECTURE, CARD, LATER_WRONG, RIGHT, Team, promoted, team  # noqa: E402

import kernelgate  # noqa: E402
from pipeline.registry.contract import open_registry  # noqa: E402
from pipeline.rollout import here, loading  # noqa: E402
from pipeline.rollout.breaker import Breaker  # noqa: E402
from pipeline.rollout.serving import Kernel  # noqa: E402
from runners.operators import OPERATORS  # noqa: E402

LIMIT_US = 2.0
OWN_RATIO = 1.5
ROUNDS, CALLS = 40, 2000
THREADS = 8
ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"


class Compared(NamedTuple):
    """Microseconds a call: medians of the rounds, and quartiles of the differences."""

    bare: float
    loaded: float
    low: float
    added: float
    high: float


class Called(NamedTuple):
    """A call of the load."""

    ended_at: float
    began_on: str
    right: bool


def compared(bare: Callable[..., Any], loaded: Callable[..., Any], x: torch.Tensor, calls: int) -> Compared:
    """Times both in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * ROUNDS):
        which = number % 2
        function = (bare, loaded)[which]
        begin = time.perf_counter()
        for _ in range(calls):
            function(x)
        times[which].append((time.perf_counter() - begin) / calls * 1e6)
        if ON_GPU:
            torch.cuda.synchronize()
    quartiles = statistics.quantiles((loaded - bare for bare, loaded in zip(*times, strict=True)), n=4)
    return Compared(*(statistics.median(each) for each in times), *quartiles)


def approve(made: Team, source: Path | bytes, channel: Any) -> None:
    """Promotes a kernel with evidence of where this runs."""
    looked = here.look_here(None if ON_GPU else ARCHITECTURE)
    assert isinstance(looked, here.Here), looked
    card = looked.platform.partition(", torch ")[0] if ON_GPU else CARD
    assert looked.architecture == ARCHITECTURE, "the evidence of this benchmark is of sm_90"
    evidence = gpu_device(device=card, torch=torch.__version__, triton=triton.__version__)
    promoted(made, source, channel, device=evidence)


def load(made: Team, **changes: Any) -> Kernel:
    """Loads softmax for real."""
    served = kernelgate.load(
        "softmax", registry=made.registry, keyring=made.keyring, architecture=ARCHITECTURE, **changes
    )
    assert isinstance(served, Kernel), served.why
    return served


def around(served: Kernel, entry: Callable[..., Any], rate: float) -> Kernel:
    """The same around another function."""
    serving = dataclasses.replace(served._serving, sample_rate=rate)
    shadow = loading._PROCESS.shadow
    assert shadow is not None
    return Kernel(OPERATORS["softmax"], entry, served._reference, Breaker(), shadow, serving)


def own_operation() -> float:
    """Microseconds of what an application computes beside; the median."""

    def softmax(x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x, -1)

    return compared(softmax, softmax, torch.randn(4, 64), CALLS).bare


def settle() -> None:
    """Waits until nothing that was sampled is still to be judged."""
    shadow = loading._PROCESS.shadow
    assert shadow is not None
    shadow.wait()


def overhead(made: Team) -> bool:
    """Prints what is added to a call; True where it is below the threshold."""
    served = load(made, canary_share=0.0, sample_rate=0.0, watch_s=0)
    x = torch.randn(4, 64, device=DEVICE)
    answer = torch.softmax(x, -1)

    def nothing(x: torch.Tensor) -> torch.Tensor:
        return answer

    within, own = True, own_operation()
    print(f"{'call':<58}{'bare µs':>10}{'loaded µs':>11}{'added µs':>10}  half of them")
    for words, grad in (("inference", False), ("gradients on, none needed", True)):
        with torch.set_grad_enabled(grad):
            rows = [
                (f"a function that does nothing, {words}", nothing, around(served, nothing, 0.0), CALLS),
                (f"the same, 0.1 % sampled, {words}", nothing, around(served, nothing, 0.001), CALLS),
                (f"softmax 4 × 64, {words}", served._entry, served, CALLS if ON_GPU else 3),
            ]
            for name, bare, loaded, calls in rows:
                for function in (bare, loaded):
                    function(x)
                settle()
                seen = compared(bare, loaded, x, calls)
                print(f"{name:<58}{seen.bare:>10.3f}{seen.loaded:>11.3f}{seen.added:>10.3f}"
                      f"  {seen.low:.3f} to {seen.high:.3f}")  # fmt: skip
                if "sampled" not in name and (ON_GPU or bare is nothing):
                    within &= seen.added < LIMIT_US
    sampled = around(served, nothing, 1.0)
    with torch.no_grad():
        settle()
        begin = time.perf_counter()
        sampled(x)
        if ON_GPU:
            torch.cuda.synchronize()
        print(f"{'a sampled call, in the caller':<58}{'':>10}{'':>11}{(time.perf_counter() - begin) * 1e6:>10.1f}")
    later = own_operation()
    within &= later < OWN_RATIO * own
    print(f"PyTorch's own softmax on the CPU: {own:.3f} µs before anything was sampled, {later:.3f} µs after")
    print(f"thresholds: {LIMIT_US} µs a call that is not sampled, {OWN_RATIO} times PyTorch's own: "
          f"{'kept' if within else 'EXCEEDED'}")  # fmt: skip
    return within


def fault(made: Team) -> bool:
    """Prints what a canary did that starts to fail under load; True where nothing wrong came after the breaker."""
    served = load(made, canary_share=1.0, sample_rate=0.05, watch_s=0)
    calls: list[Called] = []
    changed, enough = threading.Event(), threading.Event()

    def serve(seed: int) -> None:
        generator = torch.Generator(DEVICE).manual_seed(seed)
        with torch.no_grad():
            while not enough.is_set():
                x = torch.randn(4, 64, generator=generator, device=DEVICE)
                if changed.is_set():
                    x[0, 0] = 120.0
                began_on = served.serves
                got = served(x)
                right = bool(torch.allclose(got, torch.softmax(x, -1), atol=1e-5))
                calls.append(Called(time.monotonic(), began_on, right))

    threads = [threading.Thread(target=serve, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    failing_at = time.monotonic()
    changed.set()
    while served.serves == "kernel":
        time.sleep(0.0005)
    open_at = time.monotonic()
    while _canary(made) == served.digest:
        time.sleep(0.005)
    rolled_back_at = time.monotonic()
    time.sleep(1)
    enough.set()
    for thread in threads:
        thread.join()
    before = [call for call in calls if call.began_on == "kernel" and call.ended_at > failing_at]
    after = [call for call in calls if call.began_on == "reference"]
    wrong = sum(not call.right for call in after)
    print(f"{THREADS} threads, 5 % sampled; {len(calls)} calls")
    print(f"calls until the breaker opened: {len(before)}, wrong {sum(not c.right for c in before)}; "
          f"{(open_at - failing_at) * 1e3:.0f} ms")  # fmt: skip
    print(f"from the breaker to the roll-back in the registry: {(rolled_back_at - open_at) * 1e3:.0f} ms")
    print(f"calls that began after the breaker opened: {len(after)}, wrong {wrong}")
    return wrong == 0 and len(after) > 0 and rolled_back_at - open_at < 1.0


def _canary(made: Team) -> str | None:
    with closing(open_registry(made.registry)) as opened:
        serving = opened.serving("softmax", ARCHITECTURE, "canary")
    return None if serving is None else serving.digest


def main() -> int:
    """Prints both."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        made = team(Path(folder))
        approve(made, RIGHT, "stable")
        approve(made, RIGHT.read_bytes() + b"# before the canary\n", "canary")
        approve(made, LATER_WRONG, "canary")
        where = torch.cuda.get_device_name() if ON_GPU else "the interpreter"
        print(f"on {where}, torch {torch.__version__}, triton {triton.__version__}")
        kept = overhead(made)
        gone = fault(made)
        for thread in threading.enumerate():
            if thread.name == "kernelgate-incident":
                thread.join()
    return 0 if kept and gone else 1


if __name__ == "__main__":
    sys.exit(main())
