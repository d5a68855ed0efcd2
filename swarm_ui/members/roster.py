"""Who may enter a space: invited, given another role, removed. What is not said here holds at the next request of whoever it is about."""

from flask import current_app
from sqlalchemy import Row, Select, delete, exists, or_, select
from sqlalchemy.exc import IntegrityError

from swarm_ui.accounts import people, sessions
from swarm_ui.accounts.models import ApiKey, BrowserSession, LoginLink, Membership, User
from swarm_ui.audit import AuditEvent, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db

ROLES = {
    "viewer": "looks at everything",
    "operator": "also resolves alerts and switches maintenance",
    "editor": "also changes agents, workflows and rules, and makes keys",
}
MOST_MEMBERS = 200


def listed(owner_id: int) -> Select[Membership, User]:
    """(Membership, User), by name; as many as a space may have."""
    return (
        select(Membership, User)
        .join(User, User.id == Membership.member_id)
        .where(Membership.owner_id == owner_id)
        .order_by(User.name, User.id)
        .limit(MOST_MEMBERS)
    )


def spaces_of(person_id: int) -> Select[int, str | None, str | None, str]:
    """(owner id, name, e-mail, role) of each space but their own that the person may enter, by name."""
    return (
        select(User.id, User.name, User.email, Membership.role)
        .join(Membership, Membership.owner_id == User.id)
        .where(Membership.member_id == person_id)
        .order_by(User.name, User.id)
        .limit(MOST_MEMBERS)
    )


def find(owner_id: int, member_id: int) -> Row[Membership, User]:
    """(Membership, User) of this member; raises Refused 404."""
    row = db.session.execute(
        select(Membership, User)
        .join(User, User.id == Membership.member_id)
        .where(Membership.owner_id == owner_id, Membership.member_id == member_id)
    ).first()
    if row is None:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    return row


def invite(owner_id: int, email: str, role: str) -> User:
    """Makes the person if unknown. Raises Refused 422 where they are here already. Does not commit."""
    user = people.find_or_make(email)
    db.session.flush()
    settings = current_app.config["SETTINGS"]
    if settings.providers and settings.allowed_emails and not user.open_id and not settings.allows(email):
        _refuse("This address could not sign in: ALLOWED_EMAILS of this installation does not list it.")
    if user.id == owner_id:
        _refuse("This is the owner of the space.")
    if db.session.get(Membership, (owner_id, user.id)):
        _refuse("This person is a member already; change the role in the list.")
    if (
        len(db.session.scalars(select(Membership.member_id).where(Membership.owner_id == owner_id)).all())
        >= MOST_MEMBERS
    ):
        _refuse(f"A space has at most {MOST_MEMBERS} members.")
    try:
        with db.session.begin_nested():
            db.session.add(Membership(owner_id=owner_id, member_id=user.id, role=role))
    except IntegrityError:  # invited twice at the same moment
        _refuse("This person is a member already; change the role in the list.")
    record("member.invite", user.id, email, after={"email": email, "role": role})
    return user


def change_role(membership: Membership, user: User, role: str) -> None:
    if membership.role != role:
        record("member.role", user.id, _called(user), before={"role": membership.role}, after={"role": role})
        membership.role = role


def remove(membership: Membership, user: User) -> None:
    """Their keys end with it (`accounts/keys.py` asks each time), their sessions fall back to their own space."""
    record("member.remove", user.id, _called(user), before={"email": user.email, "role": membership.role})
    db.session.delete(membership)
    db.session.flush()
    # Whoever signs in for the first time at this moment waits, or is waited for.
    db.session.refresh(user, with_for_update=True)
    if not _is_somebody(user):
        _forget(user)


def leave(membership: Membership, person_id: int, name: str) -> None:
    """The person's own decision, written into the trail of the space that they leave."""
    owner_id = membership.owner_id
    record("member.leave", person_id, name, before={"role": membership.role}, owner_id=owner_id)
    sessions.leave_space(person_id, owner_id)
    db.session.delete(membership)


def _is_somebody(user: User) -> bool:
    """Has signed in, is a member elsewhere, or owns something. Invited and never seen, a person goes as they came."""
    if user.last_signed_in or user.open_id or user.role == "admin":
        return True
    tables = [
        table
        for table in db.metadata.sorted_tables
        if "userId" in table.c and table.name != AuditEvent.__tablename__
    ]
    signs = [exists(select(1).select_from(table).where(table.c["userId"] == user.id)) for table in tables]
    for column in (
        Membership.owner_id,
        Membership.member_id,
        BrowserSession.member_id,
        BrowserSession.owner_id,
    ):
        signs.append(exists(select(1).select_from(column.class_.__table__).where(column == user.id)))
    keys = ApiKey.__table__
    signs.append(
        exists(
            select(1).select_from(keys).where(keys.c["creatorId"] == user.id, keys.c["userId"].is_not(None))
        )
    )
    return bool(db.session.scalar(select(or_(*signs))))


def _forget(user: User) -> None:
    """With the space that nobody ever saw goes its trail."""
    trail = AuditEvent.__table__
    db.session.execute(delete(trail).where(trail.c["userId"] == user.id))
    db.session.execute(delete(LoginLink).where(LoginLink.email == user.email))
    db.session.delete(user)


def _called(user: User) -> str:
    return people.called(user.name, user.email)


def _refuse(message: str) -> None:
    raise Refused(422, f"email: {message}", fields={"email": message})
