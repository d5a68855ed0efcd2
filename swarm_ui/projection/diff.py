"""What a run's projection has to change: its derived rows compared with those that are stored. Reads only; every statement names the owner."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from swarm_ui.agents import hours
from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text
from swarm_ui.projection.mapping import Run
from swarm_ui.rawsql import Raw
from swarm_ui.search.index import Doc

_JSON = frozenset({
    "content", "metadata", "input", "output", "result", "conversationLog", "metrics", "assignedAgents", "graph", "tools",
})  # fmt: skip
_TIME = frozenset({"at", "lastAt", "startedAt", "completedAt", "lastProgressAt", "deadlineAt"})
# What MySQL refuses to store when it is too large, where SQLite takes it.
_WHOLE = ("executionTime", "inputTokens", "outputTokens", "cachedTokens", "tokenUsage", "longestGap")
_LARGEST: dict[str, float] = dict.fromkeys(_WHOLE, 2_147_483_647) | {"estimatedCost": 99_999_999.0}


class Table:
    """The columns of a table that the projection owns; the rows of all but `task_agents` begin with their id."""

    def __init__(self, name: str, columns: str, key: str = "id,") -> None:
        self.name = name
        self.columns = tuple(columns.split(","))
        whole = (key + columns).split(",")
        self.pick = itemgetter(*whole)
        self._json = [place for place, column in enumerate(whole) if column in _JSON]
        self._times = [place for place, column in enumerate(whole) if column in _TIME]
        self._largest = [
            (place, _LARGEST[column]) for place, column in enumerate(whole) if column in _LARGEST
        ]

    def ready(self, row: Iterable[Any]) -> tuple[Any, ...]:
        """A row as raw SQL takes it: JSON as text, µs as a time, absurd sums as the largest that fits."""
        values = list(row)
        for place in self._json:
            if values[place] is not None:
                values[place] = dumps(values[place])
        for place in self._times:
            if values[place] is not None:
                values[place] = database_text(values[place])
        for place, most in self._largest:
            if (value := values[place]) is not None and value > most:
                values[place] = most
        return tuple(values)


MESSAGES = Table("messages", "taskId,senderId,recipientId,messageType,content,metadata,at,spanId")
LOGS = Table("execution_logs", "taskId,agentId,eventType,level,message,metadata,at,spanId")
METRICS = Table(
    "metrics",
    "agentId,taskId,executionTime,tokenUsage,estimatedCost,successFlag,at,spanId,provider,model,inputTokens,outputTokens,cachedTokens,"
    "workflowId,errorType",
)
HISTORY = Table(
    "execution_history",
    "taskId,workflowId,input,output,conversationLog,metrics,executionTime,status,storageUrl",
)
TASKS = Table(
    "tasks",
    "workflowId,input,assignedAgents,priority,status,result,executionTime,startedAt,completedAt,name,summary,source,traceId,clientId,sessionId,errorType,"
    "errorMessage,failedSpanId,failedAgentId,failedStep,lastProgressAt,deadlineAt,longestGap,inputTokens,outputTokens,cachedTokens,tokenUsage,estimatedCost,"
    "llmCalls,toolCalls,errorCount,warningCount,agentCount,spanCount,graph",
)
CONTRIBUTIONS = Table(
    "task_agents",
    "at,lastAt,executions,failures,executionTime,inputTokens,outputTokens,estimatedCost,llmCalls,toolCalls,retrievals,delegations,model,tools,"
    "broke,doing,waitsFor",
    key="",
)
COUNTED = ("executions", "failures", "llmCalls", "toolCalls", "retrievals", "delegations")
_COUNTED_IN = itemgetter(*map(CONTRIBUTIONS.columns.index, COUNTED))
_HOURLY = itemgetter(*map(CONTRIBUTIONS.columns.index, hours.CONTRIBUTED.split(",")))
_LAST_AT = CONTRIBUTIONS.columns.index("lastAt")


@dataclass(slots=True)
class Change:
    """Rows of one table to insert, update (values … id) and delete."""

    table: str
    columns: tuple[str, ...]
    added: list[tuple[Any, ...]] = field(default_factory=list)
    changed: list[tuple[Any, ...]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass(slots=True)
class Plan:
    """All that one run's projection changes."""

    owner_id: int
    lists: list[Change]
    task: Change
    contributions: Change
    counters: dict[str, dict[str, int]]
    hours: hours.Hours
    # Agents that were last seen earlier than it seemed.
    receded: set[str]
    last_seen: dict[str, int]
    arrived_at: int
    agents: dict[str, dict[str, Any]]
    workflow: dict[str, Any] | None
    integrations: dict[str, tuple[str, str]]
    old_workflows: set[str | None]
    # Tasks whose traces are no run any more.
    ended: list[str]
    alerts: list[dict[str, Any]]
    known_alerts: bool
    task_id: str
    old_task_ids: list[str]
    traces: list[tuple[str, str]]
    spans: list[tuple[Any, ...]]
    # How many spans it took to know all this.
    read: int = 0
    # Where what the run says has changed.
    doc: Doc | None = None

    def says_something_new(self) -> bool:
        messages, logs, *_others = self.lists
        return bool(len(messages) or len(logs) or self.task.added or self.task.changed)

    def __len__(self) -> int:
        return sum(map(len, self.lists)) + len(self.spans) + 2 * len(self.contributions) + 4


def plan_run(
    raw: Raw,
    owner_id: int,
    run: Run | None,
    task_id: str,
    old_task_ids: list[str],
    spans: list[tuple[Any, ...]],
    traces: list[tuple[str, str]],
    shared: frozenset[str] = frozenset(),
) -> Plan:
    """Reads what the run's tables hold (nothing where it is new: no `old_task_ids`) and says what has to change.

    `shared` are those of the old tasks that other runs were part of too: what is not found again there is theirs.
    """
    history = [HISTORY.pick(run.history)] if run and run.history else []
    lists = [
        _compare(raw, owner_id, MESSAGES, run.messages if run else [], old_task_ids, shared),
        _compare(raw, owner_id, LOGS, run.logs if run else [], old_task_ids, shared),
        _compare(raw, owner_id, METRICS, run.metrics if run else [], old_task_ids, shared),
        _compare(raw, owner_id, HISTORY, history, old_task_ids, shared),
    ]
    if run:
        task = _compare(raw, owner_id, TASKS, [TASKS.pick(run.task)], old_task_ids, shared, key="id")
    else:
        task = Change(TASKS.name, TASKS.columns)
        task.removed = [old for old in old_task_ids if old not in shared]
    workflow_id = run.workflow["id"] if run and run.workflow else None
    contributions, counters, moved_hours, receded = _compare_contributions(
        raw, owner_id, run, task_id, old_task_ids, shared
    )
    return Plan(
        owner_id=owner_id,
        lists=lists,
        task=task,
        contributions=contributions,
        counters=counters,
        hours=moved_hours,
        receded=receded,
        last_seen={part["agentId"]: part["lastAt"] for part in run.contributions} if run else {},
        arrived_at=run.task["lastProgressAt"] if run else 0,
        agents=run.agents if run else {},
        workflow=run.workflow if run else None,
        integrations=run.integrations if run else {},
        ended=[] if run else task.removed,
        old_workflows=_workflows_of(raw, owner_id, old_task_ids) - {workflow_id},
        alerts=run.alerts if run else [],
        known_alerts=bool(old_task_ids),
        task_id=task_id,
        old_task_ids=[old for old in old_task_ids if old not in shared],
        traces=traces,
        spans=spans,
    )


def _workflows_of(raw: Raw, owner_id: int, task_ids: list[str]) -> set[str | None]:
    statement = "SELECT workflowId FROM tasks WHERE workflowId IS NOT NULL AND userId=? AND id IN {}"
    return {row[0] for row in raw.rows_in(statement, (owner_id,), task_ids)}


def _compare(
    raw: Raw,
    owner_id: int,
    table: Table,
    rows: list[tuple[Any, ...]],
    old_task_ids: list[str],
    shared: frozenset[str],
    key: str = "taskId",
) -> Change:
    columns = table.columns
    change = Change(table.name, columns)
    wanted = {row[0]: table.ready(row) for row in rows}
    if not old_task_ids:
        change.added = list(wanted.values())
        return change
    statement = f"SELECT id,{','.join(columns)} FROM {table.name} WHERE userId=? AND {key} IN {{}}"
    stored = {row[0]: row[1:] for row in raw.rows_in(statement, (owner_id,), old_task_ids)}
    for row_id, row in wanted.items():
        known = stored.pop(row_id, None)
        if known is None:
            change.added.append(row)
        elif not _same(columns, row[1:], known):
            change.changed.append((*row[1:], row_id))
    if shared:
        task_of = (
            (lambda row_id: row_id) if key == "id" else (lambda row_id: stored[row_id][columns.index(key)])
        )
        stored = {row_id: row for row_id, row in stored.items() if task_of(row_id) not in shared}
    change.removed = sorted(stored)
    return change


def _same(columns: tuple[str, ...], wanted: tuple[Any, ...], stored: tuple[Any, ...]) -> bool:
    for column, value, known in zip(columns, wanted, stored, strict=True):
        if value == known:
            continue
        if value is None or known is None:
            return False
        if column in _TIME:
            if _time_text(known) != value:
                return False
        elif column in _JSON:
            if loads(known) != loads(value):
                return False
        elif isinstance(value, (int, float)):
            if float(known) != float(value):
                return False
        else:
            return False
    return True


def _time_text(stored: Any) -> str:
    """A time as raw SQL writes it; MySQL's driver reads one as a datetime."""
    return stored.isoformat(" ", "microseconds") if isinstance(stored, datetime) else stored


def _compare_contributions(
    raw: Raw, owner_id: int, run: Run | None, task_id: str, old_task_ids: list[str], shared: frozenset[str]
) -> tuple[Change, dict[str, dict[str, int]], hours.Hours, set[str]]:
    """Keyed by (task, agent); rows carry both at their end. Also how much each agent's counters and hours move, and whose last sign of life goes."""
    columns = CONTRIBUTIONS.columns
    change = Change(CONTRIBUTIONS.name, columns)
    counters: dict[str, dict[str, int]] = {}
    by_hour: hours.Hours = {}
    stored: dict[tuple[str, str], tuple[Any, ...]] = {}
    if old_task_ids:
        statement = (
            f"SELECT taskId,agentId,{','.join(columns)} FROM task_agents WHERE userId=? AND taskId IN {{}}"
        )
        stored = {(row[0], row[1]): row[2:] for row in raw.rows_in(statement, (owner_id,), old_task_ids)}
    receded: set[str] = set()

    def move(agent_id: str, values: tuple[Any, ...], sign: int) -> None:
        moved = counters.setdefault(agent_id, dict.fromkeys(COUNTED, 0))
        for column, number in zip(COUNTED, _COUNTED_IN(values), strict=True):
            moved[column] += sign * int(number or 0)
        hours.move(by_hour, agent_id, _HOURLY(values), sign)

    for part in run.contributions if run else ():
        agent_id = part["agentId"]
        values = CONTRIBUTIONS.ready(CONTRIBUTIONS.pick(part))
        known = stored.pop((task_id, agent_id), None)
        if known is None:
            change.added.append((*values, task_id, agent_id))
            move(agent_id, values, 1)
        elif not _same(columns, values, known):
            change.changed.append((*values, task_id, agent_id))
            move(agent_id, values, 1)
            move(agent_id, known, -1)
            if values[_LAST_AT] < _time_text(known[_LAST_AT]):
                receded.add(agent_id)
    for (old_task, agent_id), values in stored.items():
        if old_task in shared:
            continue
        change.removed.append(old_task + " " + agent_id)
        move(agent_id, values, -1)
        receded.add(agent_id)
    moving = {agent: moved for agent, moved in counters.items() if any(moved.values())}
    return change, moving, {key: sums for key, sums in by_hour.items() if any(sums)}, receded
