"""Twenty-four hours of an agent as small bars: height is how many runs it took part in, colour how many of them it broke."""

from collections.abc import Sequence
from typing import NamedTuple

from swarm_ui import clock
from swarm_ui.agents.standing import session_raw
from swarm_ui.extensions import db
from swarm_ui.tenancy import owner_of

HOURS = 24
HOUR_US = 3_600_000_000
_HEIGHT = 20
_LEAST = 3
# In a box 96 wide, to be stroked; every bar that there can be, since a list draws thousands of them.
_BARS = [
    [f"M{hour * 4 + 2},{_HEIGHT}V{_HEIGHT - height}" for height in range(_HEIGHT + 1)]
    for hour in range(HOURS)
]


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
    last = clock.now_us() // HOUR_US
    # Raw, and the owner is named: the ORM would take longer for these rows than for the rest of the page.
    statement = "SELECT agentId,hour,runs,broken FROM agent_hours WHERE userId=? AND hour>? AND hour<=? AND agentId IN {}"
    rows = session_raw().rows_in(statement, (owner_of(db.session), last - HOURS, last), agent_ids)
    hours: dict[str, list[tuple[int, int, int]]] = {}
    for agent_id, hour, runs, broken in rows:
        hours.setdefault(agent_id, []).append((hour - last + HOURS - 1, runs, broken))
    return {agent_id: drawn(found) for agent_id, found in hours.items()}


def drawn(hours: Sequence[tuple[int, int, int]]) -> Strip:
    """(hour, runs, failed of them) of the hours with runs."""
    highest = max(runs for _, runs, _ in hours) or 1
    bars: dict[str, list[str]] = {"base": [], "some": [], "most": []}
    total = failed = 0
    for hour, runs, broken in hours:
        total += runs
        failed += broken
        # The root: an hour with a tenth of the runs still shows.
        height = max(_LEAST, round(_HEIGHT * (runs / highest) ** 0.5))
        kind = "base" if not broken else "most" if 2 * broken >= runs else "some"
        bars[kind].append(_BARS[hour][height])
    return Strip(total, failed, *("".join(found) for found in bars.values()))
