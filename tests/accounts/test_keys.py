"""API keys: made, shown once, found, revoked."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from swarm_ui.accounts import keys, last_use
from swarm_ui.accounts.models import ApiKey
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests.conftest import NOW
from tests.pages import Page


def new_key(owner, scopes=("read",), **fields) -> str:
    key, text = keys.make(owner.id, owner.id, "test", list(scopes))
    for name, value in fields.items():
        setattr(key, name, value)
    db.session.commit()
    db.session.remove()
    return text


def stored() -> ApiKey:
    db.session.remove()
    return db.session.scalars(everyone(select(ApiKey), "the test looks at the row")).one()


def asked(app, key: str, path: str = "/api/v1/tasks", **headers) -> int:
    return app.test_client().get(path, headers={"Authorization": f"Bearer {key}"} | headers).status_code


def test_a_key_is_long_and_only_its_hash_is_stored(app, alice):
    text = new_key(alice)
    assert re.fullmatch(r"swk_[A-Za-z0-9]{40}", text)
    row = stored()
    assert row.prefix == text[:12]
    assert len(row.hash) == 64
    assert text[12:] not in repr(vars(row))


def test_it_opens_the_api(app, alice):
    text = new_key(alice)
    assert asked(app, text) == 200
    assert app.test_client().get("/api/v1/tasks", headers={"x-api-key": text}).status_code == 200


@pytest.mark.parametrize("wrong", ["", "x", "swk_", "swk_" + "a" * 40, "\u00e9\u00e9", "Bearer"])
def test_a_wrong_key_does_not(app, alice, wrong):
    new_key(alice)
    assert asked(app, wrong) == 401


def test_a_revoked_key_stops_at_once(app, alice):
    text = new_key(alice)
    assert asked(app, text) == 200
    keys.revoke(stored())
    db.session.commit()
    assert asked(app, text) == 401


def test_an_expired_key_stops(app, alice, time):
    text = new_key(alice, expires_at=time.now)
    assert asked(app, text) == 401


def test_a_key_without_the_scope_is_refused(app, alice):
    text = new_key(alice, scopes=["ingest"])
    response = app.test_client().get("/api/v1/tasks", headers={"x-api-key": text})
    assert response.status_code == 403
    assert "'read'" in response.json["detail"]


def test_its_use_is_noted_at_most_once_a_minute(app, alice, time):
    text = new_key(alice)
    first = time.now
    asked(app, text)
    assert stored().last_used_at == first
    time.forward(seconds=59)
    asked(app, text)
    assert stored().last_used_at == first
    time.forward(seconds=1)
    asked(app, text)
    assert stored().last_used_at == time.now
    assert stored().updated_at == first


def test_a_busy_database_neither_delays_nor_fails_the_request(app, alice):
    text = new_key(alice)
    row = stored()
    db.session.remove()
    with db.engine.connect().execution_options(writes=True) as writer:
        writer.execute(db.metadata.tables["api_keys"].update().where(ApiKey.id == row.id).values(name="busy"))
        with db.engine.connect() as connection, pytest.raises(DBAPIError):
            last_use.write(connection, *keys.use_of(row.id, alice.id, row.created_at))
        assert asked(app, text) == 200
        writer.rollback()
    assert stored().last_used_at is None
    assert asked(app, text) == 200
    assert stored().last_used_at is not None


def test_a_key_is_made_and_shown_once(client):
    response = client.post("/settings/keys", data={"name": "swarm 7", "scopes": ["ingest", "read"]})
    assert (response.status_code, response.location) == (303, "/settings/keys")
    first = client.get("/settings/keys")
    assert first.headers["Cache-Control"] == "no-store"
    text = Page(first, "/settings/keys").find(id="fresh-key").get_text()
    assert re.fullmatch(r"swk_[A-Za-z0-9]{40}", text)
    second = Page(client.get("/settings/keys"), "/settings/keys")
    assert second.find(id="fresh-key") is None
    assert text not in second.html
    assert text[:12] in second.html
    assert "ingest, read" in second.text
    assert client.get("/api/v1/tasks", headers={"x-api-key": text}).status_code == 200


def test_it_is_shown_on_the_page_that_asked(client):
    asked = client.post("/settings/keys", data={"name": "first", "scopes": "ingest", "next": "/agents?x=1"})
    assert asked.location == "/agents?x=1"
    elsewhere = client.post(
        "/settings/keys", data={"name": "first", "scopes": "ingest", "next": "//evil.example"}
    )
    assert elsewhere.location == "/"


def test_what_is_wrong_is_said_at_the_field(client):
    response = client.post("/settings/keys", data={"name": "swarm <7>"})
    assert response.status_code == 422
    page = Page(response, "/settings/keys")
    assert page.find(id="key-name")["value"] == "swarm <7>"
    assert page.find(id="scopes-help")
    long = client.post("/settings/keys", data={"name": "x" * 101, "scopes": "root"})
    page = Page(long, "/settings/keys")
    assert page.find(id="key-name")["aria-invalid"] == "true"
    assert page.find(id="scopes-help")
    assert not page.select("[id^=key-0]")


def test_it_is_revoked(client, make, alice):
    key = make.api_key(alice, name="old")
    page = Page(client.get("/settings/keys"), "/settings/keys")
    question = page.find(id=f"key-{key.id}").select_one("details.confirm")
    assert "It was never used." in question.get_text()
    assert question.form.button.get_text() == "Revoke old"
    action = question.form["action"]
    assert client.post(action).status_code == 303
    first = stored().revoked_at
    assert first
    assert client.post(action).status_code == 303
    assert stored().revoked_at == first
    row = Page(client.get("/settings/keys"), "/settings/keys").find(id=f"key-{key.id}")
    assert "Revoked" in row.get_text()
    assert row.find("form") is None


def test_revoking_asks_first_and_says_when_it_was_used(client, make, alice):
    key = make.api_key(alice, name="nightly", last_used_at=NOW - timedelta(hours=3))
    row = Page(client.get("/settings/keys"), "/settings/keys").find(id=f"key-{key.id}")
    assert not [form for form in row.select("form") if not form.find_parent("details")]
    assert "It was last used 3 h ago." in " ".join(row.details.get_text().split())


def test_an_operator_does_not_manage_keys(client_of, make, alice, bob):
    make.membership(alice, bob, "operator")
    key = make.api_key(alice)
    client = client_of(bob, owner=alice)
    assert client.post("/settings/keys", data={"name": "x", "scopes": "ingest"}).status_code == 403
    assert client.post(f"/settings/keys/{key.id}/revoke").status_code == 403
    assert not Page(client.get("/settings/keys"), "/settings/keys").select("#keys form, #new-key")


def test_a_key_made_by_an_editor_is_the_owners(client_of, make, alice, bob):
    make.membership(alice, bob, "editor")
    client_of(bob, owner=alice).post("/settings/keys", data={"name": "x", "scopes": "ingest"})
    row = stored()
    assert (row.user_id, row.creator_id) == (alice.id, bob.id)


def test_hostile_names_are_text(client, make, alice):
    form = b"name=%3Cscript%3Ealert(1)%3C/script%3E%ED%A0%80%00&scopes=ingest"
    made = client.post("/settings/keys", data=form, content_type="application/x-www-form-urlencoded")
    assert made.status_code == 303
    page = Page(client.get("/settings/keys"), "/settings/keys")
    assert "<script>alert(1)</script>" in page.text
