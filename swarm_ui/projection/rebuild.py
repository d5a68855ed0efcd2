"""Derives everything of an owner again, from nothing: a portion of traces at a time, so that the rest stays on the pages meanwhile.

What people decided stays: alerts keep their answers and their times, agents what was edited. Runs whose spans are gone are left as they are.
Stopped in the middle, the worker finishes what was emptied. Every statement names the owner.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.ingest.append import mark_dirty
from swarm_ui.ingest.sent import TASK
from swarm_ui.projection import summaries
from swarm_ui.projection.forget import forget_runs
from swarm_ui.projection.project import Projector
from swarm_ui.projection.registry import UNTOUCHED
from swarm_ui.rawsql import retrying, transaction

TRACES_A_PORTION = 64


def rebuild(projector: Projector, owner_id: int, progress: Callable[[int], None]) -> int:
    """Returns the number of traces; `progress` hears of each portion's."""
    engine = projector.engine
    agents: set[tuple[int, str]] = set()
    workflows: set[tuple[int, str]] = set()
    last, number = "", 0
    while traces := _next_traces(engine, owner_id, last):
        emptied = retrying(lambda traces=traces: _empty(engine, owner_id, traces))  # type: ignore[misc]
        agents |= {(owner_id, agent_id) for agent_id in emptied}
        done = projector.take(owner_id, traces)
        agents |= done.agents
        workflows |= done.workflows
        last, number = traces[-1], number + len(traces)
        progress(len(traces))
    # Linked traces are one run, whose mark was passed on to the first of them.
    done = projector.drain_owner(owner_id)
    retrying(lambda: _drop_unused(engine, owner_id))
    summaries.refresh(engine, agents | done.agents, workflows | done.workflows)
    return number


def count_traces(engine: Engine, owner_id: int) -> int:
    with transaction(engine, writes=False) as raw:
        return raw.rows("SELECT COUNT(*) FROM task_traces WHERE userId=?", (owner_id,))[0][0]


def _next_traces(engine: Engine, owner_id: int, last: str) -> list[str]:
    with transaction(engine, writes=False) as raw:
        statement = "SELECT DISTINCT traceId FROM spans WHERE userId=? AND traceId>? ORDER BY traceId LIMIT ?"
        found = {row[0] for row in raw.rows(statement, (owner_id, last, TRACES_A_PORTION))}
        # A task that was sent over REST need not have a span.
        statement = "SELECT traceId FROM log_records WHERE userId=? AND traceId>? AND severity=? GROUP BY traceId ORDER BY traceId LIMIT ?"
        found.update(row[0] for row in raw.rows(statement, (owner_id, last, TASK, TRACES_A_PORTION)))
        return sorted(found)[:TRACES_A_PORTION]


def _empty(engine: Engine, owner_id: int, traces: list[str]) -> set[str]:
    """The traces' runs go and are due again, in one transaction."""
    with transaction(engine) as raw:
        statement = "SELECT DISTINCT taskId FROM task_traces WHERE userId=? AND traceId IN {}"
        tasks = sorted({row[0] for row in raw.rows_in(statement, (owner_id,), traces)})
        statement = "SELECT traceId FROM task_traces WHERE userId=? AND taskId IN {}"
        theirs = {row[0] for row in raw.rows_in(statement, (owner_id,), tasks)}
        mark_dirty(raw, owner_id, sorted(theirs.union(traces)), clock.now_us())
        return forget_runs(raw, owner_id, tasks)


def _drop_unused(engine: Engine, owner_id: int) -> None:
    """Agents and workflows that today's reading of the traces does not find any more."""
    with transaction(engine) as raw:
        raw.execute(
            f"DELETE FROM swarm_agents WHERE userId=? AND {UNTOUCHED} "
            "AND NOT EXISTS (SELECT 1 FROM task_agents WHERE task_agents.userId=? AND agentId=swarm_agents.id)",
            (owner_id, owner_id),
        )
        raw.execute(
            "DELETE FROM workflows WHERE userId=? AND origin<>'authored' "
            "AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.userId=? AND tasks.workflowId=workflows.id)",
            (owner_id, owner_id),
        )
