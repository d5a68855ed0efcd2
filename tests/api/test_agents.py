"""Agents made and changed by programs."""

from hashlib import sha256

import pytest
from sqlalchemy import select

from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner

KEY = "swk_" + "k" * 40


@pytest.fixture
def key(make, alice):
    return make.api_key(alice, name="robot", hash=sha256(KEY.encode()).hexdigest(), scopes=["read", "write"])


@pytest.fixture
def ask(app, key, time):
    def ask(method, path, body=None, status=200):
        time.forward(seconds=1)
        answer = app.test_client().open(
            f"/api/v1{path}", method=method, json=body, headers={"x-api-key": KEY}
        )
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json() if answer.data else None

    return ask


@pytest.fixture
def rows(alice):
    def read(model):
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        return list(db.session.scalars(select(model).order_by(model.created_at, model.id)))

    return read


def test_the_whole_life_of_one(ask, rows, app, alice, key):
    made = ask(
        "POST",
        "/agents",
        {
            "name": "researcher",
            "serviceName": "my-swarm",
            "capabilities": ["b", "a", "b"],
            "parameters": {"t": 0.2},
        },
        201,
    )
    assert (made["capabilities"], made["parameters"], made["edited"]) == (
        ["b", "a"],
        {"t": 0.2},
        ["capabilities"],
    )
    assert (made["type"], made["origin"], made["revision"], made["status"]) == (
        "reasoning",
        "authored",
        1,
        "active",
    )
    path = f"/agents/{made['id']}"
    assert ask("GET", path) == made
    changed = ask("PATCH", path, {"type": "analysis", "description": "Reads.", "revision": 1})
    assert (changed["type"], changed["description"], changed["revision"]) == ("analysis", "Reads.", 2)
    assert changed["capabilities"] == ["b", "a"]
    assert ask("PATCH", path, {"type": None, "description": None, "capabilities": []})["edited"] == [
        "capabilities"
    ]
    off = ask("PATCH", path, {"switchedOff": True})
    assert (off["status"], off["healthWord"], off["revision"]) == ("inactive", "inactive", 3)
    found = ask("GET", f"{path}/revisions")
    assert [(item["number"], item["actor"], item["snapshot"]["type"]) for item in found["items"]] == [
        (3, "robot", "reasoning"), (2, "robot", "analysis"), (1, "robot", "reasoning"),
    ]  # fmt: skip
    first = ask("GET", f"{path}/revisions?limit=2")
    assert [
        item["number"] for item in ask("GET", f"{path}/revisions?limit=2&cursor={first['next']}")["items"]
    ] == [1]
    assert ask("DELETE", path, status=204) is None
    ask("GET", path, status=404)
    assert ask("POST", f"{path}/restore")["name"] == "researcher"
    events = rows(AuditEvent)
    assert [event.action for event in events] == [
        "agent.create", "agent.update", "agent.update", "agent.deactivate", "agent.delete", "agent.restore"
    ]  # fmt: skip
    assert {(event.via, event.actor, event.key_id, event.actor_id) for event in events} == {
        ("api", "robot", key.id, alice.id)
    }


def test_it_says_where_a_new_one_is(app, key):
    answer = app.test_client().post("/api/v1/agents", json={"name": "a"}, headers={"x-api-key": KEY})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/agents/{answer.get_json()['id']}"


def test_nothing_changed_is_no_revision(ask, rows):
    made = ask("POST", "/agents", {"name": "a"}, 201)
    for body in ({}, {"name": "a"}, {"switchedOff": False}, {"description": ""}, {"llmModel": None}):
        ask("PATCH", f"/agents/{made['id']}", body)
    assert len(rows(AgentRevision)) == len(rows(AuditEvent)) == 1


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "name", "This is needed."),
        ({"name": None}, "name", "This must be a text."),
        ({"name": 3}, "name", "This must be a text."),
        ({"name": " \t"}, "name", "An agent needs a name that can be seen."),
        ({"name": "a", "llm_model": "x"}, "llm_model", "There is no such field; there are name, serviceName, type"),
        ({"name": "a", "healthScore": 100}, "healthScore", "This follows from runs and cannot be set."),
        ({"name": "a", "userId": 7}, "userId", "cannot be set"),
        ({"name": "a", "switchedOff": True}, "switchedOff", "cannot be set"),
        ({"name": "a", "type": "magic"}, "type", "Choose one of reasoning"),
        ({"name": "a", "capabilities": "search"}, "capabilities", "This must be a list of texts."),
        ({"name": "a", "capabilities": ["x", 1]}, "capabilities", "Entry 2 is no text."),
        ({"name": "a", "capabilities": ["x", "y, z"]}, "capabilities", "Entry 2 holds a comma"),
        ({"name": "a", "parameters": [1]}, "parameters", "This must be an object."),
        ({"name": "a", "parameters": "{}"}, "parameters", "This must be an object."),
        ({"name": "a", "parameters": {"x": {"y": float("nan")}}}, "parameters", "x.y: JSON knows no number like this."),
        ({"name": "a", "parameters": {"x": 1 << 70}}, "parameters", "x: this number needs more than 64 bits"),
        ({"name": "a", "parameters": {"x": "\ud800"}}, "parameters", "x: this text holds a character"),
        ({"name": "a", "description": "d" * 100_001}, "description", "At most 100,000 characters"),
        ({"name": "a", "serviceName": None}, "serviceName", "This must be a text."),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_its_name(ask, rows, body, field, said):
    problem = ask("POST", "/agents", body, 422)
    assert problem["status"] == 422
    assert said in problem["errors"][field]
    assert rows(Agent) == rows(AuditEvent) == []


def test_a_deep_body(app, key):
    for body, status in (
        ('{"name": "a", "parameters": {"x": ' + "[" * 30 + "]" * 30 + "}}", 422),
        ("[" * 100_000, 400),
    ):
        answer = app.test_client().post(
            "/api/v1/agents", data=body, content_type="application/json", headers={"x-api-key": KEY}
        )
        assert answer.status_code == status
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", '"a"', "{", ""])
def test_no_object(app, key, body):
    answer = app.test_client().post(
        "/api/v1/agents", data=body, content_type="application/json", headers={"x-api-key": KEY}
    )
    assert answer.status_code == 400


def test_lone_surrogates_in_texts_are_replaced(ask):
    assert ask("POST", "/agents", {"name": "a\ud800", "description": "\x00"}, 201)["name"] == "a\ufffd"


def test_a_change_that_is_late_is_refused(ask, rows):
    made = ask("POST", "/agents", {"name": "a"}, 201)
    path = f"/agents/{made['id']}"
    ask("PATCH", path, {"description": "first", "revision": 1})
    problem = ask("PATCH", path, {"description": "second", "revision": 1}, 409)
    assert problem["errors"] == {"revision": "It is at revision 2 by now. Read it again and decide."}
    assert rows(Agent)[0].description == "first"
    assert len(rows(AuditEvent)) == 2


def test_a_taken_name(ask, make, alice, time):
    make.agent(alice, name="a", service_name="", deleted_at=time())
    problem = ask("POST", "/agents", {"name": "a"}, 422)
    assert "A deleted agent without a service has this name" in problem["errors"]["name"]
    made = ask("POST", "/agents", {"name": "b"}, 201)
    assert "name" in ask("PATCH", f"/agents/{made['id']}", {"name": "a"}, 422)["errors"]


def test_a_renamed_one_is_found_by_its_old_id(ask):
    made = ask("POST", "/agents", {"name": "a"}, 201)
    renamed = ask("PATCH", f"/agents/{made['id']}", {"name": "b"})
    assert renamed["id"] != made["id"]
    assert ask("GET", f"/agents/{made['id']}") == renamed
    assert ask("PATCH", f"/agents/{made['id']}", {"description": "x"})["id"] == renamed["id"]


@pytest.mark.parametrize(("scopes", "status"), [(["read"], 403), (["ingest"], 403), (["write"], 201)])
def test_a_key_needs_the_scope_write(app, make, alice, scopes, status):
    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=scopes)
    answer = app.test_client().post("/api/v1/agents", json={"name": "a"}, headers={"x-api-key": KEY})
    assert answer.status_code == status
