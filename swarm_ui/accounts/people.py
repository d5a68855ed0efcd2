"""Who is signed in: a person, and the space that they look at."""

from dataclasses import dataclass
from typing import Literal

from flask_login import login_user
from sqlalchemy import and_, bindparam, case, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from swarm_ui.accounts.models import Membership, User
from swarm_ui.extensions import db, login_manager

# Sessions are not tied to an address or a browser's version: laptops travel, browsers update.
login_manager.session_protection = None

Owner = aliased(User)
_PERSON = (
    select(User.name, User.email, User.role, Owner.name, Owner.email, Membership.role)
    .select_from(User)
    .join(Owner, Owner.id == bindparam("owner"))
    .outerjoin(Membership, and_(Membership.owner_id == Owner.id, Membership.member_id == User.id))
    .where(User.id == bindparam("person"))
)


@dataclass(frozen=True, slots=True)
class Person:
    """`role` is for the whole installation, `space_role` for the space shown: "owner" of it, or the membership's."""

    id: int
    name: str
    email: str | None
    role: str
    owner_id: int
    space_name: str
    space_role: str

    is_authenticated: Literal[True] = True
    is_active: Literal[True] = True
    is_anonymous: Literal[False] = False

    def get_id(self) -> str:
        return f"{self.id}:{self.owner_id}"

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def may_change(self) -> bool:
        return self.space_role != "viewer"


@login_manager.user_loader
def load(session_id: str) -> Person | None:
    """The person of a session "PERSON:OWNER"; None when one of the two is gone, or the membership is."""
    person, _, owner = session_id.partition(":")
    if not (person.isdecimal() and owner.isdecimal()):
        return None
    row = db.session.execute(_PERSON, {"person": int(person), "owner": int(owner)}).first()
    if row is None:
        return None
    name, email, role, owner_name, owner_email, member_as = row
    space_role = "owner" if person == owner else member_as
    if space_role is None:
        return None
    return Person(
        int(person), called(name, email), email, role, int(owner), called(owner_name, owner_email), space_role
    )


def called(name: str | None, email: str | None) -> str:
    return name or email or "Unnamed"


def sign_in(user: User) -> None:
    """Open the person's own space in this browser."""
    login_user(
        Person(user.id, called(user.name, user.email), user.email, user.role, user.id, "", "owner"),
        remember=False,
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
    email = text.strip().lower()
    name, at, host = email.rpartition("@")
    if (
        not (at and name and host)
        or not email.isascii()
        or len(email) > 255
        or any(c.isspace() for c in email)
    ):
        raise ValueError(f"{text!r} is not an e-mail address")
    return email
