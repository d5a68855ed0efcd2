"""`--email`, for commands that work in somebody's space."""

import click
from sqlalchemy import select

from swarm_ui.accounts import people
from swarm_ui.accounts.models import User
from swarm_ui.extensions import db


def clean(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return people.clean_email(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def made(email: str | None) -> int:
    """The owner with this address, made if unknown; without one the first administrator."""
    db.session.connection(execution_options={"writes": True})
    owner_id = people.find_or_make(email).id
    db.session.commit()
    return owner_id


def known(email: str) -> int:
    owner_id = db.session.scalar(select(User.id).where(User.email == email))
    db.session.rollback()
    if owner_id is None:
        raise click.BadParameter(f"nobody here has the address {email}", param_hint="--email")
    return owner_id
