"""Twenty-four hours of an agent as small bars: height is how many runs it took part in, colour how many of them it broke."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select

from swarm_ui import clock
from swarm_ui.aggregates import hours_since
from swarm_ui.extensions import db
from swarm_ui.tasks.models import Task, TaskAgent

HOURS = 24
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
    start = clock.now() - timedelta(hours=HOURS)
    # Answered by the index alone: these are the most frequent rows of all.
    hour = hours_since(start, TaskAgent.at)
    took_part = (
        select(TaskAgent.agent_id, hour, func.count())
        .where(TaskAgent.agent_id.in_(agent_ids), TaskAgent.at >= start)
        .group_by(TaskAgent.agent_id, hour)
    )
    hour = hours_since(start, Task.started_at)
    broke = (
        select(Task.failed_agent_id, hour, func.count())
        .where(Task.status == "failed", Task.started_at >= start, Task.failed_agent_id.in_(agent_ids))
        .group_by(Task.failed_agent_id, hour)
    )
    runs = _by_hour(db.session.execute(took_part))
    failed = _by_hour(db.session.execute(broke))
    return {agent_id: drawn(hours, failed.get(agent_id, [0] * HOURS)) for agent_id, hours in runs.items()}


def _by_hour(rows: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for agent_id, hour, count in rows:
        found.setdefault(agent_id, [0] * HOURS)[min(hour, HOURS - 1)] += count
    return found


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
