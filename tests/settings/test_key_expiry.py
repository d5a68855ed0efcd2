"""Keys that end by themselves, and what a key may."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from swarm_ui.accounts.models import ApiKey
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests.conftest import NOW
from tests.pages import Page


def stored() -> ApiKey:
    db.session.rollback()
    return db.session.scalars(everyone(select(ApiKey), "the test")).one()


def make_key(client, **fields):
    return client.post("/settings/keys", data={"name": "x", "scopes": "read"} | fields)


@pytest.mark.parametrize(
    ("chosen", "expires"),
    [
        ({"expires": "never"}, None),
        ({}, None),
        ({"expires": "7"}, NOW + timedelta(days=7)),
        ({"expires": "365"}, NOW + timedelta(days=365)),
        ({"expires": "date", "until": "2026-11-17"}, datetime(2026, 11, 18, tzinfo=UTC)),
    ],
)
def test_it_ends_when_it_was_told(client, chosen, expires):
    assert make_key(client, **chosen).status_code == 303
    assert stored().expires_at == expires


def test_a_day_ends_where_its_maker_lives(client):
    client.post("/settings/profile", data={"name": "A", "timeZone": "America/New_York"})
    make_key(client, expires="date", until="2026-12-01")
    assert stored().expires_at == datetime(2026, 12, 2, 5, tzinfo=UTC)
    assert "1 Dec" in Page(client.get("/settings/keys"), "/settings/keys").rows()[0]


def test_it_stops_and_the_page_says_so(client, app, time):
    make_key(client, expires="7")
    key = Page(client.get("/settings/keys"), "/settings/keys").find(id="fresh-key").get_text()

    def ask() -> int:
        return app.test_client().get("/api/v1/tasks", headers={"x-api-key": key}).status_code

    time.forward(days=7, seconds=-1)
    assert ask() == 200
    time.forward(seconds=1)
    assert ask() == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires": "date"},
        {"expires": "date", "until": "2026-11-16"},
        {"expires": "date", "until": "soon"},
        {"expires": "date", "until": "10000-01-01"},
    ],
)
def test_a_day_that_cannot_be_is_refused_at_the_field(client, wrong):
    answer = make_key(client, **wrong)
    assert answer.status_code == 422
    page = Page(answer, "/settings/keys")
    assert page.find(id="until-help")
    assert page.find(id="key-until")["aria-invalid"] == "true"


def test_the_last_day_of_all_is_a_day(client):
    assert make_key(client, expires="date", until="9999-12-31").status_code == 303


def test_a_key_that_pings_does_nothing_else(client, app):
    make_key(client, scopes="ping")
    key = Page(client.get("/settings/keys"), "/settings/keys").find(id="fresh-key").get_text()
    headers = {"x-api-key": key}
    assert app.test_client().get("/api/v1/tasks", headers=headers).status_code == 403
    assert app.test_client().post("/v1/traces", headers=headers, json={}).status_code == 403


@pytest.mark.parametrize(
    ("said", "expires"),
    [("90d", NOW + timedelta(days=90)), ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)), ("never", None)],
)
def test_the_command_takes_it_too(app, time, said, expires):
    run = app.test_cli_runner().invoke
    result = run(args=["token", "create", "--email", "a@example.org", "--name", "ci", "--expires", said])
    assert re.fullmatch(r"swk_[A-Za-z0-9]{40}\n", result.stdout), result.output
    assert stored().expires_at == expires
    listed = run(args=["token", "list"]).stdout
    assert ("expires" in listed) is (expires is not None)


@pytest.mark.parametrize("said", ["soon", "90", "-1d", "0d", "2020-01-01", "99999d"])
def test_the_command_refuses_what_cannot_be(app, time, said):
    run = app.test_cli_runner().invoke
    assert (
        run(args=["token", "create", "--email", "a@example.org", "--name", "ci", "--expires", said]).exit_code
        == 2
    )
