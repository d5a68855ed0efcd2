"""Runs of one session as one conversation."""

from datetime import timedelta

import pytest

from swarm_ui import clock


@pytest.fixture
def talk(make, alice):
    """Three turns of a conversation and a run that has nothing to do with it."""
    agent = make.agent(alice, name="planner")
    began = clock.now() - timedelta(hours=1)
    turns = [
        make.task(alice, agents=[agent], name=f"turn {number}", session_id="chat/42 ä", started_at=began + timedelta(minutes=10 * number),
                  input={"text": f"question {number}"}, result={"text": f"answer {number}"}, execution_time=60_000, token_usage=1_000,
                  estimated_cost=0.25)
        for number in (1, 2)
    ]  # fmt: skip
    turns.append(
        make.task(alice, agents=[agent], name="turn 3", session_id="chat/42 ä", started_at=began + timedelta(minutes=30), status="failed",
                  input={"text": "question 3"}, result=None, error_type="TimeoutError", error_message="too slow", execution_time=60_000,
                  error_count=2)
    )  # fmt: skip
    make.task(alice, name="another", session_id="chat/43")
    make.task(alice, name="alone")
    return turns


URL = "/conversations?session=chat/42%20%C3%A4"


def test_its_runs_stand_in_order_with_what_was_asked_and_answered(talk, page):
    opened = page(URL)
    assert [title.get_text() for title in opened.select(".turn h2")] == ["turn 1", "turn 2", "turn 3"]
    assert [link["href"] for link in opened.select(".turn h2 a")] == [f"/tasks/{run.id}" for run in talk]
    for words in ("question 1", "answer 1", "question 3", "TimeoutError : too slow", "to planner"):
        assert words in opened.text
    assert "another" not in opened.text


def test_its_sums_are_those_of_all_its_runs(talk, page):
    facts = {
        pair.dt.get_text(): " ".join(pair.dd.get_text(" ").split())
        for pair in page(URL).select(".facts > div")
    }
    assert facts["Runs"] == "3 2 completed, 1 failed"
    assert (facts["Time at work"], facts["Tokens"], facts["Cost"], facts["Errors"]) == (
        "3m 00s",
        "2.0k",
        "$0.50",
        "2",
    )


def test_what_nobody_measured_is_not_known(make, alice, page):
    make.task(alice, session_id="quiet", execution_time=None, error_count=None)
    facts = {
        pair.dt.get_text(): " ".join(pair.dd.get_text(" ").split())
        for pair in page("/conversations?session=quiet").select(".facts > div")
    }
    assert (facts["Tokens"], facts["Cost"], facts["Time at work"], facts["Errors"]) == ("–", "–", "–", "–")


def test_a_run_and_the_list_of_tasks_lead_there(talk, page, client):
    link = page(f"/tasks/{talk[0].id}").link("chat/42 ä")
    assert page(link["href"]).find("h1").get_text() == "Conversation chat/42 ä"
    listed = page("/tasks?session=chat/42%20%C3%A4")
    assert len(listed.rows()) == 3
    assert listed.link("chat/42 ä")["href"] == link["href"]
    items = client.get("/api/v1/tasks", query_string={"sessionId": "chat/42 ä"}).get_json()["items"]
    assert [item["name"] for item in items] == ["turn 3", "turn 2", "turn 1"]


def test_the_newest_conversations_are_listed(talk, page):
    rows = page("/conversations").rows()
    assert [row.split()[0] for row in rows] == ["chat/43", "chat/42"]
    assert "2 completed, 1 failed" in rows[1]


def test_each_says_what_it_was_about(make, alice, page):
    """The first words of the oldest run that has any; without them its session stands alone."""
    began = clock.now() - timedelta(hours=1)
    for minutes, session, summary in (
        (0, "s-1", None),
        (1, "s-1", "Why is our invoice higher?"),
        (2, "s-1", "Another question"),
        (3, "s-2", None),
        (4, "s-3", "発票 <b>" + "long " * 22),
    ):
        make.task(alice, session_id=session, summary=summary, started_at=began + timedelta(minutes=minutes))
    listed = page("/conversations")
    links = {link["href"].partition("session=")[2]: link.get_text() for link in listed.select("#list td a")}
    assert links["s-1"] == "Why is our invoice higher?"
    assert links["s-2"] == "s-2"
    assert links["s-3"].startswith("発票 <b>long long")
    assert links["s-3"].endswith("…")
    assert len(links["s-3"]) <= 96
    assert [row.get_text() for row in listed.select("#list td small")] == ["s-3", "s-1"]


def test_without_conversations_it_says_so(page):
    assert "No conversations yet" in page("/conversations").text


@pytest.mark.parametrize("session", ["nothing", "%00", "x" * 255, "%F0%9F%8E%89"])
def test_one_that_is_not_there(client, session):
    assert client.get(f"/conversations?session={session}").status_code in (200, 404)
    assert client.get("/conversations?session=nothing").status_code == 404


def test_too_long_or_a_foreign_cursor_is_refused(talk, client):
    assert client.get(f"/conversations?session={'x' * 256}").status_code == 422
    assert client.get(f"{URL}&cursor=nonsense").status_code == 422


def test_the_words_are_picked_out_of_a_librarys_object(make, alice, page):
    said = {"data": {"inputs": {"messages": [{"role": "user", "content": "I want a refund"}]}}}
    run = make.task(alice, session_id="objects", input=said, result={"data": {"amount": 42}})
    opened = page("/conversations?session=objects")
    assert [part.get_text() for part in opened.select(".said > p")] == ["I want a refund", "Show all"]
    assert opened.link("Show all")["href"] == f"/tasks/{run.id}/content/input"
    assert '"amount": 42' in opened.select(".said pre")[0].get_text()


def test_another_owners_conversation_is_not_there(talk, client_of, bob):
    assert client_of(bob).get(URL).status_code == 404


def test_a_long_one_has_pages(make, alice, page):
    began = clock.now() - timedelta(hours=1)
    for number in range(27):
        make.task(
            alice, name=f"turn {number}", session_id="long", started_at=began + timedelta(minutes=number)
        )
    first = page("/conversations?session=long")
    assert len(first.select(".turn")) == 25
    second = page(first.link("Later runs")["href"])
    assert [title.get_text() for title in second.select(".turn h2")] == ["turn 25", "turn 26"]
    assert second.link("From the beginning")["href"] == "/conversations?session=long"
    assert "27" in second.text


def test_it_follows_while_a_run_goes_on(make, alice, page, client):
    make.task(alice, session_id="now", status="running", completed_at=None, result=None)
    part = page("/conversations?session=now").find(id="conversation")
    assert part["hx-get"] == "/conversations?session=now"
    assert "Not yet: the run goes on." in client.get(part["hx-get"], headers={"HX-Request": "true"}).get_data(
        as_text=True
    )


def facts_of(opened):
    return {pair.dt.get_text(): pair.dd for pair in opened.select(".facts > div")}


def test_the_time_of_a_run_that_goes_on_counts_on(make, alice, page):
    began = clock.now() - timedelta(minutes=6)
    make.task(alice, session_id="now", started_at=began - timedelta(hours=1), execution_time=60_000)
    going = {"status": "running", "completed_at": None, "result": None, "execution_time": None}
    run = make.task(alice, session_id="now", started_at=began, **going)
    opened = page("/conversations?session=now")
    counted = opened.find(id=f"run-{run.id}").header.find("time", attrs={"data-elapsed": True})
    assert counted.get_text() == "6m 00s"
    at_work = facts_of(opened)["Time at work"].find("time", attrs={"data-elapsed": True})
    assert at_work.get_text() == "7m 00s"
    assert "7m 00s" in page("/conversations").rows()[0]
    # Two at once count twice as fast as a clock: a figure as of now.
    make.task(alice, session_id="now", started_at=began, **going)
    at_work = facts_of(page("/conversations?session=now"))["Time at work"]
    assert (at_work.get_text(), at_work.find("time")) == ("13m 00s", None)


def test_hostile_words_are_text(make, alice, page):
    evil = '<script>alert("x")</script>"><img src=x onerror=alert(1)>'
    make.task(alice, session_id=evil, name=evil, input={"text": evil}, result={"data": {evil: evil}})
    opened = page(
        "/conversations?session=%3Cscript%3Ealert(%22x%22)%3C/script%3E%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"
    )
    assert not opened.select("main script, main img")
    assert not page("/conversations").select("main script, main img")


def test_a_fixed_number_of_statements(make, alice, client, statements):
    def asked(session: str, runs: int) -> int:
        for _ in range(runs):
            make.task(
                alice, agents=[make.agent(alice)], session_id=session, workflow_id=make.workflow(alice).id
            )
        with statements() as sent:
            assert client.get(f"/conversations?session={session}").status_code == 200
        return len(sent)

    assert asked("small", 1) == asked("large", 20) <= 9
