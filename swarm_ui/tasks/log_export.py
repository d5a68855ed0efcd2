"""The log lines of a run as a file, read in batches while they are sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import Select

from swarm_ui.extensions import db
from swarm_ui.jsontext import dump_bytes
from swarm_ui.tasks.models import ExecutionLog
from swarm_ui.tenancy import bind_owner, owner_of
from swarm_ui.web import keyset

BATCH = 1_000
Names = Mapping[str, tuple[str, str | None]]


def all_of(statement: Select[Any]) -> Iterator[ExecutionLog]:
    """Oldest first. Whoever reads does so after the request: each batch has a context and a session of its own."""
    app: Any = current_app
    app, owner_id = app._get_current_object(), owner_of(db.session)

    def read() -> Iterator[ExecutionLog]:
        cursor = None
        while True:
            with app.app_context():
                bind_owner(db.session, owner_id)
                found = keyset(
                    statement, ExecutionLog.at, ExecutionLog.id, limit=BATCH, cursor=cursor, ascending=True
                )
                lines = [getattr(line, "ExecutionLog", line) for line in found.items]
            yield from lines
            cursor = found.next
            if cursor is None:
                return

    return read()


def as_text(lines: Iterator[ExecutionLog], names: Names) -> Iterator[bytes]:
    for line in lines:
        message = (line.message or "").replace("\n", "\n    ")
        text = f"{_at(line.at)} {line.level.upper():<8} {_name(line, names)}: {message}\n"
        yield text.encode("utf-8", "replace")


def as_json_lines(lines: Iterator[ExecutionLog], names: Names) -> Iterator[bytes]:
    for line in lines:
        item = {
            "id": line.id, "at": _at(line.at), "level": line.level, "eventType": line.event_type, "agentId": line.agent_id,
            "agent": _name(line, names), "spanId": line.span_id, "message": line.message, "details": line.details,
        }  # fmt: skip
        yield dump_bytes(item) + b"\n"


def _at(at: datetime | None) -> str:
    return at.isoformat(timespec="microseconds")[:26] + "Z" if at else "-"


def _name(line: ExecutionLog, names: Names) -> str:
    return names.get(line.agent_id or "", ("-", None))[0]
