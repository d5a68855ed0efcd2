"""A row of the agent list in the words that it shows, so that the template only places them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup

from swarm_ui.agents.strips import Strip
from swarm_ui.formatting import ago

_WELL = frozenset({"healthy", "degraded"})


class Line(NamedTuple):
    """`word` is the condition, `says` what the agent does, or why it is not well; `success` is a percentage of its `runs`."""

    id: str
    name: str
    type: str
    service: str | None
    word: str
    says: str
    score: int | None
    strip: Strip | None
    success: float | None
    runs: int
    model: str | None
    seen: Markup


def line_of(agent: Any, strips: Mapping[str, Strip]) -> Line:
    now = agent.now
    return Line(
        agent.id, agent.name, agent.type, agent.service_name, now.word, now.doing if now.word in _WELL else now.reason,
        agent.health_score, strips.get(agent.id), agent.success_rate, agent.total_executions, agent.llm_model,
        ago(agent.seen_at, short=True),
    )  # fmt: skip
