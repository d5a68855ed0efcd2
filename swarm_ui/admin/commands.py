"""flask user: people, for whoever may run commands on the server."""

from collections.abc import Callable

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy import select

from swarm_ui.accounts import people, spaces
from swarm_ui.accounts.models import User
from swarm_ui.admin import people as acts
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner

users = AppGroup("user", help="People: who there is, disable and enable, make an administrator.")


def init_app(app: Flask) -> None:
    app.cli.add_command(users)


@users.command("list")
def list_users() -> None:
    """List people: address, role, state, when they last signed in."""
    for user in db.session.scalars(select(User).order_by(User.id)):
        seen = f"{user.last_signed_in:%Y-%m-%d %H:%M}" if user.last_signed_in else "never"
        click.echo("\t".join((people.called(user.email, user.name), user.role, acts.state_of(user), seen)))


@users.command("disable")
@click.argument("email", callback=spaces.clean)
def disable(email: str) -> None:
    """Shut EMAIL out, with every session and key; undone by `flask user enable`."""
    _change(email, acts.disable)


@users.command("enable")
@click.argument("email", callback=spaces.clean)
def enable(email: str) -> None:
    """Let EMAIL in again."""
    _change(email, acts.enable)


@users.command("make-admin")
@click.argument("email", callback=spaces.clean)
def make_admin(email: str) -> None:
    """Make EMAIL an administrator of the installation."""
    _change(email, lambda user: acts.set_role(user, "admin"))


def _change(email: str, act: Callable[[User], None]) -> None:
    owner_id = spaces.known(email)
    db.session.connection(execution_options={"writes": True})
    bind_owner(db.session, owner_id)
    user = db.session.get_one(User, owner_id)
    try:
        act(user)
    except Refused as refused:
        raise click.ClickException(refused.message) from None
    said = f"{email}: {user.role}, {acts.state_of(user)}"
    db.session.commit()
    click.echo(said)
