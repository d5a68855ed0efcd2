"""Indexes runs that were there before the index was: a portion at a time, by the worker. Raw statements; each names the owner."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.jsontext import loads
from swarm_ui.rawsql import Raw, retrying, transaction
from swarm_ui.search import index
from swarm_ui.search.terms import terms_of

AT_A_TIME = 100
# Of a run with more messages or lines than this the first ones are taken.
MOST_ROWS = 20_000


def work_on(engine: Engine) -> bool:
    """A portion of some space that waits; true while there is more."""
    with transaction(engine, writes=False) as raw:
        waiting = raw.rows("SELECT ownerId,doneTo FROM search_backlog ORDER BY ownerId LIMIT 1")
    if not waiting:
        return False
    owner_id, done_to = waiting[0]
    last = retrying(lambda: _portion(engine, owner_id, done_to))
    with transaction(engine) as raw:
        if last is None:
            raw.execute("DELETE FROM search_backlog WHERE ownerId=?", (owner_id,))
        else:
            raw.execute("UPDATE search_backlog SET doneTo=? WHERE ownerId=?", (last, owner_id))
    return True


def ask_for(raw: Raw, owner_id: int) -> None:
    """Every run of this owner that has no doc is to get one."""
    raw.upsert("search_backlog", "ownerId,doneTo", "ownerId", "doneTo=''", [(owner_id, "")])


def _portion(engine: Engine, owner_id: int, done_to: str) -> str | None:
    """Returns the last id of the portion, None at the end."""
    with transaction(engine, writes=False) as raw:
        tasks = raw.rows(
            "SELECT id,startedAt,name,summary,errorType,errorMessage,failedStep,sessionId,clientId FROM tasks WHERE userId=? AND id>? ORDER BY id LIMIT ?",
            (owner_id, done_to, AT_A_TIME),
        )
        if not tasks:
            return None
        mark = index.stored_mark(raw, owner_id)
        known = _indexed(raw, owner_id, [task[0] for task in tasks])
        docs = [
            index.Doc(
                task_id, _microseconds(started_at), terms_of(mark, [*texts, *_said(raw, owner_id, task_id)])
            )
            for task_id, started_at, *texts in tasks
            if task_id not in known
        ]
    with transaction(engine) as raw:
        # What was projected meanwhile is newer than what was read here.
        known = _indexed(raw, owner_id, [doc.task_id for doc in docs])
        index.write(raw, owner_id, [doc for doc in docs if doc.task_id not in known])
    return tasks[-1][0]


def _indexed(raw: Raw, owner_id: int, task_ids: list[str]) -> set[str]:
    statement = "SELECT taskId FROM search_docs WHERE userId=? AND taskId IN {}"
    return {row[0] for row in raw.rows_in(statement, (owner_id,), task_ids)}


def _microseconds(stored: Any) -> int:
    """A time as SQLite or MySQL gives it."""
    if stored is None:
        return 0
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return clock.to_us(moment.replace(tzinfo=UTC))


def _said(raw: Raw, owner_id: int, task_id: str) -> list[str | None]:
    place = (owner_id, task_id, MOST_ROWS)
    messages = raw.rows("SELECT content FROM messages WHERE userId=? AND taskId=? ORDER BY at LIMIT ?", place)
    lines = raw.rows(
        "SELECT message FROM execution_logs WHERE userId=? AND taskId=? ORDER BY at LIMIT ?", place
    )
    return [*(index.text_of(_json(content)) for (content,) in messages), *(line for (line,) in lines)]


def _json(stored: Any) -> Any:
    try:
        return loads(stored) if stored is not None else None
    except ValueError:
        return str(stored)
