"""PATCH alerts/ID."""

import pytest

from swarm_ui.accounts import keys
from swarm_ui.extensions import db


def change(client, alert, resolved: bool, **options):
    return client.patch(f"/api/v1/alerts/{alert.id}", json={"resolved": resolved}, **options)


def test_it_resolves_and_reopens(client, make, alice, time):
    alert = make.alert(alice)
    resolved = change(client, alert, True)
    assert resolved.status_code == 200
    assert resolved.json["resolved"] is True
    assert resolved.json["resolvedAt"] == "2026-11-17T03:12:40.000000Z"
    time.forward(minutes=1)
    assert change(client, alert, True).json["resolvedAt"] == "2026-11-17T03:12:40.000000Z"
    reopened = change(client, alert, False).json
    assert (reopened["resolved"], reopened["resolvedAt"]) == (False, None)
    assert client.get("/api/v1/alerts").json["items"] == [reopened]


def test_an_unknown_alert_is_not_found(client):
    assert client.patch("/api/v1/alerts/nothing", json={"resolved": True}).status_code == 404


@pytest.mark.parametrize(
    ("scopes", "status"), [(["read"], 403), (["ingest"], 403), (["write"], 200), (["read", "write"], 200)]
)
def test_a_key_needs_the_scope_write(app, make, alice, scopes, status):
    alert = make.alert(alice)
    _key, text = keys.make(alice.id, alice.id, "test", scopes)
    db.session.commit()
    db.session.remove()
    client = app.test_client()
    assert change(client, alert, True, headers={"x-api-key": text}).status_code == status
    reads = client.get("/api/v1/alerts", headers={"x-api-key": text}).status_code
    assert reads == (200 if "read" in scopes else 403)


def test_a_foreign_page_changes_nothing(client, make, alice):
    alert = make.alert(alice)
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert change(client, alert, True, headers=headers).status_code == 403
    assert client.get("/api/v1/alerts").json["items"][0]["resolved"] is False
    assert change(client, alert, True, headers={"Origin": "http://localhost"}).status_code == 200


def test_a_key_beats_a_session(client, make, alice, bob):
    """With both, the key says whose data it is."""
    make.alert(alice)
    _key, text = keys.make(bob.id, bob.id, "test", ["read"])
    db.session.commit()
    db.session.remove()
    assert client.get("/api/v1/alerts", headers={"x-api-key": text}).json["items"] == []
