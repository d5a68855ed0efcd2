"""Who is signed in: a person, and the space that they look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import session
from flask_login import login_user
from sqlalchemy import case, select
from sqlalchemy.exc import IntegrityError

from swarm_ui import clock
from swarm_ui.accounts import sessions
from swarm_ui.accounts.models import User
from swarm_ui.audit import Actor, record
from swarm_ui.extensions import db, login_manager
from swarm_ui.jsontext import loads
from swarm_ui.orm import moment_of
from swarm_ui.rawsql import look_up

# Sessions are not tied to an address or a browser's version: laptops travel, browsers update.
login_manager.session_protection = None

# `userId`: whose space is shown is what is found.
_PERSON = (
    "SELECT browser_sessions.hash,browser_sessions.id,browser_sessions.seenAt,browser_sessions.createdAt,browser_sessions.fresh IS NOT NULL,"
    "person.id,person.name,person.email,person.role,person.preferences,owner.id,owner.name,owner.email,memberships.role,space_works.kind "
    "FROM browser_sessions JOIN users AS person ON person.id=browser_sessions.memberId JOIN users AS owner ON owner.id=browser_sessions.ownerId "
    "LEFT JOIN memberships ON memberships.ownerId=owner.id AND memberships.memberId=person.id "
    "LEFT JOIN space_works ON space_works.ownerId=owner.id AND space_works.finishedAt IS NULL "
    "WHERE browser_sessions.hash=? AND person.disabledAt IS NULL LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Person:
    """`role` is for the whole installation; `space_role` for the space shown: "owner" of it, the membership's, or "admin" for an
    administrator who looks into another's."""

    id: int
    name: str
    email: str | None
    role: str
    owner_id: int
    space_name: str
    space_role: str
    token: str = field(repr=False)
    session_id: str
    preferences: Mapping[str, Any]
    # Something waits to be shown once: `fresh.py`.
    has_fresh: bool = False
    # The space that this session showed until the person's place in it ended: they are in their own now, and are to be told.
    lost_space: str | None = None
    # "erase" or "import" while that is under way on the space shown.
    space_work: str | None = None

    is_authenticated: Literal[True] = True
    is_active: Literal[True] = True
    is_anonymous: Literal[False] = False

    def get_id(self) -> str:
        return self.token

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"


@login_manager.user_loader
def load(token: str) -> Person | None:
    """Whoever holds this session; None when it is over. Somebody who may not be in the space that it shows any more is in their own."""
    rows = look_up(db.engine, _PERSON, (sessions.hash_of(token),))
    if not rows:
        return None
    (
        hash_, session_id, seen_at, created_at, has_fresh, person_id, name, email, role, preferences, owner_id, owner_name, owner_email,
        member_as, space_work,
    ) = rows[0]  # fmt: skip
    seen_at, created_at = moment_of(seen_at), moment_of(created_at)
    now = clock.now()
    if not sessions.goes_on(seen_at, created_at, now):
        return None
    space_role = "owner" if person_id == owner_id else member_as or ("admin" if role == "admin" else None)
    sessions.note_seen(hash_, seen_at, now)
    space, lost = called(owner_name, owner_email), None
    if space_role is None:
        owner_id, space, space_role, lost = person_id, called(name, email), "owner", space
        sessions.fall_back(hash_, person_id)
    return Person(
        person_id, called(name, email), email, role, owner_id, space, space_role, token, session_id,
        loads(preferences) if preferences else {}, bool(has_fresh), lost, None if lost else space_work,
    )  # fmt: skip


def called(name: str | None, email: str | None) -> str:
    return name or email or "Unnamed"


def sign_in(user: User, provider: str) -> None:
    """Opens the person's own space in this browser: a new session, of which the old cookie knows nothing. Commits."""
    now = clock.now()
    user.last_signed_in = now
    token = sessions.begin(user, provider)
    if replaced := session.get("_user_id"):  # this browser was signed in: that session is nobody's any more
        sessions.end(str(replaced))
    name = called(user.name, user.email)
    actor = Actor(user.id, name, "sign_in")
    record("session.begin", user.id, name, after={"provider": provider}, owner_id=user.id, actor=actor)
    db.session.commit()
    session.clear()  # nothing of the stranger's session, which another may have planted, is kept
    session.permanent = True
    login_user(
        Person(
            user.id, name, user.email, user.role, user.id, name, "owner", token, "", user.preferences or {}
        )
    )


def find_or_make(email: str | None) -> User:
    """The person with this address, made where there is none; without one the first administrator. Does not commit.

    The first person of an installation becomes its administrator.
    """
    found = _find(email)
    if found:
        return found
    first = db.session.scalar(select(User.id).limit(1)) is None
    user = User(
        email=email,
        name=email.partition("@")[0] if email else "You",
        role="admin" if first else "user",
        open_id=None if email else "local|admin",
    )
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:  # made by somebody else at the same moment
        return _find(email) or user
    return user


def _find(email: str | None) -> User | None:
    if email:
        return db.session.scalar(select(User).where(User.email == email))
    administrators_first = case((User.role == "admin", 0), else_=1)
    return db.session.scalar(select(User).order_by(administrators_first, User.id).limit(1))


def clean_email(text: str) -> str:
    """As it is stored; raises ValueError on what is no address."""
    email = text.strip()
    # Before it is lower-cased: the Kelvin sign becomes a plain "k", and with it somebody else's address.
    if not email.isascii():
        raise ValueError(f"{text!r} is not an e-mail address")
    email = email.lower()
    name, at, host = email.rpartition("@")
    if not (at and name and host) or len(email) > 255 or any(c.isspace() for c in email):
        raise ValueError(f"{text!r} is not an e-mail address")
    return email
