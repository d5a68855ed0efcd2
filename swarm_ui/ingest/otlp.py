"""OTLP/HTTP bodies, protobuf or JSON, as plain records. Knows the wire, nothing of agents.

One bad span is refused alone (`Batch.refused`); a body that cannot be read raises `Unreadable`. Field names and encodings:
github.com/open-telemetry/opentelemetry-proto, docs/specification.md.
"""

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from swarm_ui.ingest import otlp_json, otlp_protobuf
from swarm_ui.ingest.records import MISTAKES, Batch, LogEntry, Point, SpanRecord, Unreadable

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
    batch = Batch()
    if encoding == JSON:
        for resource, scope, span in otlp_json.items(
            body, "resourceSpans", "scopeSpans", "spans", "instrumentationLibrarySpans"
        ):
            _take(batch, otlp_json.span_of, span, resource, scope)
        return batch
    for group in otlp_protobuf.parse(ExportTraceServiceRequest, body).resource_spans:
        resource = otlp_protobuf.attributes_of(group.resource.attributes)
        for scoped in group.scope_spans:
            scope = (scoped.scope.name, scoped.scope.version)
            for span in scoped.spans:
                _take(batch, otlp_protobuf.span_of, span, resource, scope)
    return batch


def read_logs(body: bytes, encoding: str) -> Batch:
    batch = Batch()
    if encoding == JSON:
        for resource, scope, entry in otlp_json.items(body, "resourceLogs", "scopeLogs", "logRecords"):
            _take(batch, otlp_json.log_of, entry, resource, scope)
        return batch
    for group in otlp_protobuf.parse(ExportLogsServiceRequest, body).resource_logs:
        resource = otlp_protobuf.attributes_of(group.resource.attributes)
        for scoped in group.scope_logs:
            scope = (scoped.scope.name, scoped.scope.version)
            for entry in scoped.log_records:
                _take(batch, otlp_protobuf.log_of, entry, resource, scope)
    return batch


def read_metrics(body: bytes, encoding: str) -> Batch:
    batch = Batch()
    if encoding == JSON:
        for resource, scope, metric in otlp_json.items(body, "resourceMetrics", "scopeMetrics", "metrics"):
            for found in _points(batch, otlp_json.data_points, metric):
                _take(batch, otlp_json.point_of, found, resource, scope)
        return batch
    for group in otlp_protobuf.parse(ExportMetricsServiceRequest, body).resource_metrics:
        resource = otlp_protobuf.attributes_of(group.resource.attributes)
        for scoped in group.scope_metrics:
            scope = (scoped.scope.name, scoped.scope.version)
            for metric in scoped.metrics:
                for found in _points(batch, otlp_protobuf.data_points, metric):
                    _take(batch, otlp_protobuf.point_of, found, resource, scope)
    return batch


def _take(batch: Batch, read: Any, item: Any, resource: dict[str, Any], scope: tuple[str, str]) -> None:
    """One that cannot be read is refused alone."""
    try:
        batch.records.append(read(item, resource, scope))
    except MISTAKES as error:
        batch.refused.append(_reason(error))


def _points(batch: Batch, read: Any, metric: Any) -> list[Any]:
    try:
        return list(read(metric))
    except MISTAKES as error:
        batch.refused.append(_reason(error))
        return []


def _reason(error: Exception) -> str:
    """Python's own words for a wrong type say nothing to a sender."""
    return str(error)[:200] if isinstance(error, ValueError) else "a field has a value of the wrong type"
