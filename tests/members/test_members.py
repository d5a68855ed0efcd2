"""An owner invites, changes roles and removes."""

import dataclasses

import pytest
from sqlalchemy import func, select

from swarm_ui.accounts import entry
from swarm_ui.accounts.models import LoginLink, Membership, User
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from tests.pages import Page


@pytest.fixture(autouse=True)
def _administered(root):
    """There is somebody who administers: whoever is invited does not."""


def invite(client, email="mira@example.org", role="operator"):
    return client.post("/settings/members", data={"email": email, "role": role})


def user_of(email: str) -> User | None:
    db.session.rollback()
    return db.session.scalar(select(User).where(User.email == email))


def test_an_unknown_person_is_made_and_waits(client, page):
    answer = invite(client, " Mira@Example.org ")
    mira = user_of("mira@example.org")
    assert (answer.status_code, answer.location) == (303, f"/settings/members?invited={mira.id}")
    assert (mira.role, mira.last_signed_in, mira.open_id) == ("user", None, None)
    seen = page(answer.location)
    assert "mira@example.org may enter this space" in seen.text
    assert "No mail is sent" in seen.text
    assert "flask login-link --email mira@example.org" in seen.text
    assert "has not signed in yet" in seen.find(id=f"member-{mira.id}").get_text()


def test_with_an_identity_provider_they_sign_in_there(with_provider, client, page):
    seen = page(invite(client).location)
    assert "sign in at http://127.0.0.1:8000 with exactly this address" in seen.text
    assert "login-link" not in seen.text


def test_who_could_not_come_in_is_not_invited(app, with_provider, client, bob):
    """ALLOWED_EMAILS holds for everybody who has not signed in with a provider yet."""
    app.config["SETTINGS"] = dataclasses.replace(app.config["SETTINGS"], allowed_emails=("example.com",))
    answer = invite(client, "mira@example.org")
    assert answer.status_code == 422
    assert "ALLOWED_EMAILS" in answer.get_data(as_text=True)
    assert invite(client, "mira@example.com").status_code == 303


def test_who_is_known_keeps_everything_and_enters_at_once(client, client_of, bob, alice):
    invite(client, bob.email, "viewer")
    assert user_of(bob.email).name == "Bob Baker"
    guest = client_of(bob)
    assert guest.post(f"/spaces/{alice.id}/enter").status_code == 303
    assert "where you are viewer" in Page(guest.get("/settings"), "/settings").text


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("nobody", "no e-mail address"),
        ("alice@example.org", "the owner"),
        ("a" * 250 + "@example.org", "no e-mail address"),
        ("mira@exämple.org", "no e-mail"),
    ],
)
def test_what_cannot_be_is_said_at_the_field(client, email, said):
    answer = invite(client, email)
    assert answer.status_code == 422
    page = Page(answer, "/settings/members")
    assert said in page.find(id="email-help").get_text()
    assert page.find(id="email")["aria-invalid"] == "true"
    assert page.find(id="email")["value"] == email


def test_nobody_is_invited_twice(client):
    invite(client)
    again = invite(client, role="viewer")
    assert again.status_code == 422
    assert "a member already" in again.get_data(as_text=True)
    assert db.session.scalar(select(func.count()).select_from(Membership)) == 1


def test_a_role_is_changed_and_holds_at_the_next_request(client, client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    alert = make.alert(alice)
    guest = client_of(bob, owner=alice)
    assert guest.post(f"/alerts/{alert.id}/resolve").status_code == 403
    assert client.post(f"/settings/members/{bob.id}/role", data={"role": "operator"}).status_code == 303
    assert guest.post(f"/alerts/{alert.id}/resolve").status_code == 303
    assert client.post(f"/settings/members/{bob.id}/role", data={"role": "owner"}).status_code == 422


def test_removal_ends_access_at_the_next_request(client, client_of, make, alice, bob):
    make.membership(alice, bob, "editor")
    guest = client_of(bob, owner=alice)
    assert guest.get("/agents").status_code == 200
    assert client.post(f"/settings/members/{bob.id}/remove").status_code == 303
    assert guest.get("/agents").location == "/spaces"
    assert user_of(bob.email) is None or user_of(bob.email).name == "Bob Baker"


def test_who_was_invited_and_never_came_goes_as_they_came(client):
    invite(client)
    link = entry.make_link("mira@example.org")
    client.post(f"/settings/members/{user_of('mira@example.org').id}/remove")
    assert user_of("mira@example.org") is None
    assert db.session.scalar(select(func.count()).select_from(LoginLink)) == 0
    assert link


def test_the_trail_that_only_speaks_of_a_link_goes_with_them(client, client_of, root):
    invite(client)
    mira = user_of("mira@example.org").id
    client_of(root).post(f"/admin/people/{mira}/link")
    client.post(f"/settings/members/{mira}/remove")
    assert user_of("mira@example.org") is None
    trail = AuditEvent.__table__
    with db.engine.connect() as connection:
        assert connection.execute(select(trail).where(trail.c.userId == mira)).all() == []


@pytest.mark.parametrize("tie", ["signed in", "agent", "key", "host", "guest", "admin"])
def test_who_is_somebody_stays(client, make, tie, time, alice, bob):
    invite(client)
    mira = user_of("mira@example.org")
    if tie == "signed in":
        mira.last_signed_in = time.now
        db.session.commit()
    elif tie == "agent":
        make.agent(mira)
    elif tie == "key":
        make.api_key(mira)
    elif tie == "host":
        make.membership(mira, bob)
    elif tie == "guest":
        make.membership(bob, mira)
    else:
        mira.role = "admin"
        db.session.commit()
    client.post(f"/settings/members/{mira.id}/remove")
    assert user_of("mira@example.org")
    assert db.session.get(Membership, (alice.id, mira.id)) is None


def test_members_look_at_the_list_and_change_nothing(client_of, make, alice, bob):
    make.membership(alice, bob, "editor")
    page = Page(client_of(bob, owner=alice).get("/settings/members"), "/settings/members")
    assert not page.select("main form")
    assert "The owner of this space invites" in page.text


def test_an_administrator_finds_the_way_to_a_link(client, client_of, root, alice):
    invite(client)
    mira = user_of("mira@example.org")
    admin = client_of(root, owner=alice)
    seen = Page(admin.get("/settings/members"), "/settings/members")
    assert seen.find("a", href=f"/admin/people/{mira.id}")


def test_hostile_addresses_are_text(client, page):
    invite(client, '"<b>x</b>"@example.org')
    invited = user_of('"<b>x</b>"@example.org')
    seen = page(f"/settings/members?invited={invited.id}") if invited else page("/settings/members")
    assert not seen.select("main b b")
