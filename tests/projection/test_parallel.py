"""Several senders and several workers at once: the same derived rows as one after the other. Deadlocks of MariaDB are tried again."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from swarm_ui.rawsql import Busy
from tests.otlp import Draft, agent, failing, llm, tool, workflow
from tests.projection.world import World, each_alone, same

SENDERS, WORKERS = 4, 3


def at_once(*jobs: Callable[[], None]) -> None:
    """Runs them in threads of their own; the first error is raised here."""
    errors: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]


def patiently(work: Callable[[], object]) -> None:
    """A client that gets a 503 sends again, a worker looks again."""
    for _ in range(50):
        try:
            work()
            return
        except Busy:
            time.sleep(0.05)
    raise AssertionError("the database stayed busy")


def storm(world: World, bodies: list[tuple[Any, ...]], rng: random.Random, *, senders: int = SENDERS) -> None:
    """Each body by one of the senders, in any order, some twice, while workers project."""
    sent = [*bodies, *rng.sample(bodies, len(bodies) // 5)]
    rng.shuffle(sent)
    left = [senders]
    projectors = [world.projector(f"worker {number}") for number in range(WORKERS)]

    def send(part):
        try:
            for body in part:
                patiently(lambda body=body: world.send_body(*body))
        finally:
            left[0] -= 1

    def work(projector):
        while left[0] > 0:
            patiently(lambda: projector.round(7))
            time.sleep(0.001)

    at_once(
        *(lambda part=sent[number::senders]: send(part) for number in range(senders)),
        *(lambda projector=projector: work(projector) for projector in projectors),
    )


def swarm(rng: random.Random) -> list[Draft]:
    """Runs of one trace, and runs of several traces that links join; agents that all of them share."""
    drafts = []
    trace = 0
    for number in range(12):
        trace += 1
        at = number * 5.0
        drafts += [
            workflow(1, f"flow {number % 3}", trace=trace, at=at, seconds=9),
            agent(2, "triage", 1, trace=trace, at=at, seconds=8),
            llm(3, 2, trace=trace, at=at + 1),
            tool(4, "transfer_to_billing", 2, trace=trace, at=at + 2),
            agent(
                5, "billing", 4, trace=trace, at=at + 2, seconds=0.5, **(failing() if number % 4 == 0 else {})
            ),
            llm(6, 5, trace=trace, at=at + 2, seconds=0.2),
        ]
    for number in range(6):
        members = [trace + 1 + offset for offset in range(4)]
        trace += len(members)
        rng.shuffle(members)
        for place, member in enumerate(members):
            links = ((members[place - 1], 1),) if place else ()
            drafts += [
                agent(
                    1, f"peer {place % 2}", trace=member, at=place, links=links, service=f"peers {number % 2}"
                ),
                llm(2, 1, trace=member, at=place, service=f"peers {number % 2}"),
            ]
    return drafts


@pytest.mark.parametrize("seed", range(3))
def test_parallel_senders_and_workers_make_the_same_rows(world: World, seed):
    rng = random.Random(seed)
    drafts = swarm(rng)
    world.send(*drafts)
    wanted = world.settle()
    world.clear()
    storm(world, each_alone(drafts), rng)
    same(wanted, world.settle())


@pytest.mark.parametrize("seed", range(2))
def test_contents_that_contradict_each_other_at_the_same_moment(world: World, seed):
    """All senders fight for the same few spans; the content that wins is the same every time."""
    rng = random.Random(seed)
    drafts = [
        agent(
            number % 5 + 1,
            f"agent {number}",
            1 if number % 5 else 0,
            seconds=1 + number % 3,
            trace=number % 2 + 1,
        )
        for number in range(30)
    ]
    world.send(*drafts)
    wanted = world.settle()
    world.clear()
    storm(world, each_alone(drafts), rng)
    same(wanted, world.settle(), but=("integrations",))


def test_links_that_arrive_last_join_runs_that_are_being_projected(world: World):
    """Every trace is a run of its own already; then the links come, all at once."""
    rng = random.Random(5)
    traces = list(range(1, 25))
    first = [llm(1, trace=trace, at=trace) for trace in traces]
    joints = [Draft(2, trace=trace, at=trace, links=((trace + 1, 1),)) for trace in traces if trace % 6]
    world.send(*first, *joints)
    wanted = world.settle()
    world.clear()
    storm(world, each_alone(first), rng)
    world.project()
    storm(world, each_alone(joints), rng)
    same(wanted, world.settle())
    assert len(wanted["tasks"]) == 4


def test_readers_see_runs_while_they_are_written(world: World):
    """No read fails, and none sees half of a run's counters."""
    rng = random.Random(1)
    stop = threading.Event()
    odd: list[object] = []

    def read() -> None:
        while not stop.is_set():
            with world.engine.connect() as connection:
                (counted, summed) = connection.exec_driver_sql(
                    "SELECT (SELECT SUM(totalExecutions) FROM swarm_agents),(SELECT SUM(executions) FROM task_agents)"
                ).one()
            if (counted or 0) != (summed or 0):
                odd.append((counted, summed))

    def write() -> None:
        try:
            storm(world, each_alone(swarm(rng)), rng)
        finally:
            stop.set()

    at_once(write, read)
    assert odd == []
