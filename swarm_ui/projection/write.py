"""Derived rows of runs into the database, as the difference to what is there.

Raw bulk SQL; every statement names the owner. Sums on agents change by the difference between the contributions of a run before and now, so that
projecting twice, late or in another order leaves the same figures. What people decided (a resolved alert, an edited type) is left alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from swarm_ui import ids
from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text
from swarm_ui.projection.mapping import Run
from swarm_ui.rawsql import Raw

# Per table: the columns that the projection owns after `id`, and which of them hold JSON and times.
MESSAGES = ("messages", ("taskId", "senderId", "recipientId", "messageType", "content", "metadata", "at", "spanId"))
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
    ("taskId", "workflowId", "input", "output", "conversationLog", "metrics", "executionTime", "status", "storageUrl"),
)
TASK_COLUMNS = (
    "workflowId", "input", "assignedAgents", "status", "result", "executionTime", "startedAt", "completedAt", "name", "source",
    "traceId", "sessionId", "errorType", "errorMessage", "failedSpanId", "failedAgentId", "failedStep", "lastProgressAt",
    "inputTokens", "outputTokens", "cachedTokens", "tokenUsage", "estimatedCost", "llmCalls", "toolCalls", "errorCount",
    "warningCount", "agentCount", "spanCount", "graph",
)  # fmt: skip
CONTRIBUTION = (
    "at", "lastAt", "executions", "failures", "executionTime", "inputTokens", "outputTokens", "estimatedCost", "llmCalls",
    "toolCalls", "retrievals", "delegations", "model", "tools",
)  # fmt: skip
COUNTED = ("executions", "failures", "llmCalls", "toolCalls", "retrievals", "delegations")
_JSON = frozenset({"content", "metadata", "input", "output", "result", "conversationLog", "metrics", "assignedAgents", "graph", "tools"})
_TIME = frozenset({"at", "lastAt", "startedAt", "completedAt", "lastProgressAt"})


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
    last_seen: dict[str, int]
    arrived_at: int
    agents: dict[str, dict[str, Any]]
    workflow: dict[str, Any] | None
    integrations: set[tuple[str, str]]
    alerts: list[dict[str, Any]]
    known_alerts: bool
    task_id: str
    old_task_ids: list[str]
    traces: list[tuple[str, str]]
    spans: list[tuple[Any, ...]]

    def __len__(self) -> int:
        return sum(map(len, self.lists)) + len(self.spans) + 2 * len(self.contributions) + 4


def plan_run(
    raw: Raw, owner_id: int, run: Run | None, task_id: str, old_task_ids: list[str], spans: list[tuple[Any, ...]], traces: list[tuple[str, str]]
) -> Plan:
    """Reads what the run's tables hold (nothing where it is new: no `old_task_ids`) and says what has to change."""
    messages = run.messages if run else []
    logs = run.logs if run else []
    metrics = run.metrics if run else []
    history = [_history_row(run.history)] if run and run.history else []
    lists = [
        _compare(raw, owner_id, MESSAGES, messages, old_task_ids),
        _compare(raw, owner_id, LOGS, logs, old_task_ids),
        _compare(raw, owner_id, METRICS, metrics, old_task_ids),
        _compare(raw, owner_id, HISTORY, history, old_task_ids),
    ]
    task = Change("tasks", TASK_COLUMNS)
    if run:
        row = (run.task_id, *(run.task[column] for column in TASK_COLUMNS))
        task = _compare(raw, owner_id, ("tasks", TASK_COLUMNS), [row], old_task_ids, key="id")
    elif old_task_ids:
        task.removed = list(old_task_ids)
    contributions, counters = _compare_contributions(raw, owner_id, run, task_id, old_task_ids)
    return Plan(
        owner_id=owner_id,
        lists=lists,
        task=task,
        contributions=contributions,
        counters=counters,
        last_seen={part["agentId"]: part["lastAt"] for part in run.contributions} if run else {},
        arrived_at=run.task["lastProgressAt"] if run else 0,
        agents=run.agents if run else {},
        workflow=run.workflow if run else None,
        integrations=run.integrations if run else set(),
        alerts=run.alerts if run else [],
        known_alerts=bool(old_task_ids),
        task_id=task_id,
        old_task_ids=old_task_ids,
        traces=traces,
        spans=spans,
    )


def _history_row(history: dict[str, Any]) -> tuple[Any, ...]:
    return (history["id"], *(history.get(column) for column in HISTORY[1]))


def _converters(columns: tuple[str, ...]) -> list[tuple[int, Callable[[Any], Any]]]:
    """The places whose values raw SQL takes in another form: JSON as text, µs as a time."""
    made = [(place, dumps if column in _JSON else database_text) for place, column in enumerate(columns) if column in _JSON or column in _TIME]
    return made  # type: ignore[return-value]


_CONVERTERS = {columns: _converters(columns) for columns in (MESSAGES[1], LOGS[1], METRICS[1], HISTORY[1], TASK_COLUMNS, CONTRIBUTION)}


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
    change.removed = sorted(stored)
    return change


def _same(columns: tuple[str, ...], wanted: tuple[Any, ...], stored: tuple[Any, ...]) -> bool:
    for column, value, known in zip(columns, wanted, stored, strict=True):
        if value == known:
            continue
        if value is None or known is None:
            return False
        if column in _TIME and isinstance(known, datetime):
            if known.isoformat(" ", "microseconds") != value:
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


def _compare_contributions(
    raw: Raw, owner_id: int, run: Run | None, task_id: str, old_task_ids: list[str]
) -> tuple[Change, dict[str, dict[str, int]]]:
    """Keyed by (task, agent); rows carry both at their end. Also how much each agent's counters move."""
    change = Change("task_agents", CONTRIBUTION)
    counters: dict[str, dict[str, int]] = {}
    stored: dict[tuple[str, str], tuple[Any, ...]] = {}
    if old_task_ids:
        statement = f"SELECT taskId,agentId,{','.join(CONTRIBUTION)} FROM task_agents WHERE userId=? AND taskId IN {{}}"
        stored = {(row[0], row[1]): row[2:] for row in raw.rows_in(statement, (owner_id,), old_task_ids)}
    places = [CONTRIBUTION.index(column) for column in COUNTED]

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
    for (old_task, agent_id), values in stored.items():
        change.removed.append(old_task + " " + agent_id)
        move(agent_id, values, -1)
    return change, {agent: moved for agent, moved in counters.items() if any(moved.values())}


# ── inside the writing transaction ──


def apply_lists(raw: Raw, plans: list[Plan], now: str) -> None:
    """Spans' agents, messages, logs, metrics and histories of these runs."""
    raw.many("UPDATE spans SET taskId=?, agentId=? WHERE id=? AND userId=?", [row for plan in plans for row in plan.spans])
    for place in range(4):
        changes = [(plan.owner_id, plan.lists[place]) for plan in plans if len(plan.lists[place])]
        if changes:
            _apply(raw, changes, now)


def _apply(raw: Raw, changes: list[tuple[int, Change]], now: str) -> None:
    table, columns = changes[0][1].table, changes[0][1].columns
    raw.insert(
        table,
        f"id,{','.join(columns)},userId,createdAt,updatedAt",
        [(*row, owner_id, now, now) for owner_id, change in changes for row in change.added],
        ignore=table == "execution_logs",
    )
    raw.many(
        f"UPDATE {table} SET {'=?,'.join(columns)}=?,updatedAt=? WHERE id=? AND userId=?",
        [(*row[:-1], now, row[-1], owner_id) for owner_id, change in changes for row in change.changed],
    )
    raw.many(
        f"DELETE FROM {table} WHERE id=? AND userId=?",
        [(row_id, owner_id) for owner_id, change in changes for row_id in change.removed],
    )


def apply_runs(raw: Raw, plans: list[Plan], now_us: int) -> None:
    """Tasks, traces, contributions, agents, workflows, integrations and alerts of these runs."""
    now = database_text(now_us)
    _apply(raw, [(plan.owner_id, plan.task) for plan in plans], now)
    _apply_traces(raw, plans)
    _apply_contributions(raw, plans)
    _register(raw, plans, now)
    _apply_counters(raw, plans, now)
    for plan in plans:
        if plan.alerts or plan.known_alerts:
            _apply_alerts(raw, plan, now)


def _apply_traces(raw: Raw, plans: list[Plan]) -> None:
    rows = [(plan.owner_id, trace_id, plan.task_id, own) for plan in plans for trace_id, own in plan.traces]
    raw.upsert("task_traces", "userId,traceId,taskId,ownTaskId", "userId,traceId", _take_new(raw, "taskId"), rows)


def _take_new(raw: Raw, column: str) -> str:
    return f"{column}=excluded.{column}" if raw.sqlite else f"{column}=VALUES({column})"


def _apply_contributions(raw: Raw, plans: list[Plan]) -> None:
    added = [(*row, plan.owner_id) for plan in plans for row in plan.contributions.added]
    raw.insert("task_agents", f"{','.join(CONTRIBUTION)},taskId,agentId,userId", added)
    raw.many(
        f"UPDATE task_agents SET {'=?,'.join(CONTRIBUTION)}=? WHERE taskId=? AND agentId=? AND userId=?",
        [(*row, plan.owner_id) for plan in plans for row in plan.contributions.changed],
    )
    raw.many(
        "DELETE FROM task_agents WHERE taskId=? AND agentId=? AND userId=?",
        [(*key.split(" "), plan.owner_id) for plan in plans for key in plan.contributions.removed],
    )


def _register(raw: Raw, plans: list[Plan], now: str) -> None:
    """Agents, workflows and frameworks that were not known yet."""
    by_owner: dict[int, list[Plan]] = {}
    for plan in plans:
        by_owner.setdefault(plan.owner_id, []).append(plan)
    for owner_id, members in by_owner.items():
        agents = {agent_id: agent for plan in members for agent_id, agent in plan.agents.items()}
        rows = [
            (agent_id, owner_id, agents[agent_id]["name"], agents[agent_id]["serviceName"], "reasoning", "active", "new",
             agents[agent_id]["origin"], 0, 0, 0, 0, 0, 0, 0, now, now)
            for agent_id in _unknown(raw, "swarm_agents", owner_id, agents)
        ]  # fmt: skip
        raw.insert(
            "swarm_agents",
            "id,userId,name,serviceName,type,status,healthWord,origin,totalExecutions,failedExecutions,failureStreak,llmCalls,toolCalls,"
            "retrievals,delegations,createdAt,updatedAt",
            rows,
            ignore=True,
        )
        workflows = {plan.workflow["id"]: plan.workflow for plan in members if plan.workflow}
        rows = [
            (workflow_id, owner_id, workflows[workflow_id]["name"], workflows[workflow_id]["serviceName"], "sequential", "active", 1,
             workflows[workflow_id]["origin"], now, now)
            for workflow_id in _unknown(raw, "workflows", owner_id, workflows)
        ]  # fmt: skip
        columns = "id,userId,name,serviceName,orchestrationPattern,status,version,origin,createdAt,updatedAt"
        raw.insert("workflows", columns, rows, ignore=True)
        frameworks = {
            ids.stable(owner_id, framework, version, "integration"): (framework, version)
            for plan in members
            for framework, version in plan.integrations
        }
        rows = [
            (row_id, owner_id, *frameworks[row_id], True, now, now)
            for row_id in _unknown(raw, "integrations", owner_id, frameworks)
        ]
        raw.insert("integrations", "id,userId,framework,version,active,createdAt,updatedAt", rows, ignore=True)


def _unknown(raw: Raw, table: str, owner_id: int, wanted: dict[str, Any]) -> list[str]:
    if not wanted:
        return []
    known = {row[0] for row in raw.rows_in(f"SELECT id FROM {table} WHERE userId=? AND id IN {{}}", (owner_id,), sorted(wanted))}
    return sorted(set(wanted) - known)


def _apply_counters(raw: Raw, plans: list[Plan], now: str) -> None:
    moves: dict[tuple[int, str], dict[str, int]] = {}
    seen: dict[tuple[int, str], int] = {}
    arrived: dict[tuple[int, str], int] = {}
    for plan in plans:
        for agent_id, moved in plan.counters.items():
            total = moves.setdefault((plan.owner_id, agent_id), dict.fromkeys(COUNTED, 0))
            for column, number in moved.items():
                total[column] += number
        for agent_id, at in plan.last_seen.items():
            key = (plan.owner_id, agent_id)
            seen[key] = max(at, seen.get(key, 0))
            arrived[key] = max(plan.arrived_at, arrived.get(key, 0))
    raw.many(
        "UPDATE swarm_agents SET totalExecutions=totalExecutions+?,failedExecutions=failedExecutions+?,llmCalls=llmCalls+?,"
        "toolCalls=toolCalls+?,retrievals=retrievals+?,delegations=delegations+?,updatedAt=? WHERE id=? AND userId=?",
        [(*moved.values(), now, agent_id, owner_id) for (owner_id, agent_id), moved in sorted(moves.items())],
    )
    for column, moments in (("lastHeartbeat", seen), ("lastProgressAt", arrived)):
        raw.many(
            f"UPDATE swarm_agents SET {column}=? WHERE id=? AND userId=? AND ({column} IS NULL OR {column}<?)",
            [(database_text(at), agent_id, owner_id, database_text(at)) for (owner_id, agent_id), at in sorted(moments.items())],
        )


_ALERT_COLUMNS = ("alertType", "severity", "title", "message", "relatedAgentId", "relatedTaskId", "fingerprint")


def _apply_alerts(raw: Raw, plan: Plan, now: str) -> None:
    """Raised once per cause and run. One that the facts no longer bear out goes, unless a person has decided about it; a time-out that
    was healed was true, so it is resolved."""
    owner_id = plan.owner_id
    stored: dict[str, tuple[Any, ...]] = {}
    if plan.known_alerts:
        statement = f"SELECT id,touched,resolved,{','.join(_ALERT_COLUMNS)} FROM alerts WHERE userId=? AND relatedTaskId IN {{}}"
        stored = {row[0]: row[1:] for row in raw.rows_in(statement, (owner_id,), sorted({*plan.old_task_ids, plan.task_id}))}
    for alert in plan.alerts:
        values = tuple(alert[column] for column in _ALERT_COLUMNS)
        known = stored.pop(alert["id"], None)
        if known is None:
            columns = f"id,userId,resolved,touched,createdAt,updatedAt,{','.join(_ALERT_COLUMNS)}"
            raw.insert("alerts", columns, [(alert["id"], owner_id, False, False, now, now, *values)], ignore=True)
        elif tuple(known[2:]) != values:
            statement = f"UPDATE alerts SET {'=?,'.join(_ALERT_COLUMNS)}=?,updatedAt=? WHERE id=? AND userId=?"
            raw.execute(statement, (*values, now, alert["id"], owner_id))
    for alert_id, (touched, resolved, kind, *_rest) in stored.items():
        if kind == "task_timeout":
            if not resolved:
                raw.execute("UPDATE alerts SET resolved=1,resolvedAt=?,updatedAt=? WHERE id=? AND userId=?", (now, now, alert_id, owner_id))
        elif kind == "agent_failure" and not touched:
            raw.execute("DELETE FROM alerts WHERE id=? AND userId=?", (alert_id, owner_id))
