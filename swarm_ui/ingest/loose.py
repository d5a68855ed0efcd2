"""Log records as execution logs: what they say, how loud, of what type."""

from typing import Any

from swarm_ui import ids
from swarm_ui.ingest.contents import gist
from swarm_ui.jsontext import clean_text, dumps
from swarm_ui.orm import database_text

_LONGEST_MESSAGE = 16_000


def level_of(severity: int) -> str:
    """OTLP severity numbers 1–24: trace and debug, info, warn, error, fatal."""
    if severity >= 21:
        return "critical"
    if severity >= 17:
        return "error"
    if severity >= 13:
        return "warning"
    return "info" if severity == 0 or severity >= 9 else "debug"


def event_type_of(severity: int, event_name: str | None, body: Any) -> str:
    name = (event_name or "").lower()
    if severity >= 17 or name.endswith("exception"):
        return "error"
    if "metric" in name or "usage" in name:
        return "metric"
    if "state" in name or "transition" in name:
        return "state_change"
    if isinstance(body, dict):
        message = body.get("message")
        if "tool_calls" in body or (isinstance(message, dict) and "tool_calls" in message):
            return "decision"
    return "execution"


def message_of(event_name: str | None, body: Any) -> str:
    if isinstance(body, str):
        said = body
    elif body is None:
        said = ""
    else:
        said = (gist(body) if isinstance(body, (dict, list)) else str(body)) or dumps(body)
    if event_name:
        said = f"{event_name}: {said}" if said else event_name
    return clean_text(said or "(empty)", _LONGEST_MESSAGE)


def log_id(space: int, trace_id: str, found: str, at: int) -> str:
    return ids.derived(at, space, trace_id, found, "log record")


def loose_log(owner_id: int, space: int, found: str, entry: Any, at: int, arrived_at: int) -> tuple[Any, ...]:
    """A row of execution_logs for a record without a trace."""
    details = {
        "service": entry.resource.get("service.name"), "scope": entry.scope[0] or None, "event": entry.event_name or None,
        "attributes": entry.attributes or None,
    }  # fmt: skip
    arrived = database_text(arrived_at)
    return (
        log_id(space, "", found, at), owner_id, None, None, event_type_of(entry.severity, entry.event_name, entry.body),
        level_of(entry.severity), message_of(entry.event_name, entry.body),
        dumps({key: value for key, value in details.items() if value}), database_text(at), entry.span_id, arrived, arrived,
    )  # fmt: skip
