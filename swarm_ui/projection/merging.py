"""Two entries that are one agent, such as one that was renamed: merged, and taken apart again.

The entry that goes keeps its row and leads to the other. All that is derived of its runs is derived again: the worker projects them anew, under the
entry that stays, and back when the merger is undone. So nothing is lost either way, and new traces of the old name go to the right one.
"""

from typing import Any

from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.agents import standing
from swarm_ui.agents.editing import find
from swarm_ui.agents.models import Agent
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest.append import mark_for_later
from swarm_ui.ingest.sent import TASK
from swarm_ui.rawsql import Raw

AT_A_TIME = 5_000
# So many runs are due at once; of the others one after each pause (µs), so that what arrives meanwhile need not wait behind them.
AT_ONCE, PAUSE_US = 500, 10_000


def candidates(agent: Agent, limit: int = 500) -> list[Any]:
    """Others that it may be one with: those of its service first."""
    same = Agent.service_name == agent.service_name
    statement = select(Agent.id, Agent.name, Agent.service_name).where(
        Agent.id != agent.id, Agent.deleted_at.is_(None), Agent.merged_into.is_(None)
    )
    return list(db.session.execute(statement.order_by(same.desc(), Agent.name, Agent.id).limit(limit)))


def parts_of(agent_id: str) -> list[Any]:
    """Entries that were merged into this one."""
    statement = select(Agent.id, Agent.name, Agent.service_name).where(Agent.merged_into == agent_id)
    return list(db.session.execute(statement.order_by(Agent.name, Agent.id).limit(100)))


def merge(agent: Agent, into: Agent) -> None:
    """`agent` becomes a part of `into`. Raises Refused (422) where they are the same. Does not commit."""
    if agent.id == into.id:
        raise Refused(422, "into: Choose another agent.", fields={"into": "Choose another agent."})
    agent.merged_into, agent.kept, into.kept = into.id, True, True
    agent.next_change_at = None
    names = {"mergedInto": into.id, "name": into.name}
    record("agent.merge", agent.id, agent.name, before={"mergedInto": None}, after=names)
    _derive_again(standing.session_raw(), agent.user_id, agent.id)


def separate(agent_id: str) -> Agent | None:
    """Undoes it. None where this entry is not merged."""
    statement = select(Agent).where(Agent.id == agent_id, Agent.merged_into.is_not(None))
    agent = db.session.scalars(statement.with_for_update()).first()
    if agent is None or agent.merged_into is None:
        return None
    into = agent.merged_into
    agent.merged_into = None
    whole = find(into)
    standing.reassess(agent)
    before = {"mergedInto": into, "name": whole.name if whole else None}
    record("agent.unmerge", agent.id, agent.name, before=before, after={"mergedInto": None})
    _derive_again(standing.session_raw(), agent.user_id, whole.id if whole else into)
    return agent


def _derive_again(raw: Raw, owner_id: int, agent_id: str) -> None:
    """Every run of this agent is due, now or soon. One of which nothing is left to derive it from stays as it is."""
    statement = (
        "SELECT traceId FROM task_traces WHERE userId=? AND traceId>? AND taskId IN "
        "(SELECT taskId FROM task_agents WHERE userId=? AND agentId=?) "
        "AND (EXISTS (SELECT 1 FROM spans WHERE spans.userId=task_traces.userId AND spans.traceId=task_traces.traceId) "
        "OR EXISTS (SELECT 1 FROM log_records WHERE log_records.userId=task_traces.userId AND log_records.traceId=task_traces.traceId "
        "AND log_records.severity=?)) ORDER BY traceId LIMIT ?"
    )
    last, now, marked = "", clock.now_us(), 0
    while True:
        asked = (owner_id, last, owner_id, agent_id, TASK, AT_A_TIME)
        traces = [row[0] for row in raw.rows(statement, asked)]
        if not traces:
            return
        due = [
            (trace_id, now + max(0, place - AT_ONCE + 1) * PAUSE_US)
            for place, trace_id in enumerate(traces, start=marked)
        ]
        mark_for_later(raw, owner_id, due)
        last, marked = traces[-1], marked + len(traces)
