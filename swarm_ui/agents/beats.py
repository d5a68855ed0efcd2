"""What is kept of an agent's heartbeats, read: the strip of slots, and how much of the time it was up. Statements name the owner."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from swarm_ui import clock
from swarm_ui.agents import health, standing
from swarm_ui.agents.models import Agent
from swarm_ui.formatting import plural
from swarm_ui.rawsql import Raw

SLOTS = 90
MINUTE_US = 60_000_000
MINUTES_AN_HOUR = 60
KEPT = timedelta(days=31)
WINDOWS = (
    ("24 h", timedelta(hours=24)),
    ("7 days", timedelta(days=7)),
    ("30 days", timedelta(days=30)),
)
_HEIGHT = 28
CLASSES = {"on time": "base", "late": "late", "missed": "bad", "maintenance": "rest"}


@dataclass(frozen=True, slots=True)
class Beats:
    """`slots` are words, oldest first, None where nothing was expected; `paths` a path a class of slots."""

    slots: list[str | None]
    slot: timedelta
    paths: dict[str, str]
    uptime: list[tuple[str, float | None]]

    @property
    def counts(self) -> dict[str, int]:
        return {word: self.slots.count(word) for word in CLASSES}

    @property
    def length(self) -> str:
        return health.span(self.slot * len(self.slots))

    @property
    def said(self) -> str:
        counted = [f"{number:,} {word}" for word, number in self.counts.items() if number]
        return f"Heartbeats in {plural(len(self.slots), 'slot')}: {', '.join(counted) or 'none expected'}"


def read(raw: Raw, owner_id: int, agent: Agent) -> Beats | None:
    """None of an agent that does not report."""
    facts, now = health.facts_of(agent), clock.now()
    if not facts.is_watched:
        return None
    slot = max(1, ceil(facts.expected[0] / timedelta(minutes=1)))
    number = max(1, min(SLOTS, KEPT // timedelta(minutes=slot)))
    # Minutes since 1970; the last slot ends with the minute that has begun.
    end = clock.to_us(now) // MINUTE_US + 1
    first_hour = (end - number * slot) // MINUTES_AN_HOUR - 1 - slot // MINUTES_AN_HOUR
    statement = "SELECT hour,minutes,late FROM heartbeats WHERE userId=? AND agentId=? AND hour>=?"
    seen = late = 0
    for hour, minutes, late_minutes in raw.rows(statement, (owner_id, agent.id, first_hour)):
        seen |= minutes << MINUTES_AN_HOUR * (hour - first_hour)
        late |= late_minutes << MINUTES_AN_HOUR * (hour - first_hour)
    base = first_hour * MINUTES_AN_HOUR
    slots = [
        _word(facts, seen, late, base, end - (number - place) * slot, slot, now) for place in range(number)
    ]
    return Beats(slots, timedelta(minutes=slot), _drawn(slots), uptime(raw, owner_id, agent.id, facts, now))


def _word(
    facts: health.Facts, seen: int, late: int, base: int, start: int, length: int, now: datetime
) -> str | None:
    mask = ((1 << length) - 1) << (start - base)
    begins, ends = (clock.from_us(minute * MINUTE_US) for minute in (start, start + length))
    ends = min(ends, now)
    maintained_until = facts.maintenance_until or now
    if facts.maintenance_since is not None and facts.maintenance_since < ends and maintained_until > begins:
        return "maintenance"
    if late & mask:
        return "late"
    if seen & mask:
        return "on time"
    before = seen & ((1 << (start - base)) - 1)
    # To the minute: the report may have come at the end of it.
    last = clock.from_us((base + before.bit_length()) * MINUTE_US) if before else facts.watched_at
    if last is None or last > ends:
        return None
    period, grace = facts.expected
    if ends - last > period + grace:
        return "missed"
    return "late" if ends - last > period else "on time"


def _drawn(slots: list[str | None]) -> dict[str, str]:
    step = 100 / len(slots)
    width = step * 0.62
    paths: dict[str, list[str]] = {}
    for place, word in enumerate(slots):
        if word is not None:
            x = place * step + step * 0.19
            bar = f"M{x:.2f},1h{width:.2f}v{_HEIGHT - 1}h-{width:.2f}z"
            paths.setdefault(CLASSES[word], []).append(bar)
    return {name: "".join(bars) for name, bars in paths.items()}


def uptime(
    raw: Raw, owner_id: int, agent_id: str, facts: health.Facts, now: datetime
) -> list[tuple[str, float | None]]:
    """Percent of the time since it is watched in which it was not silent, maintenance aside; None before that."""
    found: list[tuple[str, float | None]] = []
    for words, length in WINDOWS:
        since = max(now - length, facts.watched_at or now - length)
        watched: Any = (now - since) / timedelta(milliseconds=1)
        if watched <= 0:
            found.append((words, None))
            continue
        down = standing.down_of(raw, owner_id, agent_id, facts, since, now) + standing.ongoing(
            facts, since, now
        )
        found.append((words, 100 * (1 - min(1.0, down / watched))))
    return found
