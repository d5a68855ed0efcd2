import json

import pytest
from sqlalchemy import text

from swarm_ui.extensions import db
from tests.conftest import NOW
from tests.pages import Page

HTMX = {"HX-Request": "true"}


def stored(alert):
    return db.session.execute(
        text("SELECT resolved, resolvedAt, touched FROM alerts WHERE id = :id AND userId = :owner"),
        {"id": alert.id, "owner": alert.user_id},
    ).one()


def test_it_resolves_and_returns_to_the_list(client, make, alice):
    alert = make.alert(alice)
    answer = client.post(f"/alerts/{alert.id}/resolve")
    assert (answer.status_code, answer.location) == (303, "/alerts")
    resolved, at, touched = stored(alert)
    assert resolved
    assert str(at).startswith(str(NOW.date()))
    assert touched


def test_htmx_gets_the_row_and_the_count(client, make, alice):
    alert = make.alert(alice, title="browser failed")
    make.alert(alice)
    answer = client.post(f"/alerts/{alert.id}/resolve", headers=HTMX)
    part = Page(answer, f"/alerts/{alert.id}/resolve", fragment=True)
    assert part.find("li", id=f"alert-{alert.id}").form["action"] == f"/alerts/{alert.id}/reopen"
    count = part.find(id="nav-alerts")
    assert count["hx-swap-oob"] == "true"
    assert count.get_text(" ").startswith("1")
    assert part.find(attrs={"data-announce": "Resolved: browser failed"})


def test_htmx_gets_the_count_of_the_list_that_it_stands_in(client, page, make, alice):
    alert = make.alert(alice, severity="critical")
    make.alert(alice, severity="critical")
    make.alert(alice, severity="warning")
    url = "/alerts?severity=critical"
    here = json.loads(page(url).find("ul", class_="list")["hx-vals"])
    part = Page(client.post(f"/alerts/{alert.id}/resolve", headers=HTMX, data=here), url, fragment=True)
    head = part.find(id="count-alerts")
    assert (head.get_text(), head["hx-swap-oob"]) == ("1 open", "true")
    assert page(url).find(id="count-alerts").get_text() == "1 open"


@pytest.mark.parametrize(
    "address", ["/alerts?state=asleep", "http://[", "https://elsewhere.example/?x=1", "/tasks?q=x"]
)
def test_a_strange_address_of_the_list_does_not_undo_it(client, make, alice, address):
    alert = make.alert(alice)
    answer = client.post(f"/alerts/{alert.id}/resolve", headers=HTMX, data={"next": address})
    assert answer.status_code == 200
    assert stored(alert).resolved


def test_the_last_one_resolved_hides_the_count(client, make, alice):
    alert = make.alert(alice)
    part = Page(client.post(f"/alerts/{alert.id}/resolve", headers=HTMX), "/alerts", fragment=True)
    assert part.find(id="nav-alerts").has_attr("hidden")


def test_it_keeps_the_first_time(client, make, alice, time):
    alert = make.alert(alice)
    client.post(f"/alerts/{alert.id}/resolve")
    first = stored(alert).resolvedAt
    time.forward(hours=1)
    client.post(f"/alerts/{alert.id}/resolve")
    assert stored(alert).resolvedAt == first


def test_it_reopens(client, make, alice):
    alert = make.alert(alice, resolved=True, resolved_at=NOW)
    part = Page(client.post(f"/alerts/{alert.id}/reopen", headers=HTMX), "/alerts", fragment=True)
    assert part.find("li").form["action"] == f"/alerts/{alert.id}/resolve"
    assert not stored(alert).resolved
    assert stored(alert).resolvedAt is None


def test_pollers_see_the_change(client, make, alice):
    alert = make.alert(alice)
    etag = client.get("/alerts", headers=HTMX).headers["ETag"]
    client.post(f"/alerts/{alert.id}/resolve")
    assert client.get("/alerts", headers=HTMX | {"If-None-Match": etag}).status_code == 200


def test_another_owners_alert_is_not_found(client, make, bob):
    alert = make.alert(bob)
    assert client.post(f"/alerts/{alert.id}/resolve").status_code == 404
    assert client.post(f"/alerts/{alert.id}/reopen").status_code == 404
    assert not stored(alert).resolved


def test_a_viewer_may_not_resolve(client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    alert = make.alert(alice)
    assert client_of(bob, owner=alice).post(f"/alerts/{alert.id}/resolve").status_code == 403
    assert not stored(alert).resolved


def test_a_foreign_page_may_not_resolve(client, make, alice):
    alert = make.alert(alice)
    assert (
        client.post(f"/alerts/{alert.id}/resolve", headers={"Sec-Fetch-Site": "cross-site"}).status_code
        == 403
    )
    assert client.get(f"/alerts/{alert.id}/resolve").status_code == 405
