"""Heartbeats through the front door: what they change, what they answer, and what they do not let out."""

import logging
import threading
from hashlib import sha256

import pytest
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.agents.models import Agent, Heartbeats, StatusFlip
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.tenancy import bind_owner

KEY = "swk_" + "p" * 40


@pytest.fixture
def key(make, alice):
    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ping"])


@pytest.fixture
def sender(app, key):
    """A program: no session."""
    return app.test_client()


@pytest.fixture
def found(alice):
    """Alice's agent of a name, after the worker has looked at what is due."""

    def read(name, *, look=True):
        if look:
            summaries.refresh(db.engine, summaries.due(db.engine), set())
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        return db.session.scalars(select(Agent).where(Agent.name == name)).one_or_none()

    return read


@pytest.fixture
def flips(alice):
    def read():
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        return [
            (flip.from_word, flip.to_word, flip.at, flip.times)
            for flip in db.session.scalars(select(StatusFlip).order_by(StatusFlip.at, StatusFlip.id))
        ]

    return read


def ping(client, name="nightly", **options):
    return client.get(f"/ping/{KEY}/{name}", **options)


def test_an_unknown_agent_is_registered_at_first_contact(sender, found, alice):
    answer = ping(sender)
    assert answer.status_code == 200
    assert answer.get_json()["desiredState"] == "run"
    agent = found("nightly")
    assert (agent.id, agent.origin, agent.condition) == (
        answer.get_json()["agentId"],
        "discovered",
        "healthy",
    )
    assert agent.beat_at == agent.last_heartbeat == clock.now()


def test_the_list_counts_a_new_agent_at_once(sender, client):
    for number, words in enumerate(("1 agent", "2 agents", "3 agents")):
        assert ping(sender, f"nightly-{number}").status_code == 200
        assert f"<h2>{words}</h2>" in client.get("/agents").get_data(as_text=True)


def test_it_is_the_agent_that_traces_of_its_name_lead_to(sender, found, world_of):
    world_of("nightly")
    ping(sender)
    agent = found("nightly")
    assert agent.total_executions == 1
    assert agent.beat_at is not None


@pytest.fixture
def world_of(app, alice, make):
    """A run of an agent without a service arrives."""
    from tests.otlp import agent as agent_span
    from tests.projection.world import World

    def run(name):
        world = World(alice.id, None)
        world.send(agent_span(1, name, service=""))
        world.project()

    return run


def test_registering_can_be_switched_off(sender, app, found):
    import dataclasses

    settings = dataclasses.replace(app.config["SETTINGS"], heartbeat_registers=False)
    app.config["SETTINGS"] = settings
    answer = ping(sender)
    assert answer.status_code == 404
    assert "not registered here" in answer.get_json()["detail"]
    assert found("nightly") is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"query_string": {"status": "ok", "message": "all well", "task": "reindex"}},
            ("ok", "all well", "reindex"),
        ),
        ({"method": "POST", "json": {"status": "busy", "task": "x" * 300}}, ("busy", None, "x" * 254 + "…")),
        ({"method": "POST", "data": {"message": "from a form"}}, (None, "from a form", None)),
        (
            {"method": "POST", "data": "all is well", "content_type": "text/plain"},
            (None, "all is well", None),
        ),
        (
            {"method": "POST", "data": "all is well", "content_type": "application/x-www-form-urlencoded"},
            (None, "all is well", None),
        ),
        ({"method": "POST", "data": "\x00\x1b[2J" + "é" * 900, "content_type": "text/plain"}, None),
    ],
)
def test_what_it_says_is_kept(sender, found, options, said):
    assert sender.open(f"/ping/{KEY}/nightly", **options).status_code == 200
    agent = found("nightly")
    if said is None:
        assert len(agent.beat_message) <= 500
        assert "\x00" not in agent.beat_message
    else:
        assert (agent.beat_status, agent.beat_message, agent.beat_task) == said


@pytest.mark.parametrize(
    ("body", "status"), [([1], 400), ({"status": 5}, 422), ({"task": {"a": 1}}, 422), ("not json", 400)]
)
def test_broken_bodies_get_a_clear_error(sender, found, body, status):
    options = {"data": body, "content_type": "application/json"} if isinstance(body, str) else {"json": body}
    answer = sender.post(f"/ping/{KEY}/nightly", **options)
    assert answer.status_code == status
    assert answer.get_json()["detail"]
    assert found("nightly") is None


def test_by_id_with_a_key_or_as_a_person(sender, client, make, alice, found):
    agent = make.agent(alice, name="writer")
    url = f"/api/v1/agents/{agent.id}/heartbeat"
    answer = sender.post(url, headers={"x-api-key": KEY})
    assert (answer.status_code, answer.get_json()) == (200, {"desiredState": "run"})
    assert client.post(url, json={"status": "busy"}).status_code == 200
    assert found("writer").beat_status == "busy"
    assert sender.post(url).status_code == 401
    assert sender.post("/api/v1/agents/unknown/heartbeat", headers={"x-api-key": KEY}).status_code == 404
    assert (
        sender.post(url, data="{", headers={"x-api-key": KEY, "content-type": "application/json"}).status_code
        == 400
    )


def test_nobody_reports_for_anothers_agent(make, bob, sender, app):
    theirs = make.agent(bob, name="writer")
    answer = sender.post(f"/api/v1/agents/{theirs.id}/heartbeat", headers={"x-api-key": KEY})
    assert answer.status_code == 404
    assert ping(sender, "writer").get_json()["agentId"] != theirs.id
    with db.engine.connect() as connection:
        table = db.metadata.tables["swarm_agents"]
        beat = connection.execute(select(table.c.beatAt).where(table.c.id == theirs.id)).scalar_one()
    assert beat is None


def test_a_key_that_may_do_more_is_refused_in_an_address(make, alice, app):
    text = "swk_" + "m" * 40
    make.api_key(alice, hash=sha256(text.encode()).hexdigest(), scopes=["ping", "read"])
    answer = app.test_client().get(f"/ping/{text}/nightly")
    assert answer.status_code == 403
    assert "no other" in answer.get_json()["detail"]


def test_the_key_in_the_address_is_in_no_log(sender, app, caplog, capsys, monkeypatch):
    from swarm_ui.ingest import heartbeats
    from swarm_ui.logs import JsonLines

    def broken(*_args):
        raise RuntimeError(f"at /ping/{KEY}/nightly")

    monkeypatch.setattr(heartbeats, "take", broken)
    app.testing = False
    with caplog.at_level(logging.DEBUG):
        assert ping(sender).status_code == 500
        assert sender.get("/ping/swk-misspelt-secret/nightly").status_code == 401
    lines = [JsonLines().format(record) for record in caplog.records]
    assert any("request failed" in line for line in lines)
    lines += [capsys.readouterr().err]
    assert not [line for line in lines if "p" * 40 in line or "misspelt" in line]


def test_several_services_with_one_name_need_to_be_told_apart(sender, make, alice, found):
    for service in ("shop", "bank"):
        make.agent(alice, name="nightly", service_name=service)
    answer = ping(sender)
    assert answer.status_code == 409
    assert "'bank', 'shop'" in answer.get_json()["detail"]
    assert ping(sender, query_string={"service": "bank"}).status_code == 200


def test_names_of_other_scripts(sender, found):
    assert ping(sender, "夜間 エージェント").status_code == 200
    assert found("夜間 エージェント").beat_at is not None
    assert ping(sender, "%20").status_code == 422
    assert ping(sender, "x" * 256).status_code == 422


def test_late_then_silent_then_well_again_with_reasons_and_times(sender, found, flips, time):
    ping(sender)
    first = clock.now()
    assert found("nightly").condition == "healthy"
    time.forward(seconds=59.999)
    assert found("nightly").condition == "healthy"
    time.forward(seconds=0.001)
    assert (found("nightly").condition, found("nightly").status) == ("late", "active")
    time.forward(seconds=60)
    assert (found("nightly").condition, found("nightly").status) == ("silent", "error")
    time.forward(minutes=8)
    ping(sender)
    assert found("nightly").condition in ("healthy", "degraded", "failing")
    words = [(before, after, (at - first).total_seconds()) for before, after, at, _ in flips()]
    assert words[:3] == [("new", "healthy", 0), ("healthy", "late", 60), ("late", "silent", 120)]
    assert words[3][2] == 600


def test_period_and_grace_are_each_agents_own(client, sender, found, time, make, alice):
    agent = make.agent(alice, name="nightly", service_name="")
    change = {"heartbeatPeriod": 3600, "heartbeatGrace": 0}
    assert client.patch(f"/api/v1/agents/{agent.id}", json=change).status_code == 200
    ping(sender)
    time.forward(seconds=3599)
    assert found("nightly").condition == "healthy"
    time.forward(seconds=1)
    assert found("nightly").condition == "silent"


def test_one_that_is_to_report_and_never_did(client, found, time, make, alice):
    agent = make.agent(alice, name="nightly")
    client.patch(f"/api/v1/agents/{agent.id}", json={"heartbeatPeriod": 60, "heartbeatGrace": 30})
    assert found("nightly").condition == "new"
    time.forward(seconds=90)
    assert found("nightly").condition == "silent"


@pytest.mark.parametrize("wrong", [0, -5, "soon", "31d", 1.5, True])
def test_a_period_that_cannot_be_is_refused(client, make, alice, wrong):
    agent = make.agent(alice)
    answer = client.patch(f"/api/v1/agents/{agent.id}", json={"heartbeatPeriod": wrong})
    assert answer.status_code == 422
    assert "heartbeatPeriod" in answer.get_json()["errors"]


def test_history_stays_flat_however_many_there_are(sender, alice, time):
    for _ in range(200):
        ping(sender)
        time.forward(seconds=7)
    bind_owner(db.session, alice.id)
    rows = list(db.session.scalars(select(Heartbeats).order_by(Heartbeats.hour)))
    assert len(rows) == 1
    assert rows[0].minutes.bit_count() == 24
    assert (rows[0].late, rows[0].down_ms) == (0, 0)


def test_down_time_is_counted_in_the_hours_in_which_it_was(sender, alice, time):
    """03:12:40, then nothing until 05:12:40: down from 03:14:40."""
    ping(sender)
    time.forward(hours=2)
    ping(sender)
    bind_owner(db.session, alice.id)
    rows = list(db.session.scalars(select(Heartbeats).order_by(Heartbeats.hour)))
    minutes = [row.down_ms / 60_000 for row in rows]
    assert minutes == pytest.approx([45 + 20 / 60, 60, 12 + 40 / 60])
    assert sum(minutes) == pytest.approx(118)
    assert rows[-1].late.bit_count() == 1


def test_its_page_shows_the_strip_and_the_uptime(sender, page, time):
    for _ in range(30):
        ping(sender)
        time.forward(minutes=1)
    time.forward(minutes=15)
    ping(sender)
    agent_id = ping(sender).get_json()["agentId"]
    seen = page(f"/agents/{agent_id}")
    beats = seen.find("section", attrs={"aria-labelledby": "h-beats"})
    assert beats.select_one("svg.strip")["aria-label"].startswith(
        "Heartbeats in 90 slots: 31 on time, 2 late, "
    )
    assert "13 missed" in beats.get_text()
    # Of 45 minutes it was silent for 14: 16 without a report, two of them allowed.
    assert "Up 24 h: 68.9%" in " ".join(beats.get_text(" ").split())


def test_a_deleted_agent_that_reports_comes_back(sender, client, found, alice):
    agent_id = ping(sender).get_json()["agentId"]
    assert client.delete(f"/api/v1/agents/{agent_id}").status_code == 204
    assert ping(sender).status_code == 200
    assert found("nightly").deleted_at is None
    bind_owner(db.session, alice.id)
    actions = set(db.session.scalars(select(AuditEvent.action)))
    assert "agent.restore" in actions


def test_an_agent_that_only_reports_survives_a_rebuild(sender, app, alice, found):
    ping(sender)
    result = app.test_cli_runner().invoke(args=["project", "--rebuild", "--email", alice.email])
    assert result.exit_code == 0, result.output
    assert found("nightly") is not None


def test_many_at_once_share_commits_and_each_answer_waits_for_its_own(app, alice, make, monkeypatch):
    """While one commit is under way the others gather; none is answered before what it said is stored."""
    from swarm_ui.ingest import heartbeats

    agents = [make.agent(alice).id for _ in range(40)]
    commits, inside, go = [], threading.Event(), threading.Event()
    store = heartbeats._store

    def slow(engine, batch):
        commits.append(len(batch))
        inside.set()
        assert go.wait(20)
        store(engine, batch)

    monkeypatch.setattr(heartbeats, "_store", slow)
    answers = []
    engine = db.engine
    threads = [
        threading.Thread(
            target=lambda agent=agent: answers.append(heartbeats.take(engine, alice.id, agent, (None,) * 3))
        )
        for agent in agents
    ]
    threads[0].start()
    assert inside.wait(20)
    for thread in threads[1:]:
        thread.start()
    while len(heartbeats._waiting) < 39:
        threads[1].join(0.01)
    assert answers == []
    go.set()
    for thread in threads:
        thread.join(20)
    assert commits == [1, 39]
    assert answers == [True] * 40
    bind_owner(db.session, alice.id)
    assert all(db.session.scalars(select(Agent.beat_at)))


def test_a_failed_commit_is_heard_by_all_who_waited_and_the_next_one_works(app, alice, make, monkeypatch):
    from swarm_ui.ingest import heartbeats
    from swarm_ui.rawsql import Busy

    agent = make.agent(alice)

    def broken(_engine, _batch):
        raise Busy("locked")

    with monkeypatch.context() as patch:
        patch.setattr(heartbeats, "_store", broken)
        with pytest.raises(Busy):
            heartbeats.take(db.engine, alice.id, agent.id, (None, None, None))
    assert heartbeats.take(db.engine, alice.id, agent.id, (None, None, None)) is True


def test_a_busy_database_is_said_to_be_busy(sender, monkeypatch):
    from swarm_ui.ingest import heartbeats
    from swarm_ui.rawsql import Busy

    def broken(_engine, _batch):
        raise Busy("locked")

    monkeypatch.setattr(heartbeats, "_store", broken)
    answer = ping(sender)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


def test_one_heartbeat_is_few_statements(sender, listen):
    ping(sender)
    sent = []
    listen("before_cursor_execute", lambda *args: sent.append(args[2]))
    ping(sender)
    assert len([statement for statement in sent if statement.upper().startswith(("INSERT", "UPDATE"))]) <= 1
