"""The log lines of a run as a file, read in batches while they are sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select

from swarm_ui.downloads import batches
from swarm_ui.jsontext import dump_bytes
from swarm_ui.tasks.models import ExecutionLog
from swarm_ui.web import keyset

BATCH = 1_000
Names = Mapping[str, tuple[str, str | None]]


def all_of(statement: Select[Any]) -> Iterator[ExecutionLog]:
    """Oldest first."""

    def read(cursor: str | None) -> tuple[list[ExecutionLog], str | None]:
        at, row_id = ExecutionLog.at, ExecutionLog.id
        found = keyset(statement, at, row_id, limit=BATCH, cursor=cursor, ascending=True)
        return [getattr(line, "ExecutionLog", line) for line in found.items], found.next

    return batches(read)


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
