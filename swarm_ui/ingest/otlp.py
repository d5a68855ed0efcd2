"""OTLP/HTTP bodies, protobuf or JSON, as plain records. Knows the wire, nothing of agents.

One bad span is refused alone (`Batch.refused`); a body that cannot be read raises `Unreadable`. Field names and encodings:
github.com/open-telemetry/opentelemetry-proto, docs/specification.md.
"""

from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from swarm_ui.ingest import otlp_json, otlp_protobuf
from swarm_ui.ingest.records import MISTAKES, Batch, Item, LogEntry, Point, SpanRecord, Unreadable, reason_of

PROTOBUF, JSON = "application/x-protobuf", "application/json"
__all__ = [
    "JSON",
    "PROTOBUF",
    "Batch",
    "LogEntry",
    "Point",
    "SpanRecord",
    "Unreadable",
    "read_logs",
    "read_metrics",
    "read_traces",
]


def read_traces(body: bytes, encoding: str) -> Batch:
    if encoding == JSON:
        names = ("resourceSpans", "scopeSpans", "spans", "instrumentationLibrarySpans")
        return Batch(otlp_json.span_of, list(otlp_json.items(body, *names)))
    message = otlp_protobuf.parse(ExportTraceServiceRequest, body)
    return Batch(otlp_protobuf.span_of, _items(message.resource_spans, "scope_spans", "spans"))


def read_logs(body: bytes, encoding: str) -> Batch:
    if encoding == JSON:
        return Batch(otlp_json.log_of, list(otlp_json.items(body, "resourceLogs", "scopeLogs", "logRecords")))
    message = otlp_protobuf.parse(ExportLogsServiceRequest, body)
    return Batch(otlp_protobuf.log_of, _items(message.resource_logs, "scope_logs", "log_records"))


def read_metrics(body: bytes, encoding: str) -> Batch:
    kind: Any
    if encoding == JSON:
        kind = otlp_json
        found = otlp_json.items(body, "resourceMetrics", "scopeMetrics", "metrics")
    else:
        kind = otlp_protobuf
        message = otlp_protobuf.parse(ExportMetricsServiceRequest, body)
        found = _items(message.resource_metrics, "scope_metrics", "metrics")
    points: list[Item] = []
    refused = []
    for resource, scope, metric in found:
        try:
            points += [(resource, scope, point) for point in kind.data_points(metric)]
        except MISTAKES as error:
            refused.append(reason_of(error))
    return Batch(kind.point_of, points, refused)


def _items(groups: Any, scoped_name: str, items_name: str) -> Iterator[Item]:
    """Those of a protobuf message."""
    for group in groups:
        resource = otlp_protobuf.attributes_of(group.resource.attributes)
        for scoped in getattr(group, scoped_name):
            scope = (scoped.scope.name, scoped.scope.version)
            for item in getattr(scoped, items_name):
                yield resource, scope, item
