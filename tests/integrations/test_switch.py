"""A framework that is switched off: its data is refused with a clear answer, from the next request on."""

import gzip
import json
from hashlib import sha256

import pytest
from sqlalchemy import select

from swarm_ui import create_app
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.integrations.models import Integration
from swarm_ui.tenancy import bind_owner
from tests.captures import KEY, project
from tests.otlp import JSON, PROTOBUF, agent, document, encoded, logs, metric, post, send
from tests.pages import Page

CREW = ("openinference.instrumentation.crewai", "1.0")


@pytest.fixture
def sender(app, make, alice):
    make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])
    return app.test_client()


@pytest.fixture
def crewai(make, alice, time):
    """Two versions of one framework, seen in this space."""
    make.integration(alice, framework="crewai", version="0.9")
    return make.integration(alice, framework="crewai", version="1.0", last_seen_at=time.now)


def spans() -> int:
    db.session.rollback()
    with db.engine.connect() as connection:
        return len(connection.execute(select(Span.__table__.c.id)).all())


def test_off_and_on_again(client, sender, crewai):
    send(sender, agent(1, "a", scope=CREW))
    assert client.post(f"/settings/integrations/{crewai.id}/off").status_code == 303
    answer = post(
        sender, [agent(2, "b", scope=CREW), agent(3, "c", scope=("mine", "1")), agent(4, "d", scope=CREW)]
    )
    assert answer.status_code == 200
    partial = answer.get_json()["partialSuccess"]
    assert partial["rejectedSpans"] == "2"
    assert (
        partial["errorMessage"]
        == "the integration 'crewai' is switched off in this space (Settings, Integrations) (×2)"
    )
    assert spans() == 2
    assert client.post(f"/settings/integrations/{crewai.id}/on").status_code == 303
    send(sender, agent(2, "b", scope=CREW))
    assert spans() == 3


def test_all_versions_known_or_new(client, sender, crewai):
    client.post(f"/settings/integrations/{crewai.id}/off")
    for version in ("0.9", "1.0", "7.0", ""):
        answer = post(sender, [agent(5, "a", scope=(CREW[0], version))])
        assert answer.get_json()["partialSuccess"]["rejectedSpans"] == "1"
    bind_owner(db.session, crewai.user_id)
    assert set(db.session.scalars(select(Integration.active))) == {False}


def test_a_version_that_was_on_its_way_changes_nothing(client, sender, crewai):
    """Spans that had come before are projected afterwards, with a version that was not known: it is off all the same."""
    send(sender, agent(1, "a", scope=(CREW[0], "2.0")))
    client.post(f"/settings/integrations/{crewai.id}/off")
    project()
    shown = Page(client.get("/settings/integrations"), "/settings/integrations").find(id="integrations")
    assert "2.0" in shown.get_text()
    assert "Off" in shown.get_text()
    assert (
        post(sender, [agent(2, "a", scope=(CREW[0], "2.0"))]).get_json()["partialSuccess"]["rejectedSpans"]
        == "1"
    )


def test_protobuf_logs_and_metrics(client, sender, make, alice):
    row = make.integration(alice, framework="tests")
    client.post(f"/settings/integrations/{row.id}/off")
    answer = post(sender, logs({"body": {"stringValue": "x"}}), signal="logs", encoding=PROTOBUF)
    assert answer.status_code == 200
    assert b"'tests' is switched off" in answer.get_data()
    point = {"asInt": "7", "timeUnixNano": "1763349160000000000"}
    answer = post(sender, metric("tokens", [point]), signal="metrics")
    assert answer.get_json()["partialSuccess"]["rejectedDataPoints"] == "1"
    with db.engine.connect() as connection:
        assert (
            connection.exec_driver_sql(
                "SELECT (SELECT COUNT(*) FROM log_records)+(SELECT COUNT(*) FROM metric_points)"
            ).scalar()
            == 0
        )


def test_it_holds_at_once_in_another_process(client, sender, crewai, environ):
    other = create_app(app_settings(environ))
    with other.app_context():
        reader = other.test_client()
        send(reader, agent(1, "a", scope=CREW))
        client.post(f"/settings/integrations/{crewai.id}/off")
        assert "partialSuccess" in post(reader, [agent(2, "a", scope=CREW)]).get_json()
        client.post(f"/settings/integrations/{crewai.id}/on")
        send(reader, agent(2, "a", scope=CREW))
        db.engine.dispose()


def app_settings(environ):
    from swarm_ui import config

    return config.load(environ)


def test_a_neighbour_is_not_touched(client, sender, crewai, make, bob, app):
    key = "swk_" + "bobs" * 10
    make.api_key(bob, hash=sha256(key.encode()).hexdigest(), scopes=["ingest"])
    client.post(f"/settings/integrations/{crewai.id}/off")
    send(app.test_client(), agent(1, "a", scope=CREW), headers={"Authorization": f"Bearer {key}"})


def test_one_statement_a_request(client, sender, crewai, statements):
    send(sender, agent(1, "a", scope=CREW))
    with statements() as sent:
        send(sender, agent(1, "a", scope=CREW))
    assert sum("integrations" in statement for statement in sent) <= 1


def test_files_are_left_out_too(client, sender, crewai, app, tmp_path):
    client.post(f"/settings/integrations/{crewai.id}/off")
    path = tmp_path / "traces.json.gz"
    path.write_bytes(gzip.compress(encoded(document(agent(1, "a", scope=CREW), agent(2, "b")), JSON)))
    result = app.test_cli_runner().invoke(args=["ingest", "--email", "alice@example.org", str(path)])
    assert result.exit_code == 0
    assert "1 left out: the integration 'crewai' is switched off" in result.output
    assert spans() == 1


def test_each_change_is_written_down_once(client, crewai, alice):
    for _ in range(2):
        client.post(f"/settings/integrations/{crewai.id}/off")
    client.post(f"/settings/integrations/{crewai.id}/on")
    bind_owner(db.session, alice.id)
    events = db.session.scalars(select(AuditEvent).order_by(AuditEvent.created_at, AuditEvent.id)).all()
    told = sorted((event.action, event.subject, json.dumps(event.after)) for event in events)
    assert told == [
        ("integration.switch_off", "crewai", '{"active": false}'),
        ("integration.switch_on", "crewai", '{"active": true}'),
    ]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 403), ("editor", 303)])
def test_it_takes_an_editor(client_of, make, alice, bob, crewai, role, status):
    make.membership(alice, bob, role)
    assert client_of(bob, owner=alice).post(f"/settings/integrations/{crewai.id}/off").status_code == status
    shown = client_of(bob, owner=alice).get("/settings/integrations").get_data(as_text=True)
    assert ("Switch o" in shown) is (role == "editor")


def test_the_list_has_a_row_for_each_framework(page, crewai, make, alice, bob):
    make.integration(bob, framework="haystack")
    shown = page("/settings/integrations").find(id="integrations")
    assert len(shown.find("tbody").find_all("tr")) == 1
    assert "1.0, 0.9" in shown.get_text()
