"""flask check-db: is the database reachable, at the right migration, and shaped as the models say?"""

from collections.abc import Iterator
from typing import Any

import click
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy import Column, Connection, Inspector, Table, UniqueConstraint, func, inspect, select, text
from sqlalchemy import types as kinds
from sqlalchemy.exc import SQLAlchemyError

from swarm_ui.extensions import db
from swarm_ui.jsontext import dumps

MIGRATE = "run `flask db upgrade` (make migrate)"
RESTORE = "restore the table from a backup, or make it again by hand as the newest migration does"


def init_app(app: Flask) -> None:
    app.cli.add_command(check_db)


@click.command("check-db")
@with_appcontext
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_db(as_json: bool) -> None:
    """Check the database: reachable, migrated, every table, column and index as expected."""
    report = check()
    if as_json:
        click.echo(dumps(report))
    else:
        for name, value in report.items():
            if name in ("database", "server", "revision"):
                click.echo(f"{name:9} {value or '–'}")
        for table, rows in report["tables"].items():
            click.echo(f"  {table:22} {rows:>12,} rows")
        for problem in report["problems"]:
            click.echo(f"problem: {problem}")
        click.echo("ok" if report["ok"] else f"{len(report['problems'])} problem(s)")
    if not report["ok"]:
        raise SystemExit(1)


def check() -> dict[str, Any]:
    """Everything that was found out; `ok` is false where `problems` says something."""
    report: dict[str, Any] = {
        "ok": False,
        "database": db.engine.url.render_as_string(hide_password=True),
        "server": None,
        "revision": None,
        "tables": {},
        "problems": [],
    }
    try:
        with db.engine.connect() as connection:
            report["server"] = server_of(connection)
            report["revision"] = revision_of(connection)
            report["problems"] += _revision_problems(report["revision"])
            inspector = inspect(connection)
            present = set(inspector.get_table_names())
            for table in sorted(db.metadata.tables.values(), key=lambda table: table.name):
                if table.name not in present:
                    report["problems"].append(f"table {table.name} is missing: {MIGRATE}")
                    continue
                report["tables"][table.name] = connection.execute(
                    select(func.count()).select_from(table)
                ).scalar()
                report["problems"] += table_problems(inspector, table)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        report["problems"].append(
            f"the database cannot be read: {reason}; check DATABASE_URL and that the server runs"
        )
    report["ok"] = not report["problems"]
    return report


def server_of(connection: Connection) -> str:
    """Such as "SQLite 3.40.1" or "MariaDB 10.11.19"."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {connection.execute(text('SELECT sqlite_version()')).scalar()}"
    version = str(connection.execute(text("SELECT version()")).scalar())
    if "TiDB" in version:  # 8.0.11-TiDB-v8.5.0
        return f"TiDB {version.split('TiDB-v')[-1]}"
    return f"{'MariaDB' if 'MariaDB' in version else 'MySQL'} {version.split('-')[0]}"


def revision_of(connection: Connection) -> str | None:
    """The migration that the database is at."""
    heads = MigrationContext.configure(connection).get_current_heads()
    return ", ".join(heads) or None


def newest_revision() -> str:
    folder = current_app.extensions["migrate"].directory
    return ScriptDirectory(str(folder)).get_current_head() or ""


def _revision_problems(revision: str | None) -> Iterator[str]:
    newest = newest_revision()
    if revision is None:
        yield f"no migration has run: {MIGRATE}"
    elif revision != newest:
        yield f"the database is at migration {revision}, this version needs {newest}: {MIGRATE}"


def table_problems(inspector: Inspector, table: Table) -> Iterator[str]:
    """What of the table is not as the model says. What the database has besides is nobody's fault."""
    found = {column["name"]: column for column in inspector.get_columns(table.name)}
    for column in table.columns:
        if column.name not in found:
            yield f"column {table.name}.{column.name} is missing: {MIGRATE}, or {RESTORE}"
        else:
            yield from _column_problems(table, column, found[column.name])
    key = inspector.get_pk_constraint(table.name)["constrained_columns"]
    if list(key) != [column.name for column in table.primary_key]:
        yield f"the primary key of {table.name} is {tuple(key)}: {RESTORE}"
    yield from _index_problems(inspector, table)


def _column_problems(table: Table, column: Column[Any], found: Any) -> Iterator[str]:
    where = f"column {table.name}.{column.name}"
    if _family(found["type"]) != _family(column.type.dialect_impl(db.engine.dialect)):
        yield f"{where} has type {found['type']}: {RESTORE}"
    elif _length(found["type"]) < _length(column.type):
        yield f"{where} holds {_length(found['type'])} characters, {_length(column.type)} are needed: {RESTORE}"
    if found["nullable"] and not column.nullable:
        yield f"{where} accepts NULL: {RESTORE}"
    if not found["nullable"] and column.nullable:
        yield f"{where} refuses NULL: {RESTORE}"


# What databases call differently and treat alike. MariaDB shows JSON as LONGTEXT, MySQL a boolean as TINYINT.
_FAMILIES = (
    ("time", (kinds.DateTime,)),
    ("number", (kinds.Numeric, kinds.Float)),
    ("whole", (kinds.Integer, kinds.Boolean)),
    ("bytes", (kinds.LargeBinary, kinds.BINARY, kinds.VARBINARY)),
    ("text", (kinds.String, kinds.JSON)),
)


def _family(kind: Any) -> str:
    kind = getattr(kind, "impl", kind)
    return next((name for name, classes in _FAMILIES if isinstance(kind, classes)), type(kind).__name__)


def _length(kind: Any) -> int:
    """The characters that a column holds; text without a limit counts as very long."""
    kind = getattr(kind, "impl", kind)
    if isinstance(kind, kinds.String):
        return kind.length or 1 << 32
    return 0


def _index_problems(inspector: Inspector, table: Table) -> Iterator[str]:
    present = {
        tuple(index["column_names"]): bool(index["unique"]) for index in inspector.get_indexes(table.name)
    }
    present |= {tuple(rule["column_names"]): True for rule in inspector.get_unique_constraints(table.name)}
    present[tuple(column.name for column in table.primary_key)] = True
    for index in table.indexes:
        columns = tuple(column.name for column in index.columns)
        if columns not in present:
            yield f"the index of {table.name} on {', '.join(columns)} is missing: {MIGRATE}, or CREATE INDEX `{index.name}`"
    for rule in table.constraints:
        columns = tuple(column.name for column in rule.columns) if isinstance(rule, UniqueConstraint) else ()
        if columns and not present.get(columns):
            yield f"{table.name} lacks the unique rule on {', '.join(columns)}: {RESTORE}"
