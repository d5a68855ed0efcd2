"""API keys: made once, shown once, found by their hash."""

import secrets
import string
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Select, Update, or_, select, update

from swarm_ui import clock, ids
from swarm_ui.access import KEY_ROLE, KeyHolder, key_finder
from swarm_ui.accounts import last_use, throttle
from swarm_ui.accounts.models import ApiKey
from swarm_ui.extensions import db
from swarm_ui.jsontext import loads
from swarm_ui.orm import moment_of
from swarm_ui.rawsql import look_up

SCOPES = {
    "ingest": "send traces, logs, metrics and tasks",
    "ping": "report that an agent is alive, and nothing else",
    "read": "read everything in this space",
    "write": "change things, such as resolving an alert",
}
# What the audit trail keeps of a key.
AUDITED = ("name", "prefix", "scopes", "expires_at")
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 40
_SHOWN = 12
_NOTED_EVERY = timedelta(minutes=1)


def make(
    owner_id: int, creator_id: int, name: str, scopes: list[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
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
        expires_at=expires_at,
    )
    db.session.add(key)
    return key, text


def revoke(key: ApiKey) -> None:
    """A second call keeps the first time."""
    key.revoked_at = key.revoked_at or clock.now()


# A key does what whoever made it may do: it ends with their place in the space. `userId` is what is found.
_KEY = (
    "SELECT api_keys.id,api_keys.userId,api_keys.creatorId,api_keys.name,api_keys.scopes,api_keys.expiresAt,api_keys.lastUsedAt,space_works.kind "
    "FROM api_keys JOIN users AS owner ON owner.id=api_keys.userId JOIN users AS creator ON creator.id=api_keys.creatorId "
    "LEFT JOIN memberships ON memberships.ownerId=api_keys.userId AND memberships.memberId=api_keys.creatorId "
    "LEFT JOIN space_works ON space_works.ownerId=api_keys.userId AND space_works.finishedAt IS NULL "
    "WHERE api_keys.hash=? AND api_keys.revokedAt IS NULL AND owner.disabledAt IS NULL AND creator.disabledAt IS NULL "
    f"AND (api_keys.creatorId=api_keys.userId OR memberships.role='{KEY_ROLE}' OR creator.role='admin') LIMIT 1"
)


@key_finder
def find(presented: str) -> KeyHolder | None:
    """Whose key this is, from the database each time, so that a revocation holds at once.

    On a connection of its own: the request's session stays untouched, free to begin as a writer.
    """
    rows = look_up(db.engine, _KEY, (_hash(presented),))
    if not rows:
        # Only here: a key that is known costs nothing more, whatever others do from the same address.
        throttle.check("key")
        throttle.failed("key")
        return None
    key_id, owner_id, creator_id, name, scopes, expires_at, last_used_at, work = rows[0]
    expires_at, last_used_at = moment_of(expires_at), moment_of(last_used_at)
    now = clock.now()
    if expires_at and expires_at <= now:
        return None
    if last_used_at is None or last_used_at <= now - _NOTED_EVERY:
        last_use.note_afterwards(*use_of(key_id, owner_id, now))
    return KeyHolder(key_id, owner_id, frozenset(loads(scopes)), creator_id, name, work)


def use_of(key_id: str, owner_id: int, now: datetime) -> tuple[Select[Any], Update]:
    """The row of this key, and the change that notes its use."""
    mine = (ApiKey.id == key_id, ApiKey.user_id == owner_id)
    stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - _NOTED_EVERY)
    # `updatedAt` stays: being used is no change of the key.
    values = {"last_used_at": now, "updated_at": ApiKey.updated_at}
    return select(ApiKey.id).where(*mine), update(ApiKey).where(*mine, stale).values(values)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
