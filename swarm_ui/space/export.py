"""Writes a space into an archive, piece by piece: memory stays the same however large it is, and writers are not held up.

All of it is read in one transaction that sees the state at its start.
"""

import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from swarm_ui import clock
from swarm_ui.accounts.models import Membership, User
from swarm_ui.ingest import large
from swarm_ui.jsontext import dump_bytes
from swarm_ui.space import archive
from swarm_ui.space.tables import key_columns, owned_tables, portion
from swarm_ui.version import VERSION

ROWS_AT_ONCE = 500
_PIECE = 64 * 1024


def packed(engine: Engine, owner_id: int, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The archive, gzipped, in pieces to send."""
    return _packed(lines(engine, owner_id, progress))


def _packed(found: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(6, wbits=31)
    waiting = bytearray()
    for line in found:
        waiting += packer.compress(line)
        if len(waiting) >= _PIECE:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting) + packer.flush()


def lines(engine: Engine, owner_id: int, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The archive's lines; the last one tells that it is whole. `progress` hears the number of rows. Called inside an application, read anywhere."""
    return _lines(engine, owner_id, progress, large.fetcher())


def _lines(
    engine: Engine,
    owner_id: int,
    progress: Callable[[int], None] | None,
    fetch: Callable[[str], bytes | None],
) -> Iterator[bytes]:
    digest = sha256()
    rows: Counter[str] = Counter()
    files: dict[str, str] = {}
    missing: list[str] = []
    with consistent(engine) as connection:
        members = _members(connection, owner_id)
        for value in (
            _header(connection, owner_id),
            *_people(connection, owner_id, members),
            *_as_members(members),
        ):
            yield _counted(digest, value)
        for table in owned_tables():
            if table.name in archive.MADE_ANEW:
                continue
            for found in _portions(connection, table, owner_id):
                columns = archive.columns_of(table)
                for row in found:
                    values = {column.name: archive.written(row[column]) for column in columns}
                    for column in columns:
                        if isinstance(values[column.name], dict) and isinstance(row[column], bytes):
                            files.setdefault(values[column.name]["file"], row[column][1:].decode())
                    yield _counted(digest, {"table": table.name, "row": values})
                rows[table.name] += len(found)
                if progress:
                    progress(len(found))
    for name, url in files.items():
        content = fetch(url)
        if content is None:
            missing.append(name)
        else:
            yield _counted(digest, {"file": name, "content": b64encode(content).decode()})
    end = {
        "rows": dict(rows),
        "files": len(files) - len(missing),
        "missing": missing,
        "members": len(members),
    }
    yield dump_bytes({"end": end | {"sha256": digest.hexdigest()}}) + b"\n"


def _counted(digest: Any, value: dict[str, Any]) -> bytes:
    line = dump_bytes(value) + b"\n"
    digest.update(line)
    return line


@contextmanager
def consistent(engine: Engine) -> Iterator[Connection]:
    """A connection whose reads all see the same moment."""
    if engine.dialect.name == "sqlite":
        with (
            engine.connect() as connection
        ):  # BEGIN DEFERRED: the first read fixes the state, and writers go on
            yield connection
        return
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        yield connection


def _portions(connection: Connection, table: Table, owner_id: int) -> Iterator[list[Any]]:
    keys = key_columns(table)
    columns = list(table.columns)
    last: tuple[Any, ...] | None = None
    while True:
        found = connection.execute(portion(table, owner_id, columns, last, ROWS_AT_ONCE)).all()
        if not found:
            return
        last = tuple(found[-1]._mapping[key] for key in keys)
        yield [row._mapping for row in found]
        if len(found) < ROWS_AT_ONCE:
            return


def _header(connection: Connection, owner_id: int) -> dict[str, Any]:
    name, email, key = connection.execute(
        select(User.name, User.email, User.space_key).where(User.id == owner_id)
    ).one()
    return {
        "format": archive.FORMAT,
        "version": archive.VERSION,
        "product": VERSION,
        "exportedAt": archive.written(clock.now()),
        "space": {
            "key": str(owner_id if key is None else key),  # 63 bits are too many for some readers
            "name": name,
            "email": email,
            "ownerId": owner_id,
        },
    }


def _members(connection: Connection, owner_id: int) -> list[tuple[int, str]]:
    """(person, role)."""
    statement = select(Membership.member_id, Membership.role).where(Membership.owner_id == owner_id)
    return [(member, role) for member, role in connection.execute(statement.order_by(Membership.member_id))]


def _as_members(members: list[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for member, role in members:
        yield {"member": {"id": member, "role": role}}


def _people(
    connection: Connection, owner_id: int, members: list[tuple[int, str]]
) -> Iterator[dict[str, Any]]:
    named = {owner_id, *(member for member, _role in members)}
    for table in owned_tables():
        for column in archive.columns_of(table):
            if archive.names_people(column):
                distinct = select(column).distinct().where(table.c.userId == owner_id, column.is_not(None))
                named.update(connection.scalars(distinct))
    columns = (User.id, User.name, User.email, User.created_at, User.open_id)
    statement = select(*columns).where(User.id.in_(sorted(named))).order_by(User.id)
    for number, name, email, created_at, open_id in connection.execute(statement):
        yield {
            "person": {
                "id": number,
                "name": name,
                "email": email,
                "createdAt": archive.written(created_at),
                "identity": archive.identity_of(open_id),
            }
        }


def file_name(name: str, moment: datetime) -> str:
    """What a browser saves the archive as."""
    plain = (
        "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")[:60] or "space"
    )
    return f"swarm-ui-{plain}-{moment:%Y-%m-%d}.jsonl.gz"
