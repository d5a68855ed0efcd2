"""Conversations: the runs that share a session. Nothing is stored of them; a session is a column of the runs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select

from swarm_ui.aggregates import earliest_of
from swarm_ui.extensions import db
from swarm_ui.tasks.models import STATUSES, Task
from swarm_ui.web import Slice, keyset

PAGE = 25
# The newest conversations are those of so many of the newest runs.
LOOK_BACK = 2_000
LISTED = 50

ROW = (
    Task.id, Task.name, Task.summary, Task.status, Task.workflow_id, Task.assigned_agents, Task.agent_count, Task.started_at,
    Task.execution_time, Task.token_usage, Task.estimated_cost, Task.error_type, Task.error_count, Task.input, Task.result,
    func.substr(Task.error_message, 1, 400).label("error_message"),
)  # fmt: skip


def runs_of(session: str, cursor: str | None) -> Slice:
    """Its runs, the oldest first."""
    statement = select(*ROW).where(Task.session_id == session)
    return keyset(statement, Task.started_at, Task.id, limit=PAGE, cursor=cursor, ascending=True)


def sums_of(session: str) -> Any:
    """Of all its runs; None where there is none. A sum is None where nothing of it is known."""
    statement = _sums(Task).where(Task.session_id == session).group_by(Task.session_id)
    return db.session.execute(statement).first()


def starts_of(sessions: Iterable[str]) -> dict[str, list[datetime]]:
    """When those of their runs began that go on: their time is not in any sum yet."""
    statement = select(Task.session_id, Task.started_at).where(
        Task.session_id.in_(sessions), Task.status == "running", Task.started_at.is_not(None)
    )
    found: dict[str, list[datetime]] = {}
    for row in db.session.execute(statement):
        found.setdefault(row.session_id, []).append(row.started_at)
    return found


def newest() -> tuple[Sequence[Any], bool]:
    """The conversations of the newest LOOK_BACK runs, the latest first, and whether there are older runs."""
    columns = (
        Task.id, Task.session_id, Task.started_at, Task.status, Task.execution_time, Task.token_usage, Task.estimated_cost, Task.error_count,
        Task.summary,
    )  # fmt: skip
    newest_runs = select(*columns).order_by(Task.started_at.desc(), Task.id.desc())
    latest = newest_runs.limit(LOOK_BACK).subquery()
    last = func.max(latest.c.started_at)
    # What the first run was asked, in one line.
    about = func.substr(earliest_of(latest.c.started_at, latest.c.summary), 27).label("about")
    statement = (
        _sums(latest.c)
        .add_columns(about)
        .where(latest.c.session_id.is_not(None))
        .group_by(latest.c.session_id)
    )
    found = db.session.execute(statement.order_by(last.desc(), latest.c.session_id).limit(LISTED)).all()
    older = db.session.execute(select(newest_runs.offset(LOOK_BACK).limit(1).exists())).scalar()
    return found, bool(older)


def _sums(runs: Any) -> Select[Any]:
    """`runs` has the attributes of a run."""
    return select(
        runs.session_id,
        func.count().label("runs"),
        func.min(runs.started_at).label("began"),
        func.max(runs.started_at).label("last"),
        func.sum(runs.execution_time).label("time"),
        func.sum(runs.token_usage).label("tokens"),
        func.sum(runs.estimated_cost).label("cost"),
        func.sum(runs.error_count).label("errors"),
        *(func.count(case((runs.status == word, 1))).label(word) for word in STATUSES),
    )
