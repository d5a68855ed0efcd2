"""What an OTLP body holds, as plain records, and the checks that both encodings share."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# 2200-01-01: what lies beyond is no time but a broken clock or unit.
LATEST_US = 7_258_118_400_000_000
REMOTE_PARENT = 0x300  # SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE and IS_REMOTE
_HEX = frozenset("0123456789abcdef")
# What reading a malformed item may raise.
MISTAKES = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


class Unreadable(ValueError):
    """The body is not what its content type says."""


class SpanRecord:
    """Times are µs since 1970; `status` is 0 unset, 1 ok, 2 error; `scope` is (name, version)."""

    __slots__ = (
        "attributes",
        "dropped",
        "ended_at",
        "events",
        "links",
        "name",
        "parent_id",
        "remote_parent",
        "resource",
        "scope",
        "span_id",
        "started_at",
        "status",
        "status_message",
        "trace_id",
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

    __slots__ = (
        "at",
        "attributes",
        "body",
        "event_name",
        "resource",
        "scope",
        "severity",
        "severity_text",
        "span_id",
        "trace_id",
    )

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

    __slots__ = (
        "at",
        "attributes",
        "count",
        "cumulative",
        "kind",
        "name",
        "resource",
        "scope",
        "started_at",
        "unit",
        "value",
    )

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


# The attributes of its resource, its scope (name, version), and the item itself.
Item = tuple[dict[str, Any], tuple[str, str], Any]


class Batch:
    """The records of a body. Going through them reads one after the other, so that each is out of the way before the next comes; that can be
    done once, or `records` be asked for. Then `refused` says why some are not among them, and `number` how many are.
    """

    __slots__ = ("_items", "_read", "_records", "number", "refused")

    def __init__(self, read: Callable[..., Any], items: Iterable[Item], refused: Iterable[str] = ()) -> None:
        self._read = read
        self._items = items
        self._records: list[Any] | None = None
        self.refused = list(refused)
        self.number = 0

    def __iter__(self) -> Iterator[Any]:
        read = self._read
        for resource, scope, item in self._items:
            try:
                record = read(item, resource, scope)
            except MISTAKES as error:
                # One that cannot be read is refused alone.
                self.refused.append(reason_of(error))
                continue
            self.number += 1
            yield record

    @property
    def records(self) -> list[Any]:
        if self._records is None:
            self._records = list(self)
        return self._records


def reason_of(error: Exception) -> str:
    """Python's own words for a wrong type say nothing to a sender."""
    return str(error)[:200] if isinstance(error, ValueError) else "a field has a value of the wrong type"


def checked_ids(trace_id: str, span_id: str) -> tuple[str, str]:
    if len(trace_id) != 32 or not _HEX.issuperset(trace_id):
        raise ValueError("a trace id must be 16 bytes (32 hex digits)")
    if len(span_id) != 16 or not _HEX.issuperset(span_id):
        raise ValueError("a span id must be 8 bytes (16 hex digits)")
    if not trace_id.strip("0") or not span_id.strip("0"):
        raise ValueError("an id of zeros is invalid")
    return trace_id, span_id


def optional_id(text: str, length: int) -> str | None:
    return text if len(text) == length and _HEX.issuperset(text) and text.strip("0") else None


def nanoseconds(value: Any) -> int:
    return int(value or 0)


def severity(number: Any) -> int:
    """OTLP's 0–24; what lies outside is the nearest."""
    return min(max(int(number or 0), 0), 24)


def moment(nanoseconds: int) -> int:
    return min(max(nanoseconds // 1000, 0), LATEST_US)


def times(start: Any, end: Any) -> tuple[int, int]:
    """µs; an end before the start, as after a clock step, is moved to it."""
    started_at, ended_at = nanoseconds(start) // 1000, nanoseconds(end) // 1000
    if not 0 < started_at < LATEST_US:
        raise ValueError("startTimeUnixNano is missing or no time between 1970 and 2200")
    if ended_at >= LATEST_US:
        raise ValueError("endTimeUnixNano lies after the year 2200")
    return started_at, max(started_at, ended_at)


def finite(value: Any) -> float | None:
    """JSON writes NaN and infinities as strings."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
