"""OTLP/HTTP bodies, protobuf or JSON, as plain records. Knows the wire, nothing of agents.

One bad span is refused alone (`Batch.refused`); a body that cannot be read raises `Unreadable`. Field names and encodings:
github.com/open-telemetry/opentelemetry-proto, docs/specification.md.
"""

import base64
import math
from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF, JSON = "application/x-protobuf", "application/json"
DEEPEST_VALUE = 32
# 2200-01-01: what lies beyond is no time but a broken clock or unit.
LATEST_US = 7_258_118_400_000_000
_REMOTE_PARENT = 0x300  # SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE and IS_REMOTE
_HEX = frozenset("0123456789abcdef")


class Unreadable(ValueError):
    """The body is not what its content type says."""


class SpanRecord:
    """Times are µs since 1970; `status` is 0 unset, 1 ok, 2 error; `scope` is (name, version)."""

    __slots__ = (
        "trace_id", "span_id", "parent_id", "name", "started_at", "ended_at", "status", "status_message", "attributes",
        "events", "links", "resource", "scope", "remote_parent", "dropped",
    )  # fmt: skip

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    started_at: int
    ended_at: int
    status: int
    status_message: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    resource: dict[str, Any]
    scope: tuple[str, str]
    remote_parent: bool
    dropped: int


class LogEntry:
    """`severity` is OTLP's number 0–24."""

    __slots__ = ("trace_id", "span_id", "at", "severity", "severity_text", "event_name", "body", "attributes", "resource", "scope")

    trace_id: str
    span_id: str | None
    at: int
    severity: int
    severity_text: str
    event_name: str
    body: Any
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: tuple[str, str]


class Point:
    """One data point of a metric. Histograms carry their sum in `value` and their number in `count`."""

    __slots__ = ("name", "unit", "kind", "cumulative", "attributes", "started_at", "at", "value", "count", "resource", "scope")

    name: str
    unit: str
    kind: str
    cumulative: bool | None
    attributes: dict[str, Any]
    started_at: int
    at: int
    value: float | None
    count: int | None
    resource: dict[str, Any]
    scope: tuple[str, str]


class Batch:
    """The records of a body, and why some were refused."""

    __slots__ = ("records", "refused")

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.refused: list[str] = []


def read_traces(body: bytes, encoding: str) -> Batch:
    batch = Batch()
    if encoding == JSON:
        for resource, scope, span in _json_items(body, "resourceSpans", "scopeSpans", "spans", "instrumentationLibrarySpans"):
            _take(batch, _span_from_json, span, resource, scope)
        return batch
    for group in _parse(ExportTraceServiceRequest, body).resource_spans:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_spans:
            scope = (scoped.scope.name, scoped.scope.version)
            for span in scoped.spans:
                _take(batch, _span_from_proto, span, resource, scope)
    return batch


def read_logs(body: bytes, encoding: str) -> Batch:
    batch = Batch()
    if encoding == JSON:
        for resource, scope, entry in _json_items(body, "resourceLogs", "scopeLogs", "logRecords"):
            _take(batch, _log_from_json, entry, resource, scope)
        return batch
    for group in _parse(ExportLogsServiceRequest, body).resource_logs:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_logs:
            scope = (scoped.scope.name, scoped.scope.version)
            for entry in scoped.log_records:
                _take(batch, _log_from_proto, entry, resource, scope)
    return batch


def read_metrics(body: bytes, encoding: str) -> Batch:
    batch = Batch()
    if encoding == JSON:
        for resource, scope, metric in _json_items(body, "resourceMetrics", "scopeMetrics", "metrics"):
            _take_points(batch, _points_from_json, metric, resource, scope)
        return batch
    for group in _parse(ExportMetricsServiceRequest, body).resource_metrics:
        resource = _attributes(group.resource.attributes)
        for scoped in group.scope_metrics:
            scope = (scoped.scope.name, scoped.scope.version)
            for metric in scoped.metrics:
                _take_points(batch, _points_from_proto, metric, resource, scope)
    return batch


def _take(batch: Batch, read: Any, item: Any, resource: dict[str, Any], scope: tuple[str, str]) -> None:
    try:
        batch.records.append(read(item, resource, scope))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        batch.refused.append(str(error) or type(error).__name__)


def _take_points(batch: Batch, read: Any, item: Any, resource: dict[str, Any], scope: tuple[str, str]) -> None:
    try:
        batch.records.extend(read(item, resource, scope))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        batch.refused.append(str(error) or type(error).__name__)


# ── protobuf ──


def _parse(message_type: Any, body: bytes) -> Any:
    message = message_type()
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise Unreadable("the body is not the protobuf message of this path") from error
    return message


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        value = pair.value
        text = value.string_value
        found[pair.key] = text if text else _value(value, 0)
    return found


def _value(value: Any, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return value.int_value
    if kind == "double_value":
        number = value.double_value
        return number if math.isfinite(number) else None
    if kind == "bool_value":
        return value.bool_value
    if kind is None or depth >= DEEPEST_VALUE:
        return None
    if kind == "array_value":
        return [_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return base64.b64encode(value.bytes_value).decode()


def _span_from_proto(span: Any, resource: dict[str, Any], scope: tuple[str, str]) -> SpanRecord:
    record = SpanRecord()
    record.trace_id, record.span_id = _ids(span.trace_id.hex(), span.span_id.hex())
    parent = span.parent_span_id.hex()
    record.parent_id = parent if len(parent) == 16 and parent.strip("0") else None
    record.name = span.name
    record.started_at, record.ended_at = _times(span.start_time_unix_nano, span.end_time_unix_nano)
    status = span.status
    record.status = status.code if status.code in (1, 2) else 0
    record.status_message = status.message
    record.attributes = _attributes(span.attributes)
    record.events = [
        {"name": event.name, "at": event.time_unix_nano // 1000, "attributes": _attributes(event.attributes)}
        for event in span.events
    ]
    record.links = [
        {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": _attributes(link.attributes)}
        for link in span.links
    ]
    record.resource = resource
    record.scope = scope
    record.remote_parent = span.flags & _REMOTE_PARENT == _REMOTE_PARENT
    record.dropped = span.dropped_attributes_count
    return record


def _log_from_proto(entry: Any, resource: dict[str, Any], scope: tuple[str, str]) -> LogEntry:
    record = LogEntry()
    record.trace_id = _optional_id(entry.trace_id.hex(), 32) or ""
    record.span_id = _optional_id(entry.span_id.hex(), 16)
    record.at = _moment(entry.time_unix_nano or entry.observed_time_unix_nano)
    record.severity = entry.severity_number
    record.severity_text = entry.severity_text
    record.attributes = _attributes(entry.attributes)
    record.event_name = getattr(entry, "event_name", "") or str(record.attributes.get("event.name") or "")
    record.body = _value(entry.body, 0)
    record.resource, record.scope = resource, scope
    return record


_POINT_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def _points_from_proto(metric: Any, resource: dict[str, Any], scope: tuple[str, str]) -> list[Point]:
    kind = metric.WhichOneof("data")
    if kind not in _POINT_KINDS:
        return []
    data = getattr(metric, kind)
    points = []
    for given in data.data_points:
        point = Point()
        point.name, point.unit, point.kind = metric.name, metric.unit, kind
        temporality = getattr(data, "aggregation_temporality", 0)
        point.cumulative = {1: False, 2: True}.get(temporality)
        point.attributes = _attributes(given.attributes)
        point.started_at, point.at = given.start_time_unix_nano // 1000, _moment(given.time_unix_nano)
        if kind in ("gauge", "sum"):
            number = given.as_double if given.WhichOneof("value") == "as_double" else given.as_int
            point.value, point.count = _finite(number), None
        else:
            point.value, point.count = _finite(given.sum), given.count
        point.resource, point.scope = resource, scope
        points.append(point)
    return points


# ── JSON ──


def _json_items(body: bytes, *levels: str) -> Iterable[tuple[dict[str, Any], tuple[str, str], Any]]:
    """(resource attributes, scope, item) of an OTLP/JSON body; unknown fields are ignored."""
    document = _load_json(body)
    if not isinstance(document, dict):
        raise Unreadable("the body must be a JSON object")
    groups_key, scoped_key, items_key = levels[:3]
    for group in _list(document, groups_key):
        resource = _json_attributes(_dict(group.get("resource")).get("attributes"))
        scoped_list = _list(group, scoped_key) or (_list(group, levels[3]) if len(levels) > 3 else [])
        for scoped in scoped_list:
            described = _dict(scoped.get("scope") or scoped.get("instrumentationLibrary"))
            scope = (_text(described.get("name")), _text(described.get("version")))
            for item in scoped.get(items_key) or ():
                yield resource, scope, item


def _load_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # Slower, but takes what real clients send: lone surrogates in \u escapes, and NaN, which becomes null.
    import json

    try:
        return json.loads(body, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the body is not JSON: {error}") from error


def _list(holder: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = holder.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unreadable(f"{key} must be an array of objects")
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _json_attributes(pairs: Any) -> dict[str, Any]:
    found = {}
    for pair in pairs or ():
        value = pair.get("value")
        found[_text(pair.get("key"))] = _json_value(value, 0) if isinstance(value, dict) else None
    return found


def _json_value(value: dict[str, Any], depth: int) -> Any:
    if "stringValue" in value:
        return _text(value["stringValue"])
    if "intValue" in value:
        return int(value["intValue"])
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "doubleValue" in value:
        return _finite(value["doubleValue"])
    if depth >= DEEPEST_VALUE:
        return None
    if "arrayValue" in value:
        return [_json_value(_dict(item), depth + 1) for item in _dict(value["arrayValue"]).get("values") or ()]
    if "kvlistValue" in value:
        pairs = _dict(value["kvlistValue"]).get("values") or ()
        return {_text(pair.get("key")): _json_value(_dict(pair.get("value")), depth + 1) for pair in pairs}
    if "bytesValue" in value:
        return _text(value["bytesValue"])
    return None


def _span_from_json(span: dict[str, Any], resource: dict[str, Any], scope: tuple[str, str]) -> SpanRecord:
    record = SpanRecord()
    record.trace_id, record.span_id = _ids(_text(span.get("traceId")).lower(), _text(span.get("spanId")).lower())
    record.parent_id = _optional_id(_text(span.get("parentSpanId")).lower(), 16)
    record.name = _text(span.get("name"))
    record.started_at, record.ended_at = _times(span.get("startTimeUnixNano"), span.get("endTimeUnixNano"))
    status = _dict(span.get("status"))
    record.status = {1: 1, 2: 2, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}.get(status.get("code"), 0)  # type: ignore[arg-type]
    record.status_message = _text(status.get("message"))
    record.attributes = _json_attributes(span.get("attributes"))
    record.events = [
        {
            "name": _text(event.get("name")),
            "at": _nanoseconds(event.get("timeUnixNano")) // 1000,
            "attributes": _json_attributes(event.get("attributes")),
        }
        for event in span.get("events") or ()
    ]
    record.links = [
        {
            "traceId": _text(link.get("traceId")).lower(),
            "spanId": _text(link.get("spanId")).lower(),
            "attributes": _json_attributes(link.get("attributes")),
        }
        for link in span.get("links") or ()
    ]
    record.resource, record.scope = resource, scope
    record.remote_parent = int(span.get("flags") or 0) & _REMOTE_PARENT == _REMOTE_PARENT
    record.dropped = int(span.get("droppedAttributesCount") or 0)
    return record


def _log_from_json(entry: dict[str, Any], resource: dict[str, Any], scope: tuple[str, str]) -> LogEntry:
    record = LogEntry()
    record.trace_id = _optional_id(_text(entry.get("traceId")).lower(), 32) or ""
    record.span_id = _optional_id(_text(entry.get("spanId")).lower(), 16)
    record.at = _moment(_nanoseconds(entry.get("timeUnixNano")) or _nanoseconds(entry.get("observedTimeUnixNano")))
    record.severity = int(entry.get("severityNumber") or 0)
    record.severity_text = _text(entry.get("severityText"))
    record.attributes = _json_attributes(entry.get("attributes"))
    record.event_name = _text(entry.get("eventName")) or _text(record.attributes.get("event.name"))
    record.body = _json_value(_dict(entry.get("body")), 0)
    record.resource, record.scope = resource, scope
    return record


_JSON_KINDS = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponentialHistogram": "exponential_histogram",
    "summary": "summary",
}


def _points_from_json(metric: dict[str, Any], resource: dict[str, Any], scope: tuple[str, str]) -> list[Point]:
    points = []
    for key, kind in _JSON_KINDS.items():
        data = metric.get(key)
        if not isinstance(data, dict):
            continue
        for given in _list(data, "dataPoints"):
            point = Point()
            point.name, point.unit, point.kind = _text(metric.get("name")), _text(metric.get("unit")), kind
            point.cumulative = {1: False, 2: True}.get(data.get("aggregationTemporality"))  # type: ignore[arg-type]
            point.attributes = _json_attributes(given.get("attributes"))
            point.started_at = _nanoseconds(given.get("startTimeUnixNano")) // 1000
            point.at = _moment(_nanoseconds(given.get("timeUnixNano")))
            if kind in ("gauge", "sum"):
                number = given["asDouble"] if "asDouble" in given else given.get("asInt")
                point.value, point.count = _finite(number), None
            else:
                point.value, point.count = _finite(given.get("sum")), int(given.get("count") or 0)
            point.resource, point.scope = resource, scope
            points.append(point)
    return points


# ── both ──


def _ids(trace_id: str, span_id: str) -> tuple[str, str]:
    if len(trace_id) != 32 or not _HEX.issuperset(trace_id):
        raise ValueError("a trace id must be 16 bytes (32 hex digits)")
    if len(span_id) != 16 or not _HEX.issuperset(span_id):
        raise ValueError("a span id must be 8 bytes (16 hex digits)")
    if not trace_id.strip("0") or not span_id.strip("0"):
        raise ValueError("an id of zeros is invalid")
    return trace_id, span_id


def _optional_id(text: str, length: int) -> str | None:
    return text if len(text) == length and _HEX.issuperset(text) and text.strip("0") else None


def _nanoseconds(value: Any) -> int:
    return int(value or 0)


def _moment(nanoseconds: int) -> int:
    return min(max(nanoseconds // 1000, 0), LATEST_US)


def _times(start: Any, end: Any) -> tuple[int, int]:
    """µs; an end before the start, as after a clock step, is moved to it."""
    started_at, ended_at = _nanoseconds(start) // 1000, _nanoseconds(end) // 1000
    if not 0 < started_at < LATEST_US:
        raise ValueError("startTimeUnixNano is missing or no time between 1970 and 2200")
    if ended_at >= LATEST_US:
        raise ValueError("endTimeUnixNano lies after the year 2200")
    return started_at, max(started_at, ended_at)


def _finite(value: Any) -> float | None:
    """JSON writes NaN and infinities as strings."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
