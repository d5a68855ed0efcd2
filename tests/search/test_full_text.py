"""Free words in the box of the runs: names, errors, messages and log lines, by the index; whose they are, and what happens to them."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.search import index
from swarm_ui.search.models import SearchDoc
from swarm_ui.tasks import queries
from swarm_ui.tenancy import bind_owner, release_owner


@pytest.fixture
def found(page):
    def find(words: str, path: str = "/tasks") -> list[str]:
        return sorted(
            link.get_text()
            for link in page(f"{path}?q={quote(words)}").select("#list tbody td:first-child > a")
        )

    return find


@pytest.fixture
def runs(make, alice):
    planner, writer = make.agent(alice, name="planner"), make.agent(alice, name="writer")
    one = make.task(alice, name="weekly brief", agents=[planner, writer])
    two = make.task(
        alice, name="support", status="failed", error_type="TimeoutError", error_message="no answer in 30 s"
    )
    make.message(
        alice, one, planner, writer, content={"text": "Please refund the invoice <b>4711</b> & close"}
    )
    make.message(
        alice, one, writer, planner, content={"data": {"verdict": "granted", "汉字": ["全文検索の結果"]}}
    )
    make.log(alice, two, message="connection reset by peer while calling lookup_account")
    make.log(alice, two, message="giving up after 3 attempts")
    make.index_words(alice)
    return one, two


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("refund", ["weekly brief"]),
        ("REFU", ["weekly brief"]),
        ("efund", []),
        ("granted", ["weekly brief"]),
        ("timeouterr", ["support"]),
        ("reset", ["support"]),
        ("lookup_account", ["support"]),
        ("account", ["support"]),
        ("reset attempts", ["support"]),
        ("brief invoice", ["weekly brief"]),
        ("reset invoice", []),
        ('"reset by peer"', ["support"]),
        ('"peer by reset"', []),
        ("检索", []),
        ("検索", ["weekly brief"]),
        ("全文検", ["weekly brief"]),
        ("結", ["weekly brief"]),
        ("-refund", ["support"]),
        ('-"reset by peer"', ["weekly brief"]),
        ('-"peer by reset"', ["support", "weekly brief"]),
        ("answer status:failed", ["support"]),
        ("answer status:completed", []),
        ("answer agent:planner", []),
        ("refund agent:planner", ["weekly brief"]),
        ('" AND "', []),
        ("refund OR reset", []),
        ("s.", []),
        ("reset.", []),
        ("peer", ["support"]),
        ('"4711</b>"', ["weekly brief"]),
        ("a*b NEAR(x)", []),
    ],
)
def test_words_find_runs(found, runs, words, names):
    assert found(words) == names


def test_where_it_was_found_is_shown(page, runs):
    one, two = runs
    message = page("/tasks?q=invoice").find(class_="found")
    assert message.get_text() == "message: Please refund the invoice <b>4711</b> & close"
    assert message.find("mark").get_text() == "invoice"
    assert message.find("b") is None
    line = page("/tasks?q=RESET").find(class_="found")
    assert line.find("mark").get_text() == "reset"
    assert line.a["href"].startswith(f"/tasks/{two.id}/logs?line=")
    assert page("/tasks?q=weekly").find(class_="found") is None  # the name says it


def test_an_error_on_the_way_is_not_shown_in_the_row_so_its_line_is(page, make, alice):
    task = make.task(
        alice, name="brief", status="completed", error_type="ReadTimeout", summary="x" * 70 + " pricing"
    )
    make.log(alice, task, message="fetch_page failed: ReadTimeout at /pricing")
    make.index_words(alice)
    for word in ("readtimeout", "pricing"):
        assert "fetch_page failed" in page(f"/tasks?q={word}").find(class_="found").get_text()


def test_a_long_line_is_cut_around_the_word(page, make, alice):
    task = make.task(alice)
    make.log(alice, task, message="x " * 500 + "needle " + "y " * 500)
    make.index_words(alice)
    said = page("/tasks?q=needle").find(class_="found").get_text()
    assert said.startswith("log: …")
    assert "needle" in said
    assert said.endswith("…")
    assert len(said) < 200


def test_the_words_of_others_are_not_found(found, make, alice, bob, client_of, page):
    task = make.task(bob, name="secret run")
    make.log(bob, task, message="secret words of bob")
    make.index_words(bob)
    make.task(alice, name="mine")
    make.index_words(alice)
    assert found("secret") == []
    assert "secret" in page("/tasks?q=words", client=client_of(bob)).text
    # Even where two spaces had the same mark.
    with db.engine.begin() as connection:
        docs = SearchDoc.__table__
        mark = index.mark_of(alice.id)
        connection.execute(docs.update().where(docs.c.userId == bob.id).values(terms=f" {mark}secret"))
    assert found("secret") == []


def test_what_is_beyond_the_bound_is_said(page, make, alice, monkeypatch):
    monkeypatch.setattr(index, "MOST", 3)
    monkeypatch.setattr(index.runs_saying, "__defaults__", (3,))
    for number in range(5):
        make.task(alice, name=f"import {number}")
    make.index_words(alice)
    opened = page("/tasks?q=import")
    assert len(opened.rows()) == 3
    assert "More than 3 runs say this" in opened.text
    assert "More than" not in page('/tasks?q="import 4"').text


@pytest.mark.parametrize(
    ("words", "names"),
    [("refund", ["weekly brief"]), ("reset attempts", ["support"]), ("検索", ["weekly brief"]), ("x", [])],
)
def test_without_an_index_the_newest_runs_are_searched(
    app, page, found, runs, monkeypatch, make, alice, words, names
):
    app.extensions["search_index"] = "none"
    assert found(words) == names
    monkeypatch.setattr(index, "MOST_SEARCHED", 1)
    assert "Searched the newest 1 run" in page(f"/tasks?q={words}").text


def test_a_run_that_goes_takes_its_words_along(found, runs, alice):
    from swarm_ui.projection.forget import forget_runs
    from swarm_ui.rawsql import transaction

    assert found("refund") == ["weekly brief"]
    with transaction(db.engine) as raw:
        forget_runs(raw, alice.id, [runs[0].id])
    assert found("refund") == []
    bind_owner(db.session, alice.id)
    assert db.session.scalars(select(SearchDoc.task_id)).all() == [runs[1].id]
    release_owner(db.session)


def test_what_is_said_anew_is_found_and_the_old_is_not(found, runs, alice, make):
    with db.engine.begin() as connection:
        tasks = db.metadata.tables["tasks"]
        connection.execute(tasks.update().where(tasks.c.id == runs[0].id).values(name="monthly"))
    make.index_words(alice)
    assert found("monthly") == ["monthly"]
    assert found("weekly") == []


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def number() -> int:
        with statements() as sent:
            assert client.get("/tasks?q=needle").status_code == 200
        return len(sent)

    def more(times: int) -> None:
        for _ in range(times):
            make.log(alice, make.task(alice), message="a needle")
        make.index_words(alice)

    more(2)
    number()  # the first search asks what the database can do
    more(1)
    few = number()
    more(20)
    assert number() == few


def test_the_api_looks_there_too(client, runs):
    assert [item["name"] for item in client.get("/api/v1/tasks?q=invoice").json["items"]] == ["weekly brief"]


def test_a_phrase_reads_the_texts_of_few_runs(page, make, alice, monkeypatch):
    monkeypatch.setattr(queries, "MOST_LITERAL", 2)
    for number in range(4):
        make.task(alice, name=f"one two {number}")
    make.index_words(alice)
    assert "More than 2 runs say this" in page('/tasks?q="one two"').text


def test_runs_of_one_moment_have_numbers_of_their_own(page, make, alice, bob, monkeypatch):
    monkeypatch.setattr(index, "crc32", lambda _text: 7)
    for owner in (bob, alice):
        for number in range(3):
            make.task(owner, name=f"{owner.name} {number}")
        make.index_words(owner)
        make.index_words(owner)
    assert [page(f"/tasks?q={word}").rows() != [] for word in ("archer", "baker")] == [True, False]
    assert len(page("/tasks?q=alice").rows()) == 3


def test_an_imported_or_upgraded_space_is_indexed_by_the_worker(app, page, make, alice):
    from swarm_ui.rawsql import transaction
    from swarm_ui.search import backlog

    for number in range(backlog.AT_A_TIME + 1):
        make.task(alice, name=f"old run {number}")
    with transaction(db.engine) as raw:
        backlog.ask_for(raw, alice.id)
    portions = 0
    while backlog.work_on(db.engine):
        portions += 1
    assert portions == 3
    assert len(page("/tasks?q=old").rows()) == 50


def test_words_that_nearly_all_runs_hold_are_looked_for_among_the_newest(page, make, alice, monkeypatch):
    """MySQL; SQLite's index stops by itself."""
    monkeypatch.setattr(index, "MOST_SORTED", 2)
    monkeypatch.setattr(index, "MOST_SEARCHED", 3)
    for number in range(5):
        make.task(alice, name=f"import {number}", started_at=clock.now() - timedelta(hours=number))
    make.index_words(alice)
    opened = page("/tasks?q=import")
    if index.index_kind() == "fulltext":
        assert "Searched the newest 3 runs" in opened.text
        assert [row.split()[1] for row in opened.rows()] == ["0", "1", "2"]
    else:
        assert len(opened.rows()) == 5
    assert len(page("/tasks?q=3").rows()) == 1


def test_an_index_that_cannot_be_made_does_not_stop_the_worker(app, make, alice, time, monkeypatch, caplog):
    from swarm_ui.rawsql import transaction
    from swarm_ui.search import backlog
    from swarm_ui.worker.doorbell import Doorbell
    from swarm_ui.worker.loop import Worker

    make.task(alice)
    with transaction(db.engine) as raw:
        backlog.ask_for(raw, alice.id)
    worker = Worker(db.engine, Doorbell(app.config["SETTINGS"].data_dir), timeout_us=10**9)
    with monkeypatch.context() as broken:
        broken.setattr(backlog, "terms_of", lambda *_texts: 1 / 0)
        assert worker.step() is False
    assert "older runs could not be indexed" in caplog.text
    assert worker.step() is False  # not at once again
    time.forward(minutes=2)
    while worker.step():
        pass
    bind_owner(db.session, alice.id)
    assert len(db.session.scalars(select(SearchDoc.task_id)).all()) == 1
    release_owner(db.session)
