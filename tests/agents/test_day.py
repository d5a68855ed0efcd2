"""A simulated day with a fake clock: the worker looks every second that something is due, and the flips are exactly those that are expected."""

from datetime import timedelta
from hashlib import sha256

import pytest
from sqlalchemy import select

from swarm_ui.agents import flips, health
from swarm_ui.agents.models import Agent, StatusFlip
from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.tenancy import bind_owner
from tests.conftest import NOW
from tests.otlp import agent as agent_span
from tests.projection.world import World

KEY = "swk_" + "d" * 40


class Day:
    def __init__(self, app, alice, time, sender):
        self.alice, self.time, self.sender = alice, time, sender
        self.world = World(alice.id, time)

    def until(self, minute, *, beats=None):
        """Lets the time pass, a beat every minute where it is to, and looks at what is due whenever something is."""
        end = NOW + timedelta(minutes=minute)
        while self.time.now < end:
            if beats is not None:
                assert self.sender.get(f"/ping/{KEY}/{beats}").status_code == 200
            following = min(end, self.time.now + timedelta(minutes=1))
            self.look()
            while (due := self.next_due()) is not None and due < following:
                self.time.now = max(due, self.time.now)
                self.look()
            self.time.now = following
        self.look()

    def look(self):
        summaries.refresh(db.engine, summaries.due(db.engine), set())

    def next_due(self):
        with db.engine.connect() as connection:
            table = db.metadata.tables["swarm_agents"]
            return connection.execute(
                select(table.c.nextChangeAt)
                .where(table.c.nextChangeAt > self.time.now)
                .order_by(table.c.nextChangeAt)
                .limit(1)
            ).scalar()

    def flips(self):
        db.session.rollback()
        bind_owner(db.session, self.alice.id)
        found = db.session.scalars(select(StatusFlip).order_by(StatusFlip.at, StatusFlip.id))
        return [(flip.from_word, flip.to_word, (flip.at - NOW).total_seconds() / 60) for flip in found]


def test_a_day(app, alice, time, make, client):
    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ping"])
    day = Day(app, alice, time, app.test_client())
    bind_owner(db.session, alice.id)

    # It reports every minute for two hours, and works well.
    day.sender.get(f"/ping/{KEY}/nightly")
    for number in range(20):
        day.world.send(agent_span(1, "nightly", trace=number + 1, service=""))
    day.world.settle()
    time.now = NOW
    day.until(120, beats="nightly")
    # It is killed: late after a minute, silent after two. An hour later it is started again.
    day.until(180)
    day.until(240, beats="nightly")
    # Somebody works on it for an hour, while it does not report; then it reports again.
    db.session.rollback()
    agent_id = client.get("/api/v1/agents").get_json()["items"][0]["id"]
    assert client.post(f"/api/v1/agents/{agent_id}/maintenance", json={"seconds": 3600}).status_code == 200
    day.until(300)
    day.until(360, beats="nightly")
    # A run begins, and nothing of it moves for half an hour.
    first = time.now
    day.world.send(agent_span(2, "nightly", parent=1, trace=99, service="", at=360 * 60))
    day.world.project()
    day.world.summarise()
    day.until(360 + 29, beats="nightly")
    time.now = first + timedelta(minutes=30, seconds=1)
    flipped = day.flips()
    assert flipped[0][:2] == ("new", "healthy")
    kept = [(before, after, round(at, 3)) for before, after, at in flipped[1:]]
    last = 119  # the minute of the last report before it was killed
    assert kept[:2] == [("healthy", "late", last + 1), ("late", "silent", last + 2)]
    came_back = kept[2]
    assert (came_back[0], came_back[2]) == ("silent", 180)
    words = [after for _before, after, _at in kept]
    assert words.count("maintenance") == 1
    started, ended = next((place, flip) for place, flip in enumerate(kept) if flip[1] == "maintenance")
    assert ended[2] == pytest.approx(240, abs=0.02)  # each change takes a second
    assert kept[started + 1][2] == pytest.approx(300, abs=0.02)
    assert kept[started + 1][0] == "maintenance"
    stalled = [flip for flip in kept if flip[1] == "stalled"]
    assert [flip[2] for flip in stalled] == [360 + health.LEAST_GAP.total_seconds() / 60]


def test_flapping_is_damped(app, alice, time, make):
    """Late and well by turns, every two minutes for an hour: the newest row tells how often, and until when."""
    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ping"])
    day = Day(app, alice, time, app.test_client())
    for minute in range(0, 60, 2):
        day.sender.get(f"/ping/{KEY}/nightly")
        day.until(minute + 1.5)
        day.until(minute + 2)
    db.session.rollback()
    bind_owner(db.session, alice.id)
    kept = list(db.session.scalars(select(StatusFlip).order_by(StatusFlip.at, StatusFlip.id)))
    assert len(kept) == flips.FLAPPING
    assert kept[-1].times > 30
    assert kept[-1].last_at >= NOW + timedelta(minutes=57)
    agent = db.session.scalars(select(Agent)).one()
    assert health.condition_of(agent).word in ("late", "silent", "healthy", "degraded", "failing")
