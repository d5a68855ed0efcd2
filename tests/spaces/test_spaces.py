"""Switching between spaces, and leaving one."""

from sqlalchemy import select

from swarm_ui.accounts.models import Membership
from swarm_ui.extensions import db
from tests.pages import Page


def test_the_spaces_that_one_may_enter_are_listed(page, make, alice, bob):
    make.membership(bob, alice, "operator")
    make.membership(alice, make.user(name="Somebody else"))
    seen = page("/spaces")
    own, other = seen.rows(".list > li")
    assert "Alice Archer your own shown in this browser" in own
    assert "Bob Baker you are operator" in other
    assert "Somebody else" not in seen.text
    assert seen.find("a", class_="space")["href"] == "/spaces"


def test_one_enters_and_comes_back(client, page, make, alice, bob):
    make.membership(bob, alice, "editor")
    make.agent(bob, name="bobs-agent")
    form = page("/spaces").find("form", action=f"/spaces/{bob.id}/enter")
    assert client.post(form["action"]).location == "/"
    assert "bobs-agent" in page("/agents").text
    assert page("/agents").find("a", class_="space").get_text(" ").startswith("Bob Baker editor")
    assert client.post(f"/spaces/{alice.id}/enter").status_code == 303
    assert "bobs-agent" not in page("/agents").text


def test_other_browsers_stay_where_they_are(client, client_of, make, alice, bob):
    make.membership(bob, alice)
    other = client_of(alice)
    client.post(f"/spaces/{bob.id}/enter")
    assert "Alice Archer, your own" in Page(other.get("/settings"), "/settings").text


def test_nobody_enters_uninvited(client, bob):
    for target in (bob.id, 0, 2_147_483_647, 2_147_483_648, 10**30):
        assert client.post(f"/spaces/{target}/enter").status_code == 404


def test_an_administrator_enters_by_looking_only(client_of, root, alice):
    assert client_of(root).post(f"/spaces/{alice.id}/enter").status_code == 404


def test_entering_leads_to_pages_of_this_site_only(client, make, alice, bob):
    make.membership(bob, alice)
    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert client.post(f"/spaces/{bob.id}/enter", data={"next": target}).location == "/"
        client.post(f"/spaces/{alice.id}/enter")


def test_one_leaves(client, page, make, alice, bob):
    make.membership(bob, alice, "editor")
    client.post(f"/spaces/{bob.id}/enter")
    assert client.post(f"/spaces/{bob.id}/leave").location == "/spaces?left=1"
    said = page("/spaces?left=1")
    assert "You have left the space" in said.text
    assert len(said.rows(".list > li")) == 1
    assert page("/agents")
    assert db.session.scalars(select(Membership)).all() == []
    assert client.post(f"/spaces/{bob.id}/leave").status_code == 404


def test_ones_own_space_is_not_left(client, alice):
    assert client.post(f"/spaces/{alice.id}/leave").status_code == 404


def test_keys_that_a_member_made_end_with_their_place(client, client_of, make, alice, bob, app):
    make.membership(bob, alice, "editor")
    client.post(f"/spaces/{bob.id}/enter")
    client.post("/settings/keys", data={"name": "x", "scopes": "read"})
    key = Page(client.get("/settings/keys"), "/settings/keys").find(id="fresh-key").get_text()
    ask = lambda: app.test_client().get("/api/v1/tasks", headers={"x-api-key": key}).status_code  # noqa: E731
    assert ask() == 200
    client.post(f"/spaces/{bob.id}/leave")
    assert ask() == 401
