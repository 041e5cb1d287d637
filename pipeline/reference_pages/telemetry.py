"""The page of what telemetry holds, from the table of metrics; `pipeline.reference_pages` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.telemetry.instruments import INSTRUMENTS, Instrument

SPANS: Final = """A trace is a run: a span named after what was asked (`verify`, `measure`, `demo`, `generate`), in it a
span for each candidate (`candidate OPERATOR`), and in that one for each check that was made (`check source`,
`check origin`, `check properties`, `check compile`, `check mutants`, `check gpu`).

| attribute | of | meaning |
|---|---|---|
| `kernelgate.run.id` | run, candidate | the run's id: its folder, and `run` in the logs |
| `kernelgate.run.kind` | run, candidate | what was asked |
| `kernelgate.policy` | run, candidate | the policy's name |
| `kernelgate.policy.digest` | run, candidate | SHA-256 of the policy as it was resolved |
| `kernelgate.candidate.digest` | candidate | SHA-256 of the file |
| `kernelgate.candidate.path` | candidate | where it was: one printable line, at most 256 characters of it |
| `kernelgate.operator` | candidate | what it claims to implement; `unknown` where it names no known operator |
| `kernelgate.tier`, `kernelgate.allowed` | candidate | the verdict |
| `kernelgate.rule` | candidate | the rule of the first finding, where there is one |
| `kernelgate.reused` | candidate | the evidence is that of an earlier run: nothing took time, no check has a span |
| `kernelgate.check` | check | its name |

Nothing else of a candidate is sent: no text of it, and no message of a finding, which may quote it. Of an error that
ended a run its type is sent."""
METRICS: Final = """The resource says `service.name` (`kernelgate`, or what `OTEL_SERVICE_NAME` says),
`service.version`, `host.name`, and `service.instance.id`: the host, and a number that no other run on it has at the
same time."""


def telemetry_page(made: str) -> str:
    """Returns the page; `made` says by what it was made."""
    table = ["| metric | kind | unit | what | told apart by |", "|---|---|---|---|---|", *map(_row, INSTRUMENTS)]
    return "\n\n".join(_parts(made, "\n".join(table))) + "\n"


def _parts(made: str, table: str) -> Iterator[str]:
    yield from ("# Telemetry", made, "[Watch it](../how-to/watch-it.md) says how to have it.")
    yield from ("## Traces", SPANS, "## Metrics", METRICS, table)


def _row(one: Instrument) -> str:
    attributes = ", ".join(f"`{attribute}`" for attribute in one.attributes)
    return f"| `{one.name}` | {one.kind} | `{one.unit}` | {one.description} | {attributes} |"
