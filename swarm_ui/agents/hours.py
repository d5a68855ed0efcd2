"""What agents did by the hour: sums of their contributions, moved by the difference that a run makes. Every statement names the owner."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from swarm_ui.rawsql import Raw

# Sums of a row of `agent_hours`, each but the first a column of `task_agents`.
SUMS = ("runs", "broken", "executions", "failures", "executionTime")
CONTRIBUTED = "at,broke,executions,failures,executionTime"
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # as the database holds it

Hours = dict[tuple[str, int], list[int]]


def hour_of(at: Any) -> int:
    """Hours since 1970 of a time as raw SQL reads or writes it."""
    return _hour(at[:13] if isinstance(at, str) else f"{at:%Y-%m-%d %H}")


@lru_cache(maxsize=4096)
def _hour(text: str) -> int:
    return int((datetime.fromisoformat(f"{text}:00:00") - _EPOCH).total_seconds()) // 3600


def move(hours: Hours, agent_id: str, contributed: Iterable[Any], sign: int) -> None:
    """`contributed` are the values of CONTRIBUTED of one run."""
    at, *numbers = contributed
    sums = hours.setdefault((agent_id, hour_of(at)), [0] * len(SUMS))
    for place, number in enumerate((1, *numbers)):
        sums[place] += sign * int(number or 0)


def apply(raw: Raw, moves: dict[tuple[int, str, int], list[int]]) -> None:
    """(owner, agent, hour) → how much each sum moves. Hours in which nothing is left go."""
    changing = [(key, sums) for key, sums in sorted(moves.items()) if any(sums)]
    added = "{0}={0}+excluded.{0}" if raw.sqlite else "{0}={0}+VALUES({0})"
    raw.upsert(
        "agent_hours",
        f"userId,agentId,hour,{','.join(SUMS)}",
        "userId,agentId,hour",
        ",".join(added.format(column) for column in SUMS),
        [(*key, *sums) for key, sums in changing],
    )
    raw.many(
        "DELETE FROM agent_hours WHERE userId=? AND agentId=? AND hour=? AND runs=0",
        [key for key, sums in changing if sums[0] < 0],
    )


def fill(raw: Raw, owner_id: int) -> None:
    """Of contributions that came from where no hours were kept, such as an archive of an older version."""
    raw.execute(
        "UPDATE task_agents SET broke=1 WHERE userId=? AND EXISTS (SELECT 1 FROM tasks WHERE tasks.id=task_agents.taskId "
        "AND tasks.userId=task_agents.userId AND tasks.status='failed' AND tasks.failedAgentId=task_agents.agentId)",
        (owner_id,),
    )
    hour = (
        "CAST(strftime('%s',at) AS INTEGER)/3600"
        if raw.sqlite
        else "TIMESTAMPDIFF(HOUR,'1970-01-01 00:00:00',at)"
    )
    raw.execute(
        f"INSERT INTO agent_hours (userId,agentId,hour,{','.join(SUMS)}) "
        f"SELECT userId,agentId,{hour},COUNT(*),SUM(broke),SUM(executions),SUM(failures),SUM(COALESCE(executionTime,0)) "
        f"FROM task_agents WHERE userId=? GROUP BY userId,agentId,{hour}",
        (owner_id,),
    )
