"""What traces say and what people said of the same agent, in every order."""

import itertools
import json

import pytest
from sqlalchemy import select

from swarm_ui.agents import purging
from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.ingest.identity import agent_id_of
from swarm_ui.projection import summaries
from swarm_ui.projection.rebuild import rebuild
from swarm_ui.tenancy import bind_owner
from tests.otlp import agent, failing, llm, post, tool, workflow
from tests.projection.world import differences, same

MODEL = "gpt-4.1"


def brief(trace, name="writer", model="mini", at=0.0, **fields):
    """A run of one agent that calls a model, and a tool more often."""
    return [
        agent(1, name, trace=trace, at=at, seconds=9, **fields),
        llm(2, 1, trace=trace, at=at + 1, attributes={"gen_ai.request.model": model}),
        tool(3, "search", 1, trace=trace, at=at + 2),
        tool(4, "fetch", 1, trace=trace, at=at + 3),
    ]


@pytest.fixture
def traces(sender, world):
    """Sends through the front door and projects as the worker does."""

    def send(*drafts):
        assert post(sender, list(drafts)).status_code == 200
        return world.settle()

    return send


@pytest.fixture
def call(client, time):
    """A person's program: `call("PATCH", agent_id, name="x")`."""

    def ask(method, path="", status=None, **body):
        time.forward(seconds=1)
        answer = client.open(f"/api/v1/agents{path and '/' + path}", method=method, json=body)
        assert answer.status_code == (status or {"POST": 201, "DELETE": 204}.get(method, 200)), (
            answer.get_data(as_text=True)
        )
        return answer.get_json() if answer.data else None

    return ask


@pytest.fixture
def agents(alice):
    """Alice's agents by name, as they are now."""

    def read():
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        found = {one.name: one for one in db.session.scalars(select(Agent))}
        db.session.expunge_all()
        return found

    return read


def whole(world):
    """Nothing points at an agent that is not there."""
    for table, column in [
        ("task_agents", "agentId"), ("spans", "agentId"), ("messages", "senderId"), ("messages", "recipientId"),
        ("execution_logs", "agentId"), ("metrics", "agentId"), ("tasks", "failedAgentId"), ("agent_revisions", "agentId"),
    ]:  # fmt: skip
        lost = world.sql(
            f"SELECT {column} FROM {table} WHERE userId=:owner AND {column} IS NOT NULL "
            f"AND {column} NOT IN (SELECT id FROM swarm_agents WHERE userId=:owner)"
        )
        assert lost == [], table


# ── what a person set stays ──


def test_traces_leave_alone_what_a_person_set_and_go_on_with_the_rest(traces, call, agents, world):
    traces(*brief(1))
    (writer,) = agents().values()
    assert (writer.type, writer.llm_model, writer.capabilities) == ("execution", "mini", ["fetch", "search"])
    call("PATCH", writer.id, type="analysis", llmModel=MODEL)
    traces(*brief(2, model="other", at=10), tool(5, "quote", 1, trace=2, at=14))
    now = agents()["writer"]
    assert (now.type, now.llm_model) == ("analysis", MODEL)
    assert now.capabilities == ["fetch", "quote", "search"]
    assert (now.total_executions, now.llm_calls, now.health_score) == (2, 2, 100)
    call("PATCH", writer.id, capabilities=["anything"], llmModel=None)
    now = agents()["writer"]
    assert (now.llm_model, now.edited) == ("other", ["capabilities", "type"])
    traces(*brief(3, model="third", at=20))
    now = agents()["writer"]
    assert (now.type, now.llm_model, now.capabilities) == ("analysis", "third", ["anything"])
    call("PATCH", writer.id, type=None, capabilities=None)
    now = agents()["writer"]
    assert (now.type, now.capabilities, now.edited) == ("execution", ["fetch", "quote", "search"], [])
    whole(world)


EDITS = {"type": "coordination", "llmModel": MODEL, "description": "Writes.", "parameters": {"a": 1}}


@pytest.mark.parametrize("place", range(4))
def test_the_moment_of_an_edit_does_not_matter(traces, call, agents, world, alice, place):
    """Before the first trace the agent is made by hand; after it, it is edited."""
    parts = [brief(1), brief(2, at=20)[:2], [*brief(2, at=20)[2:], *brief(3, at=40, **failing())]]
    for number in range(4):
        if number == place:
            if place == 0:
                call("POST", name="writer", serviceName="demo", **EDITS)
            else:
                call("PATCH", agent_id_of(alice.space_key, "demo", "writer"), **EDITS)
        if number < 3:
            traces(*parts[number])
    (now,) = agents().values()
    assert now.id == agent_id_of(alice.space_key, "demo", "writer")
    assert (now.type, now.llm_model, now.description, now.parameters) == (
        "coordination",
        MODEL,
        "Writes.",
        {"a": 1},
    )
    assert (now.capabilities, now.total_executions, now.failed_executions) == (["fetch", "search"], 3, 1)
    assert (now.health_score, now.condition, now.status) == (80, "degraded", "active")
    whole(world)


def test_a_rebuild_keeps_the_edits(traces, call, agents, world, alice):
    traces(*brief(1), *brief(2, "planner", at=20), *brief(3, "helper", at=40))
    ids = {name: one.id for name, one in agents().items()}
    call(
        "PATCH", ids["writer"], name="Author", type="analysis", capabilities=["prose"], description="Writes."
    )
    call("PATCH", ids["planner"], switchedOff=True)
    call("DELETE", ids["helper"])
    call("POST", name="nobody", description="Never ran.")
    before = world.settle()
    assert rebuild(world.projector(), alice.id, lambda _: None) == 3
    assert not differences(before, world.settle())
    now = agents()
    assert (now["Author"].traced_name, now["Author"].capabilities, now["Author"].total_executions) == (
        "writer",
        ["prose"],
        1,
    )
    assert (now["planner"].condition, now["helper"].deleted_at is not None) == ("inactive", True)
    whole(world)


def test_what_a_person_touched_is_not_forgotten_with_its_runs(traces, call, agents, world, alice):
    """What half a trace seemed to say: a person edited it before the other half came."""
    traces(agent(2, "maybe", 1), agent(4, "never", 1, trace=2))
    ids = {name: one.id for name, one in agents().items()}
    call("PATCH", ids["maybe"], description="I know it.")
    world.change("DELETE FROM spans WHERE userId=:owner")
    rebuild(world.projector(), alice.id, lambda _: None)
    assert "maybe" in agents()


# ── names ──


def test_a_renamed_agent_is_still_found_by_its_traces(traces, call, agents, world):
    traces(*brief(1))
    (writer,) = agents().values()
    call("PATCH", writer.id, name="Author")
    rows = traces(*brief(2, at=20))
    (now,) = agents().values()
    assert (now.id, now.name, now.traced_name, now.total_executions) == (writer.id, "Author", "writer", 2)
    (flow,) = rows["workflows"]
    assert [node["name"] for node in json.loads(dict(flow)["nodes"])] == ["Author"]
    assert call("GET", writer.id)["name"] == "Author"
    whole(world)


def test_an_observed_graph_shows_a_new_name_at_once(traces, call, agents, client):
    traces(
        workflow(1, "flow", seconds=30),
        agent(2, "boss", 1, seconds=20),
        agent(3, "worker", 2, at=1, seconds=9),
    )
    call("PATCH", agents()["worker"].id, name="Hand", type="execution")
    (flow,) = client.get("/api/v1/workflows").get_json()["items"]
    assert {(node["name"], node["type"]) for node in flow["nodes"]} == {
        ("boss", "coordination"),
        ("Hand", "execution"),
    }


def test_an_agent_made_by_hand_becomes_the_one_of_its_traces(traces, call, agents, world, time):
    made = call("POST", name="writer", serviceName="demo", description="Known before.")
    traces(*brief(1), *brief(2, at=20))
    (now,) = agents().values()
    assert (now.id, now.origin, now.description) == (made["id"], "authored", "Known before.")
    assert (now.total_executions, now.condition, now.llm_model, now.type) == (
        2,
        "healthy",
        "mini",
        "execution",
    )
    time.forward(days=8)
    summaries.refresh(world.engine, summaries.due(world.engine), set())
    assert agents()["writer"].condition == "inactive"
    whole(world)


def test_one_that_was_misspelt_and_corrected_meets_its_traces(traces, call, agents, world):
    made = call("POST", name="wirter", serviceName="dmeo")
    fixed = call("PATCH", made["id"], name="writer", serviceName="demo")
    traces(*brief(1), *brief(2, "wirter", at=20, service="dmeo"))
    now = agents()
    assert (now["writer"].id, now["writer"].total_executions, now["writer"].origin) == (
        fixed["id"],
        1,
        "authored",
    )
    assert (now["wirter"].id, now["wirter"].origin) == (made["id"], "discovered")
    assert call("GET", made["id"])["name"] == "wirter"
    whole(world)


def test_a_newcomer_whose_name_is_a_label_of_another(traces, call, agents, world):
    """Planner is called writer here; then traces of a writer come, and of one that is called like the way out."""
    traces(*brief(1, "planner"))
    (planner,) = agents().values()
    call("PATCH", planner.id, name="writer")
    call("POST", name="writer (2)", serviceName="demo")
    rows = traces(*brief(2, "writer", at=20))
    now = agents()
    assert (now["writer"].id, now["writer"].traced_name) == (planner.id, "planner")
    assert (now["writer (3)"].traced_name, now["writer (3)"].total_executions) == ("writer", 1)
    same(rows, traces(*brief(2, "writer", at=20)))
    call("PATCH", planner.id, name="planner")
    call("PATCH", now["writer (3)"].id, name="writer")
    assert agents()["writer"].traced_name is None
    whole(world)


def test_a_very_long_name_that_is_taken(traces, call, agents, world):
    name = "w" * 255
    traces(*brief(1, "planner"))
    (planner,) = agents().values()
    call("PATCH", planner.id, name=name)
    traces(*brief(2, name, at=20))
    assert agents()["w" * 251 + " (2)"].traced_name == name
    whole(world)


def test_nobody_gets_the_name_that_traces_call_another_by(traces, call, agents):
    traces(*brief(1), *brief(2, "planner", at=20))
    ids = {name: one.id for name, one in agents().items()}
    call("PATCH", ids["writer"], name="Author")
    said = "Traces call the agent Author so, which was renamed."
    assert said in call("POST", name="writer", serviceName="demo", status=422)["errors"]["name"]
    assert said in call("PATCH", ids["planner"], name="writer", status=422)["errors"]["name"]
    call("POST", name="writer", serviceName="elsewhere")


def test_names_and_edits_in_every_order(traces, call, agents, world, alice):
    """Renaming, switching off and a trace commute."""
    outcomes = set()
    agent_id = agent_id_of(alice.space_key, "demo", "writer")
    for number, order in enumerate(itertools.permutations(("rename", "off", "trace"))):
        for table in ("agent_revisions", "audit_events"):
            world.change(f"DELETE FROM {table} WHERE userId=:owner")
        world.clear()
        traces(*brief(1))
        for step in order:
            if step == "rename":
                call("PATCH", agent_id, name="Author")
            elif step == "off":
                call("PATCH", agent_id, switchedOff=True)
            else:
                traces(*brief(2, at=20))
        (now,) = agents().values()
        outcomes.add(
            (
                now.id,
                now.name,
                now.traced_name,
                now.condition,
                now.status,
                now.total_executions,
                now.llm_model,
            )
        )
        assert number < 6
    assert outcomes == {(agent_id, "Author", "writer", "inactive", "inactive", 2, "mini")}


# ── off, and deleted ──


def test_switched_off_is_inactive_whatever_the_runs_say(traces, call, agents):
    traces(*brief(1, **failing()))
    (writer,) = agents().values()
    call("PATCH", writer.id, switchedOff=True)
    traces(*brief(2, at=20, **failing()), *brief(3, at=40))
    now = agents()["writer"]
    assert (now.condition, now.status, now.total_executions) == ("inactive", "inactive", 3)
    call("PATCH", writer.id, switchedOff=False)
    assert agents()["writer"].condition == "failing"


def test_a_deleted_agent_that_works_again_comes_back(traces, call, agents, world, alice):
    """Runs end ten minutes before now unless told otherwise."""
    traces(*brief(1))
    (writer,) = agents().values()
    call("PATCH", writer.id, description="Mine.")
    call("DELETE", writer.id)
    # Old work that arrives late does not bring it back; it is counted all the same.
    traces(*brief(2, at=20))
    now = agents()["writer"]
    assert (now.deleted_at is not None, now.total_executions) == (True, 2)
    rebuild(world.projector(), alice.id, lambda _: None)
    assert agents()["writer"].deleted_at is not None
    traces(*brief(3, at=700))
    now = agents()["writer"]
    assert (now.deleted_at, now.total_executions, now.description) == (None, 3, "Mine.")
    bind_owner(db.session, alice.id)
    last = db.session.scalars(select(AuditEvent).order_by(AuditEvent.created_at.desc())).first()
    assert (last.action, last.actor, last.via, last.subject_id, last.actor_id) == (
        "agent.restore",
        "traces",
        "worker",
        writer.id,
        None,
    )
    assert last.before["deletedAt"].startswith("2026-11-17 03:12:")
    db.session.rollback()
    whole(world)


def test_one_that_went_for_good_starts_anew(traces, call, agents, world, time, alice):
    made = call("POST", name="writer", serviceName="demo", description="Mine.")
    call("DELETE", made["id"])
    time.forward(days=31)
    assert purging.purge(db.engine) == 1
    traces(*brief(1))
    now = agents()["writer"]
    assert (now.id, now.origin, now.description, now.revision) == (made["id"], "discovered", None, 0)
    bind_owner(db.session, alice.id)
    assert list(db.session.scalars(select(AgentRevision))) == []
    db.session.rollback()
    whole(world)


def test_an_agent_of_the_same_name_of_another_owner_is_not_touched(traces, call, agents, bob, make, world):
    theirs = make.agent(bob, name="writer", service_name="demo", deleted_at=world.time())
    traces(*brief(1, at=700))
    assert agents()["writer"].id != theirs.id
    with db.engine.connect() as connection:
        table = db.metadata.tables["swarm_agents"]
        assert (
            connection.execute(select(table.c.deletedAt).where(table.c.id == theirs.id)).scalar() is not None
        )
