"""Which id a run, an agent or a workflow has: a function of what names it, so that every process gives the same."""

from swarm_ui import ids


def task_id_of(owner_id: int, trace_id: str) -> str:
    """The id of the run that this trace is, as long as no link joins it to another."""
    return ids.stable(owner_id, trace_id, "task")


def agent_id_of(owner_id: int, service: str, name: str) -> str:
    return ids.stable(owner_id, service, name, "agent")


def workflow_id_of(owner_id: int, service: str, name: str) -> str:
    return ids.stable(owner_id, service, name, "workflow")
