"""Sessions live on the server: listed, ended, and over by themselves."""

import pytest
from sqlalchemy import func, select

from swarm_ui.accounts import entry, sessions
from swarm_ui.accounts.models import BrowserSession
from swarm_ui.extensions import db
from swarm_ui.settings.browsers import browser_of
from tests.pages import Page

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def the_same_browser(client, app):
    """Its cookie, at another process."""
    other = app.test_client()
    with client.session_transaction() as session, other.session_transaction() as copied:
        copied.update(session)
    return other


def signed_in(app, person, **headers):
    client = app.test_client()
    path = entry.make_link(person.email).removeprefix("http://127.0.0.1:8000")
    assert client.post(path, headers=headers).status_code == 303
    return client


def test_signing_in_again_ends_the_session_that_this_browser_had(app, alice, bob):
    client = signed_in(app, alice)
    for person in (alice, bob):
        link = entry.make_link(person.email).removeprefix("http://127.0.0.1:8000")
        assert client.post(link).status_code == 303
    seen = Page(client.get("/settings/sessions"), "/settings/sessions")
    assert len(seen.rows()) == 1
    assert db.session.scalar(select(func.count()).select_from(BrowserSession)) == 1


def test_mine_are_listed_and_this_one_is_marked(app, alice, bob):
    client = signed_in(app, alice, **{"User-Agent": FIREFOX})
    signed_in(app, alice, **{"User-Agent": "curl/8.5"})
    signed_in(app, bob)
    page = Page(client.get("/settings/sessions"), "/settings/sessions")
    assert len(page.rows()) == 2
    (own,) = [row for row in page.rows() if "this browser" in row]
    assert "Firefox on Linux" in own
    assert "one-time link" in own
    assert "127.0.0.1" in own
    assert page.select('.nav-local [aria-current="page"]')[0].get_text() == "Sessions"


def test_one_is_ended(app, alice):
    client, other = signed_in(app, alice), signed_in(app, alice, **{"User-Agent": "curl/8.5"})
    page = Page(client.get("/settings/sessions"), "/settings/sessions")
    (form,) = [row.form for row in page.select("tbody tr") if "curl" in row.get_text()]
    assert client.post(form["action"]).status_code == 303
    assert other.get("/settings").status_code == 302
    assert client.get("/settings").status_code == 200
    assert client.post(form["action"]).status_code == 404


def test_ending_this_one_signs_out(app, alice):
    client = signed_in(app, alice)
    form = Page(client.get("/settings/sessions"), "/settings/sessions").select("tbody form")[0]
    assert client.post(form["action"]).location == "/login"
    assert client.get("/settings").status_code == 302


def test_all_others_are_ended(app, alice, bob):
    client, *others = (signed_in(app, alice) for _ in range(4))
    stranger = signed_in(app, bob)
    client.post("/settings/sessions/end-others")
    assert {other.get("/settings").status_code for other in others} == {302}
    assert {client.get("/settings").status_code, stranger.get("/settings").status_code} == {200}


def test_it_ends_when_it_is_not_used(app, client, time):
    idle = app.config["SETTINGS"].session_idle
    time.forward(seconds=idle - 1)
    assert client.get("/settings").status_code == 200
    time.forward(seconds=idle - 1)
    assert client.get("/settings").status_code == 200
    time.forward(seconds=idle)
    assert client.get("/settings").status_code == 302


def test_it_ends_some_time_after_signing_in_however_it_is_used(app, client, time):
    settings = app.config["SETTINGS"]
    began, step = time.now, settings.session_idle // 2
    while (time.now - began).total_seconds() + step < settings.session_lifetime:
        time.forward(seconds=step)
        assert client.get("/settings").status_code == 200
    time.forward(seconds=step)
    assert client.get("/settings").status_code == 302


def test_those_that_are_over_are_not_listed(app, alice, client, make, time):
    make.browser_session(alice, alice)
    time.forward(seconds=app.config["SETTINGS"].session_idle - 100)
    assert client.get("/settings").status_code == 200
    time.forward(seconds=200)
    assert len(Page(client.get("/settings/sessions"), "/settings/sessions").rows()) == 1


def test_a_new_sign_in_is_a_new_session_and_a_planted_one_opens_nothing(app, alice, client_of, bob):
    """Session fixation: the cookie that another planted is not the one that is signed in."""
    victim = client_of(bob)
    with victim.session_transaction() as session:
        planted = dict(session)
    path = entry.make_link(alice.email).removeprefix("http://127.0.0.1:8000")
    victim.post(path)
    with victim.session_transaction() as session:
        assert session["_user_id"] != planted["_user_id"]
    attacker = app.test_client()
    with attacker.session_transaction() as session:
        session.update(planted)
    assert "alice@example.org" not in attacker.get("/settings").get_data(as_text=True)


def test_signing_out_ends_it_for_a_copied_cookie_too(app, alice, other_process):
    """Show 3: at once on both processes."""
    client = signed_in(app, alice)
    copy = the_same_browser(client, other_process)
    assert copy.get("/settings").status_code == 200
    client.post("/logout")
    assert copy.get("/settings").status_code == 302


def test_revoking_removal_and_disabling_hold_on_every_process(
    app, other_process, make, alice, bob, client_of, root
):
    """Show 3."""
    make.membership(alice, bob, "editor")
    owner, editor = client_of(alice), client_of(bob, owner=alice)
    editor.post("/settings/keys", data={"name": "x", "scopes": "read"})
    key = Page(editor.get("/settings/keys"), "/settings/keys").find(id="fresh-key").get_text()
    there = the_same_browser(editor, other_process)
    program = other_process.test_client()

    def read() -> int:
        return program.get("/api/v1/tasks", headers={"x-api-key": key}).status_code

    assert (there.get("/agents").status_code, read()) == (200, 200)
    owner.post(f"/settings/members/{bob.id}/remove")
    assert there.get("/agents").location == "/spaces"
    assert read() == 401
    owner.post("/settings/keys", data={"name": "y", "scopes": "read"})
    page = Page(owner.get("/settings/keys"), "/settings/keys")
    key = page.find(id="fresh-key").get_text()
    assert read() == 200
    (form,) = [row.form for row in page.select("#keys tbody tr") if row.b.get_text() == "y"]
    owner.post(form["action"])
    assert read() == 401
    client_of(root).post(f"/admin/people/{bob.id}/disable")
    assert there.get("/spaces").status_code == 302


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile Safari/604.1", "Chrome on iPhone"),
        ("curl/8.5", "curl"), ("", "A browser that does not say what it is"), ("<script>", "<script>"),
    ],
)  # fmt: skip
def test_browsers_are_named_in_words(sent, said):
    assert browser_of(sent) == said


def test_the_list_stays_bounded(app, alice, client, make):
    for _ in range(3):
        make.browser_session(alice, alice)
    assert sessions.MOST_SHOWN == 100
