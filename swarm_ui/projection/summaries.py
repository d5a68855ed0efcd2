"""What is said of an agent or workflow as a whole: score, word, type, tools and model; observed graph and pattern. From its latest runs.

Derived from stored contributions alone, so it can be worked out again at any time. The worker does so for what a projection touched, every few
seconds, and every second for agents whose condition time alone has changed. Every statement names the owner.
"""

from collections import Counter
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.agents import standing
from swarm_ui.agents.score import nearest_rank
from swarm_ui.jsontext import dumps, loads
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw, retrying, transaction

RUNS_A_GRAPH = 50
_AT_A_TIME = 100
_ATTEMPTS = 3
# Fewer runs say little about how long a workflow is usually quiet.
_FEWEST_GAPS = 5


def refresh(engine: Engine, agents: set[tuple[int, str]], workflows: set[tuple[int, str]]) -> None:
    """Bring these (owner, id) up to date, in short transactions; also the workflows that show an agent whose type changed."""
    showing: set[tuple[int, str]] = set()
    # Workflows first: how long they are usually quiet decides whether an agent stalls.
    for part in _parts(sorted(workflows)):
        retrying(lambda part=part: _refresh_workflows(engine, part))  # type: ignore[misc]
    for part in _parts(sorted(agents)):
        showing |= retrying(lambda part=part: _refresh_agents(engine, part))  # type: ignore[misc]
    for part in _parts(sorted(showing)):
        retrying(lambda part=part: _refresh_workflows(engine, part))  # type: ignore[misc]


def all_agents(engine: Engine) -> set[tuple[int, str]]:
    """Every agent of every owner (userId named for each): what a worker that just started may have missed."""
    with transaction(engine, writes=False) as raw:
        return set(raw.rows("SELECT userId,id FROM swarm_agents"))


def all_workflows(engine: Engine) -> set[tuple[int, str]]:
    with transaction(engine, writes=False) as raw:
        return set(raw.rows("SELECT userId,id FROM workflows WHERE origin<>'authored'"))


def due(engine: Engine) -> set[tuple[int, str]]:
    """Agents whose condition time alone has changed by now, of every owner (userId)."""
    with transaction(engine, writes=False) as raw:
        statement = (
            "SELECT userId,id FROM swarm_agents WHERE nextChangeAt<=? AND deletedAt IS NULL AND mergedInto IS NULL "
            "ORDER BY nextChangeAt LIMIT 500"
        )
        return set(raw.rows(statement, (database_text(clock.now_us()),)))


def _parts(items: list[tuple[int, str]]) -> list[list[tuple[int, str]]]:
    return [items[start : start + _AT_A_TIME] for start in range(0, len(items), _AT_A_TIME)]


def _refresh_agents(engine: Engine, agents: list[tuple[int, str]]) -> set[tuple[int, str]]:
    """Returns the workflows that agents of a new type take part in. Those that a heartbeat or a person overtook are worked out once
    more."""
    showing: set[tuple[int, str]] = set()
    for _attempt in range(_ATTEMPTS):
        now = clock.now()
        with transaction(engine, writes=False) as raw:
            updates = _updates(raw, agents, now)
            showing |= {
                (update.owner_id, workflow_id)
                for update in updates
                if update.retyped
                for workflow_id in _workflows_of(raw, update.owner_id, update.agent_id)
            }
        if not updates:
            break
        with transaction(engine) as raw:
            written = [(update, standing.write(raw, update, now)) for update in updates]
            _bump(raw, {update.owner_id for update, done in written if done and update.visible})
        agents = [(update.owner_id, update.agent_id) for update, done in written if not done]
        if not agents:
            break
    return showing


def _workflows_of(raw: Raw, owner_id: int, agent_id: str) -> list[str]:
    statement = "SELECT id FROM workflows WHERE userId=? AND nodes LIKE ?"
    return [row[0] for row in raw.rows(statement, (owner_id, f'%"{agent_id}"%'))]


def _updates(raw: Raw, agents: list[tuple[int, str]], now: datetime) -> list[standing.Update]:
    found = []
    for owner_id, members in groupby(agents, key=lambda agent: agent[0]):
        running = standing.running_of(raw, owner_id)
        for _, agent_id in members:
            update = standing.update_of(raw, owner_id, agent_id, running.get(agent_id), now)
            if update is not None:
                found.append(update)
    return found


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
            "UPDATE workflows SET orchestrationPattern=?,nodes=?,edges=?,usualGap=?,updatedAt=? WHERE id=? AND userId=?",
            changes,
        )
        _bump(raw, {change[-1] for change in changes})


def _workflow_change(raw: Raw, owner_id: int, workflow_id: str) -> tuple[Any, ...] | None:
    statement = "SELECT orchestrationPattern,nodes,edges,usualGap FROM workflows WHERE id=? AND userId=? AND origin<>'authored'"
    found = raw.rows(statement, (workflow_id, owner_id))
    if not found:
        return None
    latest = raw.rows(
        "SELECT graph,assignedAgents,status,longestGap FROM tasks WHERE userId=? AND workflowId=? ORDER BY startedAt DESC,id DESC LIMIT ?",
        (owner_id, workflow_id, RUNS_A_GRAPH),
    )
    flows: Counter[str] = Counter()
    edges: dict[tuple[str, str], list[int]] = {}
    members: set[str] = set()
    gaps = [gap for _, _, status, gap in latest if status == "completed" and gap is not None]
    usual_gap = nearest_rank(gaps, 95) if len(gaps) >= _FEWEST_GAPS else None
    for graph_text, agents_text, _status, _gap in latest:
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
        found[0][3],
    )
    if stored == (pattern, nodes, links, usual_gap):
        return None
    return (
        pattern,
        dumps(nodes),
        dumps(links),
        usual_gap,
        database_text(clock.now_us()),
        workflow_id,
        owner_id,
    )


def _bump(raw: Raw, owners: set[int]) -> None:
    raw.upsert(
        "space_versions",
        "ownerId,version",
        "ownerId",
        "version=version+1",
        [(owner, 1) for owner in sorted(owners)],
    )
