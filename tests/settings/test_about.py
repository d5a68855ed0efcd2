"""Settings: integrations, and about the installation."""

import pytest

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import PayloadBlock
from swarm_ui.worker.models import WorkerSeen
from tests.pages import Page


def seen(microseconds: int, row_id: str = "w") -> None:
    db.session.add(WorkerSeen(id=row_id, pid=7, started_at=0, seen_at=microseconds))
    db.session.commit()


def test_it_shows_who_and_where(page):
    settings = page("/settings")
    assert "alice@example.org" in settings.text
    assert "Alice Archer, your own" in settings.text
    assert "http://127.0.0.1:8000/v1/traces" in page("/settings/integrations").text


def test_frameworks_that_sent_data_are_listed(page, make, alice, bob, time):
    make.integration(alice, framework="crewai", version="0.80", last_seen_at=time.now)
    make.integration(bob, framework="haystack")
    section = page("/settings/integrations").find(id="integrations").get_text(" ")
    assert "crewai" in section
    assert "0.80" in section
    assert "haystack" not in section


def test_sample_data_can_be_removed_where_there_is_some(page, make, alice, bob):
    make.agent(bob, origin="sample")
    assert page("/settings/integrations").find(id="sample") is None
    make.agent(alice, origin="sample")
    assert page("/settings/integrations").find(id="sample").find("form")["action"] == "/sample/remove"


def test_the_installation_is_shown_to_administrators_only(page, client_of, root):
    assert "Database" not in page("/settings/about").find(id="about").get_text()
    about = Page(client_of(root).get("/settings/about"), "/settings/about").find(id="about").get_text(" ")
    assert "SQLite" in about or "MariaDB" in about or "MySQL" in about
    assert "Not running" in about
    assert "users" in about


def test_numbers_that_rows_were_given_are_not_taken_for_their_count(client_of, root, alice, make):
    make._add(PayloadBlock(id=2**62, user_id=alice.id, body=b"x"))
    about = Page(client_of(root).get("/settings/about"), "/settings/about").find(id="about").get_text(" ")
    assert f"{2**62:,}" not in about
    assert "users" in about


def test_a_worker_is_alive_for_fifteen_seconds(client_of, root, time):
    seen(clock.now_us())
    client = client_of(root)
    assert "Alive" in client.get("/settings/about").get_data(as_text=True)
    time.forward(seconds=15)
    assert "Not running" in client.get("/settings/about").get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "/settings/keys",
        "/settings/integrations",
        "/settings/sessions",
        "/settings/members",
        "/settings/audit",
    ],
)
def test_it_takes_the_same_statements_however_many_rows(client, make, alice, statements, path):
    def count() -> int:
        with statements() as sent:
            assert client.get(path).status_code == 200
        return len(sent)

    few = count()
    for number in range(12):
        make.api_key(alice)
        make.integration(alice, framework=f"framework {number}")
        make.browser_session(alice, alice)
        make.membership(alice, make.user())
        make.event(alice)
    assert count() == few
