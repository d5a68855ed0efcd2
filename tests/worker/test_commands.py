"""flask project and flask worker."""

import os
import signal
import subprocess
import sys
import time as wall
from pathlib import Path

import pytest

from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.rawsql import transaction
from tests.captures import KEY, Capture, project
from tests.rows import DERIVED, count, rows_of

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "tests" / "ingest" / "recorded"
CLIENTS = ["agent_framework_handoff", "autogen_swarm", "crewai", "openai_agents"]


@pytest.fixture
def run(app):
    def invoke(*arguments: str, code: int = 0):
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def send(app, alice, make):
    """Sends recorded clients as Alice, projecting after each request as a quick worker would."""
    from hashlib import sha256

    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest"])

    def capture(*names: str, projected: bool = True) -> None:
        for name in names:
            recorded = Capture(RECORDED / name)
            if projected:
                for request in recorded.requests:
                    recorded.requests = [request]
                    recorded.send(app.test_client())
                    project()
            else:
                recorded.send(app.test_client())

    return capture


def test_project_projects_what_waits(run, send, alice, bob):
    send("crewai", projected=False)
    assert count(alice, "tasks") == 0
    assert run("project", "--email", bob.email).stdout == "bob@example.org: 0 traces projected\n"
    assert count(alice, "tasks") == 0
    assert run("project").stdout == "alice@example.org: 3 traces projected\n"
    assert count(alice, "tasks") == 3
    assert count(alice, "swarm_agents", "healthScore IS NOT NULL") > 0
    assert run("project").stdout == ""


@pytest.mark.parametrize("options", [(), ("--email", "alice@example.org")], ids=["all", "one"])
def test_a_rebuild_gives_the_same_rows(options, run, send, alice):
    send(*CLIENTS)
    run("seed", "--email", alice.email)
    before = rows_of(alice)
    assert all(before[table] for table in DERIVED)
    said = run("project", "--rebuild", *options).stdout
    assert said == f"alice@example.org: {len(before['task_traces']) + set_up_only(alice)} traces projected\n"
    after = rows_of(alice)
    for table in before:
        assert after[table] == before[table], table


def set_up_only(owner) -> int:
    """Traces that are no run: agents were created in them, nothing else."""
    with transaction(db.engine, writes=False) as raw:
        statement = "SELECT COUNT(DISTINCT traceId) FROM spans WHERE userId=? AND traceId NOT IN (SELECT traceId FROM task_traces WHERE userId=?)"
        return raw.rows(statement, (owner.id, owner.id))[0][0]


def test_a_rebuild_makes_from_nothing_what_was_lost_or_changed(run, send, alice):
    """Derived rows that somebody deleted, and an agent that nobody ever saw."""
    send("crewai", "openai_agents")
    before = rows_of(alice)
    with transaction(db.engine) as raw:
        raw.execute("DELETE FROM messages WHERE userId=?", (alice.id,))
        raw.execute("UPDATE tasks SET name='wrong', tokenUsage=0 WHERE userId=?", (alice.id,))
        columns = "id,userId,name,serviceName,type,status,origin,createdAt,updatedAt"
        row = (
            "ghost",
            alice.id,
            "ghost",
            "",
            "reasoning",
            "active",
            "discovered",
            "2026-01-01 00:00:00",
            "2026-01-01 00:00:00",
        )
        raw.insert("swarm_agents", columns, [row])
    assert rows_of(alice) != before
    run("project", "--rebuild")
    assert rows_of(alice) == before


def test_a_rebuild_keeps_what_people_decided(run, send, alice, client):
    run("seed", "--email", alice.email)
    alerts = [alert for alert in client.get("/api/v1/alerts").json["items"] if not alert["resolved"]]
    assert client.patch(f"/api/v1/alerts/{alerts[0]['id']}", json={"resolved": True}).status_code == 200
    with transaction(db.engine) as raw:
        raw.execute(
            "UPDATE swarm_agents SET description='Ours', origin='authored', type='analysis' WHERE userId=? AND name='researcher'",
            (alice.id,),
        )
    # As the worker does within a second: an alert less is a better score.
    summaries.refresh(db.engine, summaries.due(db.engine), set())
    before = rows_of(alice, ["alerts", "swarm_agents"], without=frozenset({"updatedAt"}))
    run("project", "--rebuild")
    assert rows_of(alice, ["alerts", "swarm_agents"], without=frozenset({"updatedAt"})) == before
    assert count(alice, "alerts", "resolved=0") == len(alerts) - 1
    assert count(alice, "swarm_agents", "description='Ours'") == 1


def test_a_rebuild_leaves_others_alone(run, send, alice, bob):
    send("crewai")
    before = rows_of(alice, without=frozenset())
    assert run("project", "--rebuild", "--email", bob.email).stdout == "bob@example.org: 0 traces projected\n"
    assert rows_of(alice, without=frozenset()) == before


def test_nobody_is_nobody(run, app):
    assert (
        "nobody here has the address who@example.org"
        in run("project", "--email", "who@example.org", code=2).output
    )


def test_traces_set_aside_are_named(run, send, alice, monkeypatch):
    from swarm_ui.projection import project as module

    def broken(*_arguments, **_options):
        raise ZeroDivisionError("no such luck")

    with monkeypatch.context() as patched:
        patched.setattr(module, "interpret", broken)
        send("crewai", projected=False)
        result = run("project", code=1)
    assert result.stderr.count("is set aside: ZeroDivisionError: no such luck") == 3
    assert "3 traces could not be projected" in result.stderr
    assert count(alice, "tasks") == 0
    run("project", "--rebuild")
    assert count(alice, "tasks") == 3


def test_the_worker_projects_until_it_is_told_to_stop(send, alice, environ):
    send("crewai", projected=False)
    db.session.remove()
    worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "worker"],
        cwd=ROOT,
        env={**os.environ, **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = wall.monotonic() + 30
        while count(alice, "tasks") < 3 or count(alice, "trace_dirty"):
            assert worker.poll() is None, worker.stderr.read()
            assert wall.monotonic() < deadline, "the worker projected nothing"
            wall.sleep(0.1)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    finally:
        worker.kill()
        worker.communicate()
