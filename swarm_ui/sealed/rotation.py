"""Brings every stored secret under the first key of the ring: in portions, each committed, so that it can be stopped and started again.

All owners' secrets are meant: the statements name `userId` because it is part of what a secret is bound to. A row that changes meanwhile is left to
whoever changes it, who writes under the first key already.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Engine, select, update

from swarm_ui.crypto import VERSION, KeyRing, SecretError, key_of, place_of, secret_columns
from swarm_ui.extensions import db

PORTION = 200


@dataclass(slots=True)
class Rotated:
    """How many secrets were encrypted anew, and which rows could not be opened: (table, row id, reason)."""

    secrets: int = 0
    unreadable: list[tuple[str, str, str]] = field(default_factory=list)


def rotate(engine: Engine, ring: KeyRing) -> Rotated:
    done = Rotated()
    for column in secret_columns(db.metadata):
        last = ""
        while rows := _behind(engine, column, ring.ids[0], last):
            done.secrets += _portion(engine, column, ring, rows, done)
            last = rows[-1].id
    return done


def keys_in_use(engine: Engine) -> Counter[str]:
    """How many secrets need each key."""
    used: Counter[str] = Counter()
    with engine.connect() as connection:
        for column in secret_columns(db.metadata):
            table = column.table
            stored = select(column, table.c.userId).where(column.is_not(None))
            for row in connection.execution_options(yield_per=1000).execute(stored):
                used[key_of(row[0])] += 1
    return used


def _behind(engine: Engine, column: Column[Any], newest: str, last: str) -> list[Any]:
    table = column.table
    others = (column.is_not(None), ~column.startswith(f"{VERSION}.{newest}."), table.c.id > last)
    statement = select(table.c.id, table.c.userId, column.label("stored")).where(*others)
    with engine.connect() as connection:
        return list(connection.execute(statement.order_by(table.c.id).limit(PORTION)))


def _portion(engine: Engine, column: Column[Any], ring: KeyRing, rows: list[Any], done: Rotated) -> int:
    changed = 0
    table = column.table
    with engine.execution_options(writes=True).begin() as connection:
        for row in rows:
            place = place_of(table.name, column.name, row.id, row.userId)
            try:
                text = ring.decrypt(row.stored, place)
            except SecretError as error:
                done.unreadable.append((table.name, row.id, str(error)))
                continue
            same = (table.c.id == row.id, table.c.userId == row.userId, column == row.stored)
            # `updatedAt` stays: the secret is the same.
            values = {column: ring.encrypt(text, place)} | (
                {table.c.updatedAt: table.c.updatedAt} if "updatedAt" in table.c else {}
            )
            changed += connection.execute(update(table).where(*same).values(values)).rowcount
    return changed
