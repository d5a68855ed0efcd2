"""Migrations: up, down and up again; the same tables as the models; and rules that keep them possible on TiDB."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import downgrade, upgrade
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Enum,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
    create_engine,
    inspect,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import make_url

from swarm_ui import config, create_app
from swarm_ui.extensions import db
from swarm_ui.tenancy import OwnedInBulk
from tests.conftest import TEST_DATABASE_URL

ROOT = Path(__file__).resolve().parent.parent
# On TiDB each insert locks the row that a foreign key points at: none where rows come by the thousand.
WITHOUT_FOREIGN_KEYS = {"spans", "messages", "execution_logs", "metrics", "tasks", "execution_history"}
LONGEST_KEY = 3072
LONGEST_ROW = 65_535


@pytest.fixture
def empty(tmp_path, own_database) -> Iterator:
    """An app on a database of its own, without tables."""
    settings = {"DATA_DIR": str(tmp_path / "data"), "LOG_LEVEL": "error"}
    if not TEST_DATABASE_URL:
        app = create_app(config.load(settings))
        with app.app_context():
            yield app
            db.engine.dispose()
        return
    url = make_url(TEST_DATABASE_URL).set(drivername="mysql+pymysql")
    name = f"{url.database}_migrations"
    server = create_engine(url)
    with server.begin() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name} CHARACTER SET latin1"))
    try:
        mine = url.set(database=name, drivername="mysql").render_as_string(hide_password=False)
        app = create_app(config.load(settings | {"DATABASE_URL": mine}))
        with app.app_context():
            yield app
            db.engine.dispose()
    finally:
        with server.begin() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        server.dispose()


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names())


def no_word_index(name, kind, _parents) -> bool:
    """As in migrations/env.py."""
    return not (kind in ("table", "index") and (name or "").startswith(("search_index", "ft_")))


def differences() -> list:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": no_word_index}
        )
        return compare_metadata(context, db.metadata)


def test_up_down_and_up_again(empty):
    upgrade()
    assert set(db.metadata.tables) < tables()
    assert differences() == []
    downgrade(revision="base")
    assert tables() == {"alembic_version"}
    upgrade()
    assert set(db.metadata.tables) < tables()
    assert differences() == []


def test_each_step_goes_down_and_up(empty):
    """With rows in it, so that a step which loses the parents of a key is found."""
    upgrade()
    with db.engine.begin() as connection:
        connection.execute(db.metadata.tables["users"].insert().values(email="a@example.org", role="user"))
    for _ in sorted((ROOT / "migrations" / "versions").glob("*.py"))[1:]:
        downgrade(revision="-1")
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM users")).scalar() == 1
    upgrade()
    with db.engine.connect() as connection:
        assert connection.execute(text("SELECT email FROM users")).scalars().all() == ["a@example.org"]


def test_one_line_of_revisions():
    parents = []
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        names = {
            node.targets[0].id: node.value.value
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        assert "down_revision" in names
        parents.append(names["down_revision"])
        assert path.name.startswith(names["revision"])
        assert "swarm_ui" not in path.read_text(encoding="utf-8"), (
            f"{path.name} imports today's code; spell the type out"
        )
    assert len(parents) == len(set(parents))


@pytest.fixture(scope="module")
def statements(tmp_path_factory) -> list[str]:
    """The SQL that the migrations run on MySQL and TiDB, from nothing to the newest; no server is asked."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("offline")
    url = "mysql://nobody@127.0.0.1:1/offline"
    app = create_app(config.load({"DATA_DIR": str(folder), "DATABASE_URL": url, "LOG_LEVEL": "error"}))
    said = io.StringIO()
    with app.app_context(), contextlib.redirect_stdout(said):
        upgrade(sql=True)
    sql = re.sub(r"^--.*$", "", said.getvalue(), flags=re.MULTILINE)
    found = [" ".join(statement.split()) for statement in sql.split(";\n")]
    return [statement for statement in found if statement]


def test_the_offline_sql_is_whole(statements):
    created = {match[1] for sql in statements if (match := re.match(r"CREATE TABLE `?(\w+)", sql))}
    assert set(db.metadata.tables) <= created


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        ("TiDB enforces CHECK only where it is switched on", r"\bCHECK\b"),
        ("a new word must not need DDL: VARCHAR, not ENUM", r"\bENUM\s*\("),
        ("TiDB has no triggers, procedures and events", r"\bCREATE (TRIGGER|PROCEDURE|FUNCTION|EVENT)\b"),
        ("TiDB has no full-text index", r"\bFULLTEXT\b"),
        ("TIMESTAMP ends in 2038 and follows the session's time zone", r"\bTIMESTAMP\b"),
        ("plain DATETIME rounds to seconds", r"\bDATETIME\b(?!\(6\))"),
        ("TiDB cannot add or drop the key of a table", r"\bALTER TABLE .* (ADD|DROP) PRIMARY KEY"),
        ("TiDB cannot add AUTO_INCREMENT later", r"\bALTER TABLE .*\bAUTO_INCREMENT\b"),
        ("SKIP LOCKED drops the lock on TiDB", r"\bSKIP LOCKED\b"),
    ],
)
def test_no_migration_needs_what_tidb_lacks(statements, rule, pattern):
    quoted = re.compile(r"'[^']*'")
    broken = [sql[:200] for sql in statements if re.search(pattern, quoted.sub("''", sql), re.IGNORECASE)]
    assert not broken, f"{rule}: {broken}"


def test_one_change_per_alter(statements):
    def commas(sql: str) -> int:
        return len(re.findall(r",", re.sub(r"\([^()]*\)|'[^']*'", "", re.sub(r"\([^()]*\)", "", sql))))

    several = [sql[:200] for sql in statements if sql.upper().startswith("ALTER TABLE") and commas(sql)]
    assert not several


def test_each_table_is_utf8mb4_and_compared_byte_by_byte(statements):
    for sql in statements:
        if sql.startswith("CREATE TABLE") and "alembic_version" not in sql:
            assert "CHARSET=utf8mb4" in sql, sql[:80]
            assert "COLLATE utf8mb4_bin" in sql, sql[:80]
            assert "PRIMARY KEY" in sql, sql[:80]


def bytes_of(column: Column) -> int:
    """In a key, as MySQL counts."""
    kind = column.type.dialect_impl(mysql.dialect())
    kind = getattr(kind, "impl", kind)
    if isinstance(kind, LargeBinary | mysql.LONGTEXT | mysql.LONGBLOB) or (
        isinstance(kind, Text) and not kind.length
    ):
        return 1 << 20  # not possible in a key without a length
    if isinstance(kind, String):
        return (kind.length or 1 << 20) * (1 if getattr(kind, "charset", None) == "ascii" else 4) + 2
    return 8


ALL = sorted(db.metadata.tables.values(), key=lambda table: table.name)
names = [table.name for table in ALL]


@pytest.mark.parametrize("table", ALL, ids=names)
def test_keys_and_rows_fit(table):
    keys = [index.columns for index in table.indexes]
    keys += [
        rule.columns
        for rule in table.constraints
        if not isinstance(rule, ForeignKeyConstraint | CheckConstraint)
    ]
    for columns in keys:
        length = sum(map(bytes_of, columns))
        assert length <= LONGEST_KEY, f"{table.name} {[column.name for column in columns]}: {length} bytes"
    inline = sum(size for column in table.columns if (size := bytes_of(column)) < 1 << 20)
    assert inline <= LONGEST_ROW


@pytest.mark.parametrize("table", ALL, ids=names)
def test_each_table_follows_the_rules(table):
    assert len(table.primary_key) > 0
    for column in table.columns:
        if isinstance(column.type, String) and not isinstance(column.type, Text | Enum):
            assert column.type.length, f"{table.name}.{column.name} has no length"
        if isinstance(column.type, Enum):
            assert not column.type.native_enum
            assert max(map(len, column.type.enums)) <= column.type.length
    assert not [rule for rule in table.constraints if isinstance(rule, CheckConstraint)]
    if table.name in WITHOUT_FOREIGN_KEYS:
        assert not table.foreign_keys, f"{table.name} takes rows by the thousand"
    for index in (*table.indexes, *table.constraints):
        assert len(index.name) <= 64, f"{index.name} is too long for MySQL"


def test_owned_tables_by_the_thousand_have_no_key_to_users():
    bulk = {
        mapper.local_table for mapper in db.Model.registry.mappers if issubclass(mapper.class_, OwnedInBulk)
    }
    assert {table.name for table in bulk} >= WITHOUT_FOREIGN_KEYS - {"execution_history"}
    assert not [
        table.name for table in bulk if any(key.column.table.name == "users" for key in table.foreign_keys)
    ]


def test_composite_indexes_begin_with_the_owner():
    """But for those that the worker reads over all owners."""
    for table in ALL:
        for index in table.indexes:
            first = next(iter(index.columns)).name
            if "userId" in table.c and len(index.columns) > 1 and first != "userId":
                assert (table.name, index.name) in {("tasks", "ix_tasks_status_lastProgressAt")}


def test_rows_are_not_ordered_by_a_counter():
    """AUTO_INCREMENT is unique on TiDB, not growing: it may break ties, not give the order."""
    counted = {
        mapper.class_.__name__
        for mapper in db.Model.registry.mappers
        for column in mapper.local_table.primary_key
        if isinstance(column.type, Integer | BigInteger)
        and len(mapper.local_table.primary_key) == 1
        and column.autoincrement is not False
    } - {"User"}
    assert "Span" in counted
    for path in sorted((ROOT / "swarm_ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "order_by" and node.args:
                first = ast.unparse(node.args[0])
                assert not re.fullmatch(rf"({'|'.join(counted)})\.id(\.(asc|desc)\(\))?", first), (
                    f"{path.name}:{node.lineno}"
                )
