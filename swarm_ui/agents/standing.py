"""Where an agent stands: reads what its score is made of and what it runs, and brings its row up to date.

Everything here follows from stored contributions, heartbeats and alerts, so it can be worked out again at any time, also as of an earlier moment.
Raw statements; each names the owner.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from swarm_ui import clock
from swarm_ui.agents import flips, health
from swarm_ui.agents.flips import time_text
from swarm_ui.agents.models import Agent, set_by_people
from swarm_ui.agents.score import BASELINE, WINDOW, Known, Score, score
from swarm_ui.extensions import db
from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text, moment_of
from swarm_ui.rawsql import Raw

DAY = timedelta(hours=24)
HOUR_US = 3_600_000_000
MOST_ALERTS = 500
_STORED = (
    "healthScore,failureStreak,healthWord,status,successRate,type,llmModel,capabilities,running,"
    "totalExecutions,failedExecutions,llmCalls,toolCalls,retrievals,delegations,origin,edited,switchedOff,"
    "lastHeartbeat,lastProgressAt,beatAt,beatTask,watchedAt,heartbeatPeriod,heartbeatGrace,maintenanceSince,maintenanceUntil,"
    "maintenanceReason,nextChangeAt,healthSince,revision"
)
# What a heartbeat or a person changes; `revision` stands for everything that is set in the form.
_OTHERS = ("beatAt", "revision", "switchedOff", "maintenanceSince", "maintenanceUntil", "healthWord")
_MOMENTS = (
    "lastHeartbeat", "lastProgressAt", "beatAt", "watchedAt", "maintenanceSince", "maintenanceUntil", "nextChangeAt", "healthSince",
)  # fmt: skip


class Update(NamedTuple):
    """The new values of an agent's row."""

    owner_id: int
    agent_id: str
    values: dict[str, Any]
    before: str
    condition: health.Condition
    # What it was worked out from that others change too, as it was stored.
    read: tuple[Any, ...]
    # Whether a page that shows it looks different now.
    visible: bool
    retyped: bool


class Run(NamedTuple):
    """A run of the agent, newest first; `at` as raw SQL reads it."""

    at: Any
    executions: int
    failures: int
    took: int | None
    model: str | None
    tools: Any


def running_of(raw: Raw, owner_id: int) -> dict[str, list[dict[str, Any]]]:
    """By agent, the running runs that it has something to do in, newest first."""
    statement = (
        "SELECT task_agents.agentId,tasks.id,tasks.name,tasks.lastProgressAt,tasks.deadlineAt,workflows.usualGap,other.name "
        "FROM tasks JOIN task_agents ON task_agents.taskId=tasks.id AND task_agents.userId=tasks.userId "
        "LEFT JOIN workflows ON workflows.id=tasks.workflowId AND workflows.userId=tasks.userId "
        "LEFT JOIN swarm_agents other ON other.id=task_agents.waitsFor AND other.userId=tasks.userId "
        "WHERE tasks.userId=? AND tasks.status='running' AND task_agents.doing IS NOT NULL ORDER BY tasks.startedAt DESC LIMIT 5000"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for agent_id, task_id, name, progress_at, deadline_at, gap, other in raw.rows(statement, (owner_id,)):
        runs = found.setdefault(agent_id, [])
        if len(runs) < health.MOST_RUNNING and progress_at is not None:
            known = {
                "gap": gap,
                "deadline": deadline_at and clock.to_us(moment_of(deadline_at)),
                "waits": other,
            }
            run = {"id": task_id, "name": name or "a run", "progress": clock.to_us(moment_of(progress_at))}
            runs.append(run | {key: value for key, value in known.items() if value})
    return found


def update_of(
    raw: Raw, owner_id: int, agent_id: str, running: list[dict[str, Any]] | None, now: datetime
) -> Update | None:
    """None where its row is as it has to be."""
    found = raw.rows(f"SELECT {_STORED} FROM swarm_agents WHERE id=? AND userId=?", (agent_id, owner_id))
    if not found:
        return None
    row = dict(zip(_STORED.split(","), found[0], strict=True))
    read = tuple(row[column] for column in _OTHERS)
    for column in _MOMENTS:
        row[column] = moment_of(row[column])
    for column in ("capabilities", "running", "edited"):
        row[column] = loads(row[column]) if row[column] else None
    if row["successRate"] is not None:
        row["successRate"] = float(row["successRate"])
    new: dict[str, Any] = {"running": running or None}
    foreign = row["origin"] == "authored" and row["lastProgressAt"] is None and row["beatAt"] is None
    if foreign and row["edited"] is None and _has_no_clock(row):
        # What another program wrote of it is not ours to judge.
        if row["nextChangeAt"] is None:
            return None
        left = health.Condition(row["healthWord"] or "new", "", "", None, None)
        return Update(owner_id, agent_id, {"nextChangeAt": None}, left.word, left, read, False, False)
    unmet = foreign and (row["edited"] is None or row["healthScore"] is None)
    if not unmet:
        runs = latest_runs(raw, owner_id, agent_id, now)
        new |= _derived(row, runs[:WINDOW], known_of(raw, owner_id, agent_id, facts_in(row), now, runs))
    condition = health.assess(facts_in(row | new), now)
    new |= {"healthWord": condition.word, "status": condition.status, "nextChangeAt": condition.next_at}
    changed = {column: value for column, value in new.items() if row[column] != value}
    if not changed:
        return None
    visible = set(changed) != {"nextChangeAt"}
    return Update(
        owner_id,
        agent_id,
        changed,
        row["healthWord"] or "new",
        condition,
        read,
        visible,
        "type" in changed,
    )


def _has_no_clock(row: dict[str, Any]) -> bool:
    return row["heartbeatPeriod"] is None and row["maintenanceSince"] is None


def _derived(row: dict[str, Any], latest: list[Run], known: Known) -> dict[str, Any]:
    # What a person set stays, whatever traces say of it.
    fixed = set_by_people(row["origin"], row["edited"])
    total, failed = row["totalExecutions"], row["failedExecutions"]
    kind = health.discovered_type(
        delegations=row["delegations"],
        tool_calls=row["toolCalls"],
        retrievals=row["retrievals"],
        llm_calls=row["llmCalls"],
    )
    return {
        "healthScore": score(known).total,
        "failureStreak": known.streak,
        "successRate": round(100 * (total - failed) / total, 3) if total else None,
        "type": row["type"] if "type" in fixed else kind,
        "llmModel": row["llmModel"] if "llmModel" in fixed else health.model_of(run.model for run in latest),
        "capabilities": row["capabilities"]
        if "capabilities" in fixed
        else health.tools_of(loads(run.tools) for run in latest if run.tools),
    }


def write(raw: Raw, update: Update, now: datetime) -> bool:
    """False where a heartbeat or a person came in between: what was worked out is not true any more."""
    columns, stored = [], []
    for column, value in update.values.items():
        columns.append(f"{column}=?")
        if isinstance(value, datetime):
            value = database_text(clock.to_us(value))
        elif isinstance(value, (list, dict)):
            value = dumps(value)
        stored.append(value)
    same = "IS" if raw.sqlite else "<=>"
    as_read = " AND ".join(f"{column} {same} ?" for column in _OTHERS)
    stamp, mine = database_text(clock.to_us(now)), (update.agent_id, update.owner_id)
    done = raw.execute(
        f"UPDATE swarm_agents SET {','.join(columns)},updatedAt=? WHERE id=? AND userId=? AND {as_read}",
        (*stored, stamp, *mine, *update.read),
    )
    if done and update.condition.word != update.before:
        since = flips.note(raw, update.owner_id, update.agent_id, update.before, update.condition, now)
        statement = "UPDATE swarm_agents SET healthSince=? WHERE id=? AND userId=?"
        raw.execute(statement, (database_text(clock.to_us(since)), *mine))
    return bool(done)


def facts_in(row: dict[str, Any]) -> health.Facts:
    """Of a row by the columns' names, with times and JSON as Python has them."""
    return health.Facts(
        score=row["healthScore"],
        streak=row["failureStreak"] or 0,
        executions=row["totalExecutions"] or 0,
        last_seen=row["lastHeartbeat"],
        switched_off=bool(row["switchedOff"]),
        period=row["heartbeatPeriod"],
        grace=row["heartbeatGrace"],
        beat_at=row["beatAt"],
        beat_task=row["beatTask"],
        arrived_at=row["lastProgressAt"],
        watched_at=row["watchedAt"],
        maintenance_since=row["maintenanceSince"],
        maintenance_until=row["maintenanceUntil"],
        maintenance_reason=row["maintenanceReason"],
        running=health.running_of(row["running"]),
    )


# What a score is made of.


def latest_runs(raw: Raw, owner_id: int, agent_id: str, at: datetime) -> list[Run]:
    """As of this time: WINDOW of them, and those before that they are compared with."""
    columns = "at,executions,failures,executionTime,model,tools"
    # As of now, also what a clock that goes wrong elsewhere calls the future.
    until = "" if at >= clock.now() else f" AND at<='{database_text(clock.to_us(at))}'"
    statement = f"SELECT {columns} FROM task_agents WHERE userId=? AND agentId=?{until} ORDER BY at DESC,taskId DESC LIMIT ?"
    return [Run(*row) for row in raw.rows(statement, (owner_id, agent_id, WINDOW + BASELINE))]


def known_of(
    raw: Raw, owner_id: int, agent_id: str, facts: health.Facts, at: datetime, runs: Sequence[Run]
) -> Known:
    """As of `at`. `runs` are its `latest_runs`. Of an agent that reports, what it ran more than a week ago says nothing of today; the others
    are called inactive by then."""
    latest, before = runs[:WINDOW], runs[WINDOW:]
    if facts.beat_at is not None:
        oldest = database_text(clock.to_us(at - health.QUIET))
        latest = [run for run in latest if time_text(run.at) > oldest]
    known = Known(
        executions=sum(run.executions for run in latest),
        failures=sum(min(run.failures, run.executions) for run in latest),
        streak=health.streak([(run.executions, run.failures) for run in latest]),
        times=[run.took for run in latest if run.took is not None],
        times_before=[run.took for run in before if run.took is not None],
    )
    critical, warning = _open_alerts(raw, owner_id, agent_id, at)
    known = replace(known, critical=critical, warning=warning)
    if not facts.is_watched:
        return known
    since = max(at - DAY, facts.watched_at or at - DAY)
    if since > at:
        return known
    down = down_of(raw, owner_id, agent_id, facts, since, at) + ongoing(facts, since, at)
    return replace(known, watched_ms=max(1, (at - since) // timedelta(milliseconds=1)), down_ms=down)


def _open_alerts(raw: Raw, owner_id: int, agent_id: str, at: datetime) -> tuple[int, int]:
    """Causes of alerts open at this time: (critical, warning)."""
    moment = database_text(clock.to_us(at))
    statement = (
        "SELECT severity,COUNT(DISTINCT cause) FROM (SELECT severity,COALESCE(fingerprint,id) AS cause FROM alerts "
        "WHERE userId=? AND relatedAgentId=? AND createdAt<=? AND (resolved=0 OR resolvedAt>?) ORDER BY createdAt DESC LIMIT ?) "
        "AS newest GROUP BY severity"
    )
    counts = dict(raw.rows(statement, (owner_id, agent_id, moment, moment, MOST_ALERTS)))
    return counts.get("critical", 0), counts.get("warning", 0)


def down_of(
    raw: Raw, owner_id: int, agent_id: str, facts: health.Facts, since: datetime, until: datetime
) -> int:
    """How long (ms) it did not report that was to, in whole hours since then; what goes on still is not in it."""
    first, last = clock.to_us(since) // HOUR_US, clock.to_us(until) // HOUR_US
    if since == facts.watched_at:
        first -= 1  # nothing was missed in this hour before
    statement = "SELECT SUM(downMs) FROM heartbeats WHERE userId=? AND agentId=? AND hour>? AND hour<=?"
    whole = int(raw.rows(statement, (owner_id, agent_id, first, last))[0][0] or 0)
    return min(whole, (until - since) // timedelta(milliseconds=1))


def ongoing(facts: health.Facts, since: datetime, at: datetime) -> int:
    """How long (ms) it has been silent for by now; not while in maintenance."""
    sign_at = facts.sign_at
    if sign_at is None or sign_at > at:
        return 0
    period, grace = facts.expected
    return down_between(facts, max(since, sign_at + period + grace), at)


def down_between(facts: health.Facts, start: datetime, end: datetime) -> int:
    """The time (ms) from start to end, without what of it was maintenance."""
    if end <= start:
        return 0
    whole = end - start
    if facts.maintenance_since is not None:
        last = end if facts.maintenance_until is None else min(end, facts.maintenance_until)
        whole -= max(timedelta(), last - max(start, facts.maintenance_since))
    return whole // timedelta(milliseconds=1)


def explained(owner_id: int, agent: Agent, raw: Raw) -> tuple[Score, Score]:
    """Why its score is what it is, now and a day ago."""
    now, facts = clock.now(), health.facts_of(agent)
    before = now - DAY
    earlier = replace(facts, beat_at=facts.beat_at and min(facts.beat_at, before)) if _watched_by(facts, before) else replace(
        facts, beat_at=None, period=None
    )  # fmt: skip
    return tuple(
        score(known_of(raw, owner_id, agent.id, known, at, latest_runs(raw, owner_id, agent.id, at)))
        for known, at in ((facts, now), (earlier, before))
    )  # type: ignore[return-value]


def _watched_by(facts: health.Facts, at: datetime) -> bool:
    return facts.watched_at is not None and facts.watched_at < at


# In a request.


def session_raw() -> Raw:
    """Raw statements in the transaction of the request's session."""
    db.session.flush()
    driver: Any = db.session.connection().connection.driver_connection
    return Raw(driver, isinstance(driver, sqlite3.Connection))


def reassess(agent: Agent) -> None:
    """After a person changed something that its condition follows from. Adds to the session's transaction and does not commit."""
    condition, before = health.condition_of(agent), agent.condition or "new"
    if condition.word != before:
        agent.condition_since = flips.note(
            session_raw(), agent.user_id, agent.id, before, condition, clock.now()
        )
    agent.condition, agent.status = condition.word, condition.status
    agent.next_change_at = condition.next_at
