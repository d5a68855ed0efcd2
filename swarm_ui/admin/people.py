"""What administrators do to people: role, disabled or not, sessions ended. Each is written into the trail of whom it is about.

Somebody who administers is always left: whoever takes a role or an access away locks all administrators first.
"""

from sqlalchemy import Select, func, select

from swarm_ui import clock
from swarm_ui.accounts import people, sessions
from swarm_ui.accounts.models import Membership, User
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db

STATES = ("active", "disabled", "invited")
PAGE = 50


def listed(q: str | None = None, role: str | None = None, state: str | None = None) -> Select[User, int]:
    """(User, spaces that they may enter besides their own), by id."""
    spaces = (
        select(func.count())
        .select_from(Membership)
        .where(Membership.member_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    statement = select(User, spaces.label("spaces")).order_by(User.id)
    if q:
        words = q.lower()
        matches = func.lower(User.name).contains(words, autoescape=True)
        if words.isascii():
            matches |= User.email.contains(words, autoescape=True)
        statement = statement.where(matches)
    if role:
        statement = statement.where(User.role == role)
    if state == "disabled":
        statement = statement.where(User.disabled_at.is_not(None))
    elif state == "invited":
        statement = statement.where(User.disabled_at.is_(None), User.last_signed_in.is_(None))
    elif state == "active":
        statement = statement.where(User.disabled_at.is_(None), User.last_signed_in.is_not(None))
    return statement


def state_of(user: User) -> str:
    if user.disabled_at:
        return "disabled"
    return "active" if user.last_signed_in else "invited"


def set_role(user: User, role: str) -> None:
    """Raises Refused 409 for the last administrator. Does not commit, and neither do the others."""
    if user.role == role:
        return
    if role != "admin":
        _leave_an_administrator(user)
    _note("user.role", user, {"role": user.role}, {"role": role})
    user.role = role


def disable(user: User) -> None:
    """They are out at the next request, and so are their keys; their sessions do not come back with them."""
    if user.disabled_at:
        return
    _leave_an_administrator(user)
    user.disabled_at = clock.now()
    sessions.end_all(user.id)
    _note("user.disable", user, {"disabled": False}, {"disabled": True})


def enable(user: User) -> None:
    if user.disabled_at:
        user.disabled_at = None
        _note("user.enable", user, {"disabled": True}, {"disabled": False})


def end_sessions(user: User) -> int:
    ended = sessions.end_all(user.id)
    if ended:
        _note("session.end_all", user, None, {"ended": ended})
    return ended


def _leave_an_administrator(user: User) -> None:
    active = (
        select(User.id)
        .where(User.role == "admin", User.disabled_at.is_(None))
        .order_by(User.id)
        .with_for_update()
    )
    is_one = user.role == "admin" and not user.disabled_at
    if set(db.session.scalars(active)) <= {user.id} and is_one:
        raise Refused(409, "This is the last administrator. Make somebody else one first.")


def _note(action: str, user: User, before: dict | None, after: dict | None) -> None:
    record(
        action, user.id, people.called(user.name, user.email), before=before, after=after, owner_id=user.id
    )
