"""Saved views: kept by editors, used by everybody in the space."""

import pytest

from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.saved import queries
from swarm_ui.tenancy import bind_owner


def save(client, name: str, query: str):
    return client.post("/saved-views", data={"name": name, "query": query})


def test_what_is_shown_is_kept_under_a_name(client, page, make, alice):
    assert "Save this view" not in page("/tasks").text  # all runs need no name
    answer = save(client, "Dear failures", "q=status:failed cost:>0.5&sort=cost&col=cost&cursor=abc&evil=1")
    assert answer.status_code == 303
    assert answer.location == "/tasks?q=status%3Afailed+cost%3A%3E0.5&sort=cost&col=cost"
    opened = page(answer.location)
    (current,) = opened.select("#views [aria-current]")
    assert (current.get_text(), current["href"]) == ("Dear failures", answer.location)
    assert "Change this view" in opened.text


def test_saving_under_a_name_that_there_is_replaces_it(client, page, alice):
    save(client, "Mine", "q=status:failed")
    save(client, "Mine", "q=status:timeout")
    assert [link.get_text() for link in page("/tasks").select("#views .tabs a")] == ["All runs", "Mine"]
    assert page("/tasks").link("Mine")["href"] == "/tasks?q=status%3Atimeout"
    bind_owner(db.session, alice.id)
    actions = db.session.scalars(db.select(AuditEvent.action).where(AuditEvent.action.startswith("view.")))
    assert sorted(actions) == ["view.create", "view.update"]


def test_renaming_and_deleting(client, page, make, alice):
    view, other = make.saved_view(alice, name="One"), make.saved_view(alice, name="Two", query="q=x")
    assert client.post(f"/saved-views/{view.id}/rename", data={"name": "Two"}).status_code == 409
    assert client.post(f"/saved-views/{view.id}/rename", data={"name": "Three"}).status_code == 303
    assert client.post(f"/saved-views/{other.id}/delete").location == "/tasks?q=x"
    assert [link.get_text() for link in page("/tasks").select("#views .tabs a")] == ["All runs", "Three"]


def test_viewers_use_them(client_of, make, alice, page):
    viewer = make.user()
    make.membership(alice, viewer, "viewer")
    make.saved_view(alice, name="Failures")
    opened = page("/tasks?q=status:failed", client=client_of(viewer, owner=alice))
    assert opened.link("Failures")["aria-current"] == "true"
    assert opened.select("#views form") == []


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"name": "", "query": "q=x"}, 422),
        ({"name": "x" * 101, "query": "q=x"}, 422),
        ({"name": "x", "query": "q=statuss:failed"}, 422),
        ({"name": "x", "query": "sort=name"}, 422),
        ({"name": "x", "query": "q=" + "x" * 2000}, 422),
        ({"name": "x", "query": "&".join(["col=cost"] * 100)}, 303),
        ({"name": "x", "list": "users", "query": ""}, 422),
        ({"name": "<b>汉字</b>\n🎉", "query": "q=<script>"}, 303),
    ],
)
def test_what_is_sent(client, page, form, status):
    assert client.post("/saved-views", data=form).status_code == status
    assert page("/tasks").select("#views script, #views b") == []


def test_there_is_a_most(client, make, alice, monkeypatch):
    monkeypatch.setattr(queries, "MOST", 2)
    for name in ("a", "b"):
        assert save(client, name, "q=x").status_code == 303
    assert save(client, "c", "q=x").status_code == 409
    assert save(client, "b", "q=y").status_code == 303


def test_two_spaces_may_use_the_same_name(client, client_of, bob, make, alice):
    save(client, "Same", "q=alice")
    save(client_of(bob), "Same", "q=bob")
    assert "q=alice" not in client_of(bob).get("/tasks").get_data(as_text=True)
