"""Who may come in, once a provider has said who it is: whoever has an account, whom ALLOWED_EMAILS lists, who was invited, and the first person."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from swarm_ui.accounts import people, providers
from swarm_ui.accounts.models import User
from swarm_ui.accounts.oauth import Identity
from swarm_ui.audit import Actor, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db


class NotAdmitted(Exception):
    """`reason` is a word that `refusals.py` knows. `way` is how the address signs in, told only to who has proved that it is theirs."""

    def __init__(self, reason: str, *, way: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.way = way


def sign_in(identity: Identity, provider: str) -> None:
    """Signs the person in, who is made or taken over where that is allowed. Commits, or raises NotAdmitted and changes nothing."""
    with _one_at_a_time():
        for attempt in (1, 2):
            db.session.rollback()
            db.session.connection(execution_options={"writes": True})
            try:
                people.sign_in(_admitted(identity), provider)
                return
            except IntegrityError:  # an invitation or a link made the same person at this moment
                if attempt == 2:
                    raise
            except NotAdmitted:
                db.session.rollback()
                raise


def _admitted(identity: Identity) -> User:
    known = db.session.scalar(select(User).where(User.open_id == identity.open_id))
    holder = None
    if identity.email:
        holder = db.session.scalar(select(User).where(User.email == identity.email))
    if known:
        if known.disabled_at:
            raise NotAdmitted("disabled")
        if known.email is None and identity.email and holder is None:
            _note("user.update", known, {"email": None}, {"email": identity.email})
            known.email = identity.email
        return known
    if holder:
        return _taken_over(holder, identity)
    first = db.session.scalar(select(User.id).limit(1)) is None
    settings = current_app.config["SETTINGS"]
    if settings.allows(identity.email) or (first and not settings.allowed_emails):
        return _made(identity, first)
    raise NotAdmitted(
        "unverified" if identity.unverified else "no_email" if not identity.email else "uninvited"
    )


def _taken_over(holder: User, identity: Identity) -> User:
    """The row that an invitation, a link or a command made for this address becomes the account of who has proved to hold it."""
    if holder.open_id:
        raise NotAdmitted("in_use", way=providers.way_of(holder.open_id))
    if holder.disabled_at:
        raise NotAdmitted("disabled")
    settings = current_app.config["SETTINGS"]
    if settings.allowed_emails and not settings.allows(identity.email):
        raise NotAdmitted("uninvited")
    holder.open_id = identity.open_id
    # What was made of the address is a stopgap; a name that somebody chose stays.
    if identity.name and holder.name in (None, (holder.email or "").partition("@")[0]):
        holder.name = identity.name
    _note("user.link", holder, {"openId": None}, {"openId": holder.open_id})
    return holder


def connect(identity: Identity, person_id: int) -> None:
    """Gives an account that came in by a link, and is signed in now, this way to sign in. Commits, or raises NotAdmitted and changes nothing."""
    db.session.rollback()
    db.session.connection(execution_options={"writes": True})
    user = db.session.scalar(select(User).where(User.id == person_id).with_for_update())
    if user is None or user.disabled_at:
        raise NotAdmitted("disabled")
    if not providers.may_connect(user.open_id):
        raise NotAdmitted("has_way")
    if db.session.scalar(select(User.id).where(User.open_id == identity.open_id)) is not None:
        raise NotAdmitted("belongs_to_another")
    before: dict[str, str | None] = {"openId": user.open_id, "email": user.email}
    user.open_id = identity.open_id
    if identity.email and user.email is None:
        holder = db.session.scalar(select(User.id).where(User.email == identity.email))
        user.email = identity.email if holder is None else None
    _note("user.link", user, before, {"openId": user.open_id, "email": user.email})
    db.session.commit()


def _made(identity: Identity, first: bool) -> User:
    name = identity.name or (identity.email or "").partition("@")[0] or None
    user = User(open_id=identity.open_id, email=identity.email, name=name, role="admin" if first else "user")
    db.session.add(user)
    db.session.flush()
    _note("user.create", user, None, {"openId": user.open_id, "email": user.email, "role": user.role})
    return user


def _note(
    action: str, user: User, before: dict[str, str | None] | None, after: dict[str, str | None]
) -> None:
    name = people.called(user.name, user.email)
    actor = Actor(user.id, name, "sign_in")
    record(action, user.id, name, before=before, after=after, owner_id=user.id, actor=actor)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of two who come first at once one administers. On SQLite whoever writes is alone by that."""
    if db.engine.dialect.name == "sqlite":
        yield
        return
    with db.engine.connect() as connection:
        name = {"name": f"swarm_ui sign-in {db.engine.url.database}"[:64]}
        if connection.scalar(text("SELECT GET_LOCK(:name, 10)"), name) != 1:
            raise Refused(503, "Many people are signing in just now. Try again in a moment.", retry_after=5)
        try:
            yield
        finally:
            connection.execute(text("DO RELEASE_LOCK(:name)"), name)
