"""What the page of a run says about why it went wrong."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.tasks import explain
from swarm_ui.tasks.models import Task
from swarm_ui.tenancy import bind_owner
from tests.captures import HEADERS, project
from tests.ingest.conftest import key, sender  # noqa: F401

EVIL = '<script>alert("x")</script> \u202egnihton'


@pytest.fixture
def fragment(client):
    def get(url: str) -> str:
        answer = client.get(url, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    return get


@pytest.fixture
def failed(make, alice):
    planner, browser = make.agent(alice, name="planner"), make.agent(alice, name="browser")
    task = make.task(
        alice, agents=[planner, browser], status="failed", failed_span_id="f" * 16, error_type="Timeout"
    )
    start = clock.to_us(task.started_at)
    make.span(alice, task, kind="tool", name="execute_tool fetch", facts='{"tl":"fetch"}', agent_id=browser.id, status="error", span_id="f" * 16,
              started_at=start + 1_000_000, ended_at=start + 5_100_000, error_type="Timeout", error_message="late")  # fmt: skip
    make.message(alice, task, planner, browser)
    return task


def words(tag) -> str:
    return " ".join(tag.get_text().split())


def test_the_story_comes_first_and_leads_to_its_step(page, failed):
    opened = page(f"/tasks/{failed.id}")
    sentences = opened.select("#story li")
    assert [words(sentence) for sentence in sentences] == [
        "planner asked browser at 03:07:40 UTC; browser called fetch, which failed after 4.1 s with Timeout (late). Show step of sentence 1",
        "The run failed after 4m 00s.",
    ]
    assert sentences[0].a["href"] == f"/tasks/{failed.id}?span={'f' * 16}#span"
    sections = [section.get("id") or section["aria-label"] for section in opened.select("#run section")]
    assert sections == ["story", "What broke it"]


def test_callout_and_evidence_name_the_same_step(page, failed):
    callout = page(f"/tasks/{failed.id}").select("section.callout")[0]
    assert callout.h2.get_text().startswith("First failing step: browser, execute_tool fetch")
    assert "browser, fetch at +1.0s is most suspect, by 160 points" in words(callout)
    assert [words(item) for item in callout.select(".evidence li")] == [
        "The run failed with the error that began here +100", "The call itself failed, nothing below it did: Timeout: late +60",
    ]  # fmt: skip


def test_messages_alone_lead_to_the_message(page, make, alice):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, status="failed", error_count=None)
    make.message(alice, task, one, other, content={"text": "Find the number of rows."})
    bad = make.message(alice, task, other, one, message_type="response", content={"text": "Assuming that it is 7, it is 7."},
                       at=task.started_at + timedelta(seconds=2))  # fmt: skip
    opened = page(f"/tasks/{task.id}")
    callout = opened.select("section.callout")[0]
    assert callout.h2.get_text() == "Most suspect: other, message 2"
    link = callout.select("a.btn")[0]
    assert link["href"] == f"/tasks/{task.id}/messages?message={bad.id}#message-{bad.id}"
    assert words(opened.find(id=f"message-{bad.id}").small).startswith("most suspect")
    there = page(f"/tasks/{task.id}/messages?message={bad.id}")
    (shown,) = there.select("article.msg")
    assert shown["aria-current"] == "true"
    assert "most suspect" in words(shown)
    assert "from the chosen one on" in words(there.find(id="messages").header)


def test_the_suspect_of_a_run_without_a_verdicts_step_is_marked(page, make, alice):
    agent = make.agent(alice, name="writer")
    task = make.task(alice, agents=[agent], status="timeout", result=None)
    step = make.span(alice, task, name="draft", kind="llm", agent_id=agent.id)
    opened = page(f"/tasks/{task.id}")
    assert (
        "most suspect"
        in opened.find("a", class_="wf-row", href=lambda url: url and step.span_id in url).get_text()
    )


def test_patterns_show_where_there_are_any(page, make, alice):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, agents=[one, other])
    assert page(f"/tasks/{task.id}").find(id="patterns") is None
    for second in range(3):
        for asker, recipient in ((one, other), (other, one)):
            at = task.started_at + timedelta(seconds=second)
            make.message(alice, task, asker, recipient, content={"text": f"{second}, {asker.name}"}, at=at)
    shown = page(f"/tasks/{task.id}").find(id="patterns")
    assert shown.h2.get_text() == "Going round in circles"
    assert "3 times." in words(shown.li)


def test_who_waits_shows_while_it_runs(page, make, alice):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, status="running", completed_at=None, execution_time=None)
    make.message(alice, task, one, other)
    shown = page(f"/tasks/{task.id}").find(id="patterns")
    assert words(shown).startswith("Waiting waiting one waits for other, since 03:07:40 UTC.")


def test_a_large_run_is_looked_through_on_request(page, fragment, make, alice, monkeypatch):
    monkeypatch.setattr(explain, "AT_ONCE", 3)
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, status="failed", error_count=None)
    for second in range(5):
        make.message(alice, task, other, one, message_type="response", content={"text": f"I found {second} of them there."},
                     at=task.started_at + timedelta(seconds=second))  # fmt: skip
    opened = page(f"/tasks/{task.id}")
    place = opened.find(id="diagnosis")
    assert (place["hx-get"], place["hx-trigger"]) == (f"/tasks/{task.id}/diagnosis", "load")
    assert place.a["href"] == f"/tasks/{task.id}/diagnosis"
    assert opened.select("section.callout h2")[0].get_text() == "The run failed"
    got = fragment(f"/tasks/{task.id}/diagnosis")
    assert "What broke it" in got
    assert "hx-trigger" not in got
    whole = page(f"/tasks/{task.id}/diagnosis")
    assert whole.find("h1").get_text() == "Diagnosis"
    assert len(whole.select("#points dt")) == len(explain.RULES)


def test_a_good_large_run_is_left_alone(page, make, alice, monkeypatch):
    monkeypatch.setattr(explain, "AT_ONCE", 0)
    agent = make.agent(alice)
    task = make.task(alice, agents=[agent])
    make.span(alice, task, agent_id=agent.id)
    place = page(f"/tasks/{task.id}").find(id="diagnosis")
    assert not place.has_attr("hx-get")
    assert "Look through every step" in words(place)


def test_names_are_escaped_and_cannot_turn_the_text(page, client, make, alice):
    evil, other = make.agent(alice, name=EVIL), make.agent(alice, name="other")
    task = make.task(alice, agents=[evil], status="failed", failed_span_id="e" * 16, error_message=EVIL)
    make.span(
        alice,
        task,
        agent_id=evil.id,
        status="error",
        span_id="e" * 16,
        name=EVIL,
        kind="tool",
        error_type=EVIL,
        error_message=EVIL,
    )
    make.message(alice, task, evil, other, content={"text": EVIL})
    for path in (f"/tasks/{task.id}", f"/tasks/{task.id}/diagnosis"):
        opened = page(path)
        assert opened.find("script", string=lambda text: text and "alert" in text) is None
        for place in opened.select("#story li, .suspects li, .suspects p"):
            for text in place.find_all(string=lambda text: "\u202e" in text):
                assert text.find_parent("bdi"), text


def test_statements_of_the_diagnosis_do_not_grow(client, make, alice, statements):
    one, other = make.agent(alice), make.agent(alice)
    task = make.task(alice, agents=[one, other], status="failed")

    def cost(path: str) -> int:
        with statements() as sent:
            assert client.get(path).status_code == 200
        return len(sent)

    def fill(number: int) -> None:
        for _ in range(number):
            make.message(alice, task, one, other)
            make.span(alice, task, agent_id=one.id, kind="tool", name="search", facts='{"tl":"search"}')

    fill(3)
    paths = [
        f"/tasks/{task.id}",
        f"/tasks/{task.id}/diagnosis",
        *(f"/api/v1/tasks/{task.id}/{part}" for part in ("suspects", "story", "patterns")),
    ]
    few = [cost(path) for path in paths]
    fill(30)
    assert [cost(path) for path in paths] == few


def test_a_step_that_is_past_its_retention_has_no_other_culprit_in_its_place(page, make, alice):
    task = make.task(alice, status="failed", failed_step="fetch", failed_span_id="9" * 16)
    make.message(
        alice, task, make.agent(alice), None, message_type="error", content={"text": "It cannot be fetched."}
    )
    callout = page(f"/tasks/{task.id}").select("section.callout")[0]
    assert callout.h2.get_text() == "First failing step: fetch"
    assert callout.a is None


def test_what_an_answer_denies_is_looked_up_when_the_page_stands(page, fragment, sender, alice):  # noqa: F811
    """Contents of steps are not read for the page itself."""

    def post(path: str, body: object) -> None:
        assert sender.post(f"/api/v1/{path}", json=body, headers=HEADERS).status_code == 201

    post(
        "tasks",
        {
            "id": "booking",
            "name": "Booking",
            "status": "failed",
            "startedAt": 1_790_000_000,
            "completedAt": 1_790_000_009,
        },
    )
    steps = [
        {"spanId": "t", "kind": "tool", "name": "book", "agent": "clerk", "output": {"error": EVIL}, "startedAt": 1_790_000_001, "endedAt": 1_790_000_002},
        {"spanId": "l", "kind": "llm", "name": "chat", "agent": "clerk", "output": "Your seat has been booked.", "startedAt": 1_790_000_003,
         "endedAt": 1_790_000_004},
        {"spanId": "z", "kind": "tool", "name": "bye", "agent": "clerk", "startedAt": 1_790_000_005, "endedAt": 1_790_000_006},
    ]  # fmt: skip
    post("tasks/booking/spans", steps)
    project()
    bind_owner(db.session, alice.id)
    (task,) = db.session.scalars(select(Task)).all()
    opened = page(f"/tasks/{task.id}")
    assert "bye" in words(opened.select("section.callout")[0])  # the last sign of life, so far
    assert opened.select("#diagnosis")[0]["hx-get"] == f"/tasks/{task.id}/diagnosis"
    found = BeautifulSoup(fragment(f"/tasks/{task.id}/diagnosis"), "html.parser").select_one("#broke")
    assert words(found).startswith("What broke it")
    assert "clerk, chat at +3.0s is most suspect, by 40 points" in words(found)
    assert words(found.select_one(".evidence li")).startswith(
        "It says “has been booked”, and book had failed: “<script>"
    )
    assert not found.select("script")
