"""Agents that traces name: those that are new get a row, those that were deleted and work again come back. Every statement names the owner.

The id of an agent is made of its service and the name that traces call it (`ingest/identity.py`), for agents that people make too: what
traces name is found by id alone, whatever people call it meanwhile.
"""

from typing import Any

from swarm_ui.audit import insert_event
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw

# Agents that are only what traces said of them: once no trace says it any more, they may go. What a person edited, switched off, deleted or
# configured stays, and so does what reports by heartbeats or was merged.
UNTOUCHED = (
    "origin<>'authored' AND revision=0 AND switchedOff=0 AND kept=0 AND deletedAt IS NULL AND NOT EXISTS (SELECT 1 FROM agent_configurations "
    "WHERE agent_configurations.userId=swarm_agents.userId AND agentId=swarm_agents.id)"
)
# The newest sign of life of an agent: of its runs, or a heartbeat. Takes the owner twice.
_IN_RUNS = "(SELECT MAX(lastAt) FROM task_agents WHERE task_agents.userId=? AND agentId=swarm_agents.id)"
LAST_SIGN = f"CASE WHEN beatAt>COALESCE({_IN_RUNS},'1970-01-01') THEN beatAt ELSE {_IN_RUNS} END"
_ATTEMPTS = 50
_LONGEST = 255


def merged_agents(raw: Raw, owner_id: int) -> dict[str, str]:
    """From each entry that people merged to the one that it is one with in the end."""
    statement = "SELECT id,mergedInto FROM swarm_agents WHERE userId=? AND mergedInto IS NOT NULL"
    into = dict(raw.rows(statement, (owner_id,)))
    found = {}
    for agent_id in into:
        seen, last = {agent_id}, into[agent_id]
        while last in into and last not in seen:
            seen.add(last)
            last = into[last]
        found[agent_id] = last
    return found


def register_agents(
    raw: Raw, owner_id: int, agents: dict[str, dict[str, Any]], last_seen: dict[str, int], now: str
) -> None:
    """`last_seen` is when each did something for the last time, in µs of its own clock."""
    known = _known(raw, owner_id, sorted(agents))
    _bring_back(raw, owner_id, known, last_seen, now)
    missing = sorted(set(agents) - set(known))
    attempt = 0
    while missing:
        # A person may have given another agent this very name: a row that is passed over for it would leave the run without its agent.
        attempt += 1
        if attempt > _ATTEMPTS:
            raise RuntimeError(f"no free name for agents {missing}")
        raw.insert(
            "swarm_agents",
            "id,userId,name,tracedName,serviceName,type,status,healthWord,origin,totalExecutions,failedExecutions,failureStreak,llmCalls,"
            "toolCalls,retrievals,delegations,createdAt,updatedAt",
            [
                (agent_id, owner_id, *_called(agents[agent_id]["name"], attempt), agents[agent_id]["serviceName"], "reasoning", "active",
                 "new", agents[agent_id]["origin"], 0, 0, 0, 0, 0, 0, 0, now, now)
                for agent_id in missing
            ],
            ignore=True,
        )  # fmt: skip
        missing = sorted(set(missing) - set(_known(raw, owner_id, missing)))


def _called(name: str, attempt: int) -> tuple[str, str | None]:
    """(what it is called here, what traces call it where that differs)"""
    if attempt == 1:
        return name, None
    tail = f" ({attempt})"
    return name[: _LONGEST - len(tail)] + tail, name


def _known(raw: Raw, owner_id: int, agent_ids: list[str]) -> dict[str, tuple[str, Any]]:
    """(name, deletedAt) by id of those that have a row. The rows are held until the transaction ends: nobody removes an agent, or gives it
    another id, while a run that it took part in is being written."""
    if not agent_ids:
        return {}
    hold = "" if raw.sqlite else " ORDER BY id FOR UPDATE"
    statement = "SELECT id,name,deletedAt FROM swarm_agents WHERE userId=? AND id IN {}" + hold
    return {row[0]: (row[1], row[2]) for row in raw.rows_in(statement, (owner_id,), agent_ids)}


def _bring_back(
    raw: Raw, owner_id: int, known: dict[str, tuple[str, Any]], last_seen: dict[str, int], now: str
) -> None:
    """Deleted agents that did something after they were deleted: a control room hides nothing that works."""
    for agent_id, (name, deleted_at) in known.items():
        if deleted_at is None or agent_id not in last_seen:
            continue
        worked_at = database_text(last_seen[agent_id])
        if worked_at <= time_text(deleted_at):
            continue
        raw.execute(
            "UPDATE swarm_agents SET deletedAt=NULL,updatedAt=? WHERE id=? AND userId=?",
            (now, agent_id, owner_id),
        )
        insert_event(
            raw,
            owner_id,
            "traces",
            "agent.restore",
            agent_id,
            name,
            before={"deletedAt": time_text(deleted_at)},
            after={},
        )


def time_text(stored: Any) -> str:
    """A time as raw SQL writes it; MySQL's driver reads one as a datetime."""
    return stored if isinstance(stored, str) else stored.isoformat(" ", "microseconds")
