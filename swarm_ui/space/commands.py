"""flask space: a space as a file, out of a file, and its end."""

import os
import sys
from pathlib import Path

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.accounts import people, spaces
from swarm_ui.accounts.commands import prepared
from swarm_ui.accounts.models import User
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.formatting import plural
from swarm_ui.rawsql import Busy
from swarm_ui.space import erasure, export, importing
from swarm_ui.storage import StorageError
from swarm_ui.tenancy import bind_owner
from swarm_ui.worker import doorbell

space = AppGroup("space", help="A whole space: into a file, out of one, and its end.")
email = click.option("--email", required=True, callback=spaces.clean, help="Whose space.")


def init_app(app: Flask) -> None:
    app.cli.add_command(space)


@space.command("export")
@email
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@prepared
def export_space(email: str, file: Path | None) -> None:
    """Write everything in the space into FILE, gzipped JSON lines. Without FILE its name is that of the space and the day; - is standard output."""
    owner_id = spaces.known(email)
    name = _name(owner_id)
    if file is not None and str(file) == "-":
        _record(owner_id, "space.export", name)
        for piece in export.packed(db.engine, owner_id):
            sys.stdout.buffer.write(piece)
        return
    target = file or Path(export.file_name(name, clock.now()))
    if target.exists():
        raise click.ClickException(f"{target} exists already")
    _record(owner_id, "space.export", name)
    partial = target.with_name(target.name + ".part")
    rows = 0

    def count(number: int) -> None:
        nonlocal rows
        rows += number

    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            for piece in export.packed(db.engine, owner_id, count):
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
    except OSError as error:
        raise click.ClickException(f"{partial}: {error.strerror}") from None
    click.echo(f"{target}: {plural(rows, 'row')}, {target.stat().st_size:,} bytes")


@space.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@email
@prepared
def import_space(file: Path, email: str) -> None:
    """Put an archive into the empty space of this person, who is made if unknown. Broken off, the same command goes on where it stopped."""
    try:
        checked = importing.check(file)
        owner_id = spaces.made(email)
        db.session.rollback()
        work_id = importing.begin(db.engine, owner_id, checked)
        with click.progressbar(
            length=checked.rows + checked.end["files"], label=file.name, file=sys.stderr
        ) as bar:
            members = importing.store(db.engine, owner_id, work_id, file, checked, bar.update)
    except importing.Unfit as problem:
        raise click.ClickException(f"{file}: {problem}") from None
    except StorageError as error:
        raise click.ClickException(f"{error}; run the command again to go on") from None
    after = {"rows": checked.rows, "archive": checked.sha256}
    _record(owner_id, "space.import", _name(owner_id), after)
    doorbell.ring(current_app.config["SETTINGS"].data_dir)
    click.echo(
        f"{plural(checked.rows, 'row')} and {plural(checked.end['files'], 'file')} are in the space of {email}."
    )
    if missing := checked.end["missing"]:
        click.echo(f"{plural(len(missing), 'file')} had been gone when the archive was made.")
    if out := checked.end["members"] - members:
        click.echo(f"{plural(out, 'member')} of the space are not known here: invite them again.")
    if checked.end["rows"].get("api_keys"):
        click.echo("API keys are not taken over: make new ones.")


@space.command("erase")
@email
@click.option("--yes", is_flag=True, help="Do it; without it the command says what would go.")
@prepared
def erase_space(email: str, yes: bool) -> None:
    """Delete everything in the space for good. The account stays."""
    owner_id = spaces.known(email)
    counts = erasure.counts(db.session.connection(), owner_id)
    total = sum(counts.values())
    if not yes:
        for table, number in counts.items():
            click.echo(f"{table}\t{number:,}")
        db.session.rollback()
        raise click.ClickException(f"{plural(total, 'row')} and all files would go; give --yes to erase them")
    db.session.rollback()
    try:
        bind_owner(db.session, owner_id)
        db.session.connection(execution_options={"writes": True})
        if db.session.scalars(erasure.under_way(owner_id)).first() is None or not _is_erasing(owner_id):
            name = _name(owner_id)
            work = erasure.begin(owner_id, name)
            record("space.erase", owner_id, name, before=work.planned)
        db.session.commit()
        with click.progressbar(length=total, label=email, file=sys.stderr) as bar:
            erasure.run(db.engine, owner_id, bar.update)
    except Refused as refusal:
        raise click.ClickException(refusal.message) from None
    except (Busy, StorageError) as error:
        raise click.ClickException(f"{error}; run the command again to go on") from None
    doorbell.ring(current_app.config["SETTINGS"].data_dir)
    if _is_erasing(owner_id):
        click.echo(
            "Everything is gone. For about a minute more the space takes no data; then the worker, or this command, ends the erasure."
        )
    else:
        click.echo("Everything is gone, and the erasure has ended.")


def _is_erasing(owner_id: int) -> bool:
    work = db.session.scalars(erasure.under_way(owner_id)).first()
    return work is not None and work.kind == "erase"


def _name(owner_id: int) -> str:
    found = db.session.execute(select(User.name, User.email).where(User.id == owner_id)).one()
    return people.called(found.name, found.email)


def _record(owner_id: int, action: str, name: str, after: dict[str, object] | None = None) -> None:
    db.session.rollback()
    bind_owner(db.session, owner_id)
    db.session.connection(execution_options={"writes": True})
    record(action, owner_id, name, after=after)
    db.session.commit()
