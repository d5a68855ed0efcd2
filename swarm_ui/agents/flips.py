"""Conditions that became others, written down with their cause. While an agent flaps, its newest row is kept up to date in place of new ones.

Raw statements; each names the owner. The caller's transaction.
"""

from datetime import datetime, timedelta
from typing import Any

from swarm_ui import clock, ids
from swarm_ui.agents.health import Condition
from swarm_ui.jsontext import clean_text
from swarm_ui.orm import database_text, moment_of
from swarm_ui.rawsql import Raw

# So many flips within this time are flapping; it is over when none came for so long.
FLAPPING = 4
CALM = timedelta(minutes=15)


def note(
    raw: Raw, owner_id: int, agent_id: str, before: str, condition: Condition, now: datetime
) -> datetime:
    """Returns when the new word began to hold."""
    statement = "SELECT id,times,lastAt FROM status_flips WHERE userId=? AND agentId=? ORDER BY at DESC,id DESC LIMIT ?"
    latest = [
        (flip_id, times, moment_of(last_at))
        for flip_id, times, last_at in raw.rows(statement, (owner_id, agent_id, FLAPPING))
    ]
    recent = [last_at for _, _, last_at in latest if last_at > now - CALM]
    at = max([condition.since or now, *(last_at for _, _, last_at in latest)])
    at = min(at, now)
    when, reason = database_text(clock.to_us(at)), clean_text(condition.reason, 500)
    flapping = len(recent) == FLAPPING or (recent and latest[0][1] > 1)
    if flapping:
        raw.execute(
            "UPDATE status_flips SET toWord=?,reason=?,lastAt=?,times=times+1 WHERE id=? AND userId=?",
            (condition.word, reason, when, latest[0][0], owner_id),
        )
        return at
    raw.insert(
        "status_flips",
        "id,agentId,fromWord,toWord,reason,at,lastAt,times,userId",
        [(ids.new(clock.now_us()), agent_id, before, condition.word, reason, when, when, 1, owner_id)],
    )
    return at


def time_text(stored: Any) -> str:
    """A time as raw SQL writes it; MySQL's driver reads one as a datetime."""
    return stored if isinstance(stored, str) else stored.isoformat(" ", "microseconds")
