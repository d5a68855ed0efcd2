"""Administration: people, their access, and a look into another's space."""

import pytest
from sqlalchemy import select

from swarm_ui.accounts.models import User
from swarm_ui.admin import people as acts
from swarm_ui.extensions import db
from swarm_ui.space import measuring
from tests.pages import Page


@pytest.fixture
def admin(client_of, root):
    return client_of(root)


def reloaded(user) -> User:
    db.session.rollback()
    return db.session.get(User, user.id)


def test_people_are_listed(admin, make, alice, bob, time):
    make.membership(alice, bob)
    make.user(name="Gone", disabled_at=time.now)
    make.user(name="Here", last_signed_in=time.now)
    rows = Page(admin.get("/admin"), "/admin").rows()
    assert "Root root@example.org Administrator Never signed in 1 – never" in rows
    assert "Bob Baker bob@example.org User Never signed in 2 – never" in rows
    assert any(row.startswith("Gone") and "Disabled" in row for row in rows)
    assert any(row.startswith("Here") and "Active" in row for row in rows)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ALICE", 1),
        ("q=example.org", 3),
        ("role=admin", 1),
        ("state=disabled", 0),
        ("state=invited", 3),
        ("q=%25", 0),
        ("q=ü", 0),
    ],
)
def test_they_are_found(admin, alice, bob, query, found):
    assert len(Page(admin.get(f"/admin?{query}"), "/admin").rows()) == found


@pytest.mark.parametrize(
    "query", ["role=king", "state=x", "cursor=x", "cursor=99999999999", "q=" + "x" * 201]
)
def test_what_cannot_be_is_refused(admin, query):
    assert admin.get(f"/admin?{query}").status_code == 422


def test_they_are_paged(admin, make, monkeypatch):
    monkeypatch.setattr(acts, "PAGE", 3)
    for _ in range(5):
        make.user()
    first = Page(admin.get("/admin"), "/admin")
    second = Page(admin.get(first.link("Next people")["href"]), "/admin")
    assert (len(first.rows()), len(second.rows())) == (3, 3)
    assert not set(first.rows()) & set(second.rows())


def test_it_takes_the_same_statements_however_many(admin, make, statements):
    def count() -> int:
        with statements() as sent:
            assert admin.get("/admin").status_code == 200
        return len(sent)

    few = count()
    for _ in range(10):
        make.user()
    assert count() == few


def test_disabling_ends_sessions_and_keys_and_enabling_brings_no_session_back(admin, client, app, alice):
    client.post("/settings/keys", data={"name": "x", "scopes": "read"})
    key = Page(client.get("/settings/keys"), "/settings/keys").find(id="fresh-key").get_text()
    admin.post(f"/admin/people/{alice.id}/disable")
    ask = lambda: app.test_client().get("/api/v1/tasks", headers={"x-api-key": key}).status_code  # noqa: E731
    assert (client.get("/agents").status_code, ask()) == (302, 401)
    assert "Disabled" in Page(admin.get(f"/admin/people/{alice.id}"), "/admin/people/1").text
    admin.post(f"/admin/people/{alice.id}/enable")
    assert (client.get("/agents").status_code, ask()) == (302, 200)


def test_nobody_disables_themselves(admin, root):
    assert admin.post(f"/admin/people/{root.id}/disable").status_code == 409
    assert reloaded(root).disabled_at is None
    assert not Page(admin.get(f"/admin/people/{root.id}"), "/admin/people/1").find(
        "form", action=f"/admin/people/{root.id}/disable"
    )


def test_somebody_who_administers_is_left(admin, root, alice):
    assert admin.post(f"/admin/people/{root.id}/role", data={"role": "user"}).status_code == 409
    admin.post(f"/admin/people/{alice.id}/role", data={"role": "admin"})
    assert admin.post(f"/admin/people/{root.id}/role", data={"role": "user"}).status_code == 303
    assert admin.get("/admin").status_code == 404
    assert reloaded(alice).role == "admin"


def test_a_disabled_administrator_does_not_count(admin, make, root, time):
    make.user(role="admin", disabled_at=time.now)
    assert admin.post(f"/admin/people/{root.id}/role", data={"role": "user"}).status_code == 409


def test_the_command_leaves_one_too(app, root):
    result = app.test_cli_runner().invoke(args=["user", "disable", root.email])
    assert result.exit_code == 1
    assert "last administrator" in result.output
    assert reloaded(root).disabled_at is None


def test_all_sessions_are_ended(admin, client, alice):
    admin.post(f"/admin/people/{alice.id}/end-sessions")
    assert client.get("/agents").status_code == 302


def test_a_link_is_shown_once_and_signs_in(admin, app, alice):
    admin.post(f"/admin/people/{alice.id}/link")
    answer = admin.get(f"/admin/people/{alice.id}")
    assert answer.headers["Cache-Control"] == "no-store"
    link = Page(answer, "/admin/people/1").find(id="fresh-link").get_text()
    assert "/login/" not in admin.get(f"/admin/people/{alice.id}").get_data(as_text=True)
    client = app.test_client()
    client.post(link.removeprefix("http://127.0.0.1:8000"))
    assert "alice@example.org" in client.get("/settings").get_data(as_text=True)


def test_no_links_where_there_is_an_identity_provider(with_provider, admin, alice):
    assert admin.post(f"/admin/people/{alice.id}/link").status_code == 409
    assert "Sign-in link" not in Page(admin.get(f"/admin/people/{alice.id}"), "/admin/people/1").text


@pytest.mark.parametrize("fields", [{"email": None}, {"disabled_at": True}])
def test_no_link_for_who_cannot_use_it(admin, make, time, fields):
    person = make.user(**{"disabled_at": time.now} if "disabled_at" in fields else fields)
    assert admin.post(f"/admin/people/{person.id}/link").status_code == 409


def test_a_look_is_written_down_for_its_owner_and_shown_on_every_page(admin, client, make, alice):
    make.agent(alice, name="alices-agent")
    assert admin.post(f"/admin/people/{alice.id}/look", data={"reason": "asked for help"}).status_code == 303
    for path in ("/agents", "/tasks", "/settings", "/settings/audit"):
        page = Page(admin.get(path), path)
        assert "You look into the space of Alice Archer as administrator" in page.text
    assert "alices-agent" in Page(admin.get("/agents"), "/agents").text
    read = Page(client.get("/settings/audit"), "/settings/audit").select(".trail > li")[0].get_text(" ")
    assert "Root looked into the space as administrator" in " ".join(read.split())
    assert "asked for help" in read


def test_the_way_back_is_on_the_bar(admin, client, alice, time):
    admin.post(f"/admin/people/{alice.id}/look")
    time.forward(minutes=1)
    back = Page(admin.get("/agents"), "/agents").find(class_="looking").form["action"]
    assert admin.post(back).status_code == 303
    page = Page(admin.get("/agents"), "/agents")
    assert page.find(class_="looking") is None
    assert "went out of the space" in Page(client.get("/settings/audit"), "/settings/audit").text


def test_what_an_administrator_changes_there_is_in_its_trail(admin, client, make, alice, root):
    alert = make.alert(alice, title="planner failed")
    admin.post(f"/admin/people/{alice.id}/look")
    assert admin.post(f"/alerts/{alert.id}/resolve").status_code == 303
    seen = Page(client.get(f"/settings/audit?who={root.id}&action=alert"), "/settings/audit").text
    assert "Root resolved the alert planner failed" in seen


def test_who_stops_administering_is_out_of_the_space_at_once(admin, root, make, alice):
    other = make.user(role="admin")
    admin.post(f"/admin/people/{alice.id}/look")
    db.session.execute(db.update(User).where(User.id == root.id).values(role="user"))
    db.session.commit()
    assert admin.get("/agents").location == "/spaces"
    assert other


def test_people_are_listed_by_the_command(app, alice, root):
    listed = app.test_cli_runner().invoke(args=["user", "list"]).stdout.splitlines()
    assert "alice@example.org\tuser\tinvited\tnever" in listed
    assert "root@example.org\tadmin\tinvited\tnever" in listed
    assert app.test_cli_runner().invoke(args=["user", "disable", "nobody@example.org"]).exit_code == 2


def test_a_person_who_does_not_exist_is_not_found(admin):
    for path in ("/admin/people/999999", "/admin/people/2147483648", "/admin/people/x", "/admin/people/-1"):
        assert admin.get(path).status_code == 404
    assert db.session.scalar(select(User.id).where(User.name == "x")) is None


def test_the_worker_measures_spaces_once_an_hour(admin, make, alice, time):
    while measuring.measure_one(db.engine):
        pass
    before = reloaded(alice)
    assert before.storage_bytes is not None
    assert before.storage_at == time.now
    make.task(alice, error_message="x" * 3_000)
    assert not measuring.measure_one(db.engine)
    assert reloaded(alice).storage_bytes == before.storage_bytes
    time.forward(hours=1)
    while measuring.measure_one(db.engine):
        pass
    assert reloaded(alice).storage_bytes > 3_000
    seen = Page(admin.get("/admin"), "/admin")
    size = next(row for row in seen.select("tbody tr") if "Alice" in row.get_text()).find("span", title=True)
    assert size["title"] == "measured 0s ago"
    assert size.get_text().endswith("KiB")
