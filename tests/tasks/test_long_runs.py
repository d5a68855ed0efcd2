"""A run of ten thousand messages: no view of it is larger than 150 KB, and all of it can be read without JavaScript."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.tasks.models import ExecutionLog, Message

MOST = 150_000
MANY = 10_000
KINDS = ("request", "response", "status_update", "error")


@pytest.fixture
def long_run(make, alice):
    """Three agents; every third step fails."""
    agents = [make.agent(alice, name=name) for name in ("planner", "browser", "writer")]
    task = make.task(alice, agents=agents, status="failed", span_count=MANY, error_type="Exhausted")
    start = clock.to_us(task.started_at)
    words = "the supplier answered that the order of last week cannot be found in the warehouse " * 5
    _insert(
        Span,
        [
            {"userId": alice.id, "traceId": task.trace_id, "spanId": f"{number:016x}", "taskId": task.id, "kind": "tool",
             "agentId": agents[number % 3].id, "name": f"look_up_order_{number}", "status": "error" if number % 3 == 0 else "ok",
             "errorType": "httpx.HTTPStatusError" if number % 3 == 0 else None, "startedAt": start + number * 10_000,
             "endedAt": start + number * 10_000 + 9_000, "contentHash": 1, "arrivedAt": 1}
            for number in range(MANY)
        ],
    )  # fmt: skip
    _insert(
        Message,
        [
            {"id": f"{number:020d}", "userId": alice.id, "taskId": task.id, "senderId": agents[number % 3].id,
             "recipientId": agents[(number + 1) % 3].id, "messageType": KINDS[number % 4], "content": {"text": f"{number} {words}"},
             "at": task.started_at + timedelta(milliseconds=10 * number)}
            for number in range(MANY)
        ],
    )  # fmt: skip
    _insert(
        ExecutionLog,
        [
            {"id": f"{number:020d}", "userId": alice.id, "taskId": task.id, "agentId": agents[number % 3].id, "eventType": "execution",
             "level": "info", "message": f"{number} {words}"[:200], "at": task.started_at + timedelta(milliseconds=10 * number)}
            for number in range(MANY)
        ],
    )  # fmt: skip
    return task


def _insert(model, rows):
    db.session.execute(model.__table__.insert(), rows)
    db.session.commit()


VIEWS = (
    "", "?steps=all", "?steps=failed", "?steps=critical", "?gaps=short&usual=marked", "?span=0000000000001388", "/messages",
    "/messages?type=error", "/messages?view=lanes", "/graph", "/logs", "/logs?q=warehouse", "/diagnosis",
)  # fmt: skip


def test_no_view_of_it_is_larger_than_150_kb(long_run, page):
    sizes = {view: len(page(f"/tasks/{long_run.id}{view}").html.encode()) for view in VIEWS}
    assert {view: size for view, size in sizes.items() if size > MOST} == {}


def test_the_page_shows_of_everything_the_first_and_leads_to_the_rest(long_run, page):
    opened = page(f"/tasks/{long_run.id}")
    messages, lines = opened.select("article.msg"), opened.select("#log-lines > li[id]")
    assert 5 < len(messages) < 20
    assert 10 < len(lines) < 40
    rest = page(opened.link("More messages")["href"])
    assert rest.select("article.msg")[0]["id"] == f"message-{len(messages):020d}"
    assert (
        page(opened.link("More lines")["href"]).select("#log-lines > li")[0]["id"] == f"log-{len(lines):020d}"
    )
    assert opened.find(id="count-messages").get_text() == "10000"


@pytest.mark.parametrize("letter", ["x", "查", "&"])
def test_long_messages_and_lines_take_more_pages_and_none_is_lost(letter, page, make, alice):
    planner, task = make.agent(alice, name="planner"), make.task(alice)
    for number in range(120):
        at = task.started_at + timedelta(seconds=number)
        make.message(alice, task, planner, planner, content={"text": f"{number} {letter * 2000}"}, at=at)
        make.log(alice, task, message=f"{number} {letter * 2000}", at=at)
    for part, rows, more in (
        ("messages", "article.msg .said p", "More messages"),
        ("logs", ".msgtext", "More lines"),
    ):
        seen, url = [], f"/tasks/{task.id}/{part}"
        while url:
            opened = page(url)
            assert len(opened.html.encode()) < MOST
            seen += [int(row.get_text().split()[0]) for row in opened.select(rows)]
            link = opened.find("a", string=more)
            url = link and link["href"]
        assert seen == list(range(120))
    assert len(page(f"/tasks/{task.id}").html.encode()) < MOST


def test_one_message_that_fills_the_page_alone_is_shown(page, make, alice):
    """JSON grows where its words are marked."""
    planner, task = make.agent(alice, name="planner"), make.task(alice)
    for number in range(3):
        content = {"data": [number] * 5_000}
        make.message(
            alice, task, planner, planner, content=content, at=task.started_at + timedelta(seconds=number)
        )
    assert len(page(f"/tasks/{task.id}/messages").select("article.msg")) == 3


def test_a_run_that_goes_on_shows_its_newest(page, make, alice):
    planner = make.agent(alice, name="planner")
    task = make.task(alice, status="running", completed_at=None, span_count=5_000)
    for number in range(40):
        at = task.started_at + timedelta(seconds=number)
        make.message(alice, task, planner, planner, content={"text": f"said {number} {'x' * 1000}"}, at=at)
    shown = [row.get_text().split()[1] for row in page(f"/tasks/{task.id}").select("article.msg .said p")]
    assert shown == [str(number) for number in range(40 - len(shown), 40)]
    assert 0 < len(shown) < 40


def test_a_short_run_shows_all_it_has(page, make, alice):
    planner, task = make.agent(alice, name="planner"), make.task(alice, span_count=12)
    for number in range(50):
        make.message(alice, task, planner, planner, content={"text": f"said {number}"}, at=task.started_at)
    assert len(page(f"/tasks/{task.id}").select("article.msg")) == 50


def test_of_too_many_calls_the_busiest_are_drawn(page, make, alice):
    agents = [make.agent(alice, name=f"agent {number}") for number in range(18)]
    task = make.task(alice, agents=agents)
    pairs = [(sender, recipient) for sender in agents for recipient in agents if sender is not recipient]
    _insert(
        Message,
        [
            {"id": f"{place:019d}{again}", "userId": alice.id, "taskId": task.id, "senderId": sender.id, "recipientId": recipient.id,
             "messageType": "request", "content": None, "at": task.started_at}
            for place, (sender, recipient) in enumerate(pairs) for again in range(2 if place >= 200 else 1)
        ],
    )  # fmt: skip
    opened = page(f"/tasks/{task.id}/graph")
    assert len(pairs) == 306
    assert len(opened.select("path.edge")) == 250
    assert len(opened.select("text.on-edge")) == 106
    assert "56 lines of fewer calls not drawn" in opened.text
