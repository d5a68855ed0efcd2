"""flask worker, flask project: the worker by itself, and its work by hand."""

import sys
import time

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import select

from swarm_ui.accounts import spaces
from swarm_ui.accounts.commands import prepared
from swarm_ui.accounts.models import User
from swarm_ui.extensions import db
from swarm_ui.formatting import plural
from swarm_ui.projection import summaries
from swarm_ui.projection.project import Projector
from swarm_ui.projection.rebuild import count_traces, rebuild
from swarm_ui.rawsql import Busy, transaction
from swarm_ui.worker import loop


def init_app(app: Flask) -> None:
    app.cli.add_command(worker)
    app.cli.add_command(project)


@click.command("worker")
@with_appcontext
@prepared
def worker() -> None:
    """Project what arrives, until SIGTERM or SIGINT. `make run` starts one; several share the work."""
    loop.main(current_app._get_current_object())  # type: ignore[attr-defined]


@click.command("project")
@click.option("--rebuild", "again", is_flag=True, help="Empty what was derived and derive all of it again.")
@click.option("--email", callback=spaces.clean, help="Only this person's space.")
@with_appcontext
@prepared
def project(again: bool, email: str | None) -> None:
    """Project the traces that wait, as the worker does.

    With --rebuild everything is derived from the stored spans again. What people decided stays, such as resolved alerts.
    """
    timeout = current_app.config["SETTINGS"].run_timeout
    projector = Projector(db.engine, f"project {time.monotonic_ns():x}"[:36], timeout_us=timeout * 1_000_000)
    owners = [spaces.known(email)] if email else list(db.session.scalars(select(User.id).order_by(User.id)))
    db.session.rollback()
    try:
        for owner_id in owners:
            number = _again(projector, owner_id) if again else _waiting(projector, owner_id)
            if number or email:
                click.echo(f"{_address(owner_id)}: {plural(number, 'trace')} projected")
    except Busy as error:
        raise click.ClickException(f"the database is busy: {error}") from None
    if set_aside := _set_aside(owners):
        for owner_id, trace_id, reason in set_aside[:20]:
            click.echo(f"{_address(owner_id)}: trace {trace_id} is set aside: {reason}", err=True)
        raise click.ClickException(f"{plural(len(set_aside), 'trace')} could not be projected")


def _waiting(projector: Projector, owner_id: int) -> int:
    done = projector.drain_owner(owner_id)
    summaries.refresh(db.engine, done.agents, done.workflows)
    return done.traces


def _again(projector: Projector, owner_id: int) -> int:
    length = count_traces(db.engine, owner_id)
    with click.progressbar(length=length, label=_address(owner_id), file=sys.stderr) as bar:
        return rebuild(projector, owner_id, bar.update)


def _address(owner_id: int) -> str:
    found = db.session.execute(select(User.email, User.name).where(User.id == owner_id)).one()
    db.session.rollback()
    return found.email or found.name or f"owner {owner_id}"


def _set_aside(owners: list[int]) -> list[tuple[int, str, str]]:
    """(owner, trace, last line of the reason)."""
    with transaction(db.engine, writes=False) as raw:
        statement = "SELECT userId,traceId,error FROM trace_dirty WHERE error IS NOT NULL AND userId IN {}"
        return [
            (owner_id, trace_id, error.strip().rpartition("\n")[2])
            for owner_id, trace_id, error in raw.rows_in(statement, (), owners)
        ]
