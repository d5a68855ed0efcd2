"""Maintenance: by hand or until a time, for one agent or many; what it hides and what it does not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.tenancy import bind_owner
from tests.conftest import NOW
from tests.otlp import agent as agent_span
from tests.otlp import failing
from tests.projection.world import World


@pytest.fixture
def word(alice):
    def read(agent):
        summaries.refresh(db.engine, summaries.due(db.engine), set())
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        found = db.session.get(Agent, agent.id)
        return found.condition, found.status

    return read


def test_until_a_time(client, make, alice, word, time, page):
    agent = make.agent(alice, total_executions=5, health_score=97, last_heartbeat=NOW)
    assert (
        client.post(
            f"/agents/{agent.id}/maintenance", data={"seconds": "3600", "reason": "new <keys>"}
        ).status_code
        == 303
    )
    assert word(agent) == ("maintenance", "maintenance")
    seen = page(f"/agents/{agent.id}")
    assert "Until 17 Nov 2026, 04:12 UTC: new <keys>" in seen.text
    assert "Maintenance" in page("/agents").rows()[0]
    assert "1 maintenance" in page("/").text
    time.forward(minutes=61)
    assert word(agent)[0] != "maintenance"


def test_until_somebody_ends_it(client, make, alice, word, time):
    agent = make.agent(alice)
    client.post(f"/agents/{agent.id}/maintenance", data={"seconds": ""})
    time.forward(days=6)
    assert word(agent)[0] == "maintenance"
    client.post(f"/agents/{agent.id}/maintenance/end")
    assert word(agent) == ("new", "active")


def test_by_the_api(client, make, alice):
    agent = make.agent(alice)
    url = f"/api/v1/agents/{agent.id}/maintenance"
    until = (NOW + timedelta(hours=2)).isoformat()
    begun = client.post(url, json={"until": until, "reason": "disks"}).get_json()
    assert (begun["status"], begun["healthWord"]) == ("maintenance", "maintenance")
    assert begun["maintenanceUntil"] == "2026-11-17T05:12:40.000000Z"
    assert begun["healthReason"] == "until 17 Nov 2026, 05:12 UTC: disks"
    ended = client.delete(url).get_json()
    assert ended["healthWord"] == "new"
    assert client.post(url, json={"until": until, "seconds": 60}).status_code == 422
    assert client.post(url, json={"seconds": 10**12}).status_code == 422


def test_many_at_once_without_javascript(client, make, alice, bob, word, events):
    some = [make.agent(alice, name=f"a{number}") for number in range(3)]
    theirs = make.agent(bob)
    ids = [agent.id for agent in some[:2]] + [theirs.id, "gone", some[0].id]
    form = {"agent": ids, "seconds": "3600", "reason": "disks", "next": "/agents?type=reasoning"}
    answer = client.post("/agents/maintenance", data=form | {"do": "begin"})
    assert (answer.status_code, answer.location) == (303, "/agents?type=reasoning")
    assert [word(agent)[0] for agent in some] == ["maintenance", "maintenance", None]
    assert [action for action, _before, _after in events()] == ["agent.maintenance"] * 2
    client.post("/agents/maintenance", data=form | {"do": "end", "next": "https://elsewhere.example"})
    assert [word(agent)[0] for agent in some] == ["new", "new", None]


@pytest.mark.parametrize("do", ["begin", "end"])
def test_none_chosen_is_said(client, make, alice, events, do):
    make.agent(alice)
    answer = client.post("/agents/maintenance", data={"do": do, "next": "/agents"})
    assert answer.status_code == 422
    assert "No agent is chosen. Tick some in the list first." in answer.get_data(as_text=True)
    toast = client.post("/agents/maintenance", data={"do": do}, headers={"HX-Request": "true"})
    assert (toast.status_code, toast.headers["HX-Retarget"]) == (422, "#toasts")
    assert events() == []


def test_its_alerts_are_muted(client, make, alice, time, page):
    world = World(alice.id, time)
    world.send(agent_span(1, "writer", **failing()))
    world.settle()
    bind_owner(db.session, alice.id)
    agent = db.session.scalars(select(Agent)).one()
    agent_id = agent.id
    db.session.rollback()
    client.post(f"/agents/{agent_id}/maintenance", data={"seconds": "3600", "reason": "disks"})
    world.send(agent_span(1, "writer", trace=2, **failing()))
    world.settle()
    db.session.rollback()
    db.session.expire_all()
    found = db.session.scalars(select(Alert).order_by(Alert.created_at)).all()
    assert [(alert.muted, alert.resolved) for alert in found] == [(False, False), (True, True)]
    assert "Muted: its agent was in maintenance" in page("/alerts?state=resolved").text
    db.session.rollback()
    # Projected again, also after its end, it stays so.
    client.post(f"/agents/{agent_id}/maintenance/end")
    world.send(agent_span(2, "writer", parent=1, trace=2))
    world.settle()
    db.session.expire_all()
    assert sorted(db.session.scalars(select(Alert.muted))) == [False, True]


def test_an_alert_that_is_resolved_raises_the_score_again(client, make, alice, word, time):
    world = World(alice.id, time)
    world.send(agent_span(1, "writer", **failing()))
    world.settle()
    bind_owner(db.session, alice.id)
    agent, alert = db.session.scalars(select(Agent)).one(), db.session.scalars(select(Alert)).one()
    before, agent_id, alert_id = agent.health_score, agent.id, alert.id
    db.session.rollback()
    client.post(f"/alerts/{alert_id}/resolve")
    summaries.refresh(db.engine, summaries.due(db.engine), set())
    db.session.rollback()
    assert db.session.get(Agent, agent_id).health_score > before
