"""One-time links, sessions, and signing out."""

import threading

import pytest
from sqlalchemy import func, select

from swarm_ui.accounts import entry, people
from swarm_ui.accounts.models import ApiKey, LoginLink, User
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests.pages import Page


def path_of(link: str) -> str:
    assert link.startswith("http://127.0.0.1:8000/login/")
    return link.removeprefix("http://127.0.0.1:8000")


@pytest.fixture
def stranger(app):
    return app.test_client()


def test_a_link_signs_in_once(stranger, alice):
    path = path_of(entry.make_link(alice.email))
    first = stranger.post(path)
    assert (first.status_code, first.location) == (303, "/")
    assert "Alice Archer" in stranger.get("/settings").get_data(as_text=True)
    again = stranger.post(path)
    assert again.status_code == 410
    assert "used already" in again.get_data(as_text=True)


def test_opening_the_link_does_not_use_it_up(stranger, alice):
    path = path_of(entry.make_link(alice.email))
    for _ in range(3):
        response = stranger.get(path)
        assert response.status_code == 200
        assert Page(response, path).find("button", string="Sign in")
        assert stranger.head(path).status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert stranger.post(path).status_code == 303


def test_it_expires_after_a_quarter_of_an_hour(stranger, alice, time):
    path = path_of(entry.make_link(alice.email))
    time.forward(minutes=14, seconds=59)
    assert stranger.get(path).status_code == 200
    time.forward(seconds=1)
    for response in (stranger.get(path), stranger.post(path)):
        assert response.status_code == 410
        page = Page(response, path)
        assert "expired" in page.text
        assert "flask login-link" in page.text


def test_an_unknown_link_is_not_found_and_says_what_to_do(stranger):
    for path in ("/login/nothing", "/login/" + "a" * 43, "/login/%F0%9F%90%9D", "/login/" + "x" * 5000):
        for response in (stranger.get(path), stranger.post(path)):
            assert response.status_code == 404
            assert "flask login-link" in Page(response, path).text


def test_two_clicks_at_once_sign_in_one(app, alice):
    path = path_of(entry.make_link(alice.email))
    ready, answers = threading.Barrier(4), []

    def click():
        client = app.test_client()
        ready.wait()
        answers.append(client.post(path).status_code)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 410, 410, 410]


def test_only_the_hash_of_a_link_is_stored(app):
    token = entry.make_link().rsplit("/", 1)[1]
    assert len(token) >= 43
    link = db.session.scalars(select(LoginLink)).one()
    assert token not in (link.hash, link.email or "")
    assert len(link.hash) == 64


def test_old_links_are_cleared_away(app, time):
    entry.make_link()
    time.forward(days=2)
    entry.make_link()
    assert db.session.scalar(select(func.count()).select_from(LoginLink)) == 1


def test_the_first_person_administers_and_later_ones_do_not(app):
    for _ in range(2):
        assert app.test_client().post(path_of(entry.make_link())).status_code == 303
    app.test_client().post(path_of(entry.make_link("later@example.org")))
    db.session.rollback()
    people = db.session.execute(select(User.email, User.name, User.role).order_by(User.id)).all()
    assert people == [(None, "You", "admin"), ("later@example.org", "later", "user")]


def test_a_link_without_an_address_is_for_the_first_administrator(stranger, alice, root):
    stranger.post(path_of(entry.make_link()))
    assert "root@example.org" in stranger.get("/settings").get_data(as_text=True)


def test_signing_in_is_noted(stranger, alice, time):
    stranger.post(path_of(entry.make_link(alice.email)))
    db.session.rollback()
    assert db.session.get(User, alice.id).last_signed_in == time.now


def test_it_leads_to_the_page_that_was_wanted(stranger, alice):
    wall = stranger.get("/settings?tab=keys")
    assert wall.status_code == 302
    explained = stranger.get(wall.location)
    assert "/settings?tab=keys" in explained.get_data(as_text=True)
    assert stranger.post(path_of(entry.make_link(alice.email))).location == "/settings?tab=keys"


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil"]
)
def test_it_never_leads_to_another_site(stranger, alice, target):
    stranger.get("/login", query_string={"next": target})
    assert stranger.post(path_of(entry.make_link(alice.email))).location == "/"


def test_nothing_of_the_session_before_is_kept(stranger, alice):
    with stranger.session_transaction() as session:
        session["planted"] = "by another"
        session["fresh_key"] = "swk_of_somebody_else"
    stranger.post(path_of(entry.make_link(alice.email)))
    with stranger.session_transaction() as session:
        assert people.load(session["_user_id"]).id == alice.id
        assert not {"planted", "fresh_key", "next"} & set(session)


def test_the_cookie_is_for_this_site_and_not_for_scripts(stranger, alice):
    cookie = stranger.post(path_of(entry.make_link(alice.email))).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires=" in cookie


def test_a_foreign_page_cannot_sign_anybody_in(stranger, alice):
    path = path_of(entry.make_link(alice.email))
    assert stranger.post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stranger.post(path, headers={"Origin": "https://evil.example"}).status_code == 403
    assert stranger.post(path, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_the_sign_in_page_says_how_to_get_a_link(stranger):
    page = Page(stranger.get("/login"), "/login")
    assert "flask login-link" in page.text


def test_who_is_signed_in_already_goes_on(client):
    assert client.get("/login?next=/settings").location == "/settings"


def test_signing_out(client):
    response = client.post("/logout")
    assert (response.status_code, response.location) == (303, "/login")
    assert client.get("/settings").status_code == 302
    assert client.get("/logout").status_code == 405


def test_a_viewer_may_sign_out(client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    assert client_of(bob, owner=alice).post("/logout").status_code == 303


def test_who_loses_a_space_lands_in_their_own_and_is_told(client_of, make, alice, bob):
    membership = make.membership(alice, bob, "editor")
    client = client_of(bob, owner=alice)
    page = Page(client.get("/settings"), "/settings")
    assert "Alice Archer, where you are editor" in page.text
    db.session.delete(db.session.merge(membership))
    db.session.commit()
    sent_on = client.get("/agents")
    assert (sent_on.status_code, sent_on.location) == (302, "/spaces")
    said = Page(client.get("/spaces"), "/spaces")
    assert "You are no longer in the space of Alice Archer" in said.text
    assert "no longer" not in Page(client.get("/spaces"), "/spaces").text
    assert client.get("/agents").status_code == 200
    assert "Bob Baker, your own" in Page(client.get("/settings"), "/settings").text


def test_nothing_that_was_meant_for_the_lost_space_is_done_in_ones_own(client_of, alice, bob):
    changed = client_of(bob, owner=alice).post("/settings/keys", data={"name": "x", "scopes": "ingest"})
    assert (changed.status_code, changed.location) == (303, "/spaces")
    part = client_of(bob, owner=alice).get("/agents", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Redirect"]) == (204, "/spaces")
    assert client_of(bob, owner=alice).get("/api/v1/agents").status_code == 403
    db.session.rollback()
    assert db.session.scalars(everyone(select(ApiKey), "the test")).all() == []


@pytest.mark.parametrize(
    "session_id", ["", "1", ":", "1:", "a:b", "1:1:1", "-1:-1", "99999999:99999999", "1 OR 1=1:1", "²:²"]
)
def test_a_session_that_names_nobody_is_signed_out(app, alice, session_id):
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = session_id
    assert client.get("/settings").status_code == 302


def test_the_start_prints_where_to_go(app, root, stranger):
    message = entry.startup_message(app)
    assert "http://127.0.0.1:8000\n" in message
    link = next(word for word in message.split() if "/login/" in word)
    assert stranger.post(path_of(link)).status_code == 303
    assert "flask login-link" in message
