"""The audit trail as CSV and as JSON lines, a line at a time."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from swarm_ui.jsontext import dump_bytes, dumps

COLUMNS = {
    "id": "id", "createdAt": "created_at", "actorId": "actor_id", "actor": "actor", "via": "via", "keyId": "key_id",
    "address": "address", "action": "action", "subjectId": "subject_id", "subject": "subject", "before": "before", "after": "after",
}  # fmt: skip
# A table program takes what begins so for a formula and runs it.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_item(row: Any) -> dict[str, Any]:
    item = {name: getattr(row, attribute) for name, attribute in COLUMNS.items()}
    item["createdAt"] = row.created_at.isoformat(timespec="microseconds")[:26] + "Z"
    return item


def json_lines(rows: Iterable[Any]) -> Iterator[bytes]:
    for row in rows:
        yield dump_bytes(as_item(row)) + b"\n"


def csv_lines(rows: Iterable[Any]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    yield _taken(buffer)
    for row in rows:
        writer.writerow([_cell(value) for value in as_item(row).values()])
        yield _taken(buffer)


def _cell(value: Any) -> str:
    """Never a formula: an apostrophe before it makes it text."""
    text = "" if value is None else dumps(value) if isinstance(value, (dict, list)) else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
