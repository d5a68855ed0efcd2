"""The form of an archive: gzipped JSON lines.

    {"format": "swarm-ui space", "version": 1, "product": …, "exportedAt": …, "space": {"key": …, "name": …, "email": …, "ownerId": …}}
    {"person": {"id": …, "name": …, "email": …, "createdAt": …, "identity": …}}      whoever the rows below name by id
    {"member": {"id": …, "role": …}}
    {"table": "spans", "row": {column: value}}                                      in an order in which they can be inserted
    {"file": name, "content": base64}                                               payloads too large for a row
    {"end": {"rows": {table: number}, "files": …, "missing": […], "members": …, "sha256": of all lines before}}

Times are ISO 8601 in UTC, bytes base64, JSON columns JSON. A payload that lies in object storage is {"file": name}. Not in it: the owner's id in each row,
row numbers that a database gives by itself, leases, and every secret. API keys are in it without their hash, to be read: no archive opens a door.
"""

from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Column, DateTime, LargeBinary, Table

from swarm_ui.crypto import Secret
from swarm_ui.orm import BigKey, UTCTime

FORMAT, VERSION = "swarm-ui space", 1
# In the archive to be read, and not put into another installation.
NOT_IMPORTED = frozenset({"api_keys"})
# Made anew of the rest, after an import by the worker: never in the archive.
MADE_ANEW = frozenset({"search_docs"})
_LEFT_OUT = {"userId", "leaseOwner", "leaseUntil"}
_SECRETS = {("api_keys", "hash")}
_PEOPLE = frozenset({"actorId", "creatorId", "assigneeId", "memberId"})
_STORED = b"@"


def columns_of(table: Table) -> list[Column[Any]]:
    """What goes into the archive."""
    return [
        column
        for column in table.columns
        if column.name not in _LEFT_OUT
        and (table.name, column.name) not in _SECRETS
        and not isinstance(column.type, Secret)
        and not _is_numbered(column)
    ]


def _is_numbered(column: Column[Any]) -> bool:
    """Given by the database: other rows of the importing one may have that number already."""
    return column is column.table.autoincrement_column and (
        column.type is BigKey or column.autoincrement is True
    )


def names_people(column: Column[Any]) -> bool:
    """It holds the id of a person, who is another one elsewhere."""
    return column.name in _PEOPLE or any(
        key.column.table.name == "users" for key in column.foreign_keys if column.name != "userId"
    )


def written(value: Any) -> Any:
    """A column's value as the archive has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, (bytes, memoryview)):
        content = bytes(value)
        return {"file": file_name(content)} if content[:1] == _STORED else b64encode(content).decode()
    return value


def file_name(stored: bytes) -> str:
    """The name under which a payload lies: the last part of its URL, and the hash of its content."""
    return stored[1:].decode().rpartition("/")[2]


def read(column: Column[Any], value: Any) -> Any:
    """What `written` made, as the database takes it. Raises ValueError, TypeError."""
    if value is None:
        return None
    if isinstance(column.type, (UTCTime, DateTime)):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"{column.name} names no time zone")
        return moment
    if isinstance(column.type, LargeBinary) and isinstance(value, str):
        return b64decode(value, validate=True)
    return value


def identity_of(open_id: str | None) -> str | None:
    """Tells the same person again without saying what their provider calls them."""
    return sha256(b"swarm-ui person\x1f" + open_id.encode()).hexdigest() if open_id else None
