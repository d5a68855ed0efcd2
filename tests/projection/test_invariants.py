"""The data flow's invariants: whatever the order, the cuts, the repetitions and the encodings, the same spans give the same derived rows."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from swarm_ui.projection import project as project_module
from swarm_ui.projection import read
from swarm_ui.projection.rebuild import rebuild
from tests.otlp import JSON, PROTOBUF, Draft, agent, llm, workflow
from tests.projection.runs import deliveries, runs
from tests.projection.world import World, each_alone, same

EXAMPLES = settings(
    max_examples=int(__import__("os").environ.get("EX","60")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@EXAMPLES
@given(st.data())
def test_order_cuts_repetition_encoding_and_early_projections_change_nothing(world: World, data):
    drafts = data.draw(runs(), "spans")
    plan = data.draw(deliveries(drafts), "requests")
    world.clear()
    for draft in drafts:
        world.send(draft)
    wanted = world.settle()
    world.clear()
    for spans, encoding, rounds in plan:
        world.send(*spans, encoding=encoding)
        world.project(rounds)
        if rounds == 5:
            world.summarise()
    # A framework that was seen stays known, even where the content that named it lost to another.
    same(wanted, world.settle(), but=("integrations",))


@EXAMPLES
@given(runs())
def test_projecting_again_or_from_nothing_changes_nothing(world: World, drafts):
    world.clear()
    for draft in drafts:
        world.send(draft)
        world.project()
    wanted = world.settle()
    world.change("INSERT INTO trace_dirty (userId,traceId,generation,dirtyAt,dueAt,attempts) SELECT DISTINCT userId,traceId,1,0,0,0 FROM spans")
    same(wanted, world.settle())
    rebuild(world.projector(), world.owner_id, lambda _number: None)
    same(wanted, world.settle(), but=("integrations",))
