"""API keys: made once, shown once, found by their hash."""

import secrets
import string
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import after_this_request
from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.exc import DBAPIError

from swarm_ui import clock, ids
from swarm_ui.access import KeyHolder, key_finder
from swarm_ui.accounts.models import ApiKey
from swarm_ui.extensions import db

SCOPES = {
    "ingest": "send traces, logs and metrics",
    "read": "read everything in this space",
    "write": "change things, such as resolving an alert",
}
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40
_SHOWN = 12
_NOTED_EVERY = timedelta(minutes=1)
# Made once: every request of a program asks it.
_FIND = select(
    ApiKey.id, ApiKey.user_id, ApiKey.scopes, ApiKey.expires_at, ApiKey.revoked_at, ApiKey.last_used_at
).where(ApiKey.hash == bindparam("presented"))


def make(owner_id: int, creator_id: int, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
    """A new key and its text, which is kept nowhere. Does not commit."""
    text = "swk_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    key = ApiKey(
        id=ids.new(clock.now_us()),
        user_id=owner_id,
        creator_id=creator_id,
        name=name,
        hash=_hash(text),
        prefix=text[:_SHOWN],
        scopes=[scope for scope in SCOPES if scope in scopes],
    )
    db.session.add(key)
    return key, text


def revoke(key: ApiKey) -> None:
    """A second call keeps the first time."""
    key.revoked_at = key.revoked_at or clock.now()


@key_finder
def find(presented: str) -> KeyHolder | None:
    """Whose key this is, from the database each time, so that a revocation holds at once.

    On a connection of its own: the request's session stays untouched, free to begin as a writer.
    """
    with db.engine.connect() as connection:
        row = connection.execute(_FIND, {"presented": _hash(presented)}).first()
    if row is None:
        return None
    key_id, owner_id, scopes, expires_at, revoked_at, last_used_at = row
    now = clock.now()
    if revoked_at or (expires_at and expires_at <= now):
        return None
    if last_used_at is None or last_used_at <= now - _NOTED_EVERY:
        _note_use_afterwards(key_id, owner_id, now)
    return KeyHolder(key_id, owner_id, frozenset(scopes))


def _note_use_afterwards(key_id: str, owner_id: int, now: datetime) -> None:
    """After the view, whose own transaction is over by then."""

    @after_this_request
    def note(response: Any) -> Any:
        try:
            with db.engine.connect() as connection:
                note_use(connection, key_id, owner_id, now)
        except DBAPIError:
            pass  # busy: the next request tries again
        return response


def note_use(connection: Connection, key_id: str, owner_id: int, now: datetime) -> None:
    """Writes `lastUsedAt` without waiting for anybody; raises DBAPIError where it would have to."""
    mine = (ApiKey.id == key_id, ApiKey.user_id == owner_id)
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]
        driver.execute("PRAGMA busy_timeout=0")
        try:
            connection = connection.execution_options(writes=True)
            _write_use(connection, mine, now)
        finally:
            driver.execute(f"PRAGMA busy_timeout={int(waits)}")
    else:
        connection.execute(select(ApiKey.id).where(*mine).with_for_update(nowait=True))
        _write_use(connection, mine, now)


def _write_use(connection: Connection, mine: tuple, now: datetime) -> None:
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - _NOTED_EVERY)
    # `updatedAt` stays: being used is no change of the key.
    values = {"last_used_at": now, "updated_at": ApiKey.updated_at}
    connection.execute(update(ApiKey).where(*mine, stale).values(values))
    connection.commit()


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
