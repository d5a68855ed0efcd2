"""flask token, flask login-link: entry for whoever may run commands on the server."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import wraps
from typing import Any, TypeVar, cast

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from swarm_ui import clock
from swarm_ui.accounts import entry, keys, people
from swarm_ui.accounts.models import ApiKey, User
from swarm_ui.audit import columns_of, record
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner, everyone, release_owner

F = TypeVar("F", bound=Callable[..., Any])
tokens = AppGroup("token", help="API keys: how programs get in.")


def init_app(app: Flask) -> None:
    app.cli.add_command(tokens)
    app.cli.add_command(login_link)


def prepared(command: F) -> F:
    """A database that is away or has no tables yet is said in one line."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except DBAPIError as error:
            raise click.ClickException(
                f"the database is not ready ({error.orig}); `flask check-db` says more"
            ) from None

    return cast(F, run)


def _email(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return people.clean_email(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _scopes(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    scopes = [scope.strip() for scope in value.split(",") if scope.strip()]
    unknown = [scope for scope in scopes if scope not in keys.SCOPES]
    if unknown or not scopes:
        raise click.BadParameter(f"choose from {', '.join(keys.SCOPES)}, separated by commas")
    return scopes


def _expiry(_context: click.Context, _parameter: click.Parameter, value: str) -> datetime | None:
    """Days from now, or the last day on which the key works."""
    if value == "never":
        return None
    try:
        if found := re.fullmatch(r"(\d{1,4})d", value):
            moment = clock.now() + timedelta(days=int(found[1]))
        else:
            moment = datetime.combine(date.fromisoformat(value) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            "say never, a number of days such as 90d, or a date such as 2027-01-31"
        ) from None
    if moment <= clock.now():
        raise click.BadParameter("that is over already")
    return moment


@click.command("login-link")
@click.option(
    "--email", callback=_email, help="Whom it signs in; made if unknown. Otherwise the first administrator."
)
@with_appcontext
@prepared
def login_link(email: str | None) -> None:
    """Print a sign-in link that works once, for 15 minutes."""
    click.echo(entry.make_link(email))


@tokens.command("create")
@click.option(
    "--email", required=True, callback=_email, help="Whose data it is for; the person is made if unknown."
)
@click.option("--name", required=True, help="What the key is for, such as the name of the sender.")
@click.option(
    "--scopes", default="ingest", show_default=True, callback=_scopes, help="ingest, ping, read, write."
)
@click.option(
    "--expires",
    default="never",
    show_default=True,
    callback=_expiry,
    help="never, 90d, or a date: 2027-01-31 (UTC).",
)
@prepared
def create(email: str, name: str, scopes: list[str], expires: datetime | None) -> None:
    """Make a key and print it; it is shown this once."""
    if not name.strip():
        raise click.BadParameter("say what the key is for", param_hint="--name")
    db.session.connection(execution_options={"writes": True})
    user = people.find_or_make(email)
    bind_owner(db.session, user.id)
    key, text = keys.make(user.id, user.id, name.strip()[:100], scopes, expires)
    record("key.create", key.id, key.name, after=columns_of(key, keys.AUDITED))
    db.session.commit()
    click.echo(text)


@tokens.command("list")
@click.option("--email", callback=_email, help="Only this person's.")
@prepared
def list_keys(email: str | None) -> None:
    """List keys by what is known of them; the keys themselves are kept nowhere."""
    statement = select(ApiKey, User.email, User.name).join(User, User.id == ApiKey.user_id)
    if email:
        statement = statement.where(User.email == email)
    statement = everyone(
        statement.order_by(ApiKey.created_at, ApiKey.id), "the operator lists the keys of all owners"
    )
    for key, address, name in db.session.execute(statement):
        used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
        if key.expires_at:
            used += f", {'expired' if key.expires_at <= clock.now() else 'expires'} {key.expires_at:%Y-%m-%d %H:%M}"
        state = "revoked" if key.revoked_at else used
        click.echo(
            "\t".join((key.prefix, people.called(address, name), ",".join(key.scopes), state, key.name))
        )


@tokens.command("revoke")
@click.argument("prefix")
@prepared
def revoke(prefix: str) -> None:
    """Revoke the key that begins with PREFIX, as `flask token list` shows it."""
    statement = select(ApiKey.id, ApiKey.user_id).where(
        ApiKey.prefix == prefix[:12], ApiKey.revoked_at.is_(None)
    )
    found = db.session.execute(everyone(statement, "the operator names a key, not its owner")).all()
    if len(found) != 1:
        raise click.ClickException(
            "no key in use begins so" if not found else "several keys begin so; revoke in Settings"
        )
    release_owner(db.session)
    bind_owner(db.session, found[0].user_id)
    db.session.connection(execution_options={"writes": True})
    key = db.session.get_one(ApiKey, found[0].id)
    keys.revoke(key)
    record("key.revoke", key.id, key.name, before=columns_of(key, keys.AUDITED))
    db.session.commit()
    click.echo(f"revoked {prefix[:12]}")
