"""An event of the audit trail as a row of a file."""

from collections.abc import Iterable, Iterator
from typing import Any

COLUMNS = {
    "id": "id", "createdAt": "created_at", "actorId": "actor_id", "actor": "actor", "via": "via", "keyId": "key_id",
    "address": "address", "action": "action", "subjectId": "subject_id", "subject": "subject", "before": "before", "after": "after",
}  # fmt: skip


def items_of(rows: Iterable[Any]) -> Iterator[dict[str, Any]]:
    return map(as_item, rows)


def as_item(row: Any) -> dict[str, Any]:
    item = {name: getattr(row, attribute) for name, attribute in COLUMNS.items()}
    item["createdAt"] = row.created_at.isoformat(timespec="microseconds")[:26] + "Z"
    return item
