"""Sessions in browsers: a row each, so that they can be listed and ended from anywhere. The cookie holds a token that means nothing by itself."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import current_app, request
from sqlalchemy import ColumnElement, Select, delete, or_, select, update

from swarm_ui import clock, ids
from swarm_ui.accounts import last_use
from swarm_ui.accounts.models import BrowserSession, User
from swarm_ui.audit import address
from swarm_ui.extensions import db
from swarm_ui.jsontext import clean_text

MOST_SHOWN = 100
_SEEN_EVERY = timedelta(minutes=1)


def begin(user: User, provider: str) -> str:
    """A new session that shows the person's own space; returns the token for the cookie. Does not commit."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    db.session.add(
        BrowserSession(
            hash=hash_of(token),
            id=ids.new(clock.now_us()),
            member_id=user.id,
            owner_id=user.id,
            provider=provider,
            browser=clean_text(request.headers.get("User-Agent", ""), 255),
            address=address(),
            seen_at=now,
        )
    )
    db.session.execute(delete(BrowserSession).where(BrowserSession.member_id == user.id, _is_over(now)))
    return token


def alive(now: datetime) -> list[ColumnElement[bool]]:
    """Neither idle for too long nor too old."""
    settings = current_app.config["SETTINGS"]
    return [
        BrowserSession.seen_at > now - timedelta(seconds=settings.session_idle),
        BrowserSession.created_at > now - timedelta(seconds=settings.session_lifetime),
    ]


def goes_on(seen_at: datetime, created_at: datetime, now: datetime) -> bool:
    settings = current_app.config["SETTINGS"]
    return (now - seen_at).total_seconds() < settings.session_idle and (
        now - created_at
    ).total_seconds() < settings.session_lifetime


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(*(~condition for condition in alive(now)))


def of(person_id: int) -> Select[Any]:
    """The person's sessions that go on, the one used last first."""
    mine = (BrowserSession.member_id == person_id, *alive(clock.now()))
    return select(BrowserSession).where(*mine).order_by(BrowserSession.seen_at.desc(), BrowserSession.id)


def show_space(token: str, owner_id: int) -> None:
    """From now on this session shows the space of `owner_id`; whether the person may is for the caller to have checked."""
    db.session.execute(
        update(BrowserSession).where(BrowserSession.hash == hash_of(token)).values(owner_id=owner_id)
    )


def fall_back(hash_: str, person_id: int) -> None:
    """After the request: this session shows the person's own space. Where the database is busy the next request does it."""
    mine = BrowserSession.hash == hash_
    last_use.note_afterwards(
        select(BrowserSession.hash).where(mine), update(BrowserSession).where(mine).values(owner_id=person_id)
    )


def leave_space(person_id: int, owner_id: int) -> None:
    """Every session of the person that shows this space shows their own from now on."""
    there = (BrowserSession.member_id == person_id, BrowserSession.owner_id == owner_id)
    db.session.execute(update(BrowserSession).where(*there).values(owner_id=person_id))


def end(token: str) -> None:
    db.session.execute(delete(BrowserSession).where(BrowserSession.hash == hash_of(token)))


def end_one(person_id: int, session_id: str) -> str | None:
    """Ends this session of the person; what its browser called itself, None where they have no such session."""
    mine = (BrowserSession.id == session_id, BrowserSession.member_id == person_id)
    browser = db.session.scalar(select(BrowserSession.browser).where(*mine))
    ended: Any = db.session.execute(delete(BrowserSession).where(*mine))
    return browser if ended.rowcount else None


def end_all(person_id: int, but: str | None = None) -> int:
    """Ends every session of the person, but the one with this token; how many."""
    statement = delete(BrowserSession).where(BrowserSession.member_id == person_id)
    if but is not None:
        statement = statement.where(BrowserSession.hash != hash_of(but))
    ended: Any = db.session.execute(statement)
    return int(ended.rowcount)


def note_seen(hash_: str, seen_at: datetime, now: datetime) -> None:
    """After the request, at most once a minute."""
    if seen_at > now - _SEEN_EVERY:
        return
    mine = BrowserSession.hash == hash_
    last_use.note_afterwards(
        select(BrowserSession.hash).where(mine),
        # `updatedAt` stays: being used is no change of the session.
        update(BrowserSession)
        .where(mine, BrowserSession.seen_at < now)
        .values({"seen_at": now, "updated_at": BrowserSession.updated_at}),
    )


def hash_of(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
