"""People, whose spaces they may enter, the browsers they are signed in with, and the keys that programs use."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, Hex, Id, Json, LongText, Timed, Words, table
from swarm_ui.tenancy import Owned


def new_space_key() -> int:
    return secrets.randbits(63)


class User(Timed, db.Model):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    open_id: Mapped[str | None] = mapped_column("openId", Ascii(255), unique=True)
    name: Mapped[str | None] = mapped_column(LongText)
    email: Mapped[str | None] = mapped_column(Ascii(255), unique=True)
    role: Mapped[str] = mapped_column(Words("user", "admin"), default="user")
    last_signed_in: Mapped[datetime | None] = mapped_column("lastSignedIn")

    # {"theme": "dark", "timeZone": "Europe/Berlin", "keyboard": false}; what is not there is as usual.
    preferences: Mapped[dict[str, Any] | None] = mapped_column(Json)
    # What the ids of everything in this person's space are derived from: it goes along when the space is moved. None means `id`.
    space_key: Mapped[int | None] = mapped_column("spaceKey", BigInteger, default=new_space_key)
    # Somebody who is disabled enters nowhere, and neither do the keys that they made.
    disabled_at: Mapped[datetime | None] = mapped_column("disabledAt")
    # What their space held when the worker last looked, about; see `space/measuring.py`.
    storage_bytes: Mapped[int | None] = mapped_column("storageBytes", BigInteger)
    storage_at: Mapped[datetime | None] = mapped_column("storageAt")


class Membership(Timed, db.Model):
    """`member` may enter the space of `owner`. Everybody is in their own space without a row."""

    __tablename__ = "memberships"
    __table_args__ = table(Index("ix_memberships_memberId", "memberId"))

    owner_id: Mapped[int] = mapped_column("ownerId", ForeignKey("users.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column("memberId", ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Words("viewer", "operator", "editor"))


class BrowserSession(Timed, db.Model):
    """A browser that `member` is signed in with, and the space of `owner` that it shows. The cookie holds a token, this its SHA-256.

    `id` is what a person names it by; ending it is deleting the row.
    """

    __tablename__ = "browser_sessions"
    __table_args__ = table(Index("ix_browser_sessions_memberId_createdAt", "memberId", "createdAt"))

    hash: Mapped[str] = mapped_column(Hex, primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    member_id: Mapped[int] = mapped_column("memberId", ForeignKey("users.id"))
    owner_id: Mapped[int] = mapped_column("ownerId", ForeignKey("users.id"))
    provider: Mapped[str] = mapped_column(Ascii(64))
    browser: Mapped[str] = mapped_column(String(255), default="")
    address: Mapped[str] = mapped_column(Ascii(64), default="")
    seen_at: Mapped[datetime] = mapped_column("seenAt")
    # What the next page shows once, encrypted; see `fresh.py`.
    fresh: Mapped[str | None] = mapped_column(Ascii(1024))


class FailedAttempts(db.Model):
    """Refused attempts to get in, by a hash of who tried; see `throttle.py`. Times are µs."""

    __tablename__ = "failed_attempts"

    hash: Mapped[str] = mapped_column(Hex, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    since: Mapped[int] = mapped_column(BigInteger)


class ApiKey(Timed, Owned, db.Model):
    """Only the SHA-256 of the key is kept; `prefix` is what a person recognises it by."""

    __tablename__ = "api_keys"
    __table_args__ = table(Index("ix_api_keys_userId_createdAt", "userId", "createdAt"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    creator_id: Mapped[int] = mapped_column("creatorId", ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(LongText)
    hash: Mapped[str] = mapped_column(Hex, unique=True)
    prefix: Mapped[str] = mapped_column(Ascii(16))
    scopes: Mapped[list] = mapped_column(Json)
    expires_at: Mapped[datetime | None] = mapped_column("expiresAt")
    last_used_at: Mapped[datetime | None] = mapped_column("lastUsedAt")
    revoked_at: Mapped[datetime | None] = mapped_column("revokedAt")


class LoginLink(Timed, db.Model):
    """A one-time sign-in link; like a key, only its hash is kept."""

    __tablename__ = "login_links"

    hash: Mapped[str] = mapped_column(Hex, primary_key=True)
    email: Mapped[str | None] = mapped_column(Ascii(255))
    expires_at: Mapped[datetime] = mapped_column("expiresAt")
    used_at: Mapped[datetime | None] = mapped_column("usedAt")


class UsedState(db.Model):
    """A sign-in with a provider that came back: what it brought along is good for one time. `expires_at` is µs, after which the cookie says no."""

    __tablename__ = "used_states"
    __table_args__ = table(Index("ix_used_states_expiresAt", "expiresAt"))

    hash: Mapped[str] = mapped_column(Hex, primary_key=True)
    expires_at: Mapped[int] = mapped_column("expiresAt", BigInteger)


class SpaceVersion(db.Model):
    """Grows with every change of an owner's data: pages that poll get 304 until it does."""

    __tablename__ = "space_versions"

    owner_id: Mapped[int] = mapped_column("ownerId", Integer, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(Integer, default=0)
