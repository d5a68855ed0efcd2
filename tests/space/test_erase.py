"""The end of a space: nothing of it is left, its neighbour is untouched, and one record says that it was."""

import pytest
from sqlalchemy import select, text

from swarm_ui.accounts.models import BrowserSession, Membership, User
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.space import erasure
from swarm_ui.space.models import SpaceWork
from tests.captures import HEADERS
from tests.otlp import agent, post
from tests.pages import Page
from tests.rows import rows_of
from tests.space.conftest import files_of, key_of, left_of, send_runs, work_of

NAME = {"confirm": "Alice Archer"}
# Of the owner's id, in tables of the installation: the person and their own sign-in stay, and so does the record.
STAYS = {("users", "id"), ("browser_sessions", "memberId"), ("browser_sessions", "ownerId"), ("space_versions", "ownerId"), ("space_works", "ownerId"), ("space_works", "actorId"), ("memberships", "memberId")}  # fmt: skip


def everywhere(number: int) -> set[tuple[str, str]]:
    """(table, column) that holds this person's id, over the whole database."""
    found = set()
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            for column in table.columns:
                names_person = column.name in ("userId", "ownerId", "memberId", "creatorId", "actorId")
                if (names_person or (table.name, column.name) == ("users", "id")) and connection.execute(
                    text(f"SELECT 1 FROM {table.name} WHERE {column.name} = :number LIMIT 1"),
                    {"number": number},
                ).first():
                    found.add((table.name, column.name))
    return found


def drain(worker, limit: int = 200) -> None:
    for _ in range(limit):
        if not worker():
            return
    raise AssertionError("the worker never ends")


@pytest.fixture
def neighbour(bob, app, key_for):
    """Bob's space with the same runs in it."""
    send_runs(app.test_client(), headers=key_for(bob, "swk_" + "bobs" * 10))
    return bob


def test_nothing_is_left(filled, neighbour, client, worker, time, alice, make):
    make.membership(neighbour, alice, "viewer")
    before, files = rows_of(neighbour, without=frozenset()), files_of(neighbour)
    assert files_of(alice) == 1
    key = key_of(alice)
    assert client.post("/settings/data/erase", data=NAME).status_code == 303
    drain(worker)
    assert left_of(alice) == {}
    assert files_of(alice) == 0
    assert work_of(alice).finished_at is None, "a request that was let in before may still commit"
    time.forward(seconds=60)
    drain(worker)
    work = work_of(alice)
    assert work.finished_at is not None
    assert (work.actor, work.space, work.kind) == ("Alice Archer", "Alice Archer", "erase")
    assert work.done["spans"] == 8
    assert work.done["files"] == 1
    assert all(work.done[name] >= number for name, number in work.planned.items())
    assert everywhere(alice.id) <= STAYS
    assert ("memberships", "ownerId") not in everywhere(alice.id)
    assert db.session.scalars(select(Membership.owner_id)).all() == [neighbour.id], (
        "her place with others stays"
    )
    assert key_of(alice) != key
    assert rows_of(neighbour, without=frozenset()) == before
    assert files_of(neighbour) == files
    assert client.get("/").status_code == 200


def test_in_small_transactions_over_many_rounds(filled, client, worker, monkeypatch, time):
    monkeypatch.setattr(erasure, "ROWS_A_TRANSACTION", 2)
    monkeypatch.setattr(erasure.delete_portion, "__defaults__", (2,))
    client.post("/settings/data/erase", data=NAME)
    monkeypatch.setattr(
        erasure.time, "monotonic", iter(range(1_000_000)).__next__
    )  # every portion takes longer than its time
    rounds = 0
    while worker():
        rounds += 1
        if rounds == 3:
            page = Page(client.get("/settings/data/erase"), "/settings/data/erase")
            assert "of about" in page.text
            assert "data-live" in str(page.find(id="erasure"))
    assert rounds > 10
    assert left_of(filled) == {}


def test_another_worker_takes_over_what_a_dead_one_left(filled, client, monkeypatch, time):
    client.post("/settings/data/erase", data=NAME)
    monkeypatch.setattr(erasure, "_delete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        erasure.work_on(db.engine, "first")
    monkeypatch.undo()
    assert not erasure.work_on(db.engine, "second"), "the first one may live"
    assert left_of(filled)
    time.forward(seconds=31)
    while erasure.work_on(db.engine, "second"):
        pass
    assert left_of(filled) == {}


def test_meanwhile_the_space_takes_nothing(filled, client, app):
    send = app.test_client()
    client.post("/settings/data/erase", data=NAME)
    refused = post(send, [agent(70, "late", trace=7)])
    assert refused.status_code == 409
    assert "being erased" in refused.get_json()["message"]
    assert send.get("/api/v1/tasks", headers=HEADERS).status_code == 200
    assert client.post("/settings/keys", data={"name": "x", "scopes": "read"}).status_code == 409
    assert client.post("/settings/data/export").status_code == 409
    assert client.post("/settings/data/erase", data=NAME).status_code == 409
    for path in ("/", "/settings", "/settings/data", "/settings/data/erase", "/tasks", "/agents"):
        assert client.get(path).status_code == 200
    assert "See how far it is" in client.get("/settings/data").get_data(as_text=True)


def test_what_was_let_in_before_goes_too(filled, client, app, worker, time):
    """The request had passed the wall when the erasure began, and commits after the worker had emptied everything."""
    from swarm_ui.ingest.append import append_spans
    from swarm_ui.ingest.otlp import read_traces
    from tests.otlp import JSON, document, encoded

    client.post("/settings/data/erase", data=NAME)
    drain(worker)
    assert left_of(filled) == {}
    append_spans(
        db.engine, filled.id, read_traces(encoded(document(agent(70, "late", trace=7))), JSON).records
    )
    time.forward(seconds=58)
    drain(worker)
    assert left_of(filled) == {}
    assert work_of(filled).finished_at is None or left_of(filled) == {}
    drain(worker)
    assert work_of(filled).finished_at is not None


def test_others_are_led_to_their_own_space(filled, client, client_of, bob, app):
    visitor = client_of(bob, owner=filled)
    assert "Alice Archer" in visitor.get("/settings").get_data(as_text=True)
    client.post("/settings/data/erase", data=NAME)
    assert visitor.get("/agents").status_code == 200
    db.session.rollback()
    assert set(db.session.execute(select(BrowserSession.owner_id, BrowserSession.member_id))) == {
        (bob.id, bob.id),
        (filled.id, filled.id),
    }


@pytest.mark.parametrize("typed", ["", "alice", "Bob Baker", "Alice  Archer", "a" * 900])
def test_another_name_is_refused(filled, client, typed):
    response = client.post("/settings/data/erase", data={"confirm": typed})
    assert response.status_code == 422
    assert "neither the name of the space" in response.get_data(as_text=True)
    assert work_of(filled) is None
    assert left_of(filled)


@pytest.mark.parametrize("typed", [" alice ARCHER ", "Alice@Example.org"])
def test_name_or_address_confirm(filled, client, typed):
    assert client.post("/settings/data/erase", data={"confirm": typed}).status_code == 303


def test_the_page_says_what_goes(filled, page, statements, client):
    shown = page("/settings/data/erase")
    for table, number in left_of(filled).items():
        row = next(row for row in shown.soup.find_all("tr") if table in row.get_text())
        assert str(number) in row.get_text()
    with statements():
        client.get("/settings/data/erase")


def test_nobody_but_the_owner(filled, client_of, bob, app):
    editor = client_of(bob, owner=filled)
    assert "Only the owner" in editor.get("/settings/data/erase").get_data(as_text=True)
    assert editor.post("/settings/data/erase", data=NAME).status_code == 403
    assert app.test_client().post("/settings/data/erase", data=NAME, headers=HEADERS).status_code == 302
    assert work_of(filled) is None


def test_administrators_see_that_it_was(filled, client, client_of, root, bob, run, time):
    client.post("/settings/data/erase", data=NAME)
    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert (
        "Alice Archer"
        in Page(client_of(root).get("/settings/data"), "/settings/data").find(id="erasures").get_text()
    )
    assert "erasures" not in client_of(bob).get("/settings/data").get_data(as_text=True)
    time.forward(seconds=61)
    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert "This space was erased" in client.get("/settings/data/erase").get_data(as_text=True)
    polled = client.get("/settings/data/erase", headers={"HX-Request": "true"})
    assert (polled.status_code, polled.headers["HX-Refresh"]) == (204, "true"), (
        "the page that waited is drawn anew"
    )


def test_the_event_is_written_and_goes_with_the_trail(filled, client, worker, time):
    client.post("/settings/data/erase", data=NAME)
    db.session.rollback()
    with db.engine.connect() as connection:
        mine = select(AuditEvent.__table__).where(AuditEvent.__table__.c.userId == filled.id)
        found = [row.before for row in connection.execute(mine) if row.action == "space.erase"]
    assert len(found) == 1
    assert found[0]["spans"] == 8
    drain(worker)
    assert left_of(filled) == {}


def test_the_command_asks_first(filled, run):
    said = run("space", "erase", "--email", "alice@example.org", code=1)
    assert "spans\t8" in said
    assert "--yes" in said
    assert work_of(filled) is None
    assert "nobody here" in run("space", "erase", "--email", "nobody@example.org", "--yes", code=2)


def test_the_account_stays(filled, run, time, client):
    for _ in range(2):
        run("space", "erase", "--email", "alice@example.org", "--yes")
        time.forward(seconds=61)
    db.session.rollback()
    assert db.session.get(User, filled.id).email == "alice@example.org"
    assert db.session.scalars(select(SpaceWork)).one().finished_at
    assert client.post("/settings/keys", data={"name": "x", "scopes": "read"}).status_code == 303
