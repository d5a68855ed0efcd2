"""Deleting and restoring: gone from every list, kept in every run, and gone for good when nothing names it any more."""

from datetime import timedelta

import pytest

from swarm_ui.agents import purging
from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db


@pytest.fixture
def gone(client, make, alice):
    """A deleted agent with a run that failed at it."""
    agent = make.agent(alice, name="zanzibar", condition="failing", health_score=10, llm_model="zed-model")
    other = make.agent(alice, name="keeper", condition="healthy", health_score=100)
    flow = make.workflow(
        alice,
        name="flow",
        nodes=[
            {"id": one.id, "agentId": one.id, "name": one.name, "type": one.type} for one in (agent, other)
        ],
    )
    run = make.task(
        alice,
        agents=[agent, other],
        status="failed",
        failed_agent_id=agent.id,
        failed_step="fetch",
        workflow_id=flow.id,
    )
    span = make.span(alice, run, agent_id=agent.id, name="fetch", kind="tool")
    make.message(alice, run, other, agent)
    make.alert(alice, title="it broke", related_agent_id=agent.id)
    assert client.post(f"/agents/{agent.id}/delete").status_code == 303
    agent.run, agent.span, agent.other, agent.flow = run, span, other, flow
    return agent


def test_the_question_says_what_happens(page, make, alice):
    agent = make.agent(alice, name="browser")
    make.task(alice, agents=[agent])
    seen = page(f"/agents/{agent.id}/delete")
    assert seen.find("h1").get_text() == "Delete browser?"
    assert "Its 1 run and what they cost stay" in seen.text
    assert "restored for 30 days" in seen.text
    assert seen.link("Keep it")["href"] == f"/agents/{agent.id}"


def test_it_leaves_every_list_and_count(gone, page, client):
    for url in ("/agents", "/agents?q=zanzibar", "/agents?status=failing"):
        assert "zanzibar" not in page(url).find(id="list").get_text(), url
    assert "1 agent" in page("/agents").find(id="list").get_text()
    front = page("/")
    assert not [cell for cell in front.select(".cell") if "zanzibar" in cell.get_text()]
    assert "zanzibar is failing" not in front.text
    assert "zanzibar" not in page("/tasks").find("select", attrs={"name": "agent"}).get_text()
    listed = client.get("/api/v1/agents").get_json()["items"]
    assert [item["name"] for item in listed] == ["keeper"]
    assert [item["name"] for item in client.get("/api/v1/agents?deleted=true").get_json()["items"]] == [
        "zanzibar"
    ]


def test_its_pages_are_gone_but_for_the_list_of_the_deleted(gone, client, page):
    for url in ("", "/edit", "/delete", "/revisions", "/revisions/1"):
        assert client.get(f"/agents/{gone.id}{url}").status_code == 404, url
    for url in ("/edit", "/delete", "/activate", "/deactivate"):
        assert client.post(f"/agents/{gone.id}{url}", data={"name": "x"}).status_code == 404, url
    assert client.get(f"/api/v1/agents/{gone.id}").status_code == 404
    assert client.get(f"/api/v1/agents/{gone.id}/revisions").status_code == 404
    assert client.patch(f"/api/v1/agents/{gone.id}", json={"name": "x"}).status_code == 404
    assert client.delete(f"/api/v1/agents/{gone.id}").status_code == 404
    (row,) = page("/agents/deleted").rows()
    assert row.startswith("zanzibar")
    assert "not while runs name it" in row


def test_runs_go_on_naming_it_without_a_link(gone, page):
    link = f"/agents/{gone.id}"
    for url, where in [
        (f"/tasks/{gone.run.id}?span={gone.span.span_id}", "zanzibar deleted"),
        (f"/agents/{gone.other.id}", "zanzibar deleted"),
        ("/alerts", "zanzibar deleted"),
        ("/metrics", "zanzibar deleted"),
        (f"/workflows/{gone.flow.id}", "zanzibar"),
        ("/tasks", "zanzibar"),
    ]:
        seen = page(url)
        assert where in seen.text, url
        assert not [tag for tag in seen.select("a[href]") if tag["href"].startswith(link)], url


def test_it_is_restored_with_all_it_was(gone, client, rows, page, time):
    time.forward(seconds=1)
    assert client.post(f"/agents/{gone.id}/restore").status_code == 303
    assert client.post(f"/agents/{gone.id}/restore").status_code == 303
    agent = rows(Agent, Agent.id == gone.id)[0]
    assert (agent.deleted_at, agent.condition, agent.llm_model) == (None, "failing", "zed-model")
    assert "zanzibar" in page("/agents").text
    assert [event.action for event in rows(AuditEvent)] == ["agent.delete", "agent.restore"]
    assert page("/agents/deleted").rows() == []


def test_a_space_of_deleted_agents_alone_is_empty(client, make, alice, page):
    agent = make.agent(alice)
    client.post(f"/agents/{agent.id}/delete")
    assert page("/").find("h1").get_text() == "Connect your first agent"


# ── for good ──


def test_after_thirty_days_it_goes_for_good(client, client_of, make, alice, bob, rows, time):
    mine, kept, theirs = (
        make.agent(alice, name="old"),
        make.agent(alice, name="kept"),
        make.agent(bob, name="theirs"),
    )
    make.agent_revision(alice, mine)
    for agent in (mine, kept):
        client.post(f"/agents/{agent.id}/delete")
    client.post(f"/agents/{kept.id}/restore")
    time.forward(days=29, hours=23)
    assert purging.purge(db.engine) == 0
    time.forward(hours=1)
    assert purging.purge(db.engine) == 1
    assert [agent.name for agent in rows(Agent)] == ["kept"]
    assert rows(AgentRevision) == []
    event = rows(AuditEvent, AuditEvent.action == "agent.remove")[0]
    assert (event.actor, event.via, event.subject, event.before, event.actor_id) == (
        "Swarm UI",
        "worker",
        "old",
        {"name": "old"},
        None,
    )
    again = client_of(alice)  # nobody stays signed in for so long
    assert again.post(f"/agents/{mine.id}/restore").status_code == 404
    assert again.post("/agents/new", data={"name": "old", "serviceName": "demo"}).status_code == 303
    assert theirs


def test_while_runs_name_it_the_row_stays(gone, client_of, alice, time, page):
    time.forward(days=60)
    assert purging.purge(db.engine) == 0
    again = client_of(alice)
    assert "zanzibar" in page(f"/workflows/{gone.flow.id}", client=again).text
    assert again.post(f"/agents/{gone.id}/restore").status_code == 303


def test_it_goes_in_portions(make, alice, rows, time, monkeypatch):
    monkeypatch.setattr(purging, "AT_A_TIME", 3)
    for _ in range(7):
        make.agent(alice, deleted_at=time() - timedelta(days=31))
    assert [purging.purge(db.engine) for _ in range(4)] == [3, 3, 1, 0]
    assert rows(Agent) == []
