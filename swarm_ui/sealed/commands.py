"""flask secrets: the keys that stored secrets are encrypted with."""

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import select

from swarm_ui import crypto
from swarm_ui.accounts.commands import prepared
from swarm_ui.accounts.models import User
from swarm_ui.audit import record
from swarm_ui.config import ConfigError
from swarm_ui.extensions import db
from swarm_ui.formatting import plural
from swarm_ui.sealed.rotation import keys_in_use, rotate
from swarm_ui.tenancy import bind_owner

secrets = AppGroup("secrets", help="The keys that stored secrets are encrypted with.")


def init_app(app: Flask) -> None:
    app.cli.add_command(secrets)


@secrets.command("list")
@prepared
def list_keys() -> None:
    """List the keys by their ids, first the one that encrypts, with the number of secrets that need each."""
    ring, used = _ring(), keys_in_use(db.engine)
    for place, key in enumerate(ring.ids):
        click.echo(f"{key}\t{plural(used[key], 'secret')}\t{'encrypts' if place == 0 else 'decrypts only'}")
    for key in sorted(used.keys() - set(ring.ids)):
        click.echo(f"{key}\t{plural(used[key], 'secret')}\tmissing: put this key back")


@secrets.command("rotate")
@click.option("--keep-key", is_flag=True, help="Make no new key: only bring all secrets under the first one.")
@prepared
def rotate_keys(keep_key: bool) -> None:
    """Make a new key, encrypt every stored secret with it, and say when the old one can go.

    Stopped in the middle, it goes on with --keep-key. Where SECRET_KEYS is set, put the new key in front of it yourself.
    """
    settings = current_app.config["SETTINGS"]
    ring = _ring()
    before = ring.ids
    if not settings.secret_keys and not keep_key:
        crypto.add_key(crypto.keys_file(settings))
    done = rotate(db.engine, ring)
    used = keys_in_use(db.engine)
    _record(before, ring.ids[0], done.secrets)
    click.echo(f"{plural(done.secrets, 'secret')} encrypted anew with the key {ring.ids[0]}.")
    for key in ring.ids[1:]:
        if used[key]:
            click.echo(f"The key {key} is still needed by {plural(used[key], 'secret')}: keep it.")
        else:
            click.echo(f"No secret needs the key {key} any more: take it out of {_where(settings)}.")
    if settings.secret_keys and not keep_key and before[0] == ring.ids[0] and not done.secrets:
        click.echo(
            "For a new key put 32 random bytes in front of SECRET_KEYS (`openssl rand -hex 32`), restart, and run this again."
        )
    for table, row_id, reason in done.unreadable[:20]:
        click.echo(f"{table} {row_id}: {reason}", err=True)
    if done.unreadable:
        raise click.ClickException(f"{plural(len(done.unreadable), 'secret')} could not be opened")


def _ring() -> crypto.KeyRing:
    try:
        ring = crypto.ring()
        ring.keys()
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    return ring


def _where(settings: object) -> str:
    return "SECRET_KEYS" if settings.secret_keys else f"{crypto.keys_file(settings)}"  # type: ignore[attr-defined, arg-type]


def _record(before: list[str], key: str, number: int) -> None:
    """In the trail of the first administrator: the keys are the installation's, not a space's."""
    if before[0] == key and not number:
        return
    administrator = db.session.scalar(select(User.id).where(User.role == "admin").order_by(User.id).limit(1))
    db.session.rollback()
    if administrator is None:
        return
    bind_owner(db.session, administrator)
    db.session.connection(execution_options={"writes": True})
    record(
        "secrets.rotate", key, f"key {key}", before={"key": before[0]}, after={"key": key, "secrets": number}
    )
    db.session.commit()
