"""The same figures on every database."""

from datetime import timedelta

from sqlalchemy import select

from swarm_ui.aggregates import hours_since
from swarm_ui.extensions import db
from swarm_ui.metrics.sums import runs_by
from swarm_ui.tasks.models import Task
from swarm_ui.tenancy import bind_owner
from tests.conftest import NOW


def test_hours_are_whole_and_begin_on_the_dot(make, alice):
    start = NOW - timedelta(days=2)
    moments = {
        timedelta(0): 0,
        timedelta(minutes=59, seconds=59, milliseconds=900): 0,
        timedelta(hours=1): 1,
        timedelta(hours=30, minutes=1): 30,
        timedelta(hours=47, minutes=59): 47,
    }
    wanted = {make.task(alice, started_at=start + passed).id: hour for passed, hour in moments.items()}
    bind_owner(db.session, alice.id)
    found = dict(db.session.execute(select(Task.id, hours_since(start, Task.started_at))).all())
    assert found == wanted


def test_percentiles_are_by_nearest_rank_and_leave_out_what_is_unknown(make, alice):
    for milliseconds in (*range(1, 21), None):
        make.task(alice, execution_time=milliseconds)
    make.task(alice, status="running", execution_time=999)
    bind_owner(db.session, alice.id)
    runs = runs_by(Task.started_at < NOW, all=Task.user_id)["all"][alice.id]
    assert (runs.runs, runs.median, runs.p95) == (22, 10, 19)


def test_one_run_is_its_own_percentile(make, alice):
    make.task(alice, execution_time=7)
    bind_owner(db.session, alice.id)
    runs = runs_by(Task.started_at < NOW, all=Task.user_id)["all"][alice.id]
    assert (runs.median, runs.p95) == (7, 7)


def test_groups_are_summed_apart_in_one_go(make, alice, statements):
    for name, status, cost in (("a", "completed", 1.0), ("a", "failed", None), ("b", "completed", 0.5)):
        make.task(alice, name=name, status=status, estimated_cost=cost)
    bind_owner(db.session, alice.id)
    with statements() as sent:
        found = runs_by(Task.started_at < NOW, timed=("name",), name=Task.name, status=Task.status)
    assert len(sent) == 2
    assert {key: (runs.runs, runs.success, runs.cost) for key, runs in found["name"].items()} == {
        "a": (2, 50.0, 1.0),
        "b": (1, 100.0, 0.5),
    }
    assert found["status"]["failed"].cost is None
    assert found["status"]["completed"].cost == 1.5
