"""Keeps with each owner how much their space holds, for the list of people: measuring takes too long for a page that shows many."""

from datetime import timedelta

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.orm import database_text
from swarm_ui.rawsql import retrying, transaction
from swarm_ui.space.sizes import size_of

GOOD_FOR = timedelta(hours=1)


def measure_one(engine: Engine) -> bool:
    """The owner whose figure is oldest, if it is too old; true if there may be another."""
    limit = database_text(clock.to_us(clock.now() - GOOD_FOR))
    with transaction(engine, writes=False) as raw:
        statement = (
            "SELECT id FROM users WHERE storageAt IS NULL OR storageAt<=? ORDER BY storageAt,id LIMIT 1"
        )
        due = raw.rows(statement, (limit,))
    if not due:
        return False
    owner_id = due[0][0]
    try:
        size = size_of(owner_id)
    finally:
        db.session.remove()
    retrying(lambda: _keep(engine, owner_id, size))
    return True


def _keep(engine: Engine, owner_id: int, size: int) -> None:
    with transaction(engine) as raw:
        raw.execute(
            "UPDATE users SET storageBytes=?,storageAt=? WHERE id=?",
            (size, database_text(clock.now_us()), owner_id),
        )
