"""Which signals are sent, by OpenTelemetry's own variables; the exporters read the others (headers, time limits).

By its specification an unset OTEL_TRACES_EXPORTER means `otlp`. A gate that called a collector because nobody said
anything would surprise its user, so here it means: `otlp` where an endpoint is named, and nothing where none is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
HTTP: Final = "http/protobuf"


class Exporter(StrEnum):
    """Where a signal goes."""

    OTLP = "otlp"
    CONSOLE = "console"  # stderr: results go to stdout


class TelemetryMisconfigured(Exception):
    """A variable has a value that can't be used; the text says which."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where traces and metrics go; None: nowhere."""

    traces: Exporter | None
    metrics: Exporter | None

    @property
    def is_off(self) -> bool:
        """Whether nothing is sent."""
        return self.traces is None and self.metrics is None


OFF: Final = Configuration(None, None)


def configuration(environment: Mapping[str, str]) -> Configuration:
    """Reads what is asked for.

    Raises:
        TelemetryMisconfigured: a variable has a value that can't be used here.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return OFF
    return Configuration(_exporter("TRACES", environment), _exporter("METRICS", environment))


def _exporter(signal: str, environment: Mapping[str, str]) -> Exporter | None:
    variable = f"OTEL_{signal}_EXPORTER"
    named = environment.get(variable, "").strip().lower()
    own = f"OTEL_EXPORTER_OTLP_{signal}"
    if not named:
        named = Exporter.OTLP if environment.get(ENDPOINT) or environment.get(f"{own}_ENDPOINT") else "none"
    if named == "none":
        return None
    try:
        exporter = Exporter(named)
    except ValueError:
        raise TelemetryMisconfigured(f"{variable} is '{named}'; otlp, console or none is needed") from None
    protocol = environment.get(f"{own}_PROTOCOL") or environment.get(PROTOCOL) or HTTP
    if exporter is Exporter.OTLP and protocol != HTTP:
        raise TelemetryMisconfigured(f"the protocol of OTLP is '{protocol}' by {own}_PROTOCOL or {PROTOCOL}; "
                                     f"{HTTP} is what can be sent")  # fmt: skip
    return exporter
