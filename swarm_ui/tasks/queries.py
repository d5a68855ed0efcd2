"""What the task pages and the API read of runs: selects, each bounded, none of which loads a payload it does not show."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute

from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.live import while_unchanged
from swarm_ui.metrics.models import Metric
from swarm_ui.orm import LongText
from swarm_ui.search import index
from swarm_ui.search.reading import Search
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.models import LEVELS, ExecutionLog, Message, Task, TaskAgent, TaskTrace
from swarm_ui.web import RowId, Slice, keyset
from swarm_ui.workflows.models import Workflow

# What no index knows ("%", "→") is looked for in the newest runs; the page says where it stopped.
SEARCHED = 20_000
# Of so many of the newest runs that hold the words of a phrase the texts are read.
MOST_LITERAL = 400
OPTIONS = 200
# A run with more spans than this shows its first ones.
MOST_SPANS = 20_000

# Runs of these are few: it is quicker to read them all than to look for them among all runs of an agent.
_RARE = ("pending", "running", "timeout")

_ID = re.compile(r"[0-9a-hjkmnp-tv-z]{20}|[0-9a-f]{32}|[0-9a-f-]{36}")


# A row of the list; the error is cut by the database.
ROW = (
    Task.id, Task.name, Task.summary, Task.status, Task.workflow_id, Task.assigned_agents, Task.agent_count, Task.started_at,
    Task.execution_time, Task.token_usage, Task.estimated_cost, Task.error_type, Task.failed_step, Task.failed_agent_id,
    Task.error_count, Task.llm_calls, Task.tool_calls, Task.span_count, Task.session_id, Task.source,
    func.substr(Task.error_message, 1, 160).label("error_message"),
)  # fmt: skip


# Ids are ASCII columns: MySQL refuses to compare them with anything else.
IdText = Annotated[str, Field(max_length=64, pattern=r"^[!-~]+$")]


class TaskFilter(BaseModel):
    """What programs ask of the list beside a text: `since` (inclusive) and `until` are moments, UTC where no zone is given."""

    status: Literal["pending", "running", "completed", "failed", "timeout"] | None = None
    workflow: RowId | None = None
    agent: RowId | None = None
    trace: RowId | None = None
    session: str | None = Field(default=None, max_length=255)
    since: datetime | None = None
    until: datetime | None = None
    cursor: str | None = Field(None, max_length=200)

    @field_validator("session")
    @classmethod
    def _trimmed(cls, value: str | None) -> str | None:
        return (value or "").replace("\x00", "").strip() or None


def listed(wanted: TaskFilter, search: Search, *columns: Any) -> Select[Any]:
    """The runs that match, unordered and without the free words; `order_of` says by which columns they page."""
    statement = _of(columns)
    at, _ = order_of(wanted)
    if wanted.agent:
        # The agent's own index is in the order of the list.
        statement = statement.add_columns(TaskAgent.at, TaskAgent.task_id)
        statement = statement.select_from(TaskAgent).join(Task, Task.id == TaskAgent.task_id)
        statement = statement.where(TaskAgent.agent_id == wanted.agent)
        if not _is_rare(wanted, search):
            statement = _as_written(statement)
    else:
        statement = statement.select_from(Task)
    if wanted.status:
        statement = statement.where(Task.status == wanted.status)
    if wanted.workflow:
        statement = statement.where(Task.workflow_id == wanted.workflow)
    if wanted.trace:
        run = select(TaskTrace.task_id).where(TaskTrace.trace_id == wanted.trace.lower())
        statement = statement.where(Task.id == run.scalar_subquery())
    if wanted.session:
        statement = statement.where(Task.session_id == wanted.session)
    since, until = task_search.bounds_of(search)
    for begins_at in filter(None, (wanted.since, since)):
        statement = statement.where(at >= begins_at)
    for ends_at in filter(None, (wanted.until, until)):
        statement = statement.where(at < ends_at)
    return statement.where(*search.conditions)


@lru_cache(maxsize=64)
def _of(columns: tuple[Any, ...]) -> Select[Any]:
    """Going through the columns of a list takes longer than all that is added to it."""
    return select(*columns)


def _is_rare(wanted: TaskFilter, search: Search) -> bool:
    asked = (
        {wanted.status}
        if wanted.status
        else {value for token in search.of("status") for value in token.values}
    )
    return bool(asked) and asked <= set(_RARE)


def _as_written(statement: Select[Any]) -> Select[Any]:
    """MySQL joins in the order of the text: else it reads all runs of a status and sorts them."""
    return statement.prefix_with("STRAIGHT_JOIN", dialect="mysql").prefix_with(
        "STRAIGHT_JOIN", dialect="mariadb"
    )


def order_of(wanted: TaskFilter) -> tuple[InstrumentedAttribute[Any], InstrumentedAttribute[Any]]:
    return (TaskAgent.at, TaskAgent.task_id) if wanted.agent else (Task.started_at, Task.id)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a search for words left out: `most` where more runs than these say them, `searched` where only these newest were looked at."""

    most: int | None = None
    searched: int | None = None

    def __bool__(self) -> bool:
        return self != _WHOLE


_WHOLE = Reach()


def page_of(
    wanted: TaskFilter,
    search: Search,
    *columns: Any,
    limit: int,
    by: InstrumentedAttribute[Any] = Task.started_at,
    ascending: bool = False,
) -> tuple[Slice, Reach]:
    """One page of the list, newest first unless told, and what the search for words left out.

    `columns` must hold `by`, `Task.started_at` and `Task.id`.
    """
    in_time = by is Task.started_at
    if in_time and wanted.agent is None and (agent_id := task_search.only_agent(search)):
        wanted = wanted.model_copy(update={"agent": agent_id})
        search = search.without_condition(search.of("agent")[0])
    statement, reach = listed(wanted, search, *columns), _WHOLE
    if search.words:
        if (
            len(search.words) == 1
            and not search.words[0].negated
            and (found := _with_id(search.words[0].values[0], *columns))
        ):
            return Slice(found, None), _WHOLE
        conditions, reach = _saying(wanted, search)
        statement = statement.where(*conditions)
    at, row_id = order_of(wanted) if in_time else (by, Task.id)
    return keyset(statement, at, row_id, limit=limit, cursor=wanted.cursor, ascending=ascending), reach


def _saying(wanted: TaskFilter, search: Search) -> tuple[list[ColumnElement[bool]], Reach]:
    """The free words as conditions: by the index of words, and where that knows less than was asked, by the texts themselves."""
    conditions: list[ColumnElement[bool]] = []
    most = searched = None
    phrases = [token.values[0] for token in search.words if not token.negated]
    asked = [phrase for phrase in phrases if index.can_be_asked(phrase)]
    literal = [phrase for phrase in asked if not index.knows_all(phrase)]
    if asked:
        found = index.runs_saying(asked, MOST_LITERAL if literal else index.MOST)
        conditions += [Task.id.in_(found.task_ids), *map(_literally, literal)]
        most, searched = len(found.task_ids) if found.more else None, found.searched
    for phrase in (token.values[0] for token in search.words if token.negated):
        if index.can_be_asked(phrase):
            found = index.runs_saying([phrase])
            says = Task.id.in_(found.task_ids)
            told = says if index.knows_all(phrase) else func.coalesce(and_(says, _literally(phrase)), false())
            conditions.append(not_(told))
            most = most or (len(found.task_ids) if found.more else None)
        else:
            conditions.append(not_(func.coalesce(_says(phrase), false())))
    rest = [phrase for phrase in phrases if phrase not in asked]
    if rest:
        at, row_id = order_of(wanted)
        floor = (
            listed(wanted, search, at.label("floor"))
            .order_by(at.desc(), row_id.desc())
            .offset(SEARCHED)
            .limit(1)
        )
        reached = db.session.execute(floor).scalar()
        if reached is not None:
            conditions.append(at > reached)
            searched = min(SEARCHED, searched or SEARCHED)
        conditions += map(_says, rest)
    return conditions, Reach(most, searched)


def _literally(phrase: str) -> ColumnElement[bool]:
    """The run says exactly this somewhere. Asked only of runs that hold its words."""

    def holds(column: Any) -> ColumnElement[bool]:
        return func.lower(column).contains(phrase.lower(), autoescape=True)

    line = exists().where(ExecutionLog.task_id == Task.id, holds(ExecutionLog.message))
    message = exists().where(Message.task_id == Task.id, holds(cast(Message.content, Text)))
    return or_(_says(phrase), line, message)


def _with_id(q: str, *columns: Any) -> Sequence[Any]:
    """The run whose id this is, or that of one of its traces."""
    q = q.lower()
    if not _ID.fullmatch(q):
        return []
    known = TaskTrace.trace_id == q if len(q) == 32 else TaskTrace.own_task_id == q
    current = db.session.execute(select(TaskTrace.task_id).where(known).limit(1)).scalar()
    return db.session.execute(select(*columns).where(Task.id == (current or q))).all()


def _says(q: str) -> ColumnElement[bool]:
    message = func.substr(Task.error_message, 1, 4000)
    searched: list[Any] = [
        Task.name,
        Task.summary,
        Task.session_id,
        Task.error_type,
        Task.failed_step,
        message,
    ]
    if q.isascii():
        searched += [Task.id, Task.trace_id, Task.client_id]
    return or_(*(func.lower(column).contains(q.lower(), autoescape=True) for column in searched))


def names_of(agent_ids: Iterable[str | None]) -> dict[str, tuple[str, str | None]]:
    """(name, type) by id of those agents that exist."""
    known = while_unchanged("agents", dict[str, tuple[str, str | None] | None])
    wanted = {agent_id for agent_id in agent_ids if agent_id}
    if unknown := sorted(wanted - known.keys()):
        rows = db.session.execute(select(Agent.id, Agent.name, Agent.type).where(Agent.id.in_(unknown)))
        known |= dict.fromkeys(unknown) | {row.id: (row.name, row.type) for row in rows}
    return {agent_id: name for agent_id in wanted if (name := known[agent_id])}


def agent_of(agent_id: str | None) -> Any:
    """(name, type, deleted_at), None where there is no such agent. The name of one that was deleted leads nowhere."""
    if agent_id is None:
        return None
    return db.session.execute(
        select(Agent.name, Agent.type, Agent.deleted_at).where(Agent.id == agent_id)
    ).first()


def options(model: type[Agent] | type[Workflow]) -> list[str]:
    """The first OPTIONS names, for a menu."""
    return while_unchanged(f"options of {model.__tablename__}", lambda: _first_names(model))


def _first_names(model: type[Agent] | type[Workflow]) -> list[str]:
    statement = select(model.name).distinct().order_by(model.name).limit(OPTIONS)
    if issubclass(model, Agent):
        statement = statement.where(Agent.deleted_at.is_(None))
    return [name for name in db.session.scalars(statement) if name]


def name_of(model: type[Agent] | type[Workflow], row_id: str) -> str | None:
    """The name of the row with this id where no other has it, so that it says the same."""
    if not row_id.isascii():
        return None
    name = select(model.name).where(model.id == row_id).scalar_subquery()
    statement = select(model.name).where(func.lower(model.name) == func.lower(name)).limit(2)
    found = while_unchanged(
        f"name of {model.__tablename__} {row_id}", lambda: db.session.scalars(statement).all()
    )
    return found[0] if len(found) == 1 else None


def workflow_names(workflow_ids: Iterable[str | None]) -> dict[str, str]:
    known = while_unchanged("workflows", dict[str, str | None])
    wanted = {workflow_id for workflow_id in workflow_ids if workflow_id}
    if unknown := sorted(wanted - known.keys()):
        rows = db.session.execute(select(Workflow.id, Workflow.name).where(Workflow.id.in_(unknown)))
        known |= dict.fromkeys(unknown) | dict(rows.all())
    return {workflow_id: name for workflow_id in wanted if (name := known[workflow_id])}


def task_with_workflow(task_id: str) -> Any:
    statement = (
        select(Task, Workflow.name.label("workflow_name"), Workflow.orchestration_pattern.label("pattern"))
        .outerjoin(Workflow, Workflow.id == Task.workflow_id)
        .where(Task.id == task_id)
    )
    return db.session.execute(statement).first()


def successor_of(task_id: str) -> str | None:
    """The run that now holds what was a run of its own under this id."""
    statement = select(TaskTrace.task_id).where(TaskTrace.own_task_id == task_id).limit(1)
    return db.session.execute(statement).scalar()


def traces_of(task_id: str) -> list[str]:
    statement = select(TaskTrace.trace_id).where(TaskTrace.task_id == task_id).order_by(TaskTrace.trace_id)
    return list(db.session.scalars(statement.limit(1000)))


TOKENS: Any = func.coalesce(Span.input_tokens + Span.output_tokens, Span.input_tokens, Span.output_tokens)


def spans_of(task_id: str, *columns: Any) -> Select[Any]:
    """All spans of a run, of all its traces; by default the columns of `timeline.Span`."""
    columns = columns or (
        Span.trace_id, Span.span_id, Span.parent_span_id, Span.agent_id, Span.kind, Span.name, Span.status,
        Span.started_at, Span.ended_at, Span.error_type, func.substr(Span.error_message, 1, 200), TOKENS,
        case((Span.kind.in_(("tool", "llm")), Span.facts)),
    )  # fmt: skip
    # No join: SQLite would begin it with all spans of the owner.
    return select(*columns).where(
        Span.trace_id.in_(select(TaskTrace.trace_id).where(TaskTrace.task_id == task_id))
    )


def span_of(task_id: str, key: str) -> Span | None:
    """The span of a key that the timeline gave out: SPANID, or TRACEID.SPANID."""
    if not key.isascii():
        return None
    trace_id, _, span_id = key.rpartition(".")
    statement = spans_of(task_id, Span).where(Span.span_id == span_id)
    if trace_id:
        statement = statement.where(Span.trace_id == trace_id)
    return db.session.scalars(statement.order_by(Span.started_at, Span.id).limit(1)).first()


def messages_of(task_id: str, *columns: Any, type: str | None = None) -> Select[Any]:
    statement = select(*(columns or (Message,))).where(Message.task_id == task_id)
    return statement.where(Message.message_type == type) if type else statement


def logs_of(
    task_id: str,
    *columns: Any,
    level: str | None = None,
    agent: str | None = None,
    span: str | None = None,
    q: str | None = None,
) -> Select[Any]:
    """`level` is the lowest one wanted, `q` text that the line holds in any case of letters."""
    statement = select(*(columns or (ExecutionLog,))).where(ExecutionLog.task_id == task_id)
    if level and level != LEVELS[0]:
        statement = statement.where(ExecutionLog.level.in_(LEVELS[LEVELS.index(level) :]))
    if agent:
        statement = statement.where(ExecutionLog.agent_id == agent)
    if q:
        statement = statement.where(ExecutionLog.message.icontains(q, autoescape=True))
    return statement.where(ExecutionLog.span_id == span) if span else statement


def from_line(statement: Select[Any], task_id: str, log_id: str) -> Select[Any]:
    """The lines from this one on."""
    at = (
        select(ExecutionLog.at)
        .where(ExecutionLog.task_id == task_id, ExecutionLog.id == log_id)
        .scalar_subquery()
    )
    return statement.where(ExecutionLog.at >= at, or_(ExecutionLog.at > at, ExecutionLog.id >= log_id))


def counts_by(column: InstrumentedAttribute[Any], task_id: str) -> dict[str, int]:
    """How many messages by type, or log lines by level, a run has."""
    model = column.class_
    rows = db.session.execute(select(column, func.count()).where(model.task_id == task_id).group_by(column))
    return dict(rows.all())


def hand_offs_of(task_id: str) -> Select[Any]:
    """Who asked whom and when the answer came, for the lines and the waiting in the timeline."""
    columns: tuple[Any, ...] = (Message.sender_id, Message.recipient_id, Message.at, Message.message_type)
    return (
        select(*columns)
        .where(Message.task_id == task_id, Message.message_type.in_(("request", "response", "error")))
        .order_by(Message.at, Message.id)
        .limit(2000)
    )


def conversation_of(task_id: str, characters: int) -> Select[Any]:
    """The messages in order, with the first `characters` of what is stored of each."""
    text = func.substr(type_coerce(Message.content, LongText), 1, characters).label("text")
    columns: tuple[Any, ...] = (
        Message.id, Message.sender_id, Message.recipient_id, Message.message_type, Message.at, Message.span_id, Message.details, text,
    )  # fmt: skip
    return messages_of(task_id, *columns).order_by(Message.at, Message.id)


def from_message(statement: Select[Any], task_id: str, message_id: str) -> Select[Any]:
    """The messages from this one on."""
    at = select(Message.at).where(Message.task_id == task_id, Message.id == message_id).scalar_subquery()
    return statement.where(Message.at >= at, or_(Message.at > at, Message.id >= message_id))


def usage_of(task_id: str) -> Select[Any]:
    """What each model call used, in order."""
    columns: tuple[Any, ...] = (Metric.at, Metric.agent_id, Metric.token_usage, Metric.estimated_cost)
    return select(*columns).where(Metric.task_id == task_id).order_by(Metric.at, Metric.id)


def neighbours_of(task: Task) -> tuple[str | None, str | None]:
    """The next newer and the next older run of the same workflow."""
    if not task.workflow_id or not task.started_at:
        return None, None
    runs = select(Task.id).where(Task.workflow_id == task.workflow_id)
    at, own = task.started_at, task.id
    newer = runs.where(Task.started_at >= at, or_(Task.started_at > at, Task.id > own))
    older = runs.where(Task.started_at <= at, or_(Task.started_at < at, Task.id < own))
    return (
        db.session.execute(newer.order_by(Task.started_at, Task.id).limit(1)).scalar(),
        db.session.execute(older.order_by(Task.started_at.desc(), Task.id.desc()).limit(1)).scalar(),
    )


def measured(task_id: str, span_id: str) -> Metric | None:
    """The model call that this span is."""
    return db.session.scalars(
        select(Metric).where(Metric.task_id == task_id, Metric.span_id == span_id).limit(1)
    ).first()
