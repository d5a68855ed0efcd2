"""Takes back what was derived from runs: their rows go, and the sums that they were part of shrink. Every statement names the owner."""

from typing import Any

from swarm_ui.agents import hours
from swarm_ui.projection.diff import COUNTED
from swarm_ui.rawsql import Raw

_LISTS = ("messages", "execution_logs", "metrics", "execution_history", "consensus_results", "search_docs")


def forget_runs(raw: Raw, owner_id: int, task_ids: list[str]) -> set[str]:
    """Deletes these tasks and all that hangs on them but alerts and the map from traces to tasks; returns the agents that took part."""
    moves: dict[str, list[int]] = {}
    by_hour: hours.Hours = {}
    columns = f"{','.join(COUNTED)},{hours.CONTRIBUTED}"
    statement = f"SELECT agentId,{columns} FROM task_agents WHERE userId=? AND taskId IN {{}}"
    for agent_id, *values in raw.rows_in(statement, (owner_id,), task_ids):
        numbers = values[: len(COUNTED)]
        hours.move(by_hour, agent_id, values[len(COUNTED) :], -1)
        moved = moves.setdefault(agent_id, [0] * len(COUNTED))
        moves[agent_id] = [one + int(other or 0) for one, other in zip(moved, numbers, strict=True)]
    raw.many(
        "UPDATE swarm_agents SET totalExecutions=totalExecutions-?,failedExecutions=failedExecutions-?,llmCalls=llmCalls-?,"
        "toolCalls=toolCalls-?,retrievals=retrievals-?,delegations=delegations-? WHERE id=? AND userId=?",
        [(*numbers, agent_id, owner_id) for agent_id, numbers in sorted(moves.items())],
    )
    hours.apply(raw, {(owner_id, *key): sums for key, sums in by_hour.items()})
    for table in (*_LISTS, "task_agents"):
        delete_in(raw, table, owner_id, "taskId", task_ids)
    delete_in(raw, "tasks", owner_id, "id", task_ids)
    return set(moves)


def delete_in(raw: Raw, table: str, owner_id: int, column: str, values: list[Any]) -> None:
    """Deletes the owner's rows of `table` whose `column` is one of `values`."""
    for start in range(0, len(values), 500):
        part = values[start : start + 500]
        marks = ",".join("?" * len(part))
        raw.execute(f"DELETE FROM {table} WHERE userId=? AND {column} IN ({marks})", [owner_id, *part])
