"""OpenTelemetry's own providers and exporters, for one run; the only modules that import it are this and `recording`.

The providers are not made the process's global ones: Prefect's library would send spans of its own through them.

A collector that is gone or slow must not hold a run up. Batches are sent by threads of the SDK; at the end of a run
they have `CLOSING_S` to send the rest, and then they are left behind. Whatever could not be delivered is one warning:
the SDK's own log has a line a try, and goes nowhere here.

Counts and histograms go out as what was added since the last time (delta), unless OpenTelemetry's variable says
otherwise: a process lives as long as one run, and a count that begins with a run at 5 and ends with it never rises.
Who adds deltas up tells the processes of a host apart by `service.instance.id`: the number of a lock that nobody else
had, so that a host has as many instances as it has runs at once.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Meter
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
    OTEL_SERVICE_NAME,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ConsoleMetricExporter,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.trace import NoOpTracer, Tracer

from pipeline.telemetry.configuration import Configuration, Exporter

SCOPE: Final = "kernelgate"
CLOSING_S: Final = 3.0
KNOCK_S: Final = 1.0
DELTA: Final[dict[type, AggregationTemporality]] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}
Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What a recorder writes to; `meter` is None where metrics are not asked for."""

    tracer: Tracer
    meter: Meter | None


@dataclass(frozen=True, slots=True)
class _Closing:
    """How one signal ends: `shutdown` sends the rest, `stop` ends its waiting."""

    shutdown: Callable[[], None]
    stop: Callable[[], None]
    endpoint: str


class _Complaint:
    """Says once that something was not delivered."""

    def __init__(self, warn: Warn) -> None:
        self._warn = warn
        self._lock = threading.Lock()
        self._said = False

    def __call__(self, what: str) -> None:
        with self._lock:
            first, self._said = not self._said, True
        if first:
            self._warn(f"telemetry: {what}. The run goes on without it, and nothing else depends on it")


class _Spans(SpanExporter):
    """Another exporter, whose failures are told."""

    def __init__(self, exporter: SpanExporter, complain: _Complaint, endpoint: str) -> None:
        self._exporter, self._complain, self.endpoint = exporter, complain, endpoint

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._complain(f"traces could not be delivered to {_without_secrets(self.endpoint)}")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _Metrics(MetricExporter):
    """The same for metrics."""

    def __init__(self, exporter: MetricExporter, complain: _Complaint, endpoint: str) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter, self._complain, self.endpoint = exporter, complain, endpoint

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        result = self._exporter.export(metrics_data, timeout_millis=timeout_millis)
        if result is not MetricExportResult.SUCCESS:
            self._complain(f"metrics could not be delivered to {_without_secrets(self.endpoint)}")
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis=timeout_millis)


@contextmanager
def exporting(chosen: Configuration, instance: int, warn: Warn) -> Iterator[Means]:
    """Yields tracer and meter; what they were given is sent, for `CLOSING_S` at most, when the context ends.

    Args:
        instance: Which of the runs that are under way on this host.
        warn: Hears once that a collector takes nothing.
    """
    complain = _Complaint(warn)
    resource = _resource(instance)
    closing: list[_Closing] = []
    tracer: Tracer = NoOpTracer()
    meter: Meter | None = None
    with _sdk_is_silent():
        if chosen.traces is not None:
            spans = _span_exporter(chosen.traces, complain)
            traces = TracerProvider(resource=resource, shutdown_on_exit=False)
            traces.add_span_processor(BatchSpanProcessor(spans))
            tracer = traces.get_tracer(SCOPE, _version())
            closing.append(_Closing(traces.shutdown, spans.shutdown, spans.endpoint))
        if chosen.metrics is not None:
            metrics = _metric_exporter(chosen.metrics, complain)
            meters = MeterProvider([PeriodicExportingMetricReader(metrics)], resource, shutdown_on_exit=False)
            meter = meters.get_meter(SCOPE, _version())
            closing.append(_Closing(meters.shutdown, metrics.shutdown, metrics.endpoint))
        try:
            yield Means(tracer, meter)
        finally:
            _close(closing, complain)


def _close(closing: Sequence[_Closing], complain: _Complaint) -> None:
    """Sends the rest, all at once; whoever is not done in time is told to stop, and left behind.

    Where nobody listens the exporters would try for seconds, so that is looked at first.
    """
    until = time.monotonic() + CLOSING_S
    threads = [threading.Thread(target=one.shutdown, daemon=True) for one in closing]
    for one, thread in zip(closing, threads, strict=True):
        thread.start()
        if _is_deaf(one.endpoint):
            complain(f"nobody listens at {_without_secrets(one.endpoint)}")
            one.stop()
    for one, thread in zip(closing, threads, strict=True):
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            complain(f"{_without_secrets(one.endpoint)} did not take everything within {CLOSING_S:.0f} s")
            one.stop()  # ends the wait before the next try


def _is_deaf(endpoint: str) -> bool:
    """Whether a connection is refused; what is behind a proxy, or takes its time, is left to the exporter."""
    try:
        address = urlsplit(endpoint)
        if not address.hostname or address.scheme in getproxies():
            return False
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname, port), timeout=KNOCK_S).close()
    except TimeoutError:
        return False
    except (OSError, ValueError):
        return True
    return False


def _span_exporter(kind: Exporter, complain: _Complaint) -> _Spans:
    if kind is Exporter.CONSOLE:
        return _Spans(ConsoleSpanExporter(out=sys.stderr), complain, "stderr")
    exporter = OTLPSpanExporter()
    return _Spans(exporter, complain, exporter._endpoint)


def _metric_exporter(kind: Exporter, complain: _Complaint) -> _Metrics:
    chosen = None if os.environ.get(OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE) else DELTA
    if kind is Exporter.CONSOLE:
        return _Metrics(ConsoleMetricExporter(out=sys.stderr, preferred_temporality=chosen), complain, "stderr")
    exporter = OTLPMetricExporter(preferred_temporality=chosen)
    return _Metrics(exporter, complain, exporter._endpoint)


def _without_secrets(endpoint: str) -> str:
    """An address may hold a password, and a query a token."""
    scheme, separator, rest = endpoint.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2].partition('?')[0]}"


def _resource(instance: int) -> Resource:
    host = socket.gethostname()
    own = {"service.version": _version(), "service.instance.id": f"{host}-{instance}", "host.name": host}
    known = Resource.create()
    if not os.environ.get(OTEL_SERVICE_NAME) and str(known.attributes["service.name"]).startswith("unknown_service"):
        own["service.name"] = SCOPE
    return known.merge(Resource(own))


def _version() -> str:
    return metadata.version("kernelgate")


@contextmanager
def _sdk_is_silent() -> Iterator[None]:
    logger = logging.getLogger("opentelemetry")
    before, nowhere = logger.propagate, logging.NullHandler()
    logger.addHandler(nowhere)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(nowhere)
