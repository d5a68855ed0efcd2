"""Recorded clients in other deliveries: backwards, twice, re-encoded, span by span over four senders at once. The derived rows are the same."""

import random
from pathlib import Path

import pytest

from swarm_ui import clock
from swarm_ui.ingest import otlp
from tests.captures import Capture
from tests.conftest import SHARED
from tests.otlp import JSON, PROTOBUF, documents, encoded, one_by_one
from tests.projection.test_parallel import storm
from tests.projection.world import World, differences

OWN = Path(__file__).with_name("recorded")
OWN_NAMES = sorted(folder.name for folder in OWN.iterdir() if folder.is_dir())
SHARED_NAMES = ["lg_supervisor", "openai_v2_swarm", "pydantic_ai_swarm", "traceloop_swarm", "vercel_ai_swarm"]

Body = tuple[bytes, str, str]  # bytes, encoding, signal


@pytest.fixture
def world(app, alice, time) -> World:
    return World(alice.id, time)


@pytest.mark.parametrize("name", OWN_NAMES)
def test_a_recording_in_any_delivery_makes_the_same_rows(name, world):
    check(Capture(OWN / name), world)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SHARED_NAMES)
def test_a_shared_recording_in_any_delivery_makes_the_same_rows(name, shared_data, world):
    assert shared_data == SHARED
    check(Capture(shared_data / "otlp-captures" / name), world)


def check(capture: Capture, world: World) -> None:
    bodies = [
        (body, JSON if is_json else PROTOBUF, signal)
        for signal in ("traces", "logs")
        for body, is_json in capture.bodies(signal)
    ]
    world.time.now = ended(bodies)
    wanted = replay(world, bodies)
    assert wanted["tasks"]
    rng = random.Random(capture.name)
    pieces = [
        (encoded(piece, to, signal), to, signal)
        for body, encoding, signal in bodies
        for piece in one_by_one(documents(body, encoding, signal), signal)
        for to in [rng.choice([JSON, PROTOBUF])]
    ]
    deliveries = {
        "backwards": lambda: replay(world, bodies[::-1]),
        "backwards, projected after each request": lambda: replay(world, bodies[::-1], each=True),
        "twice": lambda: replay(world, [*bodies, *bodies], each=True),
        "re-encoded": lambda: replay(world, [recoded(body) for body in bodies]),
        "span by span over four senders, three workers": lambda: scattered(world, pieces, rng),
    }
    wrong = {}
    for delivery, make in deliveries.items():
        world.clear()
        if found := differences(wanted, make()):
            wrong[delivery] = found[:6]
    assert wrong == {}


def ended(bodies: list[Body]):
    """A second after the last span, so that nothing is imported and failures raise alerts."""
    latest = max(
        record.ended_at
        for body, encoding, signal in bodies
        if signal == "traces"
        for record in otlp.read_traces(body, encoding).records
    )
    return clock.from_us(latest + 1_000_000)


def replay(world: World, bodies: list[Body], *, each: bool = False):
    for body in bodies:
        world.send_body(*body)
        if each:
            world.project()
    return world.settle()


def recoded(body: Body) -> Body:
    content, encoding, signal = body
    other = PROTOBUF if encoding == JSON else JSON
    return encoded(documents(content, encoding, signal), other, signal), other, signal


def scattered(world: World, pieces: list[Body], rng: random.Random):
    storm(world, pieces, rng)
    return world.settle()
