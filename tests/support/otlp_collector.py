"""A collector as OpenTelemetry's protocol has it: takes protobuf over HTTP and keeps what came, as its own classes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def plain(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)


@dataclass
class Collector:
    """What has come so far."""

    url: str
    resources: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def span(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def children(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.parent_span_id == parent.span_id]

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """All data points of a metric: attributes, and the value or for a histogram the count."""
        return [(plain(point.attributes), amount) for metric in self.metrics if metric.name == name
                for point, amount in _points(metric)]  # fmt: skip

    def total(self, name: str, **attributes: Any) -> float:
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        return sum(amount for have, amount in self.points(name) if wanted.items() <= have.items())

    def attribute_values(self) -> Iterator[tuple[str, Any]]:
        for metric in self.metrics:
            for point, _ in _points(metric):
                yield from plain(point.attributes).items()

    def take(self, path: str, body: bytes) -> bytes:
        with self.lock:
            self.bodies.append(body)
            if path == "/v1/traces":
                traces = ExportTraceServiceRequest.FromString(body)
                for traced in traces.resource_spans:
                    self.resources.append(plain(traced.resource.attributes))
                    self.spans += [span for scope in traced.scope_spans for span in scope.spans]
                return bytes(ExportTraceServiceResponse().SerializeToString())
            metrics = ExportMetricsServiceRequest.FromString(body)
            for measured in metrics.resource_metrics:
                self.resources.append(plain(measured.resource.attributes))
                self.metrics += [metric for scope in measured.scope_metrics for metric in scope.metrics]
            return bytes(ExportMetricsServiceResponse().SerializeToString())


def _points(metric: Metric) -> Iterator[tuple[Any, float]]:
    data = getattr(metric, str(metric.WhichOneof("data")))
    for point in data.data_points:
        if metric.WhichOneof("data") == "histogram":
            yield point, point.count
        else:
            yield point, getattr(point, str(point.WhichOneof("value")))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.headers["Content-Type"] == "application/x-protobuf"
            answer = collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


__all__ = ["Collector", "collecting", "plain"]
