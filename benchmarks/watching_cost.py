"""What it costs to be watched: `python benchmarks/watching_cost.py`.

Verdicts on the cheapest candidates there are (their source is denied, nothing is run) are made bare, observed as every
run is while telemetry is off, and with telemetry sent to a collector on this machine that takes everything. The three
take turns, each in rounds of `CANDIDATES`; the ratio of the medians is what is told, with the processor's time a
candidate, of which one that is run takes a thousand times. What a run costs once, however many candidates it has,
stands apart, by the clock.

The bound: off, less than 1.1 times the bare time of a candidate that is denied by its source.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console
from rich.table import Table

from pipeline.gate.judging import judge, measure
from pipeline.observing.listeners import Listener, LogListener, observed
from pipeline.runs.facts import RunFacts
from pipeline.runs.folder import new_run_id
from policies.policy import load_policy
from runners.candidate import parse_candidate
from runners.operators import OPERATORS
from sandbox.contract import SandboxUnavailable

CANDIDATES: Final = 300
ROUNDS: Final = 9
MOST_OFF: Final = 1.1
POLICY: Final = load_policy("ci")
QUIET: Final = LogListener(lambda text: None, lambda text: None)


class NoSupply:
    """Nothing is run here."""

    isolation = None

    def take(self) -> Any:
        """As `RunnerSupply.take`."""
        raise SandboxUnavailable("nothing is run here")

    take_compiler = take


def work(listener: Listener, round_number: int) -> float:
    """Seconds of the processor for all candidates; their sources differ, because what was read once is known."""
    began = time.process_time()
    for number in range(CANDIDATES):
        text = (
            f'# /// kernel\n# operator = "relu"\n# language = "triton"\n# ///\nimport os  # {round_number} {number}\n'
        )
        item = parse_candidate(text.encode(), f"kernels/{number}.py", OPERATORS)
        judged = judge(item, measure(item, POLICY, NoSupply()), POLICY)
        listener.check(item.facts.path, "properties")
        listener.judged(item.facts.path, judged)
    return time.process_time() - began


def round_of(watched: Callable[[], Any], number: int) -> tuple[float, float]:
    """Seconds of the processor for the work, and seconds for all that a run costs besides."""
    began = time.perf_counter()
    with watched() as listener:
        opened = time.perf_counter()
        took = work(listener, number)
        closing = time.perf_counter()
    return took, opened - began + time.perf_counter() - closing


def observing() -> Any:
    """As every run is observed."""
    facts = RunFacts(new_run_id(), "verify", POLICY.name, POLICY.digest, CANDIDATES)
    return observed(facts, Path("runs"), QUIET)


def sending(url: str) -> Any:
    """The same with a collector."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
    return observing()


class Sink(BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        """Reads it and says yes."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def main() -> int:
    """Prints the table; exit code 1 where being off costs more than the bound."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    kinds: dict[str, Callable[[], Any]] = {
        "bare": lambda: nullcontext(QUIET), "off": observing, "sent": lambda: sending(url)
    }  # fmt: skip
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for number in range(ROUNDS * len(kinds)):
        name = list(kinds)[number % len(kinds)]
        os.environ.pop("OTEL_EXPORTER_OTLP_ENDPOINT", None)
        times[name].append(round_of(kinds[name], number))
    bare = statistics.median(took for took, _ in times["bare"])
    table = Table("watched", "ms a candidate", "ratio", "ms a run besides", box=None)
    ratios: dict[str, float] = {}
    for name, measured in times.items():
        took = statistics.median(one for one, _ in measured)
        ratios[name] = took / bare
        once = statistics.median(one for _, one in measured)
        table.add_row(name, f"{1e3 * took / CANDIDATES:.3f}", f"{took / bare:.3f}", f"{1e3 * once:.1f}")
    Console().print(table)
    return 0 if ratios["off"] < MOST_OFF else 1


if __name__ == "__main__":
    sys.exit(main())
