"""Erases a space: every row of its owner in every table, and the files in storage. What stays is one record of it.

Begun by a request or a command, done by the worker in short transactions, so that a million spans keep nobody waiting and a crash loses nothing:
whoever takes it over goes on where the other stopped. Meanwhile the space takes no data. A request that was let in before may still commit,
so the work is closed only after a last look some time later. Raw statements; each names the owner.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, func, select, update

from swarm_ui import clock, ids
from swarm_ui.accounts.models import BrowserSession, Membership, User, new_space_key
from swarm_ui.audit import current_actor
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import large
from swarm_ui.jsontext import clean_text, dumps, loads
from swarm_ui.live import bump
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw, retrying, transaction
from swarm_ui.space.models import SpaceWork
from swarm_ui.space.tables import owned_tables

ROWS_A_TRANSACTION = 2_000
FILES_AT_ONCE = 200
# How long a request that was let in before may take to commit.
GRACE_US = 60_000_000
LEASE_US = 30_000_000
FILES = "files"


def begin(owner_id: int, name: str) -> SpaceWork:
    """Says that this space is to be erased: from here on it takes no data, members are out, and browsers that showed it show their own.

    Adds to the session and does not commit. An import that was broken off ends with it. Raises Refused (409) where it is being erased already.
    """
    open_work = db.session.scalars(under_way(owner_id)).first()
    if open_work is not None and open_work.kind == "erase":
        raise Refused(409, "This space is being erased already.")
    if open_work is not None:
        open_work.finished_at = clock.now()
    actor = current_actor()
    work = SpaceWork(
        id=ids.new(clock.now_us()),
        kind="erase",
        owner_id=owner_id,
        space=clean_text(name, 255),
        actor_id=actor.id,
        actor=clean_text(actor.name, 255),
        planned=counts(db.session.connection(), owner_id),
        done={},
        lines=0,
    )
    db.session.add(work)
    # Memberships in other spaces are the person's, and stay.
    db.session.execute(delete(Membership).where(Membership.owner_id == owner_id))
    others = (BrowserSession.owner_id == owner_id, BrowserSession.member_id != owner_id)
    db.session.execute(update(BrowserSession).where(*others).values(owner_id=BrowserSession.member_id))
    return work


def under_way(owner_id: int) -> Any:
    """The work on this space that is not finished."""
    return select(SpaceWork).where(SpaceWork.owner_id == owner_id, SpaceWork.finished_at.is_(None))


def records(limit: int = 100) -> Any:
    """Erasures of all spaces, for administrators: newest first, those under way too."""
    return (
        select(SpaceWork).where(SpaceWork.kind == "erase").order_by(SpaceWork.created_at.desc()).limit(limit)
    )


def last_of(owner_id: int, since: datetime) -> Any:
    """The erasure of this space that ended last, if it did so lately."""
    mine = (SpaceWork.owner_id == owner_id, SpaceWork.kind == "erase", SpaceWork.finished_at > since)
    return select(SpaceWork).where(*mine).order_by(SpaceWork.finished_at.desc()).limit(1)


def counts(connection: Connection, owner_id: int) -> dict[str, int]:
    """Rows of the space by table, those that there are."""
    found = {}
    for table in owned_tables():
        number = connection.execute(
            select(func.count()).select_from(table).where(table.c.userId == owner_id)
        ).scalar_one()
        if number:
            found[table.name] = number
    return found


def work_on(
    engine: Engine,
    name: str,
    seconds: float = 0.5,
    progress: Callable[[int], None] | None = None,
    owner_id: int | None = None,
) -> bool:
    """Does a part of the oldest erasure (or of this owner's), for about so long; true while rows are left. `name` marks the lease."""
    taken = retrying(lambda: _take(engine, name, owner_id))
    if taken is None:
        return False
    work_id, owner, begun_at = taken
    until = time.monotonic() + seconds
    tables = [
        table for table in owned_tables() if table.name == "trace_dirty"
    ]  # first: no worker projects what goes
    tables += [table for table in reversed(owned_tables()) if table.name != "trace_dirty"]
    removed = 0
    for table in tables:
        while number := retrying(lambda table=table: _delete(engine, work_id, owner, table)):  # type: ignore[misc]
            removed += number
            if progress:
                progress(number)
            if time.monotonic() > until:
                return True
    while number := large.delete_all(owner, FILES_AT_ONCE):
        removed += number
        retrying(lambda number=number: _note(engine, work_id, FILES, number))  # type: ignore[misc]
        if time.monotonic() > until:
            return True
    if not removed and clock.now_us() - begun_at >= GRACE_US:
        retrying(lambda: _finish(engine, work_id, owner))
        return False
    retrying(lambda: _release(engine, work_id))
    return removed > 0


def run(engine: Engine, owner_id: int, progress: Callable[[int], None] | None = None) -> None:
    """Until nothing is left, for commands; the last look is the worker's, or that of the next command."""
    while work_on(engine, "command", 5.0, progress, owner_id):
        pass


def _take(engine: Engine, name: str, owner_id: int | None) -> tuple[str, int, int] | None:
    now = clock.now_us()
    with transaction(engine, writes=False) as raw:
        found = raw.rows(
            "SELECT id,ownerId,createdAt FROM space_works WHERE finishedAt IS NULL AND kind='erase' "
            "AND (leaseUntil IS NULL OR leaseUntil<? OR leaseOwner=?) ORDER BY createdAt LIMIT 50",
            (now, name),
        )
    for work_id, owner, created in found:
        if owner_id not in (None, owner):
            continue
        with transaction(engine) as raw:
            taken = raw.execute(
                "UPDATE space_works SET leaseOwner=?,leaseUntil=? WHERE id=? AND finishedAt IS NULL "
                "AND (leaseUntil IS NULL OR leaseUntil<? OR leaseOwner=?)",
                (name, now + LEASE_US, work_id, now, name),
            )
        if taken:
            return work_id, owner, _microseconds(created)
    return None


def _microseconds(stored: Any) -> int:
    moment = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return clock.to_us(moment.replace(tzinfo=UTC))


def _delete(engine: Engine, work_id: str, owner_id: int, table: Table) -> int:
    with transaction(engine) as raw:
        number = delete_portion(raw, owner_id, table)
        if number:
            _add(raw, work_id, table.name, number)
    return number


def delete_portion(raw: Raw, owner_id: int, table: Table, most: int = ROWS_A_TRANSACTION) -> int:
    """Deletes some of the owner's rows of this table; how many."""
    name = table.name
    if not raw.sqlite:
        return raw.execute(f"DELETE FROM {name} WHERE userId=? LIMIT {most}", (owner_id,))
    keys = ",".join(column.name for column in table.primary_key.columns)
    chosen = f"SELECT {keys} FROM {name} WHERE userId=? LIMIT {most}"
    return raw.execute(f"DELETE FROM {name} WHERE userId=? AND ({keys}) IN ({chosen})", (owner_id, owner_id))


def _note(engine: Engine, work_id: str, what: str, number: int) -> None:
    with transaction(engine) as raw:
        _add(raw, work_id, what, number)


def _add(raw: Raw, work_id: str, what: str, number: int) -> None:
    """In the transaction that deleted them, so that the count is right after a crash too."""
    done = loads(raw.rows("SELECT done FROM space_works WHERE id=?", (work_id,))[0][0])
    done[what] = done.get(what, 0) + number
    now = clock.now_us()
    raw.execute(
        "UPDATE space_works SET done=?,updatedAt=?,leaseUntil=? WHERE id=?",
        (dumps(done), database_text(now), now + LEASE_US, work_id),
    )


def _release(engine: Engine, work_id: str) -> None:
    with transaction(engine) as raw:
        raw.execute("UPDATE space_works SET leaseOwner=NULL,leaseUntil=NULL WHERE id=?", (work_id,))


def _finish(engine: Engine, work_id: str, owner_id: int) -> None:
    """The empty space gets a new key: an archive of what it was may go into another space of this installation."""
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(
            update(SpaceWork)
            .where(SpaceWork.id == work_id)
            .values(finished_at=clock.now(), lease_owner=None, lease_until=None)
        )
        connection.execute(update(User).where(User.id == owner_id).values(space_key=new_space_key()))
        bump(connection, owner_id)
