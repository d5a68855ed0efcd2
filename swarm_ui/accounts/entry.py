"""One-time sign-in links, for an installation without an identity provider: whoever can run a command on the server may enter."""

import secrets
from datetime import timedelta
from enum import Enum
from hashlib import sha256
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.orm import scoped_session

from swarm_ui import clock
from swarm_ui.accounts import people
from swarm_ui.accounts.models import LoginLink, User
from swarm_ui.config import Settings
from swarm_ui.extensions import db

LIFETIME = timedelta(minutes=15)
COMMAND = "flask login-link"


class LinkState(Enum):
    READY = "ready"
    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


def make_link(email: str | None = None) -> str:
    """A fresh link for the person with this address, or for the first administrator. Only its hash is kept. Commits."""
    with db.engine.execution_options(writes=True).begin() as connection:
        return new_link(connection, email)


def new_link(connection: Connection | scoped_session[Any], email: str | None) -> str:
    """The same in a transaction that is under way; does not commit."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    link = {"hash": _hash(token), "email": email, "expires_at": now + LIFETIME}
    connection.execute(delete(LoginLink).where(LoginLink.expires_at < now - timedelta(days=1)))
    connection.execute(insert(LoginLink).values(link))
    return f"{current_app.config['SETTINGS'].public_url}/login/{token}"


def by_link_only() -> bool:
    """Whether one-time links are the way in here: no identity provider is set up."""
    return not current_app.config["SETTINGS"].providers


def state_of(token: str) -> LinkState:
    """What would happen if the link were used now."""
    link = db.session.scalar(select(LoginLink).where(LoginLink.hash == _hash(token)))
    if link is None:
        return LinkState.UNKNOWN
    if link.used_at:
        return LinkState.USED
    return LinkState.EXPIRED if link.expires_at <= clock.now() else LinkState.READY


def use(token: str) -> User | None:
    """Whom the link signs in; None where it no longer does, or the person is disabled. Of two uses at the same time one wins. Does not commit."""
    now = clock.now()
    open_link = (LoginLink.hash == _hash(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
    taken: Any = db.session.execute(update(LoginLink).where(*open_link).values(used_at=now))
    if taken.rowcount != 1:
        return None
    email = db.session.scalar(select(LoginLink.email).where(LoginLink.hash == _hash(token)))
    user = people.find_or_make(email)
    return None if user.disabled_at else user


def startup_message(app: Flask) -> str:
    """What whoever started the server reads: where it is, and a fresh link, unless people sign in with a provider."""
    settings = app.config["SETTINGS"]
    ready = f"Swarm UI {app.config['VERSION']} is ready at {settings.public_url}\n\n"
    if settings.providers:
        labels = " or ".join(provider.label for provider in settings.providers)
        return f"{ready}  Sign in with {labels}: {settings.public_url}/login\n{_in_the_open(settings)}"
    with app.app_context():
        link = make_link()
    minutes = int(LIFETIME.total_seconds() // 60)
    return (
        f"{ready}  Sign in: {link}\n\nThe link works once, within {minutes} minutes. Another one: {COMMAND}\n"
    )


def _in_the_open(settings: Settings) -> str:
    if not settings.reached_in_the_open:
        return ""
    return (
        "\nPUBLIC_URL begins with http:// and is not this machine. Whoever is on the way can read what is sent and act for those who "
        "are signed in.\nPut a proxy that speaks https in front, and set PUBLIC_URL to its https:// address.\n"
    )


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
