"""OTLP/JSON as records: ids are hex, 64-bit integers come as strings or numbers, unknown fields are ignored."""

import json
from collections.abc import Iterable
from typing import Any

import orjson

from swarm_ui.ingest.records import (
    MISTAKES,
    REMOTE_PARENT,
    LogEntry,
    Point,
    SpanRecord,
    Unreadable,
    checked_ids,
    finite,
    moment,
    nanoseconds,
    optional_id,
    severity,
    times,
)
from swarm_ui.jsontext import DEEPEST


def items(body: bytes, *levels: str) -> Iterable[tuple[dict[str, Any], tuple[str, str], Any]]:
    """(resource attributes, scope, item) of an OTLP/JSON body; unknown fields are ignored."""
    document = load_json(body)
    if not isinstance(document, dict):
        raise Unreadable("the body must be a JSON object")
    groups_key, scoped_key, items_key = levels[:3]
    for group in _list(document, groups_key):
        resource = _resource(group)
        scoped_list = _list(group, scoped_key) or (_list(group, levels[3]) if len(levels) > 3 else [])
        for scoped in scoped_list:
            described = _dict(scoped.get("scope") or scoped.get("instrumentationLibrary"))
            scope = (_text(described.get("name")), _text(described.get("version")))
            found = scoped.get(items_key) or ()
            if not isinstance(found, (list, tuple)):
                raise Unreadable(f"{items_key} must be an array")
            for item in found:
                yield resource, scope, item


def load_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    # Slower, but takes what real clients send: lone surrogates in \u escapes, and NaN, which becomes null.
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


def _resource(group: dict[str, Any]) -> dict[str, Any]:
    """A resource that cannot be read costs its attributes, not the data that names it."""
    try:
        return _json_attributes(_dict(group.get("resource")).get("attributes"))
    except MISTAKES:
        return {}


def _json_value(value: dict[str, Any], depth: int) -> Any:
    if "stringValue" in value:
        return _text(value["stringValue"])
    if "intValue" in value:
        return int(value["intValue"])
    if "boolValue" in value:
        return bool(value["boolValue"])
    if "doubleValue" in value:
        return finite(value["doubleValue"])
    if depth >= DEEPEST:
        return None
    if "arrayValue" in value:
        return [
            _json_value(_dict(item), depth + 1) for item in _dict(value["arrayValue"]).get("values") or ()
        ]
    if "kvlistValue" in value:
        pairs = _dict(value["kvlistValue"]).get("values") or ()
        return {_text(pair.get("key")): _json_value(_dict(pair.get("value")), depth + 1) for pair in pairs}
    if "bytesValue" in value:
        return _text(value["bytesValue"])
    return None


def span_of(span: dict[str, Any], resource: dict[str, Any], scope: tuple[str, str]) -> SpanRecord:
    record = SpanRecord()
    record.trace_id, record.span_id = checked_ids(
        _text(span.get("traceId")).lower(), _text(span.get("spanId")).lower()
    )
    record.parent_id = optional_id(_text(span.get("parentSpanId")).lower(), 16)
    record.name = _text(span.get("name"))
    record.started_at, record.ended_at = times(span.get("startTimeUnixNano"), span.get("endTimeUnixNano"))
    status = _dict(span.get("status"))
    record.status = {1: 1, 2: 2, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}.get(status.get("code"), 0)
    record.status_message = _text(status.get("message"))
    record.attributes = _json_attributes(span.get("attributes"))
    record.events = [
        {
            "name": _text(event.get("name")),
            "at": moment(nanoseconds(event.get("timeUnixNano"))),
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
    record.remote_parent = int(span.get("flags") or 0) & REMOTE_PARENT == REMOTE_PARENT
    record.dropped = int(span.get("droppedAttributesCount") or 0)
    return record


def log_of(entry: dict[str, Any], resource: dict[str, Any], scope: tuple[str, str]) -> LogEntry:
    record = LogEntry()
    record.trace_id = optional_id(_text(entry.get("traceId")).lower(), 32) or ""
    record.span_id = optional_id(_text(entry.get("spanId")).lower(), 16)
    record.at = moment(
        nanoseconds(entry.get("timeUnixNano")) or nanoseconds(entry.get("observedTimeUnixNano"))
    )
    record.severity = severity(entry.get("severityNumber"))
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


def data_points(metric: dict[str, Any]) -> Iterable[tuple[dict[str, Any], str, dict[str, Any], Any]]:
    """(metric, kind, data, point) of each of its points."""
    for key, kind in _JSON_KINDS.items():
        data = metric.get(key)
        if isinstance(data, dict):
            for given in data.get("dataPoints") or ():
                yield metric, kind, data, given


def point_of(
    found: tuple[dict[str, Any], str, dict[str, Any], Any], resource: dict[str, Any], scope: tuple[str, str]
) -> Point:
    metric, kind, data, given = found
    point = Point()
    point.name, point.unit, point.kind = _text(metric.get("name")), _text(metric.get("unit")), kind
    point.cumulative = {1: False, 2: True}.get(data.get("aggregationTemporality"))  # type: ignore[arg-type]
    point.attributes = _json_attributes(given.get("attributes"))
    point.started_at = moment(nanoseconds(given.get("startTimeUnixNano")))
    point.at = moment(nanoseconds(given.get("timeUnixNano")))
    if kind in ("gauge", "sum"):
        number = given["asDouble"] if "asDouble" in given else given.get("asInt")
        point.value, point.count = finite(number), None
    else:
        point.value, point.count = finite(given.get("sum")), max(0, int(given.get("count") or 0))
    point.resource, point.scope = resource, scope
    return point
