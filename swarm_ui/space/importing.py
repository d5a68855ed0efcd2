"""Puts an archive into an empty space.

The whole archive is checked before anything is written. Then its lines are stored in portions, each in one transaction with the number of lines that are in:
broken off, the same command goes on where it stopped. Until it has ended the space takes no data.
"""

import gzip
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from swarm_ui import clock, ids
from swarm_ui.accounts.models import Membership, User, new_space_key
from swarm_ui.agents import hours
from swarm_ui.audit import COMMAND_LINE
from swarm_ui.ingest import large, payload
from swarm_ui.jsontext import clean_text, loads
from swarm_ui.live import bump
from swarm_ui.rawsql import Raw
from swarm_ui.search.models import SearchBacklog
from swarm_ui.space import archive
from swarm_ui.space.models import SpaceWork
from swarm_ui.space.tables import owned_tables

ROWS_A_TRANSACTION = 1_000
BYTES_A_TRANSACTION = 8 << 20
# What a space may hold and still be empty: its owner has signed in, and made the key that data will come with.
NOT_DATA = frozenset({"api_keys", "audit_events"})


class Unfit(Exception):
    """The archive or the space cannot be used; the text says why and what to do."""


@dataclass(slots=True)
class Checked:
    """What an archive holds, known to be whole."""

    key: int
    sha256: str
    header: dict[str, Any]
    end: dict[str, Any]
    people: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(self.end["rows"].values())


def check(path: Path) -> Checked:
    """Reads all of it; raises Unfit where it is not what it says."""
    digest = sha256()
    rows: Counter[str] = Counter()
    files = members = 0
    header: dict[str, Any] = {}
    end: dict[str, Any] = {}
    people: dict[int, dict[str, Any]] = {}
    tables = {table.name: {column.name for column in archive.columns_of(table)} for table in owned_tables()}
    for number, (line, value) in enumerate(_lines(path), 1):
        if end:
            raise Unfit(f"line {number}: something follows after the end")
        if number == 1:
            header = _checked_header(value)
        elif "end" in value:
            end = value["end"]
            continue
        elif "table" in value:
            if value["table"] not in tables:
                raise Unfit(
                    f"line {number}: this version knows no table {str(value['table'])[:64]!r}; the archive was made by {header['product']}"
                )
            if not isinstance(value.get("row"), dict):
                raise Unfit(f"line {number}: a row without columns")
            if unknown := value["row"].keys() - tables[value["table"]]:
                raise Unfit(
                    f"line {number}: this version knows no column {min(unknown)[:64]!r} of {value['table']}; "
                    f"the archive was made by {header['product']}"
                )
            rows[value["table"]] += 1
        elif "file" in value:
            if large.name_of(b64decode(value["content"])) != value["file"]:
                raise Unfit(f"line {number}: the file {str(value['file'])[:64]!r} is damaged")
            files += 1
        elif "person" in value:
            people[value["person"]["id"]] = value["person"]
        elif "member" in value:
            members += 1
        else:
            raise Unfit(f"line {number}: neither row nor file")
        digest.update(line)
    if not end:
        raise Unfit("it ends before its last line: the download was cut off. Export again")
    if end.get("sha256") != digest.hexdigest():
        raise Unfit("its lines are not those that were written: it was changed or damaged")
    if end.get("rows") != dict(rows) or end.get("files") != files or end.get("members") != members:
        raise Unfit("it holds another number of rows than its last line says")
    return Checked(int(header["space"]["key"]), digest.hexdigest(), header, end, people)


def _checked_header(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("format") != archive.FORMAT:
        raise Unfit("this is no archive of a space")
    if value.get("version") != archive.VERSION:
        raise Unfit(
            f"its form is version {str(value.get('version'))[:20]!r}, and this program reads version {archive.VERSION}"
        )
    try:
        if not 0 <= int(value["space"]["key"]) < 1 << 63:
            raise ValueError
        int(value["space"]["ownerId"])
        str(value["product"])
    except (KeyError, TypeError, ValueError):
        raise Unfit("its first line lacks the key of the space") from None
    return value


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    number = 0
    try:
        with gzip.open(path) as file:
            for line in file:
                number += 1
                value = loads(line)
                if not isinstance(value, dict):
                    raise Unfit(f"line {number} is no JSON object")
                yield line, value
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        said = (
            "it is no gzip file"
            if not number
            else "it ends before its last line: the download was cut off. Export again"
        )
        raise Unfit(said) from error
    except OSError as error:
        raise Unfit(error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Unfit(f"line {number}: {str(error)[:200]}") from error


def begin(engine: Engine, owner_id: int, checked: Checked) -> str:
    """The id of the work: a new one, or that of the same import that was broken off. Raises Unfit where the space is not to be used."""
    with engine.execution_options(writes=True).begin() as connection:
        found = connection.execute(
            select(SpaceWork.id, SpaceWork.kind, SpaceWork.archive).where(
                SpaceWork.owner_id == owner_id, SpaceWork.finished_at.is_(None)
            )
        ).first()
        if found is not None:
            if found.kind == "erase":
                raise Unfit("this space is being erased; wait until that has ended")
            if found.archive != checked.sha256:
                raise Unfit(
                    "the import of another archive was broken off here. Start that one again, or erase the space first"
                )
            return found.id
        filled = [
            t.name for t in owned_tables() if t.name not in NOT_DATA and _has_rows(connection, t, owner_id)
        ]
        if filled:
            raise Unfit(
                f"this space is not empty: it has rows in {', '.join(filled)}. Import into an empty one"
            )
        _take_key(connection, owner_id, checked.key)
        owner = connection.execute(select(User.name, User.email).where(User.id == owner_id)).one()
        work_id = ids.new(clock.now_us())
        row = {
            SpaceWork.id: work_id, SpaceWork.kind: "import", SpaceWork.owner_id: owner_id, SpaceWork.actor: COMMAND_LINE,
            SpaceWork.space: clean_text(owner.name or owner.email or "Unnamed", 255), SpaceWork.planned: checked.end["rows"],
            SpaceWork.done: {}, SpaceWork.archive: checked.sha256, SpaceWork.lines: 0,
        }  # fmt: skip
        connection.execute(insert(SpaceWork).values(row))
        return work_id


def _has_rows(connection: Connection, table: Table, owner_id: int) -> bool:
    return (
        connection.execute(select(table.c.userId).where(table.c.userId == owner_id).limit(1)).first()
        is not None
    )


def _take_key(connection: Connection, owner_id: int, key: int) -> None:
    """Ids are derived from the key: of two spaces with the same one here, the other must be empty, and gets a new one."""
    same = (User.space_key == key) | (User.space_key.is_(None) & (User.id == key))
    statement = select(User.id, User.name, User.email).where(same, User.id != owner_id).order_by(User.id)
    for other in connection.execute(statement).all():
        filled = [
            t.name for t in owned_tables() if t.name not in NOT_DATA and _has_rows(connection, t, other.id)
        ]
        if filled:
            raise Unfit(
                f"the space that the archive was made of is here still, or another copy of it ({other.name or other.email}). "
                "Erase that one first, or import into another installation"
            )
        connection.execute(update(User).where(User.id == other.id).values(space_key=new_space_key()))
    connection.execute(update(User).where(User.id == owner_id).values(space_key=key))


def store(
    engine: Engine, owner_id: int, work_id: str, path: Path, checked: Checked, progress: Callable[[int], None]
) -> int:
    """The lines that are not in yet, and the end of the work; how many members were let in again. Raises StorageError, Unfit."""
    people = _people_here(engine, owner_id, checked)
    with engine.connect() as connection:
        skipped = connection.execute(select(SpaceWork.lines).where(SpaceWork.id == work_id)).scalar_one()
    progress(skipped)
    waiting: list[dict[str, Any]] = []
    size, number = 0, 0
    for line, value in _lines(path):
        number += 1
        if number <= skipped:
            continue
        if "file" in value:
            large.put(owner_id, b64decode(value["content"]))
        waiting.append(value)
        size += len(line)
        if len(waiting) >= ROWS_A_TRANSACTION or size >= BYTES_A_TRANSACTION:
            _store(engine, owner_id, work_id, waiting, number, people)
            progress(len(waiting))
            waiting, size = [], 0
    with engine.execution_options(writes=True).begin() as connection:
        _insert(connection, owner_id, waiting, people)
        if "agent_hours" not in checked.end["rows"]:
            driver: Any = connection.connection.driver_connection
            hours.fill(Raw(driver, connection.dialect.name == "sqlite"), owner_id)
        change = update(SpaceWork).where(SpaceWork.id == work_id)
        connection.execute(change.values(lines=number, done=checked.end["rows"], finished_at=clock.now()))
        # The full text of the runs is not in the archive.
        connection.execute(delete(SearchBacklog).where(SearchBacklog.owner_id == owner_id))
        connection.execute(
            insert(SearchBacklog).values({SearchBacklog.owner_id: owner_id, SearchBacklog.done_to: ""})
        )
        bump(connection, owner_id)
        let_in = Membership.__table__.select().where(Membership.owner_id == owner_id)
        members = len(connection.execute(let_in).all())
    progress(len(waiting))
    return members


def _store(
    engine: Engine,
    owner_id: int,
    work_id: str,
    values: list[dict[str, Any]],
    number: int,
    people: dict[int, int],
) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        _insert(connection, owner_id, values, people)
        connection.execute(update(SpaceWork).where(SpaceWork.id == work_id).values(lines=number))


def _insert(
    connection: Connection, owner_id: int, values: list[dict[str, Any]], people: dict[int, int]
) -> None:
    by_table: dict[str, list[dict[str, Any]]] = {}
    for value in values:
        if "table" in value and value["table"] not in archive.NOT_IMPORTED:
            by_table.setdefault(value["table"], []).append(value["row"])
        elif "member" in value and (member := people.get(value["member"]["id"])) not in (None, owner_id):
            row = {
                Membership.owner_id: owner_id,
                Membership.member_id: member,
                Membership.role: value["member"]["role"],
            }
            connection.execute(insert(Membership).values(row))
    tables = {table.name: table for table in owned_tables()}
    for name, rows in by_table.items():
        _insert_rows(connection, tables[name], owner_id, rows, people)


def _insert_rows(
    connection: Connection, table: Table, owner_id: int, rows: list[dict[str, Any]], people: dict[int, int]
) -> None:
    columns = archive.columns_of(table)
    named = [column for column in columns if archive.names_people(column)]
    prepared = []
    for row in rows:
        values = {
            column.name: _value(column, row[column.name], owner_id)
            for column in columns
            if column.name in row
        }
        for column in named:
            if values.get(column.name) is not None:
                values[column.name] = people.get(values[column.name])
                if values[column.name] is None and not column.nullable:
                    values[column.name] = owner_id
        prepared.append(values | {"userId": owner_id})
    statement = insert(table)
    if table.name == "trace_dirty":
        # The worker may have marked a run of those that are in already.
        statement = statement.prefix_with("OR IGNORE", dialect="sqlite").prefix_with(
            "IGNORE", dialect="mysql"
        )
    connection.execute(statement, prepared)


def _value(column: Any, value: Any, owner_id: int) -> Any:
    if isinstance(value, dict) and value.keys() == {"file"} and column.name == "payload":
        return payload.stored_at(large.url_of(owner_id, value["file"]))
    try:
        return archive.read(column, value)
    except (ValueError, TypeError) as error:
        raise Unfit(f"{column.table.name}.{column.name}: {error}") from None


def _people_here(engine: Engine, owner_id: int, checked: Checked) -> dict[int, int]:
    """Who of the archive's people is who here: the owner, and whoever the same provider calls the same, or whose account is this very one.
    An address is no proof. The others become nobody; their names stay where they are written."""
    here: dict[int, int] = {int(checked.header["space"]["ownerId"]): owner_id}
    with engine.connect() as connection:
        known = connection.execute(select(User.id, User.created_at, User.open_id)).all()
    by_identity = {archive.identity_of(open_id): user_id for user_id, _created, open_id in known if open_id}
    accounts = {(user_id, archive.written(created_at)): user_id for user_id, created_at, _open_id in known}
    for number, person in checked.people.items():
        found = by_identity.get(person.get("identity")) or accounts.get((number, person.get("createdAt")))
        if found is not None:
            here.setdefault(number, found)
    return here
