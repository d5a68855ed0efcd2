"""Which id a run, an agent or a workflow has: a function of what names it, so that every process gives the same.

`space` is the key of the space, not the id of its owner.
"""

from swarm_ui import ids
from swarm_ui.rawsql import Raw


def space_of(raw: Raw, owner_id: int) -> int:
    """The key of the owner's space, that all of its ids are derived from: it goes along when the space is moved to another owner."""
    found = raw.rows("SELECT spaceKey FROM users WHERE id=?", (owner_id,))
    return owner_id if not found or found[0][0] is None else found[0][0]


def task_id_of(space: int, trace_id: str) -> str:
    """The id of the run that this trace is, as long as no link joins it to another."""
    return ids.stable(space, trace_id, "task")


def agent_id_of(space: int, service: str, name: str) -> str:
    return ids.stable(space, service, name, "agent")


def workflow_id_of(space: int, service: str, name: str) -> str:
    return ids.stable(space, service, name, "workflow")
