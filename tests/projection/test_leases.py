"""Who projects what: leases, fencing, traces that throw, workers that die, a database that is busy."""

import logging
import os

import pytest

from swarm_ui.projection import leases as leases_module
from swarm_ui.projection import project as project_module
from swarm_ui.rawsql import Busy
from swarm_ui.worker.doorbell import Doorbell
from swarm_ui.worker.loop import Worker
from tests.otlp import Draft, agent, llm, trace_id
from tests.projection.world import TIMEOUT_US, World, same

MINUTE_US = 60_000_000


@pytest.fixture
def worker(world, tmp_path) -> Worker:
    return Worker(world.engine, Doorbell(tmp_path), timeout_us=TIMEOUT_US)


@pytest.fixture
def poison(monkeypatch):
    """The trace with this number throws, as long as `poison.number` says so."""
    interpret = project_module.interpret

    class Poison:
        number: int | None = 2

        def interpret(self, owner_id, task_id, nodes, *rest, **more):
            if any(node.trace_id == trace_id(self.number or 0) for node in nodes):
                raise RuntimeError("this trace breaks the mapping")
            return interpret(owner_id, task_id, nodes, *rest, **more)

    found = Poison()
    monkeypatch.setattr(project_module, "interpret", found.interpret)
    return found


def marks(world: World) -> dict[str, tuple]:
    rows = world.sql("SELECT traceId,attempts,leaseOwner,error FROM trace_dirty WHERE userId=:owner")
    return {row[0]: row[1:] for row in rows}


def tasks(world: World) -> set[str]:
    return {row[0] for row in world.sql("SELECT traceId FROM tasks WHERE userId=:owner")}


def test_a_trace_that_throws_is_set_aside_with_its_reason_and_the_rest_goes_on(world, poison, caplog):
    world.send(*(agent(1, "a", trace=number) for number in range(1, 6)))
    with caplog.at_level(logging.CRITICAL):
        world.project()
    assert tasks(world) == {trace_id(number) for number in (1, 3, 4, 5)}
    (found,) = marks(world).items()
    assert found[0] == trace_id(2)
    assert "RuntimeError: this trace breaks the mapping" in found[1][2]
    assert found[1][1] is None


def test_a_trace_that_was_set_aside_waits_for_new_spans_and_gets_another_chance(
    world, poison, worker, time, caplog
):
    with caplog.at_level(logging.CRITICAL):
        world.send(agent(1, "a", trace=2))
        world.project()
        time.forward(hours=1)
        worker.sweep()
        world.project()
        assert marks(world)[trace_id(2)][2] is not None
        assert tasks(world) == set()
        # A repetition is nothing new.
        world.send(agent(1, "a", trace=2))
        world.project()
        assert marks(world)[trace_id(2)][2] is not None
        # Still broken: set aside again.
        world.send(llm(2, 1, trace=2))
        world.project()
        assert "RuntimeError" in marks(world)[trace_id(2)][2]
    poison.number = None
    world.send(llm(3, 1, trace=2))
    world.settle()
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(3,)]


def test_a_sweep_does_not_give_a_broken_run_a_chance_every_half_minute(world, poison, worker, time, caplog):
    """It is still called running: it would be marked again and again, and its reason lost each time."""
    poison.number = None
    world.send(Draft(5, parent=9, trace=2))
    world.project()
    poison.number = 2
    with caplog.at_level(logging.CRITICAL):
        time.forward(hours=1)
        worker.sweep()
        world.project()
        before = world.sql("SELECT * FROM trace_dirty WHERE userId=:owner")
        assert "RuntimeError" in marks(world)[trace_id(2)][2]
        worker.sweep()
        world.project()
    assert world.sql("SELECT * FROM trace_dirty WHERE userId=:owner") == before


def test_a_lease_that_ran_out_goes_to_another_and_the_first_writes_nothing_more(world, time, monkeypatch):
    world.send(agent(1, "a"), llm(2, 1))
    first, second = world.projector("first"), world.projector("second")
    plan_run = project_module.plan_run

    def plan_and_sleep(*arguments):
        monkeypatch.setattr(project_module, "plan_run", plan_run)
        made = plan_run(*arguments)
        time.forward(seconds=61)
        assert second.round().runs == 1
        return made

    monkeypatch.setattr(project_module, "plan_run", plan_and_sleep)
    assert first.round().runs == 0
    wanted = world.settle()
    world.clear()
    world.send(agent(1, "a"), llm(2, 1))
    same(wanted, world.settle())


def test_a_worker_whose_view_is_older_than_a_link_does_not_undo_the_run_that_it_joined(world, monkeypatch):
    """One reads a trace alone; then a link arrives, and another worker would project both; then the first writes."""
    first, second = world.projector("first"), world.projector("second")
    plan_run = project_module.plan_run

    def plan_and_be_joined(*arguments):
        monkeypatch.setattr(project_module, "plan_run", plan_run)
        made = plan_run(*arguments)
        world.send(Draft(2, trace=1, links=((2, 1),)))
        second.round()
        return made

    world.send(llm(1, trace=2))
    monkeypatch.setattr(project_module, "plan_run", plan_and_be_joined)
    first.round()
    world.settle()
    assert world.sql("SELECT traceId,spanCount FROM tasks WHERE userId=:owner") == [(trace_id(1), 2)]


def test_a_busy_database_costs_no_attempt_and_leaves_nothing_taken(world, monkeypatch):
    world.send(*(agent(1, "a", trace=number) for number in range(1, 4)))
    projector = world.projector()

    def refuse(*_arguments):
        raise Busy("locked")

    monkeypatch.setattr(project_module, "apply_runs", refuse)
    for _ in range(leases_module.MOST_ATTEMPTS + 2):
        with pytest.raises(Busy):
            projector.round()
        assert marks(world) == {trace_id(number): (0, None, None) for number in (1, 2, 3)}
    monkeypatch.undo()
    world.settle()
    assert len(tasks(world)) == 3


def test_what_workers_die_over_is_taken_alone_and_given_up_after_some_deaths(
    world, time, monkeypatch, poison
):
    """The trace that kills takes no other with it, although all were claimed together at first."""

    class Died(BaseException):
        pass

    def kill(owner_id, task_id, nodes, *rest, **more):
        if any(node.trace_id == trace_id(2) for node in nodes):
            raise Died
        return poison.interpret(owner_id, task_id, nodes, *rest, **more)

    poison.number = None
    monkeypatch.setattr(project_module, "interpret", kill)
    monkeypatch.setattr(leases_module.Leases, "release", lambda *_: None)  # the dead release nothing
    world.send(*(agent(1, "a", trace=number) for number in range(1, 6)))
    deaths = 0
    for number in range(40):
        time.forward(seconds=61)
        try:
            if not world.projector(f"worker {number}").drain().traces and not any(
                found[2] is None for found in marks(world).values()
            ):
                break
        except Died:
            deaths += 1
    assert tasks(world) == {trace_id(number) for number in (1, 3, 4, 5)}
    assert deaths == leases_module.MOST_ATTEMPTS
    assert marks(world)[trace_id(2)][2] == "8 workers ended while they projected this trace"


def test_a_worker_that_starts_takes_over_what_a_dead_one_had_in_hand(world, worker, tmp_path):
    world.send(agent(1, "a"))
    gone = Worker(world.engine, Doorbell(tmp_path), timeout_us=TIMEOUT_US)
    gone._be_seen()
    world.change("UPDATE workers SET pid=:nobody WHERE id=:id", nobody=2**22 + 17, id=gone.id)
    assert [mark.trace_id for mark in gone.projector.leases.claim(10)] == [trace_id(1)]
    assert worker.projector.round().traces == 0
    worker._take_over()
    assert worker.projector.round().runs == 1
    world.settle()


def test_what_a_living_worker_has_in_hand_stays_with_it(world, worker, tmp_path):
    world.send(agent(1, "a"))
    living = Worker(world.engine, Doorbell(tmp_path), timeout_us=TIMEOUT_US)
    living._be_seen()
    world.change("UPDATE workers SET pid=:parent WHERE id=:id", parent=os.getppid(), id=living.id)
    living.projector.leases.claim(10)
    worker._take_over()
    assert worker.projector.round().traces == 0
    assert living.projector.leases.claim(10) == []


def test_a_batch_passes_marks_of_joined_traces_to_their_first_one_and_projects_it_once(world):
    world.send(*(llm(1, trace=number, links=((number + 1, 1),)) for number in range(1, 5)), llm(1, trace=5))
    done = world.projector().round()
    assert (done.traces, done.runs) == (5, 1)
    assert marks(world) == {}
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(5,)]


def test_a_dear_run_waits_before_it_is_projected_again(world, time, monkeypatch):
    """While its spans keep coming, at most two seconds."""
    plan_run = project_module.plan_run

    def plan_slowly(*arguments):
        time.forward(seconds=0.4)
        world.send(llm(3, 1))
        monkeypatch.setattr(project_module, "plan_run", plan_run)
        return plan_run(*arguments)

    world.send(agent(1, "a"))
    monkeypatch.setattr(project_module, "plan_run", plan_slowly)
    world.project(1)
    projector = world.projector()
    assert projector.round().traces == 0
    time.forward(seconds=1.9)
    assert projector.round().traces == 0
    time.forward(seconds=0.2)
    assert projector.round().runs == 1
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(2,)]


def test_owners_share_workers_and_nothing_else(world, bob, poison, caplog):
    """The same ids in two spaces; one's poison is not the other's."""
    other = World(bob.id, world.time)
    for number in (1, 2):
        world.send(agent(1, "a", trace=number), llm(2, 1, trace=number))
    other.send(agent(1, "a"), llm(2, 1, tokens=(1, 1)))
    with caplog.at_level(logging.CRITICAL):
        world.project()
    assert tasks(world) == tasks(other) == {trace_id(1)}
    assert world.sql("SELECT tokenUsage FROM tasks WHERE userId=:owner") == [(15,)]
    assert other.sql("SELECT tokenUsage FROM tasks WHERE userId=:owner") == [(2,)]
    assert marks(other) == {}
    ids = {
        world.sql("SELECT id FROM tasks WHERE userId=:owner")[0],
        other.sql("SELECT id FROM tasks WHERE userId=:owner")[0],
    }
    assert len(ids) == 2
