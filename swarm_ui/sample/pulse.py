"""Signs of life of the sample's agents: one that reported every minute and has fallen silent, one that is late, and one that people work on.

Nobody sends on their behalf after the sample is loaded, so only what stays true for a while is told. Every statement names the owner.
"""

import random
from datetime import datetime, timedelta

from swarm_ui import clock
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw

REPORTED_FOR = timedelta(days=3)
SILENT_FOR = timedelta(minutes=41)
MINUTE_US, MINUTES_AN_HOUR = 60_000_000, 60
# Of the minutes with a report, how many were late, and how often it was gone for a few.
LATE, GONE = 0.012, 0.004


def tell(raw: Raw, owner_id: int, now: datetime, chance: random.Random) -> None:
    for name, period, grace, ago in (
        ("archivist", 60, 60, SILENT_FOR),
        ("summarizer", 240, 43_200, timedelta(hours=2)),
    ):
        beat = database_text(clock.to_us(now - ago))
        values = (period, grace, beat, "ok", database_text(clock.to_us(now - REPORTED_FOR)))
        changed = raw.execute(
            "UPDATE swarm_agents SET heartbeatPeriod=?,heartbeatGrace=?,beatAt=?,beatStatus=?,watchedAt=? "
            "WHERE userId=? AND origin='sample' AND name=?",
            (*values, owner_id, name),
        )
        if changed:
            _hours(raw, owner_id, name, period, now - ago, chance)
    raw.execute(
        "UPDATE swarm_agents SET maintenanceSince=?,maintenanceUntil=?,maintenanceReason=? "
        "WHERE userId=? AND origin='sample' AND name='sql-analyst'",
        (
            database_text(clock.to_us(now - timedelta(minutes=20))),
            database_text(clock.to_us(now + timedelta(hours=3, minutes=40))),
            "The warehouse moves to new disks",
            owner_id,
        ),
    )


def _hours(raw: Raw, owner_id: int, name: str, period: int, last: datetime, chance: random.Random) -> None:
    """A report every period until the last one, with the small troubles of every day."""
    statement = "SELECT id FROM swarm_agents WHERE userId=? AND origin='sample' AND name=?"
    agent_id = raw.rows(statement, (owner_id, name))[0][0]
    hours: dict[int, list[int]] = {}
    end = clock.to_us(last) // MINUTE_US
    minute, step = end - REPORTED_FOR // timedelta(minutes=1), max(1, period // 60)
    while minute <= end:
        hour, bit = minute // MINUTES_AN_HOUR, 1 << minute % MINUTES_AN_HOUR
        kept = hours.setdefault(hour, [0, 0, 0])
        kept[0] |= bit
        drawn = chance.random()
        if drawn < GONE and minute < end - 10:
            gone = chance.randint(3, 6)
            minute += gone
            hours.setdefault(minute // MINUTES_AN_HOUR, [0, 0, 0])[2] += max(0, gone - 2) * 60_000
        elif drawn < GONE + LATE:
            kept[1] |= bit
        minute += step
    raw.insert(
        "heartbeats",
        "userId,agentId,hour,minutes,late,downMs",
        [(owner_id, agent_id, hour, *kept) for hour, kept in sorted(hours.items())],
    )
