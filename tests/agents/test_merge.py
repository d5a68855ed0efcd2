"""Two entries that are one agent: everything that is derived becomes the other's, and goes back when it is undone."""

import pytest
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.projection import merging
from swarm_ui.tenancy import bind_owner
from tests.captures import HEADERS
from tests.ingest.conftest import key, sender  # noqa: F401
from tests.otlp import agent as agent_span
from tests.otlp import document, failing, llm, tool, trace_id, workflow
from tests.projection.world import World, same


@pytest.fixture
def world(app, alice, time):
    return World(alice.id, time)


@pytest.fixture
def ids(world, alice):
    """Runs of an agent under its old name, then under its new one; both in one run too."""
    world.send(agent_span(1, "old", trace=1, seconds=5), llm(2, 1, trace=1), tool(3, "search", 1, trace=1))
    world.send(agent_span(1, "old", trace=2, **failing()))
    world.send(agent_span(1, "new", trace=3))
    world.send(
        workflow(1, "flow", trace=4, seconds=9),
        agent_span(2, "old", 1, trace=4),
        agent_span(3, "new", 1, trace=4, at=3),
    )
    world.settle()
    return dict(world.sql("SELECT name,id FROM swarm_agents WHERE userId=:owner"))


def counts(world, agent_id):
    columns = "totalExecutions,failedExecutions,llmCalls,toolCalls"
    return world.sql(f"SELECT {columns} FROM swarm_agents WHERE userId=:owner AND id=:id", id=agent_id)[0]


def without_decisions(rows):
    """What people decided of the two rows stays written in them."""
    decided = {"mergedInto", "kept"}
    agents = [tuple(pair for pair in row if pair[0] not in decided) for row in rows["swarm_agents"]]
    return rows | {"swarm_agents": agents}


def test_merged_and_taken_apart_again(world, ids, client, page):

    answer = client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    assert (answer.status_code, answer.location) == (303, f"/agents/{ids['new']}")
    world.settle()
    assert counts(world, ids["new"]) == (5, 1, 1, 1)
    assert counts(world, ids["old"]) == (0, 0, 0, 0)
    for table, column in (
        ("task_agents", "agentId"),
        ("spans", "agentId"),
        ("metrics", "agentId"),
        ("agent_hours", "agentId"),
    ):
        assert (
            world.sql(f"SELECT 1 FROM {table} WHERE userId=:owner AND {column}=:id", id=ids["old"]) == []
        ), table
    assert world.sql("SELECT SUM(runs) FROM agent_hours WHERE userId=:owner") == [(4,)]
    listed = [
        row.select_one("a").get_text() for row in page("/agents").select("tbody tr") if row.select_one("a")
    ]
    assert "old" not in listed
    assert client.get(f"/agents/{ids['old']}").location.endswith(ids["new"])
    assert "Take apart old" in page(f"/agents/{ids['new']}").text
    # New traces of the old name go to the other.
    world.send(agent_span(1, "old", trace=5))
    world.settle()
    assert counts(world, ids["new"]) == (6, 1, 1, 1)
    # Undone, each has what it had, and what came meanwhile.
    assert client.post(f"/agents/{ids['old']}/unmerge").status_code == 303
    world.settle()
    assert counts(world, ids["new"]) == (2, 0, 0, 0)
    assert counts(world, ids["old"]) == (4, 1, 1, 1)


def test_undoing_leaves_nothing_behind(world, ids, client):
    before = without_decisions(world.settle())
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    world.settle()
    client.post(f"/agents/{ids['old']}/unmerge")
    same(before, without_decisions(world.settle()), but=("alerts",))


def test_it_survives_a_rebuild(world, ids, client, app, alice):
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    merged = world.settle()
    assert app.test_cli_runner().invoke(args=["project", "--rebuild", "--email", alice.email]).exit_code == 0
    same(merged, world.settle())


def test_its_heartbeats_are_the_others(world, ids, client, alice):
    from swarm_ui.ingest import heartbeats

    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    assert heartbeats.find(db.engine, alice.id, "old", None) == ids["new"]
    assert client.post(f"/api/v1/agents/{ids['old']}/heartbeat").status_code == 200
    bind_owner(db.session, alice.id)
    beaten = db.session.scalars(select(Agent.name).where(Agent.beat_at.is_not(None))).all()
    assert beaten == ["new"]


def test_chains_lead_to_the_last(world, ids, client, make, alice):
    last = make.agent(alice, name="newest")
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    client.post(f"/agents/{ids['new']}/merge", data={"into": last.id})
    world.settle()
    assert counts(world, last.id)[0] == 5
    assert client.get(f"/agents/{ids['old']}").location.endswith(last.id)


def test_with_itself_or_anothers_it_is_refused(client, make, alice, bob):
    agent, theirs = make.agent(alice), make.agent(bob)
    assert client.post(f"/agents/{agent.id}/merge", data={"into": agent.id}).status_code == 422
    assert client.post(f"/agents/{agent.id}/merge", data={"into": theirs.id}).status_code == 404


def test_nobody_is_chosen_before_somebody_is(client, page, make, alice):
    agent, _other = make.agent(alice), make.agent(alice, name="other")
    chosen = page(f"/agents/{agent.id}/merge").select("select[required] option[selected]")
    assert [(option["value"], option.get_text()) for option in chosen] == [("", "Choose an agent")]
    for typed in ({}, {"into": ""}):
        answer = client.post(f"/agents/{agent.id}/merge", data=typed)
        assert answer.status_code == 422
        assert "Choose the agent that it is one with." in answer.get_data(as_text=True)


def test_the_trail_says_who_did_it(world, ids, client, events):
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    client.post(f"/agents/{ids['old']}/unmerge")
    assert [action for action, _before, _after in events()] == ["agent.merge", "agent.unmerge"]
    assert events()[0][2] == {"mergedInto": ids["new"], "name": "new"}


def test_runs_that_are_messages_alone_follow_too(world, ids, client, sender):  # noqa: F811
    """Sent over REST, without a single step."""

    def post(path, body):
        assert sender.post(f"/api/v1/{path}", json=body, headers=HEADERS).status_code == 201

    post("tasks", {"id": "talk", "name": "Talk", "service": "demo"})
    post(
        "tasks/talk/messages",
        {"sender": "boss", "recipient": "old", "messageType": "request", "content": "Go on, please."},
    )
    post(
        "tasks/talk/messages",
        {"sender": "old", "recipient": "boss", "messageType": "response", "content": "So I do."},
    )
    before = without_decisions(world.settle())

    def speakers():
        return world.sql(
            "SELECT senderId,recipientId FROM messages WHERE userId=:owner AND taskId IN (SELECT id FROM tasks WHERE name='Talk') ORDER BY at"
        )

    ((boss, _), _) = speakers()
    assert speakers() == [(boss, ids["old"]), (ids["old"], boss)]
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    world.settle()
    assert speakers() == [(boss, ids["new"]), (ids["new"], boss)]
    client.post(f"/agents/{ids['old']}/unmerge")
    same(before, without_decisions(world.settle()), but=("alerts",))


def test_a_run_of_which_nothing_is_left_stays_as_it_was(world, ids, client):
    gone = "traceId=(SELECT MIN(traceId) FROM task_traces WHERE userId=:owner)"
    kept = world.sql(f"SELECT taskId FROM task_traces WHERE userId=:owner AND {gone}")
    world.change(f"DELETE FROM spans WHERE userId=:owner AND {gone}")
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    world.settle()
    assert len(world.sql("SELECT id FROM tasks WHERE userId=:owner")) == 4
    assert (
        world.sql("SELECT taskId FROM task_agents WHERE userId=:owner AND agentId=:id", id=ids["old"]) == kept
    )


@pytest.fixture
def many(world, ids, monkeypatch):
    """More runs than are derived again at once."""
    monkeypatch.setattr(merging, "AT_ONCE", 2)
    for trace in range(10, 30):
        world.send(agent_span(1, "old", trace=trace))
    world.settle()
    return 20 + 3  # with those of `ids`


def test_many_runs_are_derived_again_little_by_little(world, ids, many, client, time):
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    due = [
        at - clock.now_us()
        for (at,) in world.sql("SELECT dueAt FROM trace_dirty WHERE userId=:owner ORDER BY dueAt")
    ]
    assert due == [0, 0, *range(merging.PAUSE_US, (many - 1) * merging.PAUSE_US, merging.PAUSE_US)]
    world.project()
    assert len(world.sql("SELECT 1 FROM trace_dirty WHERE userId=:owner")) == many - 2
    # Undone at once, each is due when it was before.
    client.post(f"/agents/{ids['old']}/unmerge")
    world.settle()
    assert (counts(world, ids["old"])[0], counts(world, ids["new"])[0]) == (many, 2)


def test_nothing_that_arrives_is_refused_or_waits(world, ids, many, client, sender, app, monkeypatch):  # noqa: F811
    from dataclasses import replace

    from swarm_ui.ingest import intake

    monkeypatch.setattr(merging, "PAUSE_US", 60_000_000)
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], max_backlog=5))
    monkeypatch.setattr(intake, "backlog", {"at": 0.0, "traces": 0})
    client.post(f"/agents/{ids['old']}/merge", data={"into": ids["new"]})
    assert len(world.sql("SELECT 1 FROM trace_dirty WHERE userId=:owner")) == many
    more = document(agent_span(2, "old", trace=29, at=2))
    assert sender.post("/v1/traces", json=more, headers=HEADERS).status_code == 200
    # Something new of a run that has its turn much later brings it forward.
    world.project()
    assert (
        len(
            world.sql(
                "SELECT 1 FROM spans WHERE userId=:owner AND traceId=:trace AND agentId=:id",
                trace=trace_id(29),
                id=ids["new"],
            )
        )
        == 2
    )
    assert (
        world.sql("SELECT 1 FROM trace_dirty WHERE userId=:owner AND traceId=:trace", trace=trace_id(29))
        == []
    )
    assert len(world.sql("SELECT 1 FROM trace_dirty WHERE userId=:owner")) == many - 3
