"""What a run's projection has to change: its derived rows compared with those that are stored. Reads only; every statement names the owner."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text
from swarm_ui.projection.mapping import Run
from swarm_ui.rawsql import Raw

# Per table: the columns that the projection owns after `id`, and which of them hold JSON and times.
MESSAGES = (
    "messages",
    ("taskId", "senderId", "recipientId", "messageType", "content", "metadata", "at", "spanId"),
)
LOGS = ("execution_logs", ("taskId", "agentId", "eventType", "level", "message", "metadata", "at", "spanId"))
METRICS = (
    "metrics",
    (
        "agentId", "taskId", "executionTime", "tokenUsage", "estimatedCost", "successFlag", "at", "spanId", "provider", "model",
        "inputTokens", "outputTokens", "cachedTokens", "workflowId", "errorType",
    ),
)  # fmt: skip
HISTORY = (
    "execution_history",
    (
        "taskId",
        "workflowId",
        "input",
        "output",
        "conversationLog",
        "metrics",
        "executionTime",
        "status",
        "storageUrl",
    ),
)
TASK_COLUMNS = (
    "workflowId", "input", "assignedAgents", "status", "result", "executionTime", "startedAt", "completedAt", "name", "summary", "source",
    "traceId", "sessionId", "errorType", "errorMessage", "failedSpanId", "failedAgentId", "failedStep", "lastProgressAt",
    "inputTokens", "outputTokens", "cachedTokens", "tokenUsage", "estimatedCost", "llmCalls", "toolCalls", "errorCount",
    "warningCount", "agentCount", "spanCount", "graph",
)  # fmt: skip
CONTRIBUTION = (
    "at", "lastAt", "executions", "failures", "executionTime", "inputTokens", "outputTokens", "estimatedCost", "llmCalls",
    "toolCalls", "retrievals", "delegations", "model", "tools",
)  # fmt: skip
COUNTED = ("executions", "failures", "llmCalls", "toolCalls", "retrievals", "delegations")
_JSON = frozenset(
    {
        "content",
        "metadata",
        "input",
        "output",
        "result",
        "conversationLog",
        "metrics",
        "assignedAgents",
        "graph",
        "tools",
    }
)
_TIME = frozenset({"at", "lastAt", "startedAt", "completedAt", "lastProgressAt"})
# What MySQL refuses to store when it is too large, where SQLite takes it.
_BOUNDED = frozenset({"executionTime", "inputTokens", "outputTokens", "cachedTokens", "tokenUsage"})
_MONEY = frozenset({"estimatedCost"})
_LARGEST_INT = 2_147_483_647
_LARGEST_MONEY = 99_999_999.0


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
    # Agents that were last seen earlier than it seemed.
    receded: set[str]
    last_seen: dict[str, int]
    arrived_at: int
    agents: dict[str, dict[str, Any]]
    workflow: dict[str, Any] | None
    integrations: set[tuple[str, str]]
    old_workflows: set[str | None]
    # Tasks whose traces are no run any more.
    ended: list[str]
    alerts: list[dict[str, Any]]
    known_alerts: bool
    task_id: str
    old_task_ids: list[str]
    traces: list[tuple[str, str]]
    spans: list[tuple[Any, ...]]

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
    messages = run.messages if run else []
    logs = run.logs if run else []
    metrics = run.metrics if run else []
    history = [_history_row(run.history)] if run and run.history else []
    lists = [
        _compare(raw, owner_id, MESSAGES, messages, old_task_ids, shared),
        _compare(raw, owner_id, LOGS, logs, old_task_ids, shared),
        _compare(raw, owner_id, METRICS, metrics, old_task_ids, shared),
        _compare(raw, owner_id, HISTORY, history, old_task_ids, shared),
    ]
    task = Change("tasks", TASK_COLUMNS)
    if run:
        row = (run.task_id, *(run.task[column] for column in TASK_COLUMNS))
        task = _compare(raw, owner_id, ("tasks", TASK_COLUMNS), [row], old_task_ids, shared, key="id")
    else:
        task.removed = [old for old in old_task_ids if old not in shared]
    workflow_id = run.workflow["id"] if run and run.workflow else None
    contributions, counters, receded = _compare_contributions(
        raw, owner_id, run, task_id, old_task_ids, shared
    )
    return Plan(
        owner_id=owner_id,
        lists=lists,
        task=task,
        contributions=contributions,
        counters=counters,
        receded=receded,
        last_seen={part["agentId"]: part["lastAt"] for part in run.contributions} if run else {},
        arrived_at=run.task["lastProgressAt"] if run else 0,
        agents=run.agents if run else {},
        workflow=run.workflow if run else None,
        integrations=run.integrations if run else set(),
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


def _history_row(history: dict[str, Any]) -> tuple[Any, ...]:
    return (history["id"], *(history.get(column) for column in HISTORY[1]))


def _bounded(number: int) -> int:
    return min(number, _LARGEST_INT)


def _affordable(dollars: float) -> float:
    return min(dollars, _LARGEST_MONEY)


def _converters(columns: tuple[str, ...]) -> list[tuple[int, Callable[[Any], Any]]]:
    """The places whose values raw SQL takes in another form: JSON as text, µs as a time, absurd sums as the largest that fits."""
    forms: list[tuple[frozenset[str], Callable[[Any], Any]]] = [
        (_JSON, dumps),
        (_TIME, database_text),
        (_BOUNDED, _bounded),
        (_MONEY, _affordable),
    ]
    return [
        (place, convert) for place, column in enumerate(columns) for held, convert in forms if column in held
    ]


_CONVERTERS = {
    columns: _converters(columns)
    for columns in (MESSAGES[1], LOGS[1], METRICS[1], HISTORY[1], TASK_COLUMNS, CONTRIBUTION)
}


def _ready(columns: tuple[str, ...], row: Iterable[Any]) -> tuple[Any, ...]:
    """A row as its columns take it in raw SQL."""
    values = list(row)
    for place, convert in _CONVERTERS[columns]:
        if values[place] is not None:
            values[place] = convert(values[place])
    return tuple(values)


def _compare(
    raw: Raw,
    owner_id: int,
    table: tuple[str, tuple[str, ...]],
    rows: list[tuple[Any, ...]],
    old_task_ids: list[str],
    shared: frozenset[str],
    key: str = "taskId",
) -> Change:
    name, columns = table
    change = Change(name, columns)
    wanted = {row[0]: _ready(columns, row[1:]) for row in rows}
    stored: dict[str, tuple[Any, ...]] = {}
    if old_task_ids:
        statement = f"SELECT id,{','.join(columns)} FROM {name} WHERE userId=? AND {key} IN {{}}"
        stored = {row[0]: row[1:] for row in raw.rows_in(statement, (owner_id,), old_task_ids)}
    for row_id, values in wanted.items():
        known = stored.pop(row_id, None)
        if known is None:
            change.added.append((row_id, *values))
        elif not _same(columns, values, known):
            change.changed.append((*values, row_id))
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
) -> tuple[Change, dict[str, dict[str, int]], set[str]]:
    """Keyed by (task, agent); rows carry both at their end. Also how much each agent's counters move, and whose last sign of life goes."""
    change = Change("task_agents", CONTRIBUTION)
    counters: dict[str, dict[str, int]] = {}
    stored: dict[tuple[str, str], tuple[Any, ...]] = {}
    if old_task_ids:
        statement = f"SELECT taskId,agentId,{','.join(CONTRIBUTION)} FROM task_agents WHERE userId=? AND taskId IN {{}}"
        stored = {(row[0], row[1]): row[2:] for row in raw.rows_in(statement, (owner_id,), old_task_ids)}
    places = [CONTRIBUTION.index(column) for column in COUNTED]
    last_at = CONTRIBUTION.index("lastAt")
    receded: set[str] = set()

    def move(agent_id: str, values: tuple[Any, ...], sign: int) -> None:
        moved = counters.setdefault(agent_id, dict.fromkeys(COUNTED, 0))
        for column, place in zip(COUNTED, places, strict=True):
            moved[column] += sign * int(values[place] or 0)

    for part in run.contributions if run else ():
        agent_id = part["agentId"]
        values = _ready(CONTRIBUTION, [part[column] for column in CONTRIBUTION])
        known = stored.pop((task_id, agent_id), None)
        if known is None:
            change.added.append((*values, task_id, agent_id))
            move(agent_id, values, 1)
        elif not _same(CONTRIBUTION, values, known):
            change.changed.append((*values, task_id, agent_id))
            move(agent_id, values, 1)
            move(agent_id, known, -1)
            if values[last_at] < _time_text(known[last_at]):
                receded.add(agent_id)
    for (old_task, agent_id), values in stored.items():
        if old_task in shared:
            continue
        change.removed.append(old_task + " " + agent_id)
        move(agent_id, values, -1)
        receded.add(agent_id)
    return change, {agent: moved for agent, moved in counters.items() if any(moved.values())}, receded
