"""What was said and logged in a run, as much at a time as a page can hold."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import escape
from sqlalchemy import func, select

from swarm_ui.extensions import db
from swarm_ui.formatting import clip
from swarm_ui.jsontext import loads
from swarm_ui.tasks import explain, pretty, queries
from swarm_ui.tasks.graph import speakers_of
from swarm_ui.tasks.models import LEVELS, ExecutionLog, Message, Task
from swarm_ui.tasks.swimlanes import arrows_of, columns_of
from swarm_ui.web import Slice, keyset, make_cursor

MESSAGES, LINES = 50, 100
MESSAGE_LIMIT, LINE_LIMIT = 1_200, 1_000
# So many bytes of messages or lines make a page; and what stands around each.
ROOM = 110_000
ROOM_BESIDE = 24_000
_AROUND_MESSAGE, _AROUND_LINE = 700, 400
Names = Mapping[str, tuple[str, str | None]]


def messages_of(
    task: Task,
    type: str | None = None,
    cursor: str | None = None,
    slice_: Slice | None = None,
    names: Names | None = None,
    *,
    lanes: bool = False,
    message: str | None = None,
) -> dict[str, Any]:
    """`message` is the one to begin with."""
    suspect = {} if slice_ else {"suspect_message": explain.suspect_message(task)}
    slice_ = slice_ or messages(task, type, cursor, message, room=None if lanes else ROOM)
    order = speakers_of(task.id) if lanes else []
    if names is None:
        names = queries.names_of(
            [
                *order,
                *(agent for message in slice_.items for agent in (message.sender_id, message.recipient_id)),
            ]
        )
    columns = columns_of(order, names)
    counts = {} if cursor else queries.counts_by(Message.message_type, task.id)
    return {
        **suspect,
        "messages": slice_,
        "message_type": type,
        "message_first": message,
        "message_counts": counts,
        "contents": {}
        if lanes
        else {message.id: pretty.show(message.content, MESSAGE_LIMIT) for message in slice_.items},
        "message_view": "lanes" if lanes else None,
        "columns": columns,
        "arrows": arrows_of(slice_.items, columns) if lanes else [],
        "starts": {message.id: clip(_words(message.content), 90) for message in slice_.items}
        if lanes
        else {},
        "message_names": names,
        "is_tail": _is_tail(task, cursor) and not message,
    }


def _words(content: str | None) -> str | None:
    """What was said. Of an object that holds one text, such as the arguments of a hand-off, that text."""
    text, is_json = pretty.plain(content)
    parsed = loads(text) if text and is_json and len(text) < 20_000 else None
    texts = [value for value in parsed.values() if isinstance(value, str)] if isinstance(parsed, dict) else []
    return texts[0] if len(texts) == 1 else text


def messages(
    task: Task,
    type: str | None = None,
    cursor: str | None = None,
    message: str | None = None,
    *,
    room: int | None = ROOM,
) -> Slice:
    """Those that fit into `room` bytes; in lanes each is a line of its own, whatever it says."""
    columns = (
        Message.id,
        Message.at,
        Message.sender_id,
        Message.recipient_id,
        Message.message_type,
        Message.content,
        Message.span_id,
    )
    statement = queries.messages_of(task.id, *columns, type=type)
    if message:
        statement = queries.from_message(statement, task.id, message)
    is_tail = _is_tail(task, cursor) and not message
    found = _paged(statement, Message, MESSAGES, cursor, is_tail)
    return _fitting(found, _size_of_message, room, is_tail) if room else found


def _size_of_message(message: Any) -> int:
    shown = pretty.show(message.content, MESSAGE_LIMIT)
    return _AROUND_MESSAGE + (len(shown.markup.encode()) if shown else 0)


def logs_of(
    task: Task,
    level: str | None = None,
    agent: str | None = None,
    span: str | None = None,
    line: str | None = None,
    cursor: str | None = None,
    q: str | None = None,
    *,
    slice_: Slice | None = None,
    names: Names | None = None,
) -> dict[str, Any]:
    slice_ = slice_ or lines(task, level, agent, span, line, cursor, q)
    if names is None:
        names = queries.names_of(
            [agent, *(task.assigned_agents or [])[:200], *(line.agent_id for line in slice_.items)]
        )
    counts = {} if cursor else queries.counts_by(ExecutionLog.level, task.id)
    narrowed = bool(agent or span or q or (level and level != LEVELS[0]))
    return {
        "lines": slice_,
        "log_level": level,
        "log_agent": agent,
        "log_span": span,
        "log_line": line,
        "log_q": q,
        "log_counts": counts,
        "log_narrowed": narrowed,
        "log_found": _count(task, level, agent, span, q) if narrowed and not cursor else sum(counts.values()),
        "log_names": names,
        "line_limit": LINE_LIMIT,
        "is_tail": _is_tail(task, cursor),
    }


def narrowed_logs_of(task: Task, level: str | None, agent: str | None, q: str | None) -> dict[str, Any]:
    """On the page of the run, beside all else that stands there."""
    return logs_of(task, level, agent, q=q, slice_=lines(task, level, agent, q=q, room=ROOM_BESIDE))


def _count(task: Task, level: str | None, agent: str | None, span: str | None, q: str | None) -> int:
    found = queries.logs_of(task.id, ExecutionLog.id, level=level, agent=agent, span=span, q=q).subquery()
    return db.session.execute(select(func.count()).select_from(found)).scalar() or 0


def lines(
    task: Task,
    level: str | None = None,
    agent: str | None = None,
    span: str | None = None,
    line: str | None = None,
    cursor: str | None = None,
    q: str | None = None,
    *,
    room: int = ROOM,
) -> Slice:
    text = func.substr(ExecutionLog.message, 1, LINE_LIMIT + 1).label("message")
    columns = (
        ExecutionLog.id,
        ExecutionLog.at,
        ExecutionLog.level,
        ExecutionLog.event_type,
        ExecutionLog.agent_id,
        ExecutionLog.span_id,
    )
    statement = queries.logs_of(task.id, *columns, text, level=level, agent=agent, span=span, q=q)
    if line:
        statement = queries.from_line(statement, task.id, line)
    is_tail = _is_tail(task, cursor) and not line
    return _fitting(_paged(statement, ExecutionLog, LINES, cursor, is_tail), _size_of_line, room, is_tail)


def _size_of_line(line: Any) -> int:
    return _AROUND_LINE + len(escape(line.message or "").encode("utf-8", "replace"))


def _is_tail(task: Task, cursor: str | None) -> bool:
    """A run that goes on shows its newest lines."""
    return task.status == "running" and not cursor


def _paged(
    statement: Any, model: type[Message] | type[ExecutionLog], limit: int, cursor: str | None, is_tail: bool
) -> Slice:
    if not is_tail:
        return keyset(statement, model.at, model.id, limit=limit, cursor=cursor, ascending=True)
    newest = keyset(statement, model.at, model.id, limit=limit)
    return Slice(list(reversed(newest.items)), newest.next)


def _fitting(found: Slice, size_of: Callable[[Any], int], room: int, is_tail: bool) -> Slice:
    """At least one; what is left out comes with the next ones. A tail keeps its newest."""
    kept: list[Any] = []
    for row in reversed(found.items) if is_tail else found.items:
        room -= size_of(row)
        if kept and room < 0:
            break
        kept.append(row)
    if len(kept) == len(found.items):
        return found
    return Slice(kept[::-1] if is_tail else kept, make_cursor(kept[-1].at, kept[-1].id))
