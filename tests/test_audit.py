"""Every change is written down: exactly one event for each, none for what is refused or changes nothing."""

import pytest
from sqlalchemy import delete, select, update

from swarm_ui.audit import AuditEvent, columns_of
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner
from tests.changes import CHANGES, EXEMPT, NEW, PEOPLE, RANKS, Scene, check_table

TRAIL = AuditEvent.__table__


pytestmark = pytest.mark.usefixtures("no_sample")


def trail() -> list:
    with db.engine.connect() as connection:
        return connection.execute(select(TRAIL).order_by(TRAIL.c.createdAt, TRAIL.c.id)).all()


def new_since(before: list) -> list:
    known = {event.id for event in before}
    return [event for event in trail() if event.id not in known]


def test_every_route_that_changes_something_is_here(app):
    check_table()
    assert all(EXEMPT.values())


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_one_event_for_a_change(app, people, browser_of, alice, route):
    method, rule = route
    change = CHANGES[route]
    who = {0: "viewer", 5: "admin"}.get(RANKS[change.needs], PEOPLE[RANKS[change.needs]])
    actor = people[who]
    client = app.test_client() if rule.startswith("/login/") else browser_of(who)
    ask = change.ask(Scene(alice, actor))
    before = trail()
    assert ask.send(client, method, headers={"User-Agent": "Testfox"}).status_code < 400
    found = new_since(before)
    assert len(found) == 1, (
        f"{method} {rule} wrote {[event.action for event in found]}; record() one event for one change"
    )
    event = found[0]
    assert event.action == (ask.action or change.action)
    assert event.subjectId if ask.subject is NEW else event.subjectId == (ask.subject and str(ask.subject))
    assert event.actorId == (ask.actor or actor.id)
    assert event.userId == (ask.trail or alice.id)
    assert event.via == (
        "api" if rule.startswith("/api/") else "sign_in" if rule.startswith("/login/") else "page"
    )
    assert event.address == "127.0.0.1"


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_none_for_a_role_that_is_too_low(people, browser_of, alice, route):
    method, rule = route
    change = CHANGES[route]
    for who in PEOPLE[: RANKS[change.needs]]:
        ask = change.ask(Scene(alice, people[who] or people["viewer"]))
        before = trail()
        response = ask.send(browser_of(who), method)
        assert response.status_code in (302, 401, 403, 404), f"{who}: {response.status_code}"
        assert new_since(before) == [], f"{method} {rule} wrote an event for {who}, who may not"


@pytest.mark.parametrize("route", [route for route, change in CHANGES.items() if change.wrong], ids=" ".join)
def test_none_for_input_that_is_refused(people, browser_of, alice, route):
    method, rule = route
    change = CHANGES[route]
    who = "admin" if change.needs == "administration" else "owner"
    client = browser_of(who)
    for wrong in change.wrong:
        ask = change.ask(Scene(alice, people[who]))
        if ask.json is None:
            ask.data = wrong
        else:
            ask.json = wrong
        before = trail()
        response = ask.send(client, method)
        assert 400 <= response.status_code < 500, f"{rule} took {wrong}: {response.status_code}"
        assert new_since(before) == [], f"{rule} wrote an event for {wrong}"


@pytest.mark.parametrize("route", [route for route in CHANGES if "<" in route[1]], ids=" ".join)
def test_none_for_what_is_anothers(make, client_of, people, alice, bob, route):
    """Bob's row, asked for by Alice; for administrators, who may all, somebody who does not exist."""
    method, rule = route
    if rule.startswith("/admin/"):
        ask = CHANGES[route].ask(Scene(people["admin"], people["admin"]))
        ask.url = ask.url.replace(f"/{ask.trail}/", "/2147483000/")
        client = client_of(people["admin"])
    else:
        ask = CHANGES[route].ask(Scene(bob, bob))
        client = client_of(alice)
        if rule.startswith("/login/"):
            ask.url += "x"
    before = trail()
    assert ask.send(client, method).status_code == 404
    assert new_since(before) == []


def test_nothing_is_written_where_nothing_changed(client_of, make, alice, root, bob):
    client, admin = client_of(alice), client_of(root)
    make.membership(alice, bob, "editor")
    resolved = make.alert(alice, resolved=True)
    before = trail()
    client.post(f"/alerts/{resolved.id}/resolve")
    client.post("/settings/profile", data={"name": alice.name, "keyboard": "1"})
    client.post(f"/settings/members/{bob.id}/role", data={"role": "editor"})
    client.post(f"/spaces/{alice.id}/enter")
    client.post("/settings/sessions/end-others")
    admin.post(f"/admin/people/{bob.id}/role", data={"role": "user"})
    admin.post(f"/admin/people/{bob.id}/enable")
    admin.post(f"/admin/people/{bob.id}/end-sessions")
    assert new_since(before) == []


def test_a_change_that_fails_leaves_no_event(client, alice, monkeypatch, app):
    """The event is in the transaction of the change."""
    from swarm_ui.accounts import fresh

    def broken(*_arguments):
        raise RuntimeError("after the event, before the commit")

    monkeypatch.setattr(fresh, "keep", broken)
    app.testing = False
    assert client.post("/settings/keys", data={"name": "x", "scopes": "read"}).status_code == 500
    assert trail() == []


def test_events_are_never_changed_nor_deleted(app, make, alice):
    event = make.event(alice)
    bind_owner(db.session, alice.id)
    loaded = db.session.get_one(AuditEvent, event.id)
    loaded.subject = "something else"
    with pytest.raises(RuntimeError, match="never changed"):
        db.session.flush()
    db.session.rollback()
    db.session.delete(db.session.get_one(AuditEvent, event.id))
    with pytest.raises(RuntimeError, match="never changed"):
        db.session.flush()
    db.session.rollback()
    with pytest.raises(RuntimeError, match="never changed"):
        db.session.execute(update(AuditEvent).values(subject="x"))
    with pytest.raises(RuntimeError, match="never changed"):
        db.session.execute(delete(AuditEvent))


def test_only_what_differs_is_kept_and_never_a_secret(client, alice):
    made = client.post("/settings/keys", data={"name": "ci", "scopes": "read"})
    assert made.status_code == 303
    key = client.get("/settings/keys").get_data(as_text=True).split('id="fresh-key" tabindex="0">')[1][:44]
    event = trail()[-1]
    assert set(event.after) == {"name", "prefix", "scopes", "expiresAt"}
    assert key[:12] == event.after["prefix"]
    assert key[12:] not in repr(event)
    before = trail()
    client.post("/settings/profile", data={"name": "Alice B.", "keyboard": "1"})
    (event,) = new_since(before)
    assert (event.before, event.after) == ({"name": "Alice Archer"}, {"name": "Alice B."})


def test_a_key_is_named_as_who_acted(app, make, alice):
    from swarm_ui.accounts import keys

    key, text = keys.make(alice.id, alice.id, "robot", ["write"])
    db.session.commit()
    key_id = key.id
    alert = make.alert(alice)
    app.test_client().patch(
        f"/api/v1/alerts/{alert.id}", json={"resolved": True}, headers={"x-api-key": text}
    )
    event = trail()[-1]
    assert (event.via, event.keyId, event.actor, event.actorId) == ("api", key_id, "robot", alice.id)


@pytest.mark.parametrize("arguments", [("disable",), ("enable",), ("make-admin",)])
def test_commands_write_one_event_each(app, alice, root, arguments):
    if arguments == ("enable",):
        app.test_cli_runner().invoke(args=["user", "disable", alice.email])
    before = trail()
    for _ in range(2):  # the second changes nothing
        result = app.test_cli_runner().invoke(args=["user", *arguments, alice.email])
        assert result.exit_code == 0, result.output
    (event,) = new_since(before)
    assert (event.via, event.actorId, event.userId, event.subjectId) == (
        "command",
        None,
        alice.id,
        str(alice.id),
    )


def test_key_commands_write_one_event_each(app, alice):
    run = app.test_cli_runner().invoke
    prefix = run(args=["token", "create", "--email", alice.email, "--name", "ci"]).stdout[:12]
    run(args=["token", "revoke", prefix])
    assert sorted((event.action, event.via) for event in trail()) == [
        ("key.create", "command"),
        ("key.revoke", "command"),
    ]


def test_the_columns_of_a_row_are_plain(app, make, alice):
    assert columns_of(make.user(name="X"), ("name", "last_signed_in")) == {"name": "X", "lastSignedIn": None}
