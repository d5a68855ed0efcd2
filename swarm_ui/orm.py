"""What every model is made of: the declarative base, constraint names and the column types that hold on every database."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Engine,
    Enum,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Text,
    TypeDecorator,
    event,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

from swarm_ui import clock

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # as the database holds it
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
# Binary collation: 'A' and 'a' differ on every database, as they do on SQLite.
MYSQL_TABLE = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


class UTCTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC with microseconds in the database. Naive values are refused."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect):
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value, dialect):
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times must be aware; got a naive datetime")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value, dialect):
        return None if value is None else value.replace(tzinfo=UTC)


def database_text(microseconds: int) -> str:
    """A UTCTime as raw SQL writes it; SQLite, MySQL and MariaDB all take this form."""
    return f"{_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}"


def moment_of(stored: Any) -> Any:
    """A time as raw SQL reads it, aware."""
    if stored is None:
        return None
    moment = stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)
    return moment.replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(" ", "seconds")


def Ascii(length: int) -> String:
    """Ids and hashes: one byte a character, compared byte by byte."""
    plain = String(length)
    for name in ("mysql", "mariadb"):
        plain = plain.with_variant(mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), name)
    return plain


Id = Ascii(36)
Hex = Ascii(64)
# Unlimited text and JSON: MySQL's TEXT ends at 64 KiB.
LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Json = JSON(none_as_null=True)
Payload = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
# SQLite gives ever-growing row ids to INTEGER keys only.
BigKey = BigInteger().with_variant(Integer(), "sqlite")
# US dollars; floats in Python, rounded before they are stored so that every database holds the same figure.
Money = Numeric(16, 8, asdecimal=False)
Percent = Numeric(6, 3, asdecimal=False)
Fraction = Numeric(6, 5, asdecimal=False)


def Words(*words: str) -> Enum:
    """A VARCHAR that holds one of these words; a new word needs no change of the table."""
    return Enum(*words, native_enum=False, length=32, create_constraint=False, validate_strings=True)


class Base(DeclarativeBase):
    # A registry, not a `type_annotation_map`: Flask-SQLAlchemy copies this class's dictionary, and SQLAlchemy takes only one of the two.
    registry = registry(metadata=MetaData(naming_convention=NAMES), type_annotation_map={datetime: UTCTime()})
    __table_args__: Any = MYSQL_TABLE


def table(*rules: Any, clustered: bool = False) -> tuple[Any, ...]:
    """`__table_args__` with the table options that every table has. `clustered` orders the rows by their primary key on SQLite too,
    which spares the second tree that a text key needs there."""
    return (*rules, MYSQL_TABLE | ({"sqlite_with_rowid": False} if clustered else {}))


class Timed:
    """When the row was written here; event times have columns of their own."""

    created_at: Mapped[datetime] = mapped_column("createdAt", default=clock.now)
    updated_at: Mapped[datetime] = mapped_column("updatedAt", default=clock.now, onupdate=clock.now)


def render_item(kind: str, thing: Any, autogen_context: Any) -> str | bool:
    """Migrations spell our types out in SQLAlchemy's own, so that an old revision never imports today's code."""
    if kind != "type":
        return False
    autogen_context.imports.add("from sqlalchemy.dialects import mysql")
    if isinstance(thing, UTCTime):
        return 'sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")'
    if isinstance(thing, Enum):
        return f"sa.String(length={thing.length})"
    if isinstance(thing, String) and thing._variant_mapping and not isinstance(thing, Text):
        return (
            f"sa.String(length={thing.length}).with_variant("
            f'mysql.VARCHAR({thing.length}, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")'
        )
    if thing is LongText:
        return 'sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")'
    if thing is Payload:
        return 'sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")'
    if thing is BigKey:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, _record: Any) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        prepare_sqlite(connection)


def prepare_sqlite(connection: Any) -> None:
    """Durable (a commit survives a power cut), readers beside a writer, foreign keys on.

    The driver's own transactions are off (`isolation_level=None`); `begin` below starts them, so that DDL and reads are in
    them too.
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA page_size=8192")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    # 32 MB of log: a page that many commits change is copied into the database once for all of them.
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.execute("PRAGMA foreign_keys=ON")
    # 16 MB: a busy writer comes back to pages of a dozen indexes all over the file. What it leaves goes with the process (memory.py).
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin(connection: Any) -> None:
    if connection.dialect.name == "sqlite":
        # A transaction that will write says so at its start: upgrading a read lock later cannot wait, it fails at once.
        mode = "IMMEDIATE" if connection.get_execution_options().get("writes") else "DEFERRED"
        connection.exec_driver_sql(f"BEGIN {mode}")


def mysql_conversions() -> dict[Any, Any]:
    """The driver's, but for sums: MySQL and MariaDB make DECIMAL of them, SQLite whole numbers and floats, and so do we everywhere."""
    from pymysql.constants import FIELD_TYPE
    from pymysql.converters import conversions

    def plain(digits: str) -> int | float:
        return float(digits) if "." in digits else int(digits)

    return {**conversions, FIELD_TYPE.DECIMAL: plain, FIELD_TYPE.NEWDECIMAL: plain}
