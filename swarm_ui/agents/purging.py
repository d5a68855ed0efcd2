"""Takes agents away for good that were deleted 30 days ago and that nothing refers to. Those that runs still name stay, hidden, as a name."""

from functools import partial

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.agents.editing import KEPT_FOR
from swarm_ui.audit import insert_event
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw, retrying, transaction

AT_A_TIME = 100
# What is known of an agent by its id alone, and goes with it.
KEPT_OF_AGENTS = ("agent_configurations", "agent_revisions", "agent_hours", "heartbeats", "status_flips")
_REFERRED = (
    "EXISTS (SELECT 1 FROM task_agents WHERE task_agents.userId=swarm_agents.userId AND agentId=swarm_agents.id) "
    "OR EXISTS (SELECT 1 FROM alerts WHERE alerts.userId=swarm_agents.userId AND relatedAgentId=swarm_agents.id)"
)


def purge(engine: Engine) -> int:
    """Up to AT_A_TIME of them, of every owner; each in a transaction of its own. Returns how many went."""
    limit = database_text(clock.to_us(clock.now() - KEPT_FOR))
    with transaction(engine, writes=False) as raw:
        statement = f"SELECT userId,id FROM swarm_agents WHERE deletedAt<=? AND NOT ({_REFERRED}) ORDER BY deletedAt,id LIMIT ?"
        due = raw.rows(statement, (limit, AT_A_TIME))
    return sum(retrying(partial(_remove, engine, owner_id, agent_id, limit)) for owner_id, agent_id in due)


def _remove(engine: Engine, owner_id: int, agent_id: str, limit: str) -> int:
    with transaction(engine) as raw:
        hold = "" if raw.sqlite else " FOR UPDATE"
        # First the row, then what refers to it: whoever writes a run holds the rows of its agents.
        statement = "SELECT name FROM swarm_agents WHERE userId=? AND id=? AND deletedAt<=?" + hold
        found = raw.rows(statement, (owner_id, agent_id, limit))
        if not found or _is_referred(raw, owner_id, agent_id):
            return 0
        for table in KEPT_OF_AGENTS:
            raw.execute(f"DELETE FROM {table} WHERE userId=? AND agentId=?", (owner_id, agent_id))
        raw.execute("DELETE FROM swarm_agents WHERE userId=? AND id=?", (owner_id, agent_id))
        insert_event(
            raw, owner_id, "Swarm UI", "agent.remove", agent_id, found[0][0], before={"name": found[0][0]}
        )
        raw.upsert("space_versions", "ownerId,version", "ownerId", "version=version+1", [(owner_id, 1)])
    return 1


def _is_referred(raw: Raw, owner_id: int, agent_id: str) -> bool:
    return bool(
        raw.rows(
            f"SELECT 1 FROM swarm_agents WHERE userId=? AND id=? AND ({_REFERRED})", (owner_id, agent_id)
        )
    )
