"""How much the worker takes in hand at once, and what stays of it in memory."""

import gc

import pytest

from swarm_ui.projection import project as project_module
from swarm_ui.projection.tree import Node
from tests.otlp import agent, llm, workflow
from tests.projection.world import World


def a_run(trace: int, steps: int) -> list:
    root = workflow(1, "nightly", trace=trace, seconds=99)
    return [
        root,
        *(agent(number, f"a{number % 3}", 1, trace=trace, at=number) for number in range(2, steps + 2)),
    ]


@pytest.fixture
def no_search_for_cycles():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_was_read_of_a_run_is_freed_without_a_search_for_cycles(world: World, no_search_for_cycles):
    for trace in range(1, 6):
        world.send(*a_run(trace, 4), llm(100, 2, trace=trace))
    assert world.projector().round().runs == 5
    assert [one for one in gc.get_objects() if isinstance(one, Node)] == []


def test_large_runs_are_taken_fewer_at_a_time(world: World, monkeypatch):
    monkeypatch.setattr(project_module, "BATCH", 8)
    monkeypatch.setattr(project_module, "SMALLEST_BATCH", 2)
    monkeypatch.setattr(project_module, "ROWS_A_TRANSACTION", 200)
    projector = world.projector()
    for trace in range(1, 21):
        world.send(*a_run(trace, 30))
    assert projector.round().traces == 8
    few = projector.round().traces
    assert 2 <= few < 8
    assert projector.drain().traces == 12 - few
    for trace in range(21, 41):
        world.send(*a_run(trace, 1))
    projector.round()
    assert projector.round().traces == 8
