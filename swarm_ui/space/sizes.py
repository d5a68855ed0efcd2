"""How much a space holds. Bounded however large it is: rows are counted up to a limit, and their size is that of some of them.

Bytes are those of the values; indexes and what the database needs beside them are not counted. Every statement names the owner.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    cast,
    func,
    literal,
    select,
    union_all,
)

from swarm_ui.extensions import db
from swarm_ui.ingest import large
from swarm_ui.space.tables import owned_tables
from swarm_ui.storage import StorageError

MOST_ROWS = 200_000
SAMPLE = 500
MOST_FILES = 5_000
_PLAIN = 8  # what a number or a time takes, about


@dataclass(frozen=True, slots=True)
class Share:
    """What lies in one table, or in object storage. `whole` is false where counting stopped: there is more."""

    name: str
    rows: int
    size: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Storage:
    """Largest first. `files` is None where object storage cannot be reached."""

    shares: list[Share]
    files: Share | None

    @property
    def rows(self) -> int:
        return sum(share.rows for share in self.shares)

    @property
    def size(self) -> int:
        return sum(share.size for share in self.shares) + (self.files.size if self.files else 0)

    @property
    def whole(self) -> bool:
        return all(share.whole for share in self.shares) and (self.files is None or self.files.whole)


def storage_of(owner_id: int) -> Storage:
    """One statement, and a look into object storage."""
    shares = sorted(_shares(owner_id), key=lambda share: (-share.size, share.name))
    return Storage(shares, _files(owner_id))


def _shares(owner_id: int) -> list[Share]:
    shares = []
    statement: Any = union_all(*(_measured(table, owner_id) for table in owned_tables()))
    for name, rows, average in db.session.execute(statement):
        number = min(int(rows), MOST_ROWS)
        if number:
            shares.append(Share(name, number, round(number * float(average or 0)), rows <= MOST_ROWS))
    return shares


def size_of(owner_id: int) -> int:
    """Bytes of the owner's rows in the database, about; object storage is left out."""
    return sum(share.size for share in _shares(owner_id))


def _files(owner_id: int) -> Share | None:
    try:
        number, size, whole = large.size_of(owner_id, MOST_FILES)
    except StorageError:
        return None
    return Share("files", number, size, whole)


def _measured(table: Table, owner_id: int) -> Select[tuple[str, int, float]]:
    """(table, number of rows, average size of some of them)."""
    mine = table.c.userId == owner_id
    some = select(table.c.userId).where(mine).limit(MOST_ROWS + 1).subquery(f"n_{table.name}")
    sample = select(_row_size(table).label("size")).where(mine).limit(SAMPLE).subquery(f"s_{table.name}")
    return select(
        literal(table.name, String(64)).label("name"),
        select(func.count()).select_from(some).scalar_subquery().label("number"),
        select(func.avg(sample.c.size)).scalar_subquery().label("average"),
    )


def _row_size(table: Table) -> ColumnElement[int]:
    plain = 0
    measured: list[ColumnElement[int]] = []
    for column in table.columns:
        if isinstance(column.type, (String, LargeBinary, JSON)) or _holds_text(column.type):
            measured.append(func.coalesce(func.length(column, type_=Integer), 0))
        else:
            plain += _PLAIN
    total: ColumnElement[int] = cast(literal(plain), Integer)
    for size in measured:
        total = total + size
    return total


def _holds_text(kind: object) -> bool:
    return isinstance(getattr(kind, "impl_instance", None), String)
