"""Who fails too often has to wait."""

import pytest
from sqlalchemy import func, select

from swarm_ui import config, create_app
from swarm_ui.accounts import entry, keys, throttle
from swarm_ui.accounts.models import FailedAttempts
from swarm_ui.accounts.throttle import Limit
from swarm_ui.extensions import db
from tests.conftest import Browser

LOGIN, KEY = throttle.LIMITS["login"], throttle.LIMITS["key"]


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setitem(throttle.LIMITS, "login", Limit(3, LOGIN.window))
    monkeypatch.setitem(throttle.LIMITS, "key", Limit(3, KEY.window))


def opened(client, token: str = "nothing", **other):
    return client.post(f"/login/{token}", **other)


def test_links_that_never_were_are_counted_until_one_has_to_wait(app, time):
    client = app.test_client()
    assert [opened(client).status_code for _ in range(5)] == [404, 404, 404, 429, 429]
    refused = opened(client)
    assert refused.headers["Retry-After"] == str(LOGIN.window)
    assert "Try again in 10 minutes" in refused.get_data(as_text=True)
    time.forward(seconds=LOGIN.window - 1)
    assert opened(client).headers["Retry-After"] == "1"
    time.forward(seconds=1)
    assert opened(client).status_code == 404


def test_it_holds_for_reading_the_link_and_for_good_ones_too(app, alice):
    client = app.test_client()
    good = entry.make_link(alice.email).rsplit("/", 1)[1]
    for _ in range(3):
        client.get("/login/nothing")
    assert client.get(f"/login/{good}").status_code == 429
    assert opened(client, good).status_code == 429


def test_old_links_do_not_count(app, alice, time):
    client = app.test_client()
    old = entry.make_link(alice.email).rsplit("/", 1)[1]
    time.forward(minutes=15)
    assert [opened(client, old).status_code for _ in range(5)] == [410] * 5


def test_another_address_is_another_one(app):
    client = app.test_client()
    for _ in range(4):
        opened(client)
    assert opened(client, environ_overrides={"REMOTE_ADDR": "10.0.0.7"}).status_code == 404


def test_a_household_of_ipv6_is_one(app):
    client = app.test_client()

    def at(address: str) -> int:
        return opened(client, environ_overrides={"REMOTE_ADDR": address}).status_code

    assert [at(f"2001:db8:1:2::{n}") for n in range(4)] == [404, 404, 404, 429]
    assert at("2001:db8:1:3::1") == 404
    assert [at(f"::ffff:10.0.0.{n}") for n in range(4)] == [404] * 4


def test_behind_a_proxy_the_clients_address_counts(environ, app, time):
    behind = create_app(config.load({**environ, "TRUSTED_PROXIES": "1"}))
    behind.test_client_class = Browser
    client = behind.test_client()

    def at(address: str) -> int:
        return opened(client, headers={"X-Forwarded-For": address}).status_code

    assert [at("192.0.2.1") for _ in range(4)] == [404, 404, 404, 429]
    assert at("192.0.2.2") == 404
    assert at("192.0.2.2, 192.0.2.1") == 429  # what the client itself wrote in front does not count
    with behind.app_context():
        db.engine.dispose()


def test_without_a_proxy_its_header_counts_for_nothing(app):
    client = app.test_client()
    got = [opened(client, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(4)]
    assert got == [404, 404, 404, 429]


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/api/v1/tasks", "application/problem+json"), ("/v1/traces", "application/json")],
)
def test_unknown_keys_wait_in_the_shape_of_their_path(app, path, shape):
    client = app.test_client()

    def ask(key: str):
        method = "POST" if path == "/v1/traces" else "GET"
        headers = {"x-api-key": key, "Content-Type": "application/json"}
        return client.open(path, method=method, headers=headers, data=b"{}" if method == "POST" else None)

    assert [ask(f"swk_{n}").status_code for n in range(4)] == [401, 401, 401, 429]
    answer = ask("swk_5")
    assert answer.content_type == shape
    assert answer.headers["Retry-After"] == str(KEY.window)
    if path == "/v1/traces":
        assert answer.json["code"] == 8


def test_good_keys_go_on_and_cost_nothing_more(app, alice, statements):
    _key, text = keys.make(alice.id, alice.id, "good", ["read"])
    db.session.commit()
    client = app.test_client()
    for n in range(5):
        client.get("/api/v1/tasks", headers={"x-api-key": f"swk_{n}"})
    with statements() as sent:
        assert client.get("/api/v1/tasks", headers={"x-api-key": text}).status_code == 200
    assert not [statement for statement in sent if "failed_attempts" in statement]


def test_each_kind_counts_for_itself(app):
    client = app.test_client()
    for n in range(4):
        client.get("/api/v1/tasks", headers={"x-api-key": f"swk_{n}"})
    assert opened(client).status_code == 404


def test_all_processes_count_together(app, other_process):
    """Show 3."""
    here, there = app.test_client(), other_process.test_client()
    assert [opened(here).status_code, opened(there).status_code, opened(here).status_code] == [404] * 3
    assert opened(there).status_code == 429
    assert opened(here).status_code == 429


def test_old_rows_are_cleared_away_and_name_nobody(app, time):
    for n in range(1, 6):
        opened(app.test_client(), environ_overrides={"REMOTE_ADDR": f"10.0.0.{n}"})
    db.session.rollback()
    hashes = db.session.scalars(select(FailedAttempts.hash)).all()
    assert len(hashes) == 5
    assert all(len(hash_) == 64 for hash_ in hashes)
    db.session.rollback()
    time.forward(seconds=throttle.LONGEST_WINDOW + 1)
    opened(app.test_client(), environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
    assert db.session.scalar(select(func.count()).select_from(FailedAttempts)) == 1
