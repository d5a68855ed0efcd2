"""An account that came in by a link gets a way to sign in."""

import pytest
from sqlalchemy import select

from swarm_ui.accounts import entry
from swarm_ui.accounts.models import User
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests.accounts.conftest import Visitor, accounts
from tests.pages import Page


@pytest.fixture
def first(visitor) -> Visitor:
    """The administrator that the very first link made, signed in."""
    visitor.client.post(entry.make_link().removeprefix("http://127.0.0.1:8000"))
    return visitor


def connect(visitor: Visitor):
    answer = visitor.client.post(f"/login/{visitor.name}/connect")
    assert answer.status_code == 200
    target = Page(answer, "/login/corp/connect").find("meta", attrs={"http-equiv": "refresh"})["content"]
    return visitor.authorize(target.removeprefix("0;url="))


def links() -> int:
    return len(
        db.session.scalars(everyone(select(AuditEvent).where(AuditEvent.action == "user.link"), "test")).all()
    )


def test_the_first_administrator_moves_to_a_provider(app, first, corp):
    page = first.client.get("/login/connect").get_data(as_text=True)
    assert "Connect Corp" in page
    answer = first.back(connect(first))
    assert (answer.status_code, answer.location) == (303, "/login/connect")
    assert accounts() == [(f"{corp.url}|mira-1", "mira@example.org", "You", "admin")]
    assert links() == 1
    page = first.client.get("/login/connect").get_data(as_text=True)
    assert "You sign in with <b>Corp</b>" in page
    assert "Connect Corp" not in page
    later = Visitor(app.test_client(), corp, "corp")
    assert later.come().status_code == 303
    assert len(accounts()) == 1


def test_an_account_keeps_its_provider(visitor, corp):
    visitor.come()
    corp.person["sub"] = "another"
    assert visitor.back(connect(visitor)).status_code == 409
    assert accounts()[0][0] == f"{corp.url}|mira-1"
    assert links() == 0


def test_what_another_account_has_is_not_taken(first, corp, make):
    make.user(open_id=f"{corp.url}|mira-1")
    before = accounts()
    answer = first.back(connect(first))
    assert answer.status_code == 409
    assert "Another account has this sign-in" in answer.get_data(as_text=True)
    assert accounts() == before


def test_an_address_that_another_has_is_left_to_them(first, corp, make):
    make.user(email="mira@example.org")
    assert first.back(connect(first)).status_code == 303
    assert accounts()[0][:2] == (f"{corp.url}|mira-1", None)


def test_whoever_is_signed_in_by_then_is_the_one(first, corp):
    path = connect(first)
    with first.client.session_transaction() as session:
        session.pop("_user_id")
    assert first.back(path).status_code == 400
    assert db.session.scalars(select(User.open_id)).all() == ["local|admin"]


def test_strangers_and_foreign_pages_connect_nothing(app, first):
    assert app.test_client().post("/login/corp/connect").status_code == 302
    assert (
        first.client.post("/login/corp/connect", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )


def test_without_a_provider_the_page_says_so(client):
    assert "no identity provider" in Page(client.get("/login/connect"), "/login/connect").text
