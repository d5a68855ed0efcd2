"""An archive into an empty space: equal, whole, and once."""

import gzip
import re

import pytest
from sqlalchemy import select, update

from swarm_ui.accounts.models import Membership, User
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.search import backlog
from swarm_ui.space import importing
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.otlp import agent, llm, send
from tests.rows import rows_of
from tests.space.conftest import (
    LARGE,
    export_of,
    files_of,
    key_of,
    left_of,
    read,
    rows,
    send_runs,
    work_of,
    write,
)

APART = ("audit_events", "api_keys")


@pytest.fixture
def archive(filled, run, tmp_path):
    path = tmp_path / "space.jsonl.gz"
    run("space", "export", "--email", "alice@example.org", str(path))
    return path


@pytest.fixture
def gone(archive, filled, run, time):
    """The archive, and Alice's space erased."""
    run("space", "erase", "--email", "alice@example.org", "--yes")
    time.forward(seconds=61)
    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert left_of(filled) == {}
    return archive


def api(client, headers, paths) -> dict[str, object]:
    return {path: client.get(path, headers=headers).get_json() for path in paths}


def page_of(client, path: str) -> str:
    return re.sub(r'data-etag="[^"]*"', "", client.get(path).get_data(as_text=True))


def test_out_and_in_again_is_equal(archive, filled, app, client, run, time, key_for):
    """Rows, files, pages and the API's answers; then the next spans of a known run meet it."""
    tasks = [task["id"] for task in client.get("/api/v1/tasks").get_json()["items"]]
    assert len(tasks) == 2
    paths = [f"/api/v1/{name}" for name in ("agents", "tasks", "workflows", "alerts")]
    paths += [
        f"/api/v1/tasks/{task}/{part}" for task in tasks for part in ("spans", "messages", "logs", "history")
    ]
    answers, mine = api(client, {}, paths), rows_of(filled, without=frozenset(), places=True)
    shown = page_of(client, f"/tasks/{tasks[0]}")
    key = key_of(filled)
    lines = read(archive.read_bytes())

    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert left_of(filled) == {}
    assert files_of(filled) == 0
    time.forward(seconds=61)
    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert key_of(filled) != key
    said = run("space", "import", str(archive), "--email", "alice@example.org")
    assert "API keys are not taken over" in said
    time.now = time.now.replace(minute=12, second=40)  # pages say how long ago

    assert key_of(filled) == key
    while backlog.work_on(db.engine):  # the worker's part: the full text is made anew
        pass
    again = rows_of(filled, without=frozenset(), places=True)
    for table in mine:
        if table not in APART and table != "llm_providers":
            assert again[table] == mine[table], table
    assert set(mine["audit_events"]) <= set(again["audit_events"])
    assert files_of(filled) == 1
    assert api(client, {}, paths) == answers
    assert page_of(client, f"/tasks/{tasks[0]}") == shown
    back = export_of(client)
    assert rows(back, without=APART) == rows(lines, without=APART)
    assert [line["member"] for line in back if "member" in line] == [
        line["member"] for line in lines if "member" in line
    ]

    headers = key_for(filled, "swk_" + "again" * 8)
    send(app.test_client(), llm(60, 2, (1, 1), at=3.0), agent(61, "triage", trace=3), headers=headers)
    project()
    found = client.get("/api/v1/tasks").get_json()["items"]
    assert len(found) == 4, "two as before, one that had waited in the archive, and a new one"
    assert set(tasks) <= {task["id"] for task in found}
    spans = client.get(f"/api/v1/tasks/{tasks[-1]}/spans").get_json()["items"]
    assert len(spans) + len(client.get(f"/api/v1/tasks/{tasks[0]}/spans").get_json()["items"]) == 8
    agents = [one["name"] for one in client.get("/api/v1/agents").get_json()["items"]]
    assert agents.count("triage") == 1


def test_another_person_may_take_it_over(gone, run, make, client_of, bob, app, key_for):
    carol = make.user(email="carol@example.org", name="Carol")
    run("space", "import", str(gone), "--email", "carol@example.org")
    browser = client_of(carol)
    before = {task["id"] for task in browser.get("/api/v1/tasks").get_json()["items"]}
    agents = {one["id"] for one in browser.get("/api/v1/agents").get_json()["items"]}
    assert len(before) == 2
    db.session.rollback()
    assert db.session.execute(select(Membership.owner_id, Membership.member_id)).all() == [(carol.id, bob.id)]
    send_runs(app.test_client(), headers=key_for(carol))
    after = {task["id"] for task in browser.get("/api/v1/tasks").get_json()["items"]}
    assert after > before, "the runs that were known kept their ids"
    assert len(after) == 3, "and the one that waited to be projected is there"
    assert {one["id"] for one in browser.get("/api/v1/agents").get_json()["items"]} == agents


def test_a_payload_in_storage_opens_again(gone, run, client):
    run("space", "import", str(gone), "--email", "alice@example.org")
    task = next(t for t in client.get("/api/v1/tasks").get_json()["items"] if t["errorType"])
    spans = client.get(f"/api/v1/tasks/{task['id']}/spans").get_json()["items"]
    assert len(spans) == 6
    page = client.get(f"/tasks/{task['id']}/spans/{6:016x}", headers={"HX-Request": "true"}).get_data(
        as_text=True
    )
    assert LARGE[:500] in page


def test_who_is_unknown_here_becomes_nobody(gone, run, tmp_path, alice):
    lines = read(gone.read_bytes())
    for line in lines:
        if "person" in line:
            line["person"]["createdAt"] = "2020-01-01T00:00:00.000000Z"
    write(tmp_path / "other.gz", lines)
    said = run("space", "import", str(tmp_path / "other.gz"), "--email", "alice@example.org")
    assert "1 member of the space are not known here" in said
    bind_owner(db.session, alice.id)
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.actor == "Bob Baker")).one()
    assert event.actor_id is None
    assert db.session.scalars(select(Membership)).all() == []


def test_the_same_provider_tells_a_person_again(gone, run, tmp_path, alice, bob):
    from swarm_ui.space.archive import identity_of

    with db.engine.begin() as connection:
        connection.execute(update(User).where(User.id == bob.id).values(open_id="https://id|bob"))
    lines = read(gone.read_bytes())
    for line in lines:
        if "person" in line and line["person"]["id"] == bob.id:
            line["person"] |= {
                "createdAt": "2020-01-01T00:00:00.000000Z",
                "identity": identity_of("https://id|bob"),
            }
    write(tmp_path / "other.gz", lines)
    run("space", "import", str(tmp_path / "other.gz"), "--email", "alice@example.org")
    db.session.rollback()
    assert db.session.scalars(select(Membership.member_id)).all() == [bob.id]


def test_a_space_with_rows_is_refused(archive, run, bob, make):
    make.agent(bob)
    said = run("space", "import", str(archive), "--email", "bob@example.org", code=1)
    assert "not empty: it has rows in swarm_agents" in said


def test_two_copies_of_one_space_are_refused(archive, run, make, filled):
    make.user(email="carol@example.org")
    before = key_of(filled)
    said = run("space", "import", str(archive), "--email", "carol@example.org", code=1)
    assert "is here still" in said
    assert "Alice Archer" in said
    assert key_of(filled) == before


def test_a_space_under_erasure_is_refused(archive, filled, run):
    run("space", "erase", "--email", "alice@example.org", "--yes")
    assert "is being erased" in run("space", "import", str(archive), "--email", "alice@example.org", code=1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[:-1], "ends before its last line"),
        (lambda lines: [*lines, {"table": "tasks", "row": {}}], "something follows after the end"),
        (lambda lines: [lines[0] | {"format": "x"}, *lines[1:]], "no archive of a space"),
        (lambda lines: [lines[0] | {"version": 2}, *lines[1:]], "version '2'"),
        (lambda lines: [lines[0] | {"space": {}}, *lines[1:]], "lacks the key"),
        (lambda lines: [lines[0] | {"space": lines[0]["space"] | {"key": "-1"}}, *lines[1:]], "lacks the key"),
        (lambda lines: [lines[0], *lines[2:]], "not those that were written"),
        (lambda lines: [lines[0], {"table": "users", "row": {}}, *lines[1:]], "knows no table 'users'"),
        (lambda lines: [lines[0], {"table": "tasks", "row": {"x": 1}}, *lines[1:]], "knows no column 'x' of tasks"),
        (lambda lines: [lines[0], {"table": "tasks", "row": []}, *lines[1:]], "a row without columns"),
        (lambda lines: [lines[0], {"what": 1}, *lines[1:]], "neither row nor file"),
        (lambda lines: [lines[0], {"file": "abc", "content": "AAAA"}, *lines[1:]], "damaged"),
        (lambda lines: [lines[0], {"file": "abc", "content": "%"}, *lines[1:]], "line 2"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_refused_before_anything_is_written(gone, run, tmp_path, spoil, said, alice):
    path = tmp_path / "spoiled.gz"
    write(path, spoil(read(gone.read_bytes())), mend=False)
    assert said in run("space", "import", str(path), "--email", "alice@example.org", code=1)
    assert left_of(alice) == {}
    assert work_of(alice).kind == "erase", "no import was begun"


@pytest.mark.parametrize("cut", [0, 1, 20, 500, -1, -9])
def test_a_torn_download_is_noticed(gone, run, tmp_path, cut, alice):
    whole = gone.read_bytes()
    path = tmp_path / "torn.gz"
    path.write_bytes(whole[:cut])
    said = run("space", "import", str(path), "--email", "alice@example.org", code=1)
    assert "ends before its last line" in said or "no gzip" in said
    assert left_of(alice) == {}


def test_no_gzip_at_all(gone, run, tmp_path):
    path = tmp_path / "text"
    path.write_text("hello")
    assert "no gzip file" in run("space", "import", str(path), "--email", "alice@example.org", code=1)
    path.write_bytes(gzip.compress(b"hello\n"))
    assert "line 1" in run("space", "import", str(path), "--email", "alice@example.org", code=1)


def test_broken_off_it_goes_on_where_it_stopped(gone, run, monkeypatch, alice, app, key_for, client):
    lines = read(gone.read_bytes())
    monkeypatch.setattr(importing, "ROWS_A_TRANSACTION", 7)
    store, calls = importing._store, []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return store(*arguments)

    monkeypatch.setattr(importing, "_store", dies)
    run("space", "import", str(gone), "--email", "alice@example.org", code=1)
    db.session.rollback()
    stopped = sum(left_of(alice).values())
    assert 0 < stopped < sum(lines[-1]["end"]["rows"].values())
    headers = key_for(alice)
    refused = app.test_client().post(
        "/v1/traces", data=b"{}", headers=headers | {"Content-Type": "application/json"}
    )
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    said = client.get("/settings/data").get_data(as_text=True)
    assert "Not while an archive is being imported" in said
    monkeypatch.setattr(importing, "_store", store)
    run("space", "import", str(gone), "--email", "alice@example.org")
    assert rows(export_of(client), without=APART) == rows(lines, without=APART)


def test_another_archive_does_not_go_on_with_it(gone, run, monkeypatch, tmp_path, alice, time):
    monkeypatch.setattr(importing, "store", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    run("space", "import", str(gone), "--email", "alice@example.org", code=1)
    monkeypatch.undo()
    lines = read(gone.read_bytes())
    write(tmp_path / "other.gz", [lines[0] | {"product": "other"}, *lines[1:]])
    assert "another archive was broken off" in run(
        "space", "import", str(tmp_path / "other.gz"), "--email", "alice@example.org", code=1
    )
    run("space", "erase", "--email", "alice@example.org", "--yes")
    time.forward(seconds=61)
    run("space", "erase", "--email", "alice@example.org", "--yes")
    run("space", "import", str(tmp_path / "other.gz"), "--email", "alice@example.org")


def test_it_is_recorded_once(gone, run, alice):
    run("space", "import", str(gone), "--email", "alice@example.org")
    bind_owner(db.session, alice.id)
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "space.import")).all()
    assert [(event.via, event.after["rows"] > 0) for event in events] == [("command", True)]
