"""Profile: name, time zone, theme, keys of the keyboard."""

from datetime import timedelta

import pytest

from swarm_ui.accounts.models import User
from swarm_ui.extensions import db
from tests.pages import Page


def save(client, **fields):
    return client.post(
        "/settings/profile",
        data={"name": "Alice Archer", "timeZone": "UTC", "theme": "auto", "keyboard": "1"} | fields,
    )


def test_it_is_saved_and_said(client, page, alice):
    answer = save(client, name="  Alice B. ", timeZone="Asia/Kolkata", theme="dark")
    assert (answer.status_code, answer.location) == (303, "/settings?saved=1")
    assert "theme=dark" in answer.headers["Set-Cookie"]
    saved = page("/settings?saved=1")
    assert saved.find(id="name")["value"] == "Alice B."
    assert saved.find("option", selected=True)["value"] == "Asia/Kolkata"
    assert "Saved" in saved.text
    assert "Times are Asia/Kolkata" in saved.text
    assert saved.find("html")["data-theme"] == "dark"
    db.session.rollback()
    assert db.session.get(User, alice.id).preferences == {"timeZone": "Asia/Kolkata", "theme": "dark"}


def test_what_is_as_usual_is_not_stored(client, alice):
    save(client, timeZone="Asia/Kolkata")
    save(client)
    assert db.session.get(User, alice.id).preferences == {}


def test_every_time_is_told_in_the_zone(client, page, make, alice, time):
    task = make.task(alice, started_at=time.now - timedelta(minutes=5))
    assert "03:07:40 UTC" in page(f"/tasks/{task.id}").html
    save(client, timeZone="Europe/Berlin")
    run = page(f"/tasks/{task.id}")
    assert "04:07:40 CET" in run.html
    assert 'datetime="2026-11-17T03:07:40Z"' in run.html
    assert " UTC" not in run.find("main").get_text()
    assert "Tue 17 Nov 2026, 04:07:40 CET" in run.html
    for path in ("/tasks", "/alerts", "/agents", "/settings/audit"):
        assert "Times are Europe/Berlin" in page(path).text
    save(client, timeZone="America/Sao_Paulo")
    assert "00:07:40 UTC-03" in page(f"/tasks/{task.id}").html


def test_the_day_of_a_date_is_that_of_the_zone(client, page, make, alice, time):
    task = make.task(alice, started_at=time.now - timedelta(days=30, hours=4))
    assert task
    assert "17 Oct" in page("/tasks").text
    time.forward(hours=-3, minutes=-30)
    save(client, timeZone="Pacific/Auckland")
    assert "18 Oct" in page("/tasks").text or "17 Oct" in page("/tasks").text


def test_a_part_is_drawn_again_in_the_new_zone(client):
    headers = {"HX-Request": "true"}
    tag = client.get("/tasks", headers=headers).headers["ETag"]
    assert client.get("/tasks", headers={**headers, "If-None-Match": tag}).status_code == 304
    save(client, timeZone="Asia/Kolkata")
    assert client.get("/tasks", headers={**headers, "If-None-Match": tag}).status_code == 200


def test_the_theme_of_a_new_browser_is_that_of_the_profile(client, client_of, alice):
    save(client, theme="dark")
    other = client_of(alice)
    assert Page(other.get("/settings"), "/settings").find("html")["data-theme"] == "dark"
    other.set_cookie("theme", "light")
    assert Page(other.get("/settings"), "/settings").find("html")["data-theme"] == "light"


def test_single_keys_are_switched_off(client, page):
    assert page("/").find("html").get("data-keyboard") is None
    client.post("/settings/profile", data={"name": "Alice Archer", "theme": "auto"})
    off = page("/")
    assert off.find("html")["data-keyboard"] == "off"
    assert off.find(id="jump").get("aria-keyshortcuts") == "Control+K Meta+K"  # no single key
    assert "checked" not in page("/settings").find("input", attrs={"name": "keyboard"}).attrs


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"timeZone": "Mars/Base"}, "zone"),
        ({"timeZone": "../../etc/passwd"}, "zone"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(client, wrong, field):
    answer = save(client, **wrong)
    assert answer.status_code == 422
    page = Page(answer, "/settings/profile")
    assert page.find(id=field)["aria-invalid"] == "true"
    assert "Nothing was saved" in page.text


def test_hostile_names_are_text(client, page):
    save(client, name='<img src=x onerror="alert(1)">\x00')
    seen = page("/settings")
    assert not seen.find("img")
    assert '<img src=x onerror="alert(1)">' in seen.find(id="name")["value"]


def test_it_is_ones_own_in_anothers_space(client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    assert save(client_of(bob, owner=alice), name="Robert").status_code == 303
    assert db.session.get(User, bob.id).name == "Robert"
    db.session.rollback()
    assert db.session.get(User, alice.id).name == "Alice Archer"


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/settings", "Profile"), ("/settings/sessions", "Sessions"), ("/settings/keys", "API keys"), ("/settings/members", "Members"),
        ("/settings/integrations", "Integrations"), ("/settings/audit", "Audit trail"), ("/settings/about", "About"),
    ],
)  # fmt: skip
def test_each_section_is_marked(page, path, current):
    seen = page(path)
    assert [link.get_text() for link in seen.select('.nav-local [aria-current="page"]')] == [current]
    assert seen.soup.title.get_text().startswith(f"{current} · Settings")
