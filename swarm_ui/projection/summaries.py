"""What is said of an agent or workflow as a whole: score, word, type, tools and model; observed graph and pattern. From its latest runs.

Derived from stored contributions alone, so it can be worked out again at any time. The worker does so for what a projection touched, every few
seconds, and once a minute for agents whose word changes by time alone. Every statement names the owner.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.agents import health
from swarm_ui.agents.models import set_by_people
from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw, retrying, transaction

RUNS_A_GRAPH = 50
_AT_A_TIME = 100


def refresh(engine: Engine, agents: set[tuple[int, str]], workflows: set[tuple[int, str]]) -> None:
    """Bring these (owner, id) up to date, in short transactions; also the workflows that show an agent whose type changed."""
    showing: set[tuple[int, str]] = set()
    for part in _parts(sorted(agents)):
        showing |= retrying(lambda part=part: _refresh_agents(engine, part))  # type: ignore[misc]
    for part in _parts(sorted(workflows | showing)):
        retrying(lambda part=part: _refresh_workflows(engine, part))  # type: ignore[misc]


def all_agents(engine: Engine) -> set[tuple[int, str]]:
    """Every agent of every owner (userId named for each): what a worker that just started may have missed."""
    with transaction(engine, writes=False) as raw:
        return set(raw.rows("SELECT userId,id FROM swarm_agents"))


def all_workflows(engine: Engine) -> set[tuple[int, str]]:
    with transaction(engine, writes=False) as raw:
        return set(raw.rows("SELECT userId,id FROM workflows WHERE origin<>'authored'"))


def grown_quiet(engine: Engine) -> set[tuple[int, str]]:
    """Agents that did nothing for a week and are not called inactive yet, of every owner (userId)."""
    limit = database_text(clock.to_us(clock.now() - health.QUIET))
    with transaction(engine, writes=False) as raw:
        statement = (
            "SELECT userId,id FROM swarm_agents WHERE lastHeartbeat<=? AND healthWord<>'inactive' AND healthWord<>'new' "
            "AND (origin<>'authored' OR lastProgressAt IS NOT NULL) LIMIT 500"
        )
        return set(raw.rows(statement, (limit,)))


def _parts(items: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    return [items[start : start + _AT_A_TIME] for start in range(0, len(items), _AT_A_TIME)]


def _refresh_agents(engine: Engine, agents: list[tuple[int, str]]) -> set[tuple[int, str]]:
    """Returns the workflows that agents of a new type take part in."""
    now = clock.now()
    with transaction(engine, writes=False) as raw:
        changes = [
            change for owner_id, agent_id in agents if (change := _agent_change(raw, owner_id, agent_id, now))
        ]
        showing = {
            (change[-1], workflow_id)
            for retyped, change in changes
            if retyped
            for workflow_id in _workflows_of(raw, change[-1], change[-2])
        }
    if not changes:
        return showing
    with transaction(engine) as raw:
        raw.many(
            "UPDATE swarm_agents SET healthScore=?,failureStreak=?,healthWord=?,status=?,successRate=?,type=?,llmModel=?,capabilities=?,"
            "updatedAt=? WHERE id=? AND userId=?",
            [change for _, change in changes],
        )
        _bump(raw, {change[-1] for _, change in changes})
    return showing


def _workflows_of(raw: Raw, owner_id: int, agent_id: str) -> list[str]:
    statement = "SELECT id FROM workflows WHERE userId=? AND nodes LIKE ?"
    return [row[0] for row in raw.rows(statement, (owner_id, f'%"{agent_id}"%'))]


def _agent_change(
    raw: Raw, owner_id: int, agent_id: str, now: datetime
) -> tuple[bool, tuple[Any, ...]] | None:
    """(whether its type is another one, the new values of an agent's row), None where they are the old ones."""
    found = raw.rows(
        "SELECT healthScore,failureStreak,healthWord,status,successRate,type,llmModel,capabilities,totalExecutions,failedExecutions,"
        "llmCalls,toolCalls,retrievals,delegations,lastHeartbeat,origin,lastProgressAt,edited,switchedOff FROM swarm_agents WHERE id=? AND userId=?",
        (agent_id, owner_id),
    )
    if not found:
        return None
    row = found[0]
    total, failed, llm_calls, tool_calls, retrievals, delegations, last_seen, origin = row[8:16]
    arrived_at, edited, switched_off = row[16:]
    if origin == "authored" and arrived_at is None and (row[0] is None or edited is None):
        return None  # no trace has met it; what another program wrote of it is not ours to judge
    latest = raw.rows(
        "SELECT executions,failures,model,tools FROM task_agents WHERE userId=? AND agentId=? ORDER BY at DESC,taskId DESC LIMIT ?",
        (owner_id, agent_id, health.WINDOW),
    )
    runs = [(executions, failures) for executions, failures, _, _ in latest]
    score, failing_for = health.score(runs), health.streak(runs)
    word = health.condition(score, failing_for, _moment(last_seen), now, switched_off=bool(switched_off))
    stored = (
        *row[:4],
        float(row[4]) if row[4] is not None else None,
        *row[5:7],
        dumps(loads(row[7])) if row[7] else None,
    )
    # What a person set stays, whatever traces say of it.
    fixed = set_by_people(origin, loads(edited) if edited else None)
    kind = health.discovered_type(
        delegations=delegations, tool_calls=tool_calls, retrievals=retrievals, llm_calls=llm_calls
    )
    tools = health.tools_of(loads(used) for *_, used in latest if used)
    new = (
        score, failing_for, word, health.agreed_status(word), round(100 * (total - failed) / total, 3) if total else None,
        stored[5] if "type" in fixed else kind,
        stored[6] if "llmModel" in fixed else health.model_of(model for _, _, model, _ in latest),
        stored[7] if "capabilities" in fixed else dumps(tools),
    )  # fmt: skip
    if stored == new:
        return None
    return stored[5] != new[5], (*new, database_text(clock.to_us(now)), agent_id, owner_id)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC)


def _refresh_workflows(engine: Engine, workflows: list[tuple[int, str]]) -> None:
    with transaction(engine, writes=False) as raw:
        changes = [
            change
            for owner_id, workflow_id in workflows
            if (change := _workflow_change(raw, owner_id, workflow_id))
        ]
    if not changes:
        return
    with transaction(engine) as raw:
        raw.many(
            "UPDATE workflows SET orchestrationPattern=?,nodes=?,edges=?,updatedAt=? WHERE id=? AND userId=?",
            changes,
        )
        _bump(raw, {change[-1] for change in changes})


def _workflow_change(raw: Raw, owner_id: int, workflow_id: str) -> tuple[Any, ...] | None:
    statement = "SELECT orchestrationPattern,nodes,edges FROM workflows WHERE id=? AND userId=? AND origin<>'authored'"
    found = raw.rows(statement, (workflow_id, owner_id))
    if not found:
        return None
    latest = raw.rows(
        "SELECT graph,assignedAgents FROM tasks WHERE userId=? AND workflowId=? ORDER BY startedAt DESC,id DESC LIMIT ?",
        (owner_id, workflow_id, RUNS_A_GRAPH),
    )
    flows: Counter[str] = Counter()
    edges: dict[tuple[str, str], list[int]] = {}
    members: set[str] = set()
    for graph_text, agents_text in latest:
        members.update(loads(agents_text) if agents_text else ())
        graph = loads(graph_text) if graph_text else None
        if not graph:
            continue
        flows[graph["flow"]] += 1
        for one, other, times, errors in graph["edges"]:
            edge = edges.setdefault((one, other), [0, 0])
            edge[0] += times
            edge[1] += errors
    pattern = min(flows, key=lambda flow: (-flows[flow], flow)) if flows else "sequential"
    statement = "SELECT id,name,type FROM swarm_agents WHERE userId=? AND id IN {}"
    nodes = [
        {"id": agent_id, "agentId": agent_id, "name": name, "type": kind}
        for agent_id, name, kind in sorted(
            raw.rows_in(statement, (owner_id,), sorted(members)), key=lambda row: (row[1], row[0])
        )
    ]
    links = [
        {"from": one, "to": other, "count": times, "errors": errors}
        for (one, other), (times, errors) in sorted(edges.items())
    ]
    stored = (
        found[0][0],
        loads(found[0][1]) if found[0][1] else None,
        loads(found[0][2]) if found[0][2] else None,
    )
    if stored == (pattern, nodes, links):
        return None
    return (pattern, dumps(nodes), dumps(links), database_text(clock.now_us()), workflow_id, owner_id)


def _bump(raw: Raw, owners: set[int]) -> None:
    raw.upsert(
        "space_versions",
        "ownerId,version",
        "ownerId",
        "version=version+1",
        [(owner, 1) for owner in sorted(owners)],
    )
