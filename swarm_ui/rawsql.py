"""Raw DBAPI for the hot paths: bulk statements that cost a few µs a row instead of the ORM's thirty.

Raw SQL passes by the owner filter of `tenancy.py`, so each function that uses this takes the owner and names `userId`.
Statements are written with `?`; identifiers need no quotes on SQLite, MySQL and MariaDB alike.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pymysql
from sqlalchemy import Engine

T = TypeVar("T")
# A deadlock or lock time-out of InnoDB; the transaction was rolled back and may be tried again.
_MYSQL_RETRY = frozenset({1205, 1213, 1020})
# Operational to the driver, but about the statement or its values: unknown column, wrong value, bad or too deep JSON, a broken check.
# All others are about the server, which may be well again later.
_MYSQL_WRONG = frozenset({1054, 1292, 1365, 1411, 1690, *range(3140, 3159), 3819, 4025})
_SQLITE_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_UNWELL = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
    }
)
# SQLite takes at most 32,766 variables a statement, MySQL packets are bounded too.
IN_LIST = 500
AT_ONCE = 100

# Before Python 3.12 the driver looks for an adapter of each None, bool and bytes that it binds, at four times the cost of binding it; these
# give the value back.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]  # its None is the value
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(bytes, bytes)


class Busy(Exception):
    """The database was locked for too long, or is away; the same request may succeed later."""


class Raw:
    """One DBAPI connection inside a transaction."""

    def __init__(self, connection: Any, sqlite: bool) -> None:
        self.connection = connection
        self.sqlite = sqlite
        self.cursor = connection.cursor()

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Number of rows changed (on MySQL: that match and differ)."""
        self.cursor.execute(statement if self.sqlite else statement.replace("?", "%s"), values)
        return self.cursor.rowcount

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> int:
        rows = rows if isinstance(rows, list) else list(rows)
        if not rows:
            return 0
        self.cursor.executemany(statement if self.sqlite else statement.replace("?", "%s"), rows)
        return self.cursor.rowcount

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.cursor.execute(statement if self.sqlite else statement.replace("?", "%s"), values)
        return self.cursor.fetchall()

    def rows_in(
        self, statement: str, fixed: Sequence[Any], listed: Sequence[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """`statement` holds one `IN {}`; asks in portions that every database takes."""
        for start in range(0, len(listed), IN_LIST):
            part = listed[start : start + IN_LIST]
            marks = "(" + ",".join("?" * len(part)) + ")"
            yield from self.rows(statement.format(marks), [*fixed, *part])

    def insert(self, table: str, columns: str, rows: Sequence[Sequence[Any]], *, ignore: bool = False) -> int:
        """`columns` is a comma-separated list. With `ignore`, rows whose key exists are left as they are."""
        if not rows:
            return 0
        count = columns.count(",") + 1
        verb = "INSERT" if not ignore else "INSERT OR IGNORE" if self.sqlite else "INSERT IGNORE"
        return self.many(f"{verb} INTO {table} ({columns}) VALUES ({','.join('?' * count)})", rows)

    def upsert(self, table: str, columns: str, key: str, change: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert, or where the key exists run `change` (assignments that name only the table's own columns)."""
        count = columns.count(",") + 1
        conflict = f"ON CONFLICT ({key}) DO UPDATE SET" if self.sqlite else "ON DUPLICATE KEY UPDATE"
        self.many(
            f"INSERT INTO {table} ({columns}) VALUES ({','.join('?' * count)}) {conflict} {change}", rows
        )

    def upsert_together(
        self, table: str, columns: str, key: str, change: str, rows: Sequence[Sequence[Any]]
    ) -> None:
        """`upsert` with many rows a statement: after each that changes a full-text index, SQLite writes a piece of that, to be merged later."""
        conflict = f"ON CONFLICT ({key}) DO UPDATE SET" if self.sqlite else "ON DUPLICATE KEY UPDATE"
        row = f"({','.join('?' * (columns.count(',') + 1))})"
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            values = ",".join([row] * len(part))
            self.execute(
                f"INSERT INTO {table} ({columns}) VALUES {values} {conflict} {change}",
                [value for one in part for value in one],
            )


@contextmanager
def transaction(engine: Engine, *, writes: bool = True) -> Iterator[Raw]:
    """A transaction of its own; on SQLite a writing one takes the write lock at once, waiting up to the busy time-out."""
    try:
        pooled = engine.raw_connection()
    except Exception as error:
        raise Busy(str(error)[:200]) from error
    connection: Any = pooled.driver_connection
    sqlite = isinstance(connection, sqlite3.Connection)
    try:
        if sqlite:
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")
        else:
            connection.begin()
        try:
            yield Raw(connection, sqlite)
        except BaseException:
            connection.rollback()
            raise
        if sqlite:
            connection.execute("COMMIT")
        else:
            connection.commit()
    finally:
        pooled.close()


@contextmanager
def reading(engine: Engine) -> Iterator[Raw]:
    """For lookups on the hot paths: no transaction around them, each statement sees what is committed by then. On SQLite that is one call of the
    driver instead of three, and each of them gives the interpreter away."""
    try:
        pooled = engine.raw_connection()
    except Exception as error:
        raise Busy(str(error)[:200]) from error
    connection: Any = pooled.driver_connection
    try:
        yield Raw(connection, isinstance(connection, sqlite3.Connection))
    finally:
        pooled.close()


def look_up(engine: Engine, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement, by `reading`. Raises Busy where the database is."""

    def rows() -> list[tuple[Any, ...]]:
        with reading(engine) as raw:
            return raw.rows(statement, values)

    return retrying(rows)


def retrying(work: Callable[[], T], attempts: int = 6) -> T:
    """Runs a whole transaction again after a deadlock; a database that stays locked or is away becomes `Busy`."""
    for attempt in range(attempts):
        try:
            return work()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in _SQLITE_LOCKED | _SQLITE_UNWELL:
                raise
            if code in _SQLITE_UNWELL or attempt >= 1:
                raise Busy(str(error)[:200]) from error
        except pymysql.err.IntegrityError:
            # Two that insert the same; the second try sees what the other wrote.
            if attempt == attempts - 1:
                raise
        except pymysql.err.OperationalError as error:
            code = error.args[0] if error.args else 0
            if code in _MYSQL_WRONG:
                raise
            if code not in _MYSQL_RETRY or attempt == attempts - 1:
                raise Busy(str(error)[:200]) from error
        except pymysql.err.InterfaceError as error:
            raise Busy(str(error)[:200]) from error
    raise Busy("the database is busy")
