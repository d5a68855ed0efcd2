"""The agents of a run: what each did, and who called whom how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message, TaskAgent
from swarm_ui.tasks.queries import names_of
from swarm_ui.workflows.graph import Graph, layout

MOST_AGENTS = 200
MOST_PAIRS = 2_000
# More lines than these hide each other: the busiest are drawn.
MOST_DRAWN = 250


@dataclass(slots=True)
class Part:
    """What one agent did in the run; `work` is None for one that only gets messages."""

    agent_id: str
    name: str
    type: str | None
    work: TaskAgent | None
    sent: int = 0
    received: int = 0
    errors: int = 0  # that it sent


def agents_of(task_id: str) -> tuple[list[Part], Graph, int]:
    """In the order of who took longest; who called whom, and how many of these calls are not drawn. Three statements."""
    works = db.session.scalars(
        select(TaskAgent)
        .where(TaskAgent.task_id == task_id)
        .order_by(TaskAgent.execution_time.desc(), TaskAgent.agent_id)
        .limit(MOST_AGENTS)
    ).all()
    pairs = _pairs(task_id)
    work_of = {work.agent_id: work for work in works}
    ids = dict.fromkeys(
        [*work_of, *(agent_id for sender, recipient, _ in pairs for agent_id in (sender, recipient))]
    )
    names = names_of(ids)
    parts = {agent_id: _part(agent_id, names, work_of) for agent_id in list(ids)[:MOST_AGENTS]}
    for (sender, recipient, kind), count in pairs.items():
        if sender in parts:
            parts[sender].sent += count
            parts[sender].errors += count if kind == "error" else 0
        if recipient in parts:
            parts[recipient].received += count
    nodes = [
        {"id": part.agent_id, "agentId": part.agent_id, "name": part.name, "type": part.type or ""}
        for part in parts.values()
    ]
    calls = _calls(pairs)
    left_out = max(len(calls) - MOST_DRAWN, 0)
    if left_out:
        calls = sorted(calls, key=lambda call: (-call["errors"], -call["count"]))[:MOST_DRAWN]
    return list(parts.values()), layout(nodes, calls), left_out


def _part(
    agent_id: str, names: Mapping[str, tuple[str, str | None]], work_of: Mapping[str, TaskAgent]
) -> Part:
    name, kind = names.get(agent_id, ("an agent that is gone", None))
    return Part(agent_id, name, kind, work_of.get(agent_id))


Pairs = Mapping[tuple[str, str, str], int]


def _pairs(task_id: str) -> Pairs:
    """(sender, recipient, type) → how many messages."""
    columns: tuple[Any, ...] = (Message.sender_id, Message.recipient_id, Message.message_type)
    rows = db.session.execute(
        select(*columns, func.count())
        .where(Message.task_id == task_id, Message.sender_id.is_not(None), Message.recipient_id.is_not(None))
        .group_by(*columns)
        .order_by(func.min(Message.at))
        .limit(MOST_PAIRS)
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


def speakers_of(task_id: str) -> list[str]:
    """Who sent or got messages, in the order of the first one."""
    return list(
        dict.fromkeys(
            agent_id for sender, recipient, _ in _pairs(task_id) for agent_id in (sender, recipient)
        )
    )


def _calls(pairs: Pairs) -> list[dict[str, Any]]:
    """Edges: a call that came back as an error is a failed one; answers are no edges of their own."""
    edges: dict[tuple[str, str], dict[str, Any]] = {}

    def edge(source: str, target: str) -> dict[str, Any]:
        return edges.setdefault((source, target), {"from": source, "to": target, "count": 0, "errors": 0})

    for (sender, recipient, kind), count in pairs.items():
        if kind in ("request", "broadcast", "status_update"):
            edge(sender, recipient)["count"] += count
    for (sender, recipient, kind), count in pairs.items():
        if kind == "error":
            one = edge(recipient, sender) if (recipient, sender) in edges else edge(sender, recipient)
            one["errors"] += count
            one["count"] = max(one["count"], one["errors"])
        elif kind == "response" and (recipient, sender) not in edges:
            edge(sender, recipient)["count"] += count
    return list(edges.values())
