"""OTLP/protobuf messages as records."""

import base64
import math
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError

from swarm_ui.ingest.records import (
    REMOTE_PARENT,
    LogEntry,
    Point,
    SpanRecord,
    Unreadable,
    checked_ids,
    finite,
    moment,
    optional_id,
    severity,
    times,
)
from swarm_ui.jsontext import DEEPEST

_NO_TRACE, _NO_SPAN = bytes(16), bytes(8)


def parse(message_type: Any, body: bytes) -> Any:
    message = message_type()
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError) as error:
        raise Unreadable("the body is not the protobuf message of this path") from error
    return message


def attributes_of(pairs: Iterable[Any]) -> dict[str, Any]:
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
    if kind is None or depth >= DEEPEST:
        return None
    if kind == "array_value":
        return [_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return base64.b64encode(value.bytes_value).decode()


def _event_of(event: Any) -> dict[str, Any]:
    return {
        "name": event.name,
        "at": moment(event.time_unix_nano),
        "attributes": attributes_of(event.attributes),
    }


def _link_of(link: Any) -> dict[str, Any]:
    return {
        "traceId": link.trace_id.hex(),
        "spanId": link.span_id.hex(),
        "attributes": attributes_of(link.attributes),
    }


def span_of(span: Any, resource: dict[str, Any], scope: tuple[str, str]) -> SpanRecord:
    record = SpanRecord()
    trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) == 16 and len(span_id) == 8 and trace_id != _NO_TRACE and span_id != _NO_SPAN:
        record.trace_id, record.span_id = trace_id.hex(), span_id.hex()
    else:
        record.trace_id, record.span_id = checked_ids(
            trace_id.hex(), span_id.hex()
        )  # which says what is wrong
    record.parent_id = parent.hex() if len(parent) == 8 and parent != _NO_SPAN else None
    record.name = span.name
    record.started_at, record.ended_at = times(span.start_time_unix_nano, span.end_time_unix_nano)
    record.status, record.status_message = 0, ""
    if span.HasField("status"):
        status = span.status
        record.status = status.code if status.code in (1, 2) else 0
        record.status_message = status.message
    record.attributes = attributes_of(span.attributes)
    record.events = [_event_of(event) for event in events] if (events := span.events) else []
    record.links = [_link_of(link) for link in links] if (links := span.links) else []
    record.resource = resource
    record.scope = scope
    record.remote_parent = span.flags & REMOTE_PARENT == REMOTE_PARENT
    record.dropped = span.dropped_attributes_count
    return record


def log_of(entry: Any, resource: dict[str, Any], scope: tuple[str, str]) -> LogEntry:
    record = LogEntry()
    record.trace_id = optional_id(entry.trace_id.hex(), 32) or ""
    record.span_id = optional_id(entry.span_id.hex(), 16)
    record.at = moment(entry.time_unix_nano or entry.observed_time_unix_nano)
    record.severity = severity(entry.severity_number)
    record.severity_text = entry.severity_text
    record.attributes = attributes_of(entry.attributes)
    record.event_name = getattr(entry, "event_name", "") or str(record.attributes.get("event.name") or "")
    record.body = _value(entry.body, 0)
    record.resource, record.scope = resource, scope
    return record


_POINT_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def data_points(metric: Any) -> Iterable[tuple[Any, str, Any, Any]]:
    """(metric, kind, data, point) of each of its points."""
    kind = metric.WhichOneof("data")
    if kind in _POINT_KINDS:
        data = getattr(metric, kind)
        for given in data.data_points:
            yield metric, kind, data, given


def point_of(found: tuple[Any, str, Any, Any], resource: dict[str, Any], scope: tuple[str, str]) -> Point:
    metric, kind, data, given = found
    point = Point()
    point.name, point.unit, point.kind = metric.name, metric.unit, kind
    temporality = getattr(data, "aggregation_temporality", 0)
    point.cumulative = {1: False, 2: True}.get(temporality)
    point.attributes = attributes_of(given.attributes)
    point.started_at, point.at = moment(given.start_time_unix_nano), moment(given.time_unix_nano)
    if kind in ("gauge", "sum"):
        number = given.as_double if given.WhichOneof("value") == "as_double" else given.as_int
        point.value, point.count = finite(number), None
    else:
        point.value, point.count = finite(given.sum), given.count
    point.resource, point.scope = resource, scope
    return point
