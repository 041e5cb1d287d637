"""What a plain harness of the usual kind takes on a kernel, and what it says of its speed; for comparison only.

    python benchmarks/plain_harness.py tests/kernels/softmax/right_online.py [more files] --json plain.json

One process for everything, the candidate's own: it is imported, called on five random inputs of one shape each dtype,
compared with PyTorch by `torch.allclose`, then timed a hundred times with events and once with
`triton.testing.do_bench`, on the shapes of `runners.benchmark_shapes`. Needs a GPU and runs candidate code
unprotected: for kernels of this project only.

Afterwards the gate's clock (`runners.inside.gpu.timing`) and do_bench take turns on the same call, outside of the time
that is told: two clocks of one thing must agree.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import triton.testing

from runners.benchmark_shapes import SHAPES
from runners.candidate import Candidate, read_candidate
from runners.generated_inputs import generated_case
from runners.inside.gpu.baselines import EAGER
from runners.inside.gpu.timing import FLUSH_BYTES, timed_ms
from runners.materialise import TensorValue, materialise

TRIALS, CALLS, TURNS = 5, 100, 5


def entry_of(path: Path, name: str) -> Any:
    """Imports the candidate."""
    spec = importlib.util.spec_from_file_location("candidate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def one(path: Path) -> dict[str, object]:
    """Checks and times one file in each dtype."""
    began = time.monotonic()
    candidate = read_candidate(path)
    assert isinstance(candidate, Candidate)
    operator, entry = candidate.operator, entry_of(path, candidate.entry)
    eager = EAGER[operator.name].function
    rows: dict[str, dict[str, object]] = {}
    calls = []
    checked = 0
    for dtype in ("float32", "float16", "bfloat16"):
        case = generated_case(operator, SHAPES[operator.name], dtype, 7)
        made = materialise(operator, case)
        given = [a.view.cuda() if isinstance(a, TensorValue) else a.value for a in made]
        agreed = True
        for _ in range(TRIALS):
            inputs = [torch.randn_like(a) if isinstance(a, torch.Tensor) else a for a in given]
            agreed &= torch.allclose(entry(*inputs).float(), eager(*inputs).float(), rtol=1e-2, atol=1e-2)
            checked += 1
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        for _ in range(CALLS):
            entry(*given)
        end.record()
        torch.cuda.synchronize()
        call = partial(entry, *given)
        bench = triton.testing.do_bench(call, return_mode="median")
        rows[dtype] = {"agreed": agreed, "events_ms": begin.elapsed_time(end) / CALLS, "do_bench_ms": bench}
        calls.append(call)
    wall_s = time.monotonic() - began
    for row, call in zip(rows.values(), calls, strict=True):
        row["gate_by_do_bench"] = clocks_ratio(call)
    return {"path": str(path), "wall_s": wall_s, "checked": checked, "rows": rows}


def clocks_ratio(call: Callable[[], object]) -> float:
    """What the gate's clock says over what do_bench says: median of turns."""
    flush = torch.empty(FLUSH_BYTES, dtype=torch.uint8, device="cuda")
    ratios = []
    for _ in range(TURNS):
        gate = median(timed_ms(call, flush) for _ in range(CALLS))
        ratios.append(gate / triton.testing.do_bench(call, return_mode="median"))
    return median(ratios)


def main() -> int:
    """Prints a line a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.zeros(1, device="cuda")
    done = [one(path) for path in asked.files]
    for entry in done:
        print(entry, flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(done, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
