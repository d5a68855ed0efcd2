"""Derived rows of runs into the database, as the difference to what is there.

Raw bulk SQL; every statement names the owner. Sums on agents change by the difference between the contributions of a run before and now, so that
projecting twice, late or in another order leaves the same figures. What people decided (a resolved alert, an edited type) is left alone.
"""

from collections.abc import Sequence
from typing import Any

from swarm_ui.agents import hours
from swarm_ui.orm import database_text
from swarm_ui.projection.diff import CONTRIBUTIONS, COUNTED, Change, Plan
from swarm_ui.projection.registry import LAST_SIGN, UNTOUCHED, register_agents
from swarm_ui.rawsql import Raw


def apply_lists(raw: Raw, plans: list[Plan], now: str) -> None:
    """Spans' agents, messages, logs, metrics and histories of these runs. When they were written is known to the second: SQLite keeps times
    as text, and there are four such rows to three spans."""
    now = now.partition(".")[0]
    raw.many(
        "UPDATE spans SET taskId=?, agentId=? WHERE id=? AND userId=?",
        [row for plan in plans for row in plan.spans],
    )
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
    _apply_hours(raw, plans)
    for plan in plans:
        _forget(raw, plan)
        if plan.alerts or plan.known_alerts:
            _apply_alerts(raw, plan, now)


def _apply_traces(raw: Raw, plans: list[Plan]) -> None:
    rows = [(plan.owner_id, trace_id, plan.task_id, own) for plan in plans for trace_id, own in plan.traces]
    raw.upsert(
        "task_traces", "userId,traceId,taskId,ownTaskId", "userId,traceId", _take_new(raw, "taskId"), rows
    )
    raw.many(
        "DELETE FROM task_traces WHERE userId=? AND taskId=?",
        [(plan.owner_id, task_id) for plan in plans for task_id in plan.ended],
    )


def _take_new(raw: Raw, column: str) -> str:
    return f"{column}=excluded.{column}" if raw.sqlite else f"{column}=VALUES({column})"


def _apply_contributions(raw: Raw, plans: list[Plan]) -> None:
    added = [(*row, plan.owner_id) for plan in plans for row in plan.contributions.added]
    raw.insert("task_agents", f"{','.join(CONTRIBUTIONS.columns)},taskId,agentId,userId", added)
    raw.many(
        f"UPDATE task_agents SET {'=?,'.join(CONTRIBUTIONS.columns)}=? WHERE taskId=? AND agentId=? AND userId=?",
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
        register_agents(raw, owner_id, agents, _last_seen(members), now)
        workflows = {plan.workflow["id"]: plan.workflow for plan in members if plan.workflow}
        rows: list[tuple[Any, ...]] = [
            (workflow_id, owner_id, workflows[workflow_id]["name"], workflows[workflow_id]["serviceName"], "sequential", "active", 1,
             workflows[workflow_id]["origin"], now, now)
            for workflow_id in _unknown(raw, "workflows", owner_id, workflows)
        ]  # fmt: skip
        columns = "id,userId,name,serviceName,orchestrationPattern,status,version,origin,createdAt,updatedAt"
        raw.insert("workflows", columns, rows, ignore=True)
        frameworks: dict[str, tuple[str, str]] = {}
        arrived: dict[str, int] = {}
        for plan in members:
            frameworks |= plan.integrations
            for row_id in plan.integrations:
                arrived[row_id] = max(plan.arrived_at, arrived.get(row_id, 0))
        rows = [
            (row_id, owner_id, *frameworks[row_id], True, now, now)
            for row_id in _unknown(raw, "integrations", owner_id, frameworks)
        ]
        raw.insert(
            "integrations", "id,userId,framework,version,active,createdAt,updatedAt", rows, ignore=True
        )
        raw.many(
            "UPDATE integrations SET lastSeenAt=? WHERE id=? AND userId=? AND (lastSeenAt IS NULL OR lastSeenAt<?)",
            [
                (database_text(at), row_id, owner_id, database_text(at))
                for row_id, at in sorted(arrived.items())
            ],
        )


def _last_seen(plans: list[Plan]) -> dict[str, int]:
    seen: dict[str, int] = {}
    for plan in plans:
        for agent_id, at in plan.last_seen.items():
            seen[agent_id] = max(at, seen.get(agent_id, 0))
    return seen


def _forget(raw: Raw, plan: Plan) -> None:
    """Agents and workflows that a half-arrived run seemed to have, and that no run has any more."""
    for key in plan.contributions.removed:
        agent_id = key.split(" ")[1]
        raw.execute(
            f"DELETE FROM swarm_agents WHERE userId=? AND id=? AND {UNTOUCHED} "
            "AND NOT EXISTS (SELECT 1 FROM task_agents WHERE task_agents.userId=? AND agentId=?)",
            (plan.owner_id, agent_id, plan.owner_id, agent_id),
        )
    for workflow_id in plan.old_workflows:
        raw.execute(
            "DELETE FROM workflows WHERE userId=? AND id=? AND origin<>'authored' "
            "AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.userId=? AND workflowId=?)",
            (plan.owner_id, workflow_id, plan.owner_id, workflow_id),
        )


def _unknown(raw: Raw, table: str, owner_id: int, wanted: dict[str, Any]) -> list[str]:
    if not wanted:
        return []
    known = {
        row[0]
        for row in raw.rows_in(
            f"SELECT id FROM {table} WHERE userId=? AND id IN {{}}", (owner_id,), sorted(wanted)
        )
    }
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
    raw.many(
        f"UPDATE swarm_agents SET lastHeartbeat={LAST_SIGN} WHERE id=? AND userId=?",
        [
            (plan.owner_id, plan.owner_id, agent_id, plan.owner_id)
            for plan in plans
            for agent_id in sorted(plan.receded)
        ],
    )
    for column, moments in (("lastHeartbeat", seen), ("lastProgressAt", arrived)):
        raw.many(
            f"UPDATE swarm_agents SET {column}=? WHERE id=? AND userId=? AND ({column} IS NULL OR {column}<?)",
            [
                (database_text(at), agent_id, owner_id, database_text(at))
                for (owner_id, agent_id), at in sorted(moments.items())
            ],
        )


def _apply_hours(raw: Raw, plans: list[Plan]) -> None:
    moves: dict[tuple[int, str, int], list[int]] = {}
    for plan in plans:
        for (agent_id, hour), sums in plan.hours.items():
            moved = moves.setdefault((plan.owner_id, agent_id, hour), [0] * len(sums))
            for place, number in enumerate(sums):
                moved[place] += number
    hours.apply(raw, moves)


_ALERT_COLUMNS = (
    "alertType",
    "severity",
    "title",
    "message",
    "relatedAgentId",
    "relatedTaskId",
    "fingerprint",
)


def _apply_alerts(raw: Raw, plan: Plan, now: str) -> None:
    """Raised once per cause and run. One that the facts no longer bear out goes, unless a person has decided about it; a time-out that
    was healed was true, so it is resolved, and open again when the run falls silent once more."""
    owner_id = plan.owner_id
    stored: list[tuple[Any, ...]] = []
    if plan.known_alerts:
        statement = f"SELECT id,touched,resolved,{','.join(_ALERT_COLUMNS)} FROM alerts WHERE userId=? AND relatedTaskId IN {{}}"
        stored = list(raw.rows_in(statement, (owner_id,), sorted({*plan.old_task_ids, plan.task_id})))
    for alert in plan.alerts:
        values = tuple(alert[column] for column in _ALERT_COLUMNS)
        # What a person answered is not raised again where the run got another id, as runs do that turn out to be one.
        same = [
            row for row in stored if row[0] == alert["id"] or (row[1] and _cause(row[3:]) == _cause(values))
        ]
        known = min(same, key=lambda row: (not row[1], row[0]), default=None)
        if known is None:
            muted = _is_muted(raw, plan, alert, now)
            columns = (
                f"id,userId,resolved,touched,muted,resolvedAt,createdAt,updatedAt,{','.join(_ALERT_COLUMNS)}"
            )
            row = (alert["id"], owner_id, muted, muted, muted, now if muted else None, now, now, *values)
            raw.insert("alerts", columns, [row], ignore=True)
            continue
        stored.remove(known)
        alert_id, touched, resolved, *before = known
        if tuple(before) != values:
            statement = (
                f"UPDATE alerts SET {'=?,'.join(_ALERT_COLUMNS)}=?,updatedAt=? WHERE id=? AND userId=?"
            )
            raw.execute(statement, (*values, now, alert_id, owner_id))
        if resolved and not touched:
            statement = "UPDATE alerts SET resolved=0,resolvedAt=NULL,updatedAt=? WHERE id=? AND userId=?"
            raw.execute(statement, (now, alert_id, owner_id))
    for alert_id, touched, resolved, kind, *_rest in stored:
        if touched:
            continue
        if kind == "task_timeout":
            if not resolved:
                raw.execute(
                    "UPDATE alerts SET resolved=1,resolvedAt=?,updatedAt=? WHERE id=? AND userId=?",
                    (now, now, alert_id, owner_id),
                )
        elif kind == "agent_failure":
            raw.execute("DELETE FROM alerts WHERE id=? AND userId=?", (alert_id, owner_id))


def _is_muted(raw: Raw, plan: Plan, alert: dict[str, Any], now: str) -> bool:
    """Whether the agent that it is about is in maintenance (of a time-out: any of the run): then it is written down as dealt with."""
    about = [alert["relatedAgentId"]] if alert["relatedAgentId"] else sorted(plan.agents)
    statement = (
        "SELECT id FROM swarm_agents WHERE userId=? AND maintenanceSince<=? AND (maintenanceUntil IS NULL OR maintenanceUntil>?) "
        "AND id IN {}"
    )
    return any(raw.rows_in(statement, (plan.owner_id, now, now), about))


def _cause(values: Sequence[Any]) -> Any:
    """What makes two alerts of one run the same: it fails once and times out once, whatever turns out later to have been the cause."""
    return dict(zip(_ALERT_COLUMNS, values, strict=True))["alertType"]
