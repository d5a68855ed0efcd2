"""People and traces at the same moment, on connections of their own."""

import threading

import pytest
from sqlalchemy import select

from swarm_ui.agents import purging
from swarm_ui.extensions import db
from swarm_ui.ingest.identity import agent_id_of
from swarm_ui.projection import summaries
from tests.otlp import agent, llm, tool
from tests.projection.test_parallel import at_once, patiently
from tests.projection.world import World


@pytest.fixture
def together(app, client_of, alice, bob, make):
    """Two editors' answers to the same question, asked at once."""
    make.membership(alice, bob, "editor")
    clients = [client_of(alice), client_of(bob, owner=alice)]

    def ask(method, path, **options):
        answers, ready = [], threading.Barrier(len(clients))

        def send(client):
            ready.wait(20)
            answers.append(client.open(path, method=method, **options).status_code)

        at_once(*(lambda client=client: send(client) for client in clients))
        return sorted(answers)

    return ask


def stored(table, *columns):
    found = db.metadata.tables[table]
    with db.engine.connect() as connection:
        return connection.execute(
            select(*(found.c[name] for name in columns)).order_by(*found.primary_key)
        ).all()


def test_two_editors_save_at_once(together, make, alice):
    row = make.agent(alice, name="browser")
    form = {"name": "Surfer", "serviceName": "demo", "revision": "0"}
    assert together("POST", f"/agents/{row.id}/edit", data=form) == [303, 409]
    body = {"name": "Diver", "revision": 2}
    assert together("PATCH", f"/api/v1/agents/{row.id}", json=body) == [200, 409]
    assert stored("swarm_agents", "name", "revision") == [("Diver", 3)]
    assert sorted(number for (number,) in stored("agent_revisions", "number")) == [1, 2, 3]
    assert [action for (action,) in stored("audit_events", "action")] == ["agent.update"] * 2


def test_two_make_the_same_agent_at_once(together):
    assert together("POST", "/api/v1/agents", json={"name": "planner"}) == [201, 422]
    assert stored("swarm_agents", "name") == [("planner",)]
    assert stored("audit_events", "action") == [("agent.create",)]


def test_two_take_the_same_name_at_once(together, client_of, alice, make):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    clients, answers = [client_of(alice), client_of(alice)], []
    at_once(
        *(
            lambda client=client, row=row: answers.append(
                client.patch(f"/api/v1/agents/{row.id}", json={"name": "both"}).status_code
            )
            for client, row in zip(clients, (one, other), strict=True)
        )
    )
    assert sorted(answers) == [200, 422]


def test_twice_deleted_is_deleted_once(together, make, alice):
    row = make.agent(alice)
    assert together("DELETE", f"/api/v1/agents/{row.id}") == [204, 404]
    assert together("POST", f"/api/v1/agents/{row.id}/restore") == [200, 200]
    assert sorted(action for (action,) in stored("audit_events", "action")) == [
        "agent.delete",
        "agent.restore",
    ]


def test_traces_come_while_their_agent_is_renamed_and_removed(app, client_of, alice, time):
    """Whoever is first: no run names an agent that is not there, and there is one agent a name."""
    world, client = World(alice.id, time), client_of(alice)
    for number in range(1, 9):
        name = f"writer {number}"
        assert client.post("/api/v1/agents", json={"name": name, "serviceName": "demo"}).status_code == 201
        agent_id = agent_id_of(alice.space_key, "demo", name)
        if number % 2:
            world.change(
                "UPDATE swarm_agents SET deletedAt='2026-01-01 00:00:00.000000' WHERE id=:id AND userId=:owner",
                id=agent_id,
            )
        world.send(agent(1, name, trace=number, seconds=9), llm(2, 1, trace=number))

        def meddle(number=number, agent_id=agent_id):
            if number % 2:
                purging.purge(world.engine)
            else:
                client.patch(f"/api/v1/agents/{agent_id}", json={"name": f"author {number}"})

        def project():
            with app.app_context():
                patiently(world.project)

        at_once(meddle, project)
    world.settle()
    lost = world.sql(
        "SELECT agentId FROM task_agents WHERE userId=:owner AND agentId NOT IN (SELECT id FROM swarm_agents WHERE userId=:owner)"
    )
    assert lost == []
    traced = world.sql(
        "SELECT COALESCE(tracedName,name) FROM swarm_agents WHERE userId=:owner AND totalExecutions=1"
    )
    assert {f"writer {number}" for number in range(1, 9)} == {name for (name,) in traced}
    assert len(world.sql("SELECT taskId FROM task_agents WHERE userId=:owner")) == 8


@pytest.fixture
def overtaken(app, client_of, alice, time, monkeypatch):
    """`overtaken(path, form)`: a writer's run is projected, and a person's request comes between working out where it stands and writing that."""

    def overtake(path, form, switched_off=False):
        world, client = World(alice.id, time), client_of(alice)
        world.send(agent(1, "writer", seconds=3), tool(2, "fetch_page", 1))
        world.project()
        url = f"/agents/{agent_id_of(alice.space_key, 'demo', 'writer')}"
        if switched_off:
            client.post(f"{url}/deactivate")
        work_out = summaries._updates

        def work_out_and_be_overtaken(*arguments):
            monkeypatch.setattr(summaries, "_updates", work_out)
            found = work_out(*arguments)
            assert client.post(f"{url}/{path}", data=form).status_code == 303
            return found

        monkeypatch.setattr(summaries, "_updates", work_out_and_be_overtaken)
        with app.app_context():
            world.summarise()
        return stored("swarm_agents", "healthWord", "healthScore", "type", "switchedOff")

    return overtake


@pytest.mark.parametrize(
    ("path", "off_before", "word"), [("activate", True, "healthy"), ("deactivate", False, "inactive")]
)
def test_an_agent_that_is_switched_while_it_is_judged_is_judged_once_more(overtaken, path, off_before, word):
    assert overtaken(path, {}, off_before) == [(word, 100, "execution", not off_before)]


def test_what_a_person_sets_while_an_agent_is_judged_stays(overtaken):
    form = {"name": "writer", "serviceName": "demo", "revision": "0", "type": "analysis"}
    assert overtaken("edit", form) == [("healthy", 100, "analysis", False)]


def test_a_maintenance_that_begins_while_an_agent_is_judged_shows(overtaken):
    ((word, *_),) = overtaken("maintenance", {"seconds": "1800", "reason": "a new model"})
    assert word == "maintenance"
