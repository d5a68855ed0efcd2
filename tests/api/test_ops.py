"""/-/healthy, /-/ready, /-/metrics."""

import re

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from swarm_ui import clock
from swarm_ui.accounts import keys
from swarm_ui.extensions import db
from swarm_ui.ingest.models import TraceDirty
from swarm_ui.worker.models import WorkerSeen
from tests.rows import say_migrated


@pytest.fixture
def visitor(app):
    return app.test_client()


@pytest.fixture
def migrated(app):
    """The database says that it is at the newest migration."""
    say_migrated()


def worker_seen(seconds_ago: float = 0) -> None:
    db.session.add(
        WorkerSeen(id="w1", pid=7, started_at=0, seen_at=clock.now_us() - int(seconds_ago * 1_000_000))
    )
    db.session.commit()


def database_gone(*_arguments):
    raise OperationalError("SELECT 1", {}, Exception("gone"))


def test_healthy_asks_nothing_else(visitor):
    event.listen(db.engine, "before_cursor_execute", database_gone)
    try:
        response = visitor.get("/-/healthy")
    finally:
        event.remove(db.engine, "before_cursor_execute", database_gone)
    assert (response.status_code, response.json) == (200, {"ok": True})


def test_ready(visitor, migrated):
    worker_seen(14.9)
    response = visitor.get("/-/ready")
    assert (response.status_code, response.json) == (200, {"ok": True, "problems": []})
    assert response.headers["Cache-Control"] == "no-store"


def test_not_ready_without_a_worker(visitor, migrated, time):
    assert "no worker" in visitor.get("/-/ready").json["problems"][0]
    worker_seen()
    time.forward(seconds=15)
    response = visitor.get("/-/ready")
    assert response.status_code == 503
    assert response.json["ok"] is False


def test_not_ready_at_another_migration(visitor, migrated):
    worker_seen()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    response = visitor.get("/-/ready")
    assert response.status_code == 503
    assert "migration 0000" in response.json["problems"][0]


def test_not_ready_without_a_database(visitor):
    event.listen(db.engine, "before_cursor_execute", database_gone)
    try:
        response = visitor.get("/-/ready")
    finally:
        event.remove(db.engine, "before_cursor_execute", database_gone)
    assert response.status_code == 503
    assert response.json["problems"] == ["the database cannot be reached"]


def gauges(visitor) -> dict[str, float]:
    response = visitor.get("/-/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=0.0.4")
    return {
        name: float(value)
        for name, value in re.findall(r"^(swarm_\w+) (\S+)$", response.get_data(as_text=True), re.M)
    }


def test_the_backlog_is_measured_over_all_owners(visitor, alice, bob, time):
    before = gauges(visitor)
    assert (
        before["swarm_dirty_traces"],
        before["swarm_set_aside_traces"],
        before["swarm_projection_lag_seconds"],
    ) == (0, 0, 0)
    for owner, ago, error in ((alice, 30, "it threw"), (alice, 2.5, None), (bob, 1, None)):
        at = clock.now_us() - int(ago * 1_000_000)
        db.session.add(
            TraceDirty(
                user_id=owner.id,
                trace_id=f"{int(ago * 10):032x}",
                generation=1,
                dirty_at=at,
                due_at=at,
                error=error,
            )
        )
    db.session.commit()
    after = gauges(visitor)
    assert after["swarm_dirty_traces"] == 2
    assert after["swarm_set_aside_traces"] == 1
    assert after["swarm_projection_lag_seconds"] == 2.5


def test_requests_are_measured(visitor):
    visitor.get("/login")
    said = visitor.get("/-/metrics").get_data(as_text=True)
    assert re.search(r'swarm_request_seconds_count\{[^}]*endpoint="accounts.login"[^}]*\} [1-9]', said)


def test_metrics_are_for_this_machine_or_a_key(visitor, alice):
    away = {"REMOTE_ADDR": "192.0.2.7"}
    assert visitor.get("/-/metrics", environ_base=away).status_code == 401
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"):
        assert visitor.get("/-/metrics", headers={header: "127.0.0.1"}).status_code == 401
    assert visitor.get("/-/metrics", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    for scopes, status in ((["read"], 200), (["ingest"], 403)):
        _key, text_ = keys.make(alice.id, alice.id, "prometheus", scopes)
        db.session.commit()
        asked = visitor.get("/-/metrics", environ_base=away, headers={"Authorization": f"Bearer {text_}"})
        assert asked.status_code == status
