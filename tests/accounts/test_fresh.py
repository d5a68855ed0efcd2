"""What is shown once waits in the session's row, not in the cookie."""

import re

from sqlalchemy import select

from swarm_ui.accounts import fresh
from swarm_ui.accounts.models import BrowserSession
from swarm_ui.extensions import db
from tests.pages import Page


def waiting() -> list[str]:
    db.session.rollback()
    return [sealed for sealed in db.session.scalars(select(BrowserSession.fresh)) if sealed]


def shown(client) -> str | None:
    found = Page(client.get("/settings/keys"), "/settings/keys").find(id="fresh-key")
    return found.get_text() if found else None


def make_key(client):
    return client.post("/settings/keys", data={"name": "x", "scopes": "read"})


def test_neither_the_cookie_nor_the_database_has_it_and_it_is_gone_after(client):
    made = make_key(client)
    (sealed,) = waiting()
    assert "swk_" not in sealed
    assert "fresh" not in str(made.headers)
    with client.session_transaction() as session:
        assert set(session) == {"_user_id", "_fresh"}
    assert re.fullmatch(r"swk_[A-Za-z0-9]{40}", shown(client))
    assert waiting() == []
    assert shown(client) is None


def test_another_browser_of_the_person_does_not_see_it(client, client_of, alice):
    make_key(client)
    assert shown(client_of(alice)) is None
    assert shown(client)


def test_it_waits_ten_minutes(client, time):
    make_key(client)
    time.forward(seconds=fresh.LIFETIME + 1)
    assert shown(client) is None
    assert waiting() == []


def test_a_link_waits_while_a_page_looks_for_a_key(client_of, root, alice):
    admin = client_of(root)
    admin.post(f"/admin/people/{alice.id}/link")
    assert shown(admin) is None
    page = Page(admin.get(f"/admin/people/{alice.id}"), "/admin/people/1")
    assert "/login/" in page.find(id="fresh-link").get_text()
    assert waiting() == []
