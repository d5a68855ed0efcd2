"""Changing agents by hand: revisions, names, two editors, on and off, and who may."""

import re

import pytest
from sqlalchemy import event, update

from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.ingest.identity import agent_id_of
from tests.pages import Page

FIELDS = ("name", "serviceName", "type", "capabilities", "llmModel", "description", "parameters")


def shown(response) -> Page:
    return Page(response, response.request.path)


# ── changing one ──


def test_the_first_edit_keeps_the_state_before(save, rows, events, make, alice, page):
    agent = make.agent(
        alice, name="browser", type="execution", llm_model="gpt-4.1-mini", capabilities=["open_page"]
    )
    assert save(f"/agents/{agent.id}/edit", type="analysis", description="Reads pages.").status_code == 303
    (now,) = rows(Agent)
    assert (now.type, now.description, now.edited, now.revision) == ("analysis", "Reads pages.", ["type"], 2)
    assert (now.llm_model, now.capabilities, now.name) == ("gpt-4.1-mini", ["open_page"], "browser")
    first, second = rows(AgentRevision)
    assert (first.number, first.actor, first.snapshot["type"], first.snapshot["edited"]) == (
        1,
        "traces",
        "execution",
        [],
    )
    assert (second.number, second.actor, second.snapshot["edited"]) == (2, "Alice Archer", ["type"])
    assert events() == [
        (
            "agent.update",
            {"type": "execution", "description": None, "edited": None},
            {"type": "analysis", "description": "Reads pages.", "edited": ["type"]},
        )
    ]
    listed = page(f"/agents/{agent.id}/revisions")
    assert "Type, Description" in listed.rows()[0]
    assert "as it was found" in listed.rows()[1]
    diff = page(f"/agents/{agent.id}/revisions/2").find(id="diff")
    assert [tag.get_text() for tag in diff.select("del, ins")] == [
        "was: as traces say: execution", "is: analysis", "is: Reads pages."
    ]  # fmt: skip


def test_saving_without_a_change_leaves_no_trace(save, rows, events, make, alice):
    agent = make.agent(
        alice, type="execution", llm_model="gpt", capabilities=["a"], parameters={"b": 1, "a": [2]}
    )
    assert save(f"/agents/{agent.id}/edit").status_code == 303
    assert rows(AgentRevision) == events() == []
    save(
        "/agents/new",
        name="made",
        capabilities="x\ny",
        type="analysis",
        parameters='{"z": 1, "a": {"k": null}}',
        description="a\nb",
    )
    made = rows(Agent, Agent.name == "made")[0]
    assert save(f"/agents/{made.id}/edit").status_code == 303
    assert len(rows(AgentRevision)) == len(events()) == 1


def test_a_revision_is_restored_as_a_new_one(save, client, rows, events, make, alice):
    agent = make.agent(alice, name="browser", type="execution", llm_model="mini")
    save(f"/agents/{agent.id}/edit", name="Surfer", type="analysis", llmModel="large", parameters='{"a": 1}')
    (now,) = rows(Agent)
    assert (now.name, now.traced_name, now.id) == ("Surfer", "browser", agent.id)
    answer = client.post(f"/agents/{agent.id}/revisions/1/restore")
    assert answer.status_code == 303
    (now,) = rows(Agent)
    assert (now.name, now.traced_name, now.edited, now.parameters, now.revision) == (
        "browser",
        None,
        [],
        None,
        3,
    )
    assert [kept.number for kept in rows(AgentRevision)] == [1, 2, 3]
    assert [action for action, _, _ in events()] == ["agent.update", "agent.restore_revision"]
    client.post(f"/agents/{agent.id}/revisions/3/restore")
    assert len(rows(AgentRevision)) == 3
    client.post(f"/agents/{agent.id}/revisions/2/restore")
    assert rows(Agent)[0].name == "Surfer"
    assert client.post(f"/agents/{agent.id}/revisions/9/restore").status_code == 404
    assert client.get(f"/agents/{agent.id}/revisions/{2**40}").status_code == 404


def test_a_revision_whose_name_is_taken_by_now_says_so(save, client, rows, make, alice):
    agent = make.agent(alice, name="browser", service_name="")
    save(f"/agents/{agent.id}/edit", name="Surfer")
    make.agent(alice, name="browser", service_name="")
    answer = client.post(f"/agents/{agent.id}/revisions/1/restore")
    assert answer.status_code == 422
    assert "Another agent without a service has this name." in shown(answer).text
    assert rows(Agent, Agent.id == agent.id)[0].name == "Surfer"


def test_revisions_are_paged(client, rows, make, alice, page):
    agent = make.agent(alice)
    for number in range(1, 61):
        make.agent_revision(alice, agent, number, snapshot={"name": f"n{number}", "edited": []})
    seen = page(f"/agents/{agent.id}/revisions")
    assert len(seen.rows()) == 50
    older = page(seen.link("Older revisions")["href"])
    assert [row.split()[1] for row in older.rows()] == [str(number) for number in range(10, 0, -1)]


def test_a_service_that_traces_say_stays(client, rows, make, alice, page):
    agent = make.agent(alice, name="browser", service_name="shop")
    assert page(f"/agents/{agent.id}/edit").find(id="f-serviceName").has_attr("readonly")
    answer = client.post(
        f"/agents/{agent.id}/edit", data={"name": "browser", "serviceName": "else", "revision": "0"}
    )
    assert answer.status_code == 422
    assert "Traces say which service" in shown(answer).find(id="error-serviceName").get_text()
    assert rows(AgentRevision) == []


def test_an_agent_no_trace_has_met_moves_with_its_name(save, client, rows, alice, page):
    save("/agents/new", name="wirter", serviceName="shop", description="typo")
    (old,) = rows(Agent)
    answer = save(f"/agents/{old.id}/edit", name="writer", serviceName="press")
    (now,) = rows(Agent)
    assert now.id == agent_id_of(alice.space_key, "press", "writer") != old.id
    assert now.traced_name is None
    assert answer.location == f"/agents/{now.id}"
    assert {kept.agent_id for kept in rows(AgentRevision)} == {now.id}
    assert client.get(f"/agents/{old.id}").location == f"/agents/{now.id}"
    assert save(f"/agents/{old.id}/edit", name="author").status_code == 303
    (again,) = rows(Agent)
    assert client.get(f"/agents/{old.id}").location == f"/agents/{again.id}"
    assert [row.split()[1] for row in page(f"/agents/{again.id}/revisions").rows()] == ["3", "2", "1"]
    assert client.post(f"/agents/{again.id}/revisions/1/restore").status_code == 303
    assert rows(Agent)[0].id == old.id
    assert client.get(f"/agents/{again.id}").location == f"/agents/{old.id}"


# ── two at once ──


def test_the_second_of_two_editors_is_told(save, client, client_of, rows, events, make, alice, bob):
    make.membership(alice, bob, "editor")
    other = client_of(bob, owner=alice)
    agent = make.agent(alice, name="browser")
    opened = {"name": "browser", "serviceName": "demo", "description": "mine", "revision": "0"}
    assert (
        save(f"/agents/{agent.id}/edit", by=other, description="theirs", type="analysis").status_code == 303
    )
    answer = client.post(f"/agents/{agent.id}/edit", data=opened)
    assert answer.status_code == 409
    seen = shown(answer)
    assert "Bob Baker changed this agent while you were editing it" in seen.text
    assert [tag.get_text() for tag in seen.select(".diff ins")] == ["is: analysis", "is: theirs"]
    assert seen.find(id="f-description").get_text().strip() == "mine"
    assert rows(Agent)[0].description == "theirs"
    assert len(events()) == 1
    # Having seen it, the second may decide.
    revision = seen.find("input", attrs={"name": "revision"})["value"]
    assert client.post(f"/agents/{agent.id}/edit", data=opened | {"revision": revision}).status_code == 303
    assert rows(Agent)[0].description == "mine"


def test_what_traces_say_meanwhile_is_no_conflict_and_no_edit(client, rows, make, alice):
    agent = make.agent(alice, name="browser", type="reasoning")
    with db.engine.begin() as connection:
        table = db.metadata.tables["swarm_agents"]
        connection.execute(update(table).where(table.c.id == agent.id).values(type="execution"))
    answer = client.post(
        f"/agents/{agent.id}/edit",
        data={"name": "browser", "serviceName": "demo", "description": "x", "revision": "0"},
    )
    assert answer.status_code == 303
    (now,) = rows(Agent)
    assert (now.type, now.edited, now.description) == ("execution", [], "x")


def test_a_name_that_somebody_takes_in_the_same_moment(client, rows, make, alice, app):
    """After the name was found free, and before the row is written."""
    taken = []

    def take(_mapper, _connection, agent):
        if agent.name == "planner" and not taken:
            taken.append(1)
            _connection.exec_driver_sql(
                f"INSERT INTO swarm_agents (id,userId,name,serviceName,type,status,createdAt,updatedAt) VALUES ('x{1:019d}',{alice.id},'planner','','reasoning','active','2026-01-01','2026-01-01')"
            )

    event.listen(Agent, "before_insert", take)
    try:
        answer = client.post("/agents/new", data={"name": "planner"})
    finally:
        event.remove(Agent, "before_insert", take)
    assert answer.status_code == 422
    assert "Another agent has just got this name." in shown(answer).find(id="error-name").get_text()
    assert rows(AuditEvent) == rows(AgentRevision) == []


# ── on and off ──


def test_it_is_switched_off_and_on(client, rows, events, make, alice, page, time):
    agent = make.agent(alice, condition="failing", status="error", health_score=20, last_heartbeat=time())
    for _ in range(2):
        assert client.post(f"/agents/{agent.id}/deactivate").status_code == 303
    (now,) = rows(Agent)
    assert (now.condition, now.status, now.switched_off) == ("inactive", "inactive", True)
    seen = page(f"/agents/{agent.id}")
    assert seen.select(".pagehead .status[data-s=inactive] use")[0]["href"] == "#s-inactive"
    assert "Switched off" in seen.text
    client.post(f"/agents/{agent.id}/activate")
    (now,) = rows(Agent)
    assert (now.condition, now.status, now.switched_off) == ("failing", "error", False)
    assert events() == [
        ("agent.deactivate", {"switchedOff": False}, {"switchedOff": True}),
        ("agent.activate", {"switchedOff": True}, {"switchedOff": False}),
    ]


# ── who may ──


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_than_editors_look_only(client_of, make, alice, bob, rows, events, page, role):
    make.membership(alice, bob, role)
    other, agent = client_of(bob, owner=alice), make.agent(alice)
    make.agent_revision(alice, agent)
    for method, path in [
        ("GET", "/agents/new"), ("POST", "/agents/new"), ("GET", f"/agents/{agent.id}/edit"), ("POST", f"/agents/{agent.id}/edit"),
        ("GET", f"/agents/{agent.id}/delete"), ("POST", f"/agents/{agent.id}/delete"), ("POST", f"/agents/{agent.id}/deactivate"),
        ("POST", f"/agents/{agent.id}/activate"), ("POST", f"/agents/{agent.id}/restore"),
        ("POST", f"/agents/{agent.id}/revisions/1/restore"), ("POST", "/api/v1/agents"), ("PATCH", f"/api/v1/agents/{agent.id}"),
        ("DELETE", f"/api/v1/agents/{agent.id}"),
    ]:  # fmt: skip
        body = (
            {"json": {"name": "n"}} if path.startswith("/api") else {"data": {"name": "n", "revision": "1"}}
        )
        assert other.open(path, method=method, **(body if method != "GET" else {})).status_code == 403, path
    assert events() == []
    for path in (
        f"/agents/{agent.id}",
        "/agents",
        "/agents/deleted",
        f"/agents/{agent.id}/revisions",
        f"/agents/{agent.id}/revisions/1",
    ):
        seen = page(path, client=other)
        assert not re.search(r"Edit|New agent|Deactivate|Delete…|Restore", seen.find(id="main").get_text()), (
            path
        )


def test_the_number_of_statements_does_not_grow(client, make, alice, statements):
    agent = make.agent(alice)
    make.agent_revision(alice, agent)
    urls = [f"/agents/{agent.id}/revisions", "/agents/deleted", f"/agents/{agent.id}/edit"]

    def counted():
        numbers = []
        for url in urls:
            with statements() as sent:
                assert client.get(url).status_code == 200
            numbers.append(len(sent))
        return numbers

    few = counted()
    for number in range(2, 20):
        make.agent_revision(alice, agent, number, snapshot={"name": f"n{number}", "edited": []})
        make.agent(alice, deleted_at=alice.created_at)
    assert counted() == few
