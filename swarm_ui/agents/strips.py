"""Twenty-four hours of an agent as small bars: height is how many runs it took part in, colour how many of them it broke."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.agents.models import AgentHour
from swarm_ui.extensions import db

HOURS = 24
HOUR_US = 3_600_000_000
_STEP = 100 / HOURS
_WIDTH = 3.4
_HEIGHT = 20


class Strip(NamedTuple):
    """Runs of the day, those that failed first at this agent, and one path a class of bars."""

    runs: int
    failed: int
    base: str
    some: str
    most: str


def last_day(agent_ids: Sequence[str]) -> dict[str, Strip]:
    """The strips of those agents that took part in a run of the last 24 hours."""
    if not agent_ids:
        return {}
    # The hour that has just begun is the last of them.
    first = clock.now_us() // HOUR_US - HOURS + 1
    statement = select(AgentHour.agent_id, AgentHour.hour - first, AgentHour.runs, AgentHour.broken).where(
        AgentHour.agent_id.in_(agent_ids), AgentHour.hour >= first, AgentHour.hour < first + HOURS
    )
    runs: dict[str, list[int]] = {}
    failed: dict[str, list[int]] = {}
    for agent_id, hour, count, broken in db.session.execute(statement):
        if agent_id not in runs:
            runs[agent_id], failed[agent_id] = [0] * HOURS, [0] * HOURS
        runs[agent_id][hour], failed[agent_id][hour] = count, broken
    return {agent_id: drawn(hours, failed[agent_id]) for agent_id, hours in runs.items()}


def drawn(runs: Sequence[int], failed: Sequence[int]) -> Strip:
    highest = max(runs) or 1
    paths: dict[str, list[str]] = {"base": [], "some": [], "most": []}
    for hour, count in enumerate(runs):
        if not count:
            continue
        # The root: an hour with a tenth of the runs still shows.
        height = max(3.0, _HEIGHT * (count / highest) ** 0.5)
        bar = f"M{hour * _STEP + 0.4:.1f},{_HEIGHT - height:.1f}h{_WIDTH}v{height:.1f}h-{_WIDTH}z"
        share = failed[hour] / count
        paths["most" if share >= 0.5 else "some" if share else "base"].append(bar)
    return Strip(sum(runs), sum(failed), *("".join(bars) for bars in paths.values()))
