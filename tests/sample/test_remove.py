"""The sample goes, and nothing else."""

import pytest

from swarm_ui.extensions import db
from swarm_ui.ingest.append import append_logs, append_points, append_spans
from swarm_ui.ingest.otlp import JSON, read_logs, read_metrics, read_traces
from swarm_ui.jsontext import dump_bytes
from tests.captures import project
from tests.conftest import NOW
from tests.rows import WRITTEN, count, owned_tables, rows_of

AT = int(NOW.timestamp() * 1e9) - 90_000_000_000
TRACE = "ab" * 16


def attributes(**values):
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in values.items()]


def span(number, parent, name, **values):
    return {
        "traceId": TRACE, "spanId": f"{number:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name,
        "startTimeUnixNano": str(AT + number * 10**9), "endTimeUnixNano": str(AT + (40 - number) * 10**9), "status": {},
        "attributes": attributes(**values),
    }  # fmt: skip


def send_a_real_run(owner, service="payments"):
    """One run with a log record and a point; its agents are called like some of the sample's."""
    resource = {"resource": {"attributes": attributes(service__name=service)}}
    spans = [
        span(
            1,
            0,
            "invoke_workflow competitor-brief",
            gen_ai__operation__name="invoke_workflow",
            gen_ai__workflow__name="competitor-brief",
        ),
        span(
            2,
            1,
            "invoke_agent browser",
            gen_ai__operation__name="invoke_agent",
            gen_ai__agent__name="browser",
        ),
        span(
            3,
            2,
            "execute_tool fetch_page",
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name="fetch_page",
        ),
        span(
            4,
            2,
            "chat",
            gen_ai__operation__name="chat",
            gen_ai__request__model="gpt-4.1",
            gen_ai__usage__input_tokens="12",
        ),
    ]
    scope = {"name": "pydantic-ai", "version": "1.39.0"}
    traces = {"resourceSpans": [resource | {"scopeSpans": [{"scope": scope, "spans": spans}]}]}
    record = {
        "timeUnixNano": str(AT),
        "severityNumber": 13,
        "body": {"stringValue": "careful"},
        "traceId": TRACE,
        "spanId": f"{2:016x}",
    }
    loose = {"timeUnixNano": str(AT), "severityNumber": 9, "body": {"stringValue": "started"}}
    logs = {"resourceLogs": [resource | {"scopeLogs": [{"logRecords": [record, loose]}]}]}
    point = {"timeUnixNano": str(AT), "count": "3", "sum": 12.5, "attributes": []}
    metric = {
        "name": "gen_ai.client.token.usage",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
    }
    points = {"resourceMetrics": [resource | {"scopeMetrics": [{"metrics": [metric]}]}]}
    append_spans(db.engine, owner.id, read_traces(dump_bytes(traces), JSON).records)
    append_logs(db.engine, owner.id, read_logs(dump_bytes(logs), JSON).records)
    append_points(db.engine, owner.id, read_metrics(dump_bytes(points), JSON).records)
    project()


def filled(owner) -> set[str]:
    return {table for table in owned_tables() if count(owner, table)}


def test_an_empty_space_is_empty_again(loaded, run, alice):
    assert filled(alice) >= {
        "spans",
        "payload_blocks",
        "log_records",
        "metric_points",
        "tasks",
        "alerts",
        "integrations",
        "resources",
        "changes",
    }
    said = run("seed", "--email", alice.email, "--remove")
    assert said.startswith("The sample is gone: ")
    assert filled(alice) == set()
    assert run("seed", "--email", alice.email, "--remove") == "There was no sample.\n"


def test_a_change_that_somebody_told_of_stays(few_runs, run, alice, client):
    """Also under an id that the sample would use."""
    run("seed", "--email", alice.email)
    mine = client.post("/api/v1/changes", json={"title": "Mine", "kind": "deploy"}).get_json()
    told = client.get("/api/v1/changes").get_json()["items"]
    taken = next(one for one in told if one["title"] == "atlas 4.12.0")
    run("seed", "--remove", "--email", alice.email)
    assert [one["id"] for one in client.get("/api/v1/changes").get_json()["items"]] == [mine["id"]]
    assert client.post("/api/v1/changes", json={"id": taken["id"], "title": "Mine too"}).status_code == 201
    run("seed", "--email", alice.email)
    assert count(alice, "changes") == 2 + len(told) - 2
    run("seed", "--remove", "--email", alice.email)
    assert {one["title"] for one in client.get("/api/v1/changes").get_json()["items"]} == {"Mine", "Mine too"}


@pytest.mark.parametrize("service", ["payments", "atlas"])
def test_a_real_run_beside_it_stays_as_it_was(few_runs, run, alice, bob, make, service):
    """Also where the real run came from the sample's own service, workflow and agents, and an alert was resolved by hand."""
    make.api_key(alice)
    send_a_real_run(alice, service)
    send_a_real_run(bob, service)
    make.alert(alice, resolved=True, touched=True)
    # That its condition changed meanwhile, and back, stays written down.
    tables = [table for table in owned_tables() if table != "status_flips"]
    without = WRITTEN | {"healthSince", "nextChangeAt"}
    before, his = rows_of(alice, tables, without=without), rows_of(bob)
    run("seed", "--email", alice.email)
    assert count(alice, "tasks") > 20
    assert rows_of(bob) == his
    run("seed", "--email", alice.email, "--remove")
    assert rows_of(alice, tables, without=without) == before
    assert rows_of(bob) == his


def test_a_real_run_that_came_later_keeps_the_agents_that_it_shares(few_runs, run, alice, bob):
    send_a_real_run(bob, "atlas")
    run("seed", "--email", alice.email)
    send_a_real_run(alice, "atlas")
    assert count(alice, "swarm_agents", "name='browser'") == 1
    run("seed", "--email", alice.email, "--remove")
    for table in (
        "swarm_agents",
        "workflows",
        "task_agents",
        "integrations",
        "resources",
        "metric_points",
        "log_records",
    ):
        assert count(alice, table) == count(bob, table), table
    for table in ("swarm_agents", "workflows"):
        assert count(alice, table, "origin='discovered'") == 1
    compared = (
        "name",
        "type",
        "totalExecutions",
        "failedExecutions",
        "llmCalls",
        "toolCalls",
        "healthScore",
        "lastHeartbeat",
        "capabilities",
    )
    everything = set(db.metadata.tables["swarm_agents"].c.keys())
    ignored = frozenset(everything - set(compared))
    assert rows_of(alice, ["swarm_agents"], without=ignored) == rows_of(
        bob, ["swarm_agents"], without=ignored
    )


def test_two_owners_have_a_sample_each(few_runs, run, alice, bob):
    run("seed", "--email", alice.email)
    hers = rows_of(alice)
    run("seed", "--email", bob.email)
    assert rows_of(alice) == hers
    assert count(bob, "tasks") == count(alice, "tasks")
    run("seed", "--email", bob.email, "--remove")
    assert rows_of(alice) == hers
    assert filled(bob) == set()


def test_what_a_killed_loader_left_goes_too(few_runs, run, alice, monkeypatch):
    from swarm_ui.projection.project import Projector

    def killed(self, owner_id, trace_ids):
        raise KeyboardInterrupt

    monkeypatch.setattr(Projector, "take", killed)
    run("seed", "--email", alice.email, code=1)
    assert count(alice, "spans") > 0
    assert count(alice, "tasks") == 0
    run("seed", "--email", alice.email, "--remove")
    assert filled(alice) == set()


def test_an_agent_made_by_hand_stays_as_it_was(run, alice, few_runs, client):
    """It met the sample's traces meanwhile; a sample agent that was edited goes with the sample."""
    made = client.post(
        "/api/v1/agents", json={"name": "browser", "serviceName": "atlas", "description": "Mine."}
    ).get_json()
    run("seed", "--email", alice.email)
    met = client.get(f"/api/v1/agents/{made['id']}").get_json()
    assert met["totalExecutions"] > 0
    other = next(one for one in client.get("/api/v1/agents").get_json()["items"] if one["origin"] == "sample")
    assert client.patch(f"/api/v1/agents/{other['id']}", json={"description": "Edited."}).status_code == 200
    run("seed", "--remove", "--email", alice.email)
    (left,) = client.get("/api/v1/agents").get_json()["items"]
    assert left | {"updatedAt": None} == made | {
        "updatedAt": None,
        "successRate": left["successRate"],
        "capabilities": left["capabilities"],
        "healthSince": left["healthSince"],
        "nextChangeAt": left["nextChangeAt"],
    }
    assert left["successRate"] is None
    assert not left["capabilities"]
    assert client.get(f"/api/v1/agents/{other['id']}").status_code == 404
    assert count(alice, "agent_revisions") == 1
