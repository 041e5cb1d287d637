"""How isolation is proven: what the probe is started with, and how its report is read.

The probe (`sandbox.probe_inside`) is ours and no candidate ran beside it, yet its report is read as strictly as any
other bytes from a container: a limit that it does not mention, in a report that is otherwise fine, does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from importlib.resources import files
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.contract import LimitProof, Limits, SandboxUnavailable
from sandbox.probe_inside import CHECKS, LAYERS, Expected

# Set by the engine in every container.
ENGINE_VARIABLES: Final = ("HOSTNAME", "PATH")


class Observation(BaseModel):
    """One line of the probe's report."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: Annotated[str, Field(max_length=100)]
    holds: bool
    observed: Annotated[str, Field(max_length=4000)]


_REPORT: Final = TypeAdapter(Annotated[list[Observation], Field(max_length=200)])


class Report(NamedTuple):
    """What the probe saw: the limits in the order of `CHECKS`, and the layers in the order of `LAYERS`."""

    limits: tuple[LimitProof, ...]
    layers: tuple[LimitProof, ...]


def probe_argv(limits: Limits, environment: Iterable[str], host_kernel: str) -> tuple[str, ...]:
    """Returns the arguments that run the probe in any image with a python3.

    Args:
        limits: What should hold.
        environment: Names of the variables that trusted code set; the engine's own are added.
        host_kernel: The release of the kernel that the engine runs on.
    """
    fields = {name: value for name, value in asdict(limits).items() if name in Expected._fields}
    names = sorted({*ENGINE_VARIABLES, *environment})
    expected = Expected(**fields, environment=names, host_kernel=host_kernel)
    source = (files("sandbox") / "probe_inside.py").read_text(encoding="utf-8")
    return ("python3", "-I", "-c", source, json.dumps(expected._asdict()))


def read_report(payload: bytes) -> Report:
    """Returns one proof for each limit and layer that the probe is to look at.

    Raises:
        SandboxUnavailable: the payload is not a report.
    """
    try:
        report = _REPORT.validate_json(payload)
    except ValidationError as error:
        raise SandboxUnavailable(
            f"the isolation probe's report is not one ({error.error_count()} errors); is python3 of the image intact?"
        ) from error
    # Of a limit that is mentioned twice, the worse mention counts.
    seen = {line.name: line for line in sorted(report, key=lambda line: line.holds, reverse=True)}
    missing = Observation(name="", holds=False, observed="the probe did not report it")

    def proof(name: str) -> LimitProof:
        line = seen.get(name, missing)
        return LimitProof(name, line.holds, line.observed)

    return Report(tuple(map(proof, CHECKS)), tuple(map(proof, LAYERS)))
