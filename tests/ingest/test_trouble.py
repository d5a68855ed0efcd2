"""When the database cannot: clients are told to come back, and what is wrong with the data itself is not mistaken for that."""

import sqlite3
from random import Random

import pymysql
import pytest
from sqlalchemy import func, select, text

from swarm_ui.extensions import db
from swarm_ui.ingest import append, large
from swarm_ui.ingest.models import Span, TraceDirty
from swarm_ui.rawsql import Busy, retrying, transaction
from swarm_ui.tenancy import bind_owner
from tests.conftest import TEST_DATABASE_URL
from tests.otlp import Draft, logs, post, send, trace_id

only_sqlite = pytest.mark.skipif(bool(TEST_DATABASE_URL), reason="about SQLite's file")
only_mysql = pytest.mark.skipif(not TEST_DATABASE_URL, reason="about a database server")


def count(alice) -> int:
    bind_owner(db.session, alice.id)
    db.session.commit()
    return db.session.scalar(select(func.count()).select_from(Span))


@only_sqlite
def test_a_full_disk_is_a_503_and_costs_nothing_that_was_stored(sender, alice, listen):
    send(sender, Draft(1))
    limits = {"pages": 0}

    def shrink(connection, _record, _proxy) -> None:
        if limits["pages"]:
            connection.execute(f"PRAGMA max_page_count={limits['pages']}")

    listen("checkout", shrink)
    with db.engine.connect() as connection:
        limits["pages"] = connection.exec_driver_sql("PRAGMA page_count").scalar()
    drafts = [
        Draft(number, "x" * 200, attributes={"input.value": str(number**40) * 40})
        for number in range(2, 2_000)
    ]
    response = post(sender, drafts)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert count(alice) == 1
    limits["pages"] = 1_000_000
    assert post(sender, drafts).status_code == 200
    assert count(alice) == 1_999


@only_sqlite
def test_a_database_that_stays_locked_is_a_503(sender, alice, listen, environ):
    def impatient(connection, _record, _proxy) -> None:
        connection.execute("PRAGMA busy_timeout=20")

    listen("checkout", impatient)
    blocker = sqlite3.connect(f"{environ['DATA_DIR']}/swarm.db", isolation_level=None)
    try:
        blocker.execute("BEGIN IMMEDIATE")
        assert post(sender, [Draft(1)]).status_code == 503
        blocker.execute("ROLLBACK")
    finally:
        blocker.close()
    assert count(alice) == 0
    send(sender, Draft(1))
    assert count(alice) == 1


@only_mysql
def test_deadlocks_are_tried_again(world_tables, alice):
    """Two transactions that take two rows in opposite order, three times over."""
    import threading

    engine, owner_id = db.engine, alice.id
    barrier = threading.Barrier(2)
    tries = []

    def work(first: str, second: str) -> None:
        waited = []

        def once() -> None:
            tries.append(first)
            with transaction(engine) as raw:
                raw.execute(
                    "UPDATE trace_dirty SET generation=generation+1 WHERE userId=? AND traceId=?",
                    (owner_id, first),
                )
                if not waited:
                    waited.append(True)
                    barrier.wait(5)
                raw.execute(
                    "UPDATE trace_dirty SET generation=generation+1 WHERE userId=? AND traceId=?",
                    (owner_id, second),
                )

        retrying(once)

    threads = [
        threading.Thread(target=work, args=pair) for pair in (("a" * 32, "b" * 32), ("b" * 32, "a" * 32))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    bind_owner(db.session, alice.id)
    db.session.rollback()
    assert db.session.scalars(select(TraceDirty.generation)).all() == [3, 3]
    assert len(tries) == 3


@pytest.fixture
def world_tables(app, alice) -> None:
    with db.engine.begin() as connection:
        for trace in ("a" * 32, "b" * 32):
            connection.execute(
                text(
                    "INSERT INTO trace_dirty (userId,traceId,generation,dirtyAt,dueAt,attempts) VALUES (:owner,:trace,1,0,0,0)"
                ),
                {"owner": alice.id, "trace": trace},
            )


@pytest.mark.parametrize(
    ("error", "times", "raised"),
    [
        (pymysql.err.OperationalError(1213, "deadlock"), 6, Busy),
        (pymysql.err.OperationalError(1205, "lock wait time-out"), 6, Busy),
        (pymysql.err.OperationalError(2006, "server has gone away"), 1, Busy),
        (pymysql.err.OperationalError(1040, "too many connections"), 1, Busy),
        (pymysql.err.OperationalError(1021, "disk full"), 1, Busy),
        (pymysql.err.InterfaceError(0, "closed"), 1, Busy),
        (pymysql.err.OperationalError(4025, "CONSTRAINT output failed"), 1, pymysql.err.OperationalError),
        (pymysql.err.OperationalError(3140, "invalid JSON text"), 1, pymysql.err.OperationalError),
        (pymysql.err.OperationalError(1054, "unknown column"), 1, pymysql.err.OperationalError),
        (pymysql.err.DataError(1406, "data too long"), 1, pymysql.err.DataError),
        (pymysql.err.IntegrityError(1062, "duplicate"), 6, pymysql.err.IntegrityError),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), 1, sqlite3.IntegrityError),
        (sqlite3.OperationalError("no such column: x"), 1, sqlite3.OperationalError),
        (RuntimeError("a mistake"), 1, RuntimeError),
    ],
    ids=lambda value: str(getattr(value, "args", value)),
)
def test_only_what_may_pass_is_tried_again(error, times, raised):
    """A fault of the data must not look like a busy database: a worker would wait for it for ever."""
    tries = []

    def work() -> None:
        tries.append(True)
        raise error

    with pytest.raises(raised):
        retrying(work)
    assert len(tries) == times


def test_a_slow_storage_holds_up_nobody_else(sender, alice, monkeypatch):
    put, kept = large.put, []

    def slow(owner_id, body):
        assert not append.one_at_a_time.locked()
        kept.append(len(body))
        return put(owner_id, body)

    monkeypatch.setattr(large, "put", slow)
    noise = "".join(chr(code) for code in Random(3).choices(range(0x4E00, 0x9FA0), k=70_000))
    send(sender, Draft(1), Draft(2, attributes={"output.value": noise}))
    body = {"body": {"stringValue": noise}, "traceId": trace_id(1), "severityNumber": 9}
    assert post(sender, logs(body), signal="logs").status_code == 200
    assert count(alice) == 2
    assert len(kept) == 2
