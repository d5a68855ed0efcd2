"""The page of one run."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.tasks.models import Task, TaskTrace
from tests.pages import Page

SECOND = 1_000_000
EVIL = '<script>alert("x")</script>"><img src=x onerror=alert(1)> 汉字 🎉 \u202egnihton'


@pytest.fixture
def fragment(client):
    """What HTMX gets."""

    def get(url: str) -> Page:
        response = client.get(url, headers={"HX-Request": "true"})
        assert response.status_code == 200, response.get_data(as_text=True)[:500]
        return Page(response, url, fragment=True)

    return get


@pytest.fixture
def failed(make, alice):
    """planner → browser, whose fetch_page fails 38.2 s after the start."""
    workflow = make.workflow(alice, name="weekly-brief")
    planner, browser = (
        make.agent(alice, name="planner", type="coordination"),
        make.agent(alice, name="browser"),
    )
    task = make.task(
        alice, agents=[planner, browser], name="Brief 47", status="failed", workflow_id=workflow.id, execution_time=252_000,
        failed_span_id="f" * 16, failed_agent_id=browser.id, failed_step="fetch_page", error_type="HTTPStatusError",
        error_message="403 Forbidden", input_tokens=131_200, output_tokens=17_700, token_usage=148_900, estimated_cost=0.87,
        session_id="session-7", result=None,
    )  # fmt: skip
    start = clock.to_us(task.started_at)

    def span(name, at, takes, **fields):
        began = start + int(at * SECOND)
        return make.span(
            alice, task, name=name, started_at=began, ended_at=began + int(takes * SECOND), **fields
        )

    root = span("weekly", 0, 252, kind="workflow")
    top = span(
        "invoke planner",
        0.4,
        251,
        kind="agent",
        agent_id=planner.id,
        parent_span_id=root.span_id,
        status="error",
    )
    span("plan", 1, 13, kind="llm", agent_id=planner.id, parent_span_id=top.span_id)
    span("noise", 15, 1, agent_id=planner.id, parent_span_id=top.span_id)
    span(
        "fetch_page", 38.2, 30, kind="tool", agent_id=browser.id, parent_span_id=top.span_id, status="error", span_id="f" * 16,
        error_type="HTTPStatusError", error_message="403 Forbidden",
    )  # fmt: skip
    make.message(
        alice,
        task,
        planner,
        browser,
        content={"text": "Fetch the pages."},
        at=task.started_at + timedelta(seconds=15),
    )
    make.log(alice, task, agent_id=browser.id, level="error", message="giving up", span_id="f" * 16)
    return task


def facts(page: Page) -> dict[str, str]:
    return {
        " ".join(fact.dt.get_text().split()): " ".join(fact.dd.get_text(" ").split())
        for fact in page.select(".facts > div")
    }


def test_the_head_says_who_when_and_how(page, failed):
    opened = page(f"/tasks/{failed.id}")
    assert opened.soup.title.get_text() == "Failed: Brief 47 · Swarm UI"
    assert opened.find("h1").get_text() == "Brief 47"
    assert opened.select(".pagehead .status")[0].get_text() == "Failed"
    assert facts(opened) == {
        "Started": "03:07:40 UTC 5 min ago",
        "Duration": "4m 12s",
        "Cost": "$0.87",
        "Tokens": "148.9k 131.2k in, 17.7k out",
        "Workflow": "weekly-brief hierarchical",
        "Conversation": "session-7",
        "Trace": f"{failed.trace_id[:8]}…",
    }


def test_what_is_unknown_is_a_dash(page, make, alice):
    task = make.task(
        alice, name=None, execution_time=None, token_usage=None, estimated_cost=None, error_count=None
    )
    opened = page(f"/tasks/{task.id}")
    assert opened.find("h1").get_text() == "Unnamed run"
    assert facts(opened) | {"Started": "", "Trace": ""} == {
        "Started": "", "Duration": "–", "Cost": "–", "Tokens": "–", "Workflow": "–", "Trace": "",
    }  # fmt: skip
    assert opened.find(id="timeline").find("h3").get_text() == "No steps"


def test_the_first_failing_step_comes_first(page, failed):
    opened = page(f"/tasks/{failed.id}")
    callout = opened.find("section", class_="callout")
    assert callout["data-tone"] == "bad"
    assert callout.h2.get_text() == "First failing step: browser, fetch_page, at +38.2s"
    assert "HTTPStatusError: 403 Forbidden" in callout.p.get_text()
    assert callout.a["href"] == f"?span={'f' * 16}#span"
    assert opened.find(id="span").h2.get_text() == "fetch_page"


def test_an_earlier_error_that_was_recovered_from_comes_second(page, make, alice, failed):
    began = int(failed.started_at.timestamp() * 1_000_000)
    times = {"started_at": began + 5_000_000, "ended_at": began + 6_000_000}
    make.span(alice, failed, name="search_web", status="error", span_id="a" * 16, **times)
    opened = page(f"/tasks/{failed.id}")
    callout = opened.find("section", class_="callout")
    assert callout.h2.get_text() == "The step that failed the run: browser, fetch_page, at +38.2s"
    earlier = callout.find_all("p")[1]
    assert " ".join(earlier.get_text().split()).startswith("An error before it, search_web of")
    assert earlier.a["href"] == f"?span={'a' * 16}#span"


def test_a_failed_run_without_its_spans_still_says_why(page, make, alice):
    task = make.task(
        alice, status="failed", failed_step="fetch_page", error_type="Timeout", error_message="too late"
    )
    callout = page(f"/tasks/{task.id}").find("section", class_="callout")
    assert callout.h2.get_text() == "First failing step: fetch_page"
    assert callout.p.get_text() == "Timeout: too late"
    assert callout.a is None


def test_errors_that_were_overcome(page, make, alice):
    agent = make.agent(alice, name="browser")
    task = make.task(alice, agents=[agent], error_count=3)
    step = make.span(alice, task, name="fetch", kind="tool", agent_id=agent.id, status="error")
    callout = page(f"/tasks/{task.id}").find("section", class_="callout")
    assert callout["data-tone"] == "warn"
    assert callout.h2.get_text() == "3 errors on the way; the run recovered"
    assert callout.p.get_text() == "The first: browser, fetch, at +0.0s."
    assert callout.a["href"] == f"?span={step.span_id}#span"


def test_a_timeout_says_where_it_stopped(page, make, alice):
    agent = make.agent(alice, name="writer")
    task = make.task(alice, agents=[agent], status="timeout", result=None)
    make.span(alice, task, name="draft", kind="llm", agent_id=agent.id)
    opened = page(f"/tasks/{task.id}")
    callout = opened.find("section", class_="callout")
    assert callout["data-tone"] == "warn"
    assert (
        "Its last step was draft of writer, from +0.0s. Nothing more arrived after 03:12:40 UTC."
        in callout.p.get_text()
    )
    assert "None: the run timed out." in opened.find(id="content").get_text()


def test_a_good_run_has_nothing_to_call_out(page, make, alice):
    assert page(f"/tasks/{make.task(alice).id}").find("section", class_="callout") is None


def test_newer_and_older_runs_of_the_workflow(page, make, alice):
    workflow, now = make.workflow(alice, name="nightly"), clock.now()
    older, task, newer = (
        make.task(alice, workflow_id=workflow.id, started_at=now - timedelta(hours=hours))
        for hours in (3, 2, 1)
    )
    make.task(alice, started_at=now - timedelta(minutes=90))
    opened = page(f"/tasks/{task.id}")
    assert opened.link("Newer")["href"] == f"/tasks/{newer.id}"
    assert opened.link("Older")["href"] == f"/tasks/{older.id}"
    assert "Newer" not in page(f"/tasks/{newer.id}").text


def test_the_timeline_shows_lanes_steps_and_hand_offs(page, failed):
    timeline = page(f"/tasks/{failed.id}").find(id="timeline")
    assert timeline.header.p.get_text() == "2 agents, 5 steps, 1 hand-off"
    lanes = {
        lane.summary.find("span", class_="wf-name").find("span").get_text(): [
            row.find("span", class_="wf-name").find("span").get_text() for row in lane.select("a.wf-row")
        ]
        for lane in timeline.select("details.wf-lane")
    }
    assert lanes == {
        "weekly-brief": ["weekly"],
        "planner": ["invoke planner", "plan"],
        "browser": ["fetch_page"],
    }
    row = timeline.select("a.wf-row[data-s=failed]")[-1]
    assert row["aria-current"] == "true"
    assert "first failing step" in row.get_text()
    assert timeline.select("line.mark")
    assert len(timeline.select("line.hand:not([data-via])")) == 3  # both ends and the legend


@pytest.mark.parametrize(("steps", "count"), [("brief", 4), ("all", 5), ("failed", 2)])
def test_steps_are_chosen_by_the_address(page, fragment, failed, steps, count):
    assert len(page(f"/tasks/{failed.id}?steps={steps}").select("a.wf-row")) == count
    part = fragment(f"/tasks/{failed.id}?part=timeline&steps={steps}")
    assert part.soup.find(True)["id"] == "timeline"
    assert len(part.select("a.wf-row")) == count


def test_a_part_without_htmx_is_the_page(page, failed):
    for part in ("head", "timeline", "lane"):
        assert page(f"/tasks/{failed.id}?part={part}").find("h1")


def test_a_long_run_opens_short_and_its_lanes_load_when_opened(client, page, fragment, make, alice):
    agent, other = make.agent(alice, name="browser"), make.agent(alice, name="writer")
    task = make.task(alice, agents=[agent, other])
    start = clock.to_us(task.started_at)
    db.session.execute(
        Span.__table__.insert(),
        [
            {
                "userId": alice.id, "traceId": task.trace_id, "spanId": f"{number:016x}", "taskId": task.id,
                "agentId": (other if number % 10 == 0 else agent).id, "kind": "tool", "name": f"step {number}", "status": "unset",
                "startedAt": start + number * SECOND, "endedAt": start + number * SECOND + SECOND, "contentHash": 1, "arrivedAt": 1,
            }
            for number in range(5000)
        ],
    )  # fmt: skip
    db.session.commit()
    opened = page(f"/tasks/{task.id}")
    assert len(opened.html) < 120_000
    assert len(opened.select(".wf-row")) < 150
    lane = opened.find(id=f"lane-{agent.id}")
    assert not lane.has_attr("open")
    assert lane["hx-trigger"] == "toggle once"
    assert lane.select_one("a.wf-more").get_text() == "Show 4,500 steps"

    first = fragment(lane["hx-get"])
    assert len(first.select("a.wf-row")) == 100
    more = first.select("a.wf-more")
    assert [link.get_text() for link in more] == ["Later steps, 4,400 more"]
    second = fragment(more[0]["hx-get"])
    names = [
        [row.select_one(".wf-name > span").get_text() for row in part.select("a.wf-row")]
        for part in (first, second)
    ]
    assert (names[0][0], names[0][-1], names[1][0], len(names[1])) == ("step 1", "step 111", "step 112", 100)

    # Without JavaScript the same link opens the page at those rows, with a way to either side.
    there = page(f"/tasks/{task.id}" + more[0]["href"].removeprefix(f"/tasks/{task.id}").partition("#")[0])
    words = [link.get_text() for link in there.find(id=f"lane-{agent.id}").select("a.wf-more")]
    assert words == ["Earlier steps, 100 more", "Later steps, 4,300 more"]
    earlier = fragment(there.find(id=f"lane-{agent.id}").select("a.wf-more")[0]["hx-get"])
    assert len(earlier.select("a.wf-row")) == 100
    assert earlier.select("a.wf-more") == []


def test_a_running_run_refreshes_its_parts_and_a_finished_one_does_not(page, fragment, make, alice):
    task = make.task(alice, status="running", completed_at=None, execution_time=None, result=None)
    make.span(alice, task, name="plan", kind="llm")
    opened = page(f"/tasks/{task.id}")
    live = {part["id"]: part["hx-get"] for part in opened.select("[data-live=fast]")}
    assert set(live) == {"run", "timeline", "messages", "logs"}
    for name, url in live.items():
        part = fragment(url)
        assert part.find(id=name)["data-live"] == "fast"
    assert "Not yet: the run goes on." in fragment(live["run"]).find(id="content").get_text()

    stored = db.session.get(Task, task.id, execution_options={"everyone": "test"})
    stored.status, stored.result, stored.execution_time = "completed", {"text": "done at last"}, 5000
    db.session.commit()
    for url in live.values():
        assert fragment(url).select("[data-live]") == []
    head = fragment(live["run"])
    assert head.find(id="content")["hx-swap-oob"] == "true"
    assert "done at last" in head.find(id="content").get_text()


def test_unchanged_parts_answer_304(client, make, alice):
    task = make.task(alice, status="running")
    for url in (f"/tasks/{task.id}?part=timeline", f"/tasks/{task.id}/messages", f"/tasks/{task.id}/logs"):
        tag = client.get(url, headers={"HX-Request": "true"}).headers["ETag"]
        assert client.get(url, headers={"HX-Request": "true", "If-None-Match": tag}).status_code == 304


def test_input_and_result(page, make, alice):
    task = make.task(alice, input={"data": {"week": 47, "ok": True}}, result={"text": "The answer\nis here"})
    content = page(f"/tasks/{task.id}").find(id="content")
    code, text = content.select("pre.code")
    assert code.select_one(".k").get_text() == '"week"'
    assert [token.get_text() for token in code.select(".n")] == ["47", "true"]
    assert text.get_text() == "The answer\nis here"


def test_what_is_cut_leads_to_the_whole(client, page, make, alice):
    task = make.task(alice, result={"text": "x" * 88_000 + "end"})
    link = page(f"/tasks/{task.id}").find(id="content").find("a", string="Show all 88,003 characters")
    whole = client.get(link["href"])
    assert whole.get_data(as_text=True).endswith("end")
    assert whole.mimetype == "text/plain"


def test_where_the_whole_was_archived(page, make, alice):
    task = make.task(alice)
    make.history(alice, task, storage_url="s3://bucket/history/1.json")
    assert "s3://bucket/history/1.json" in page(f"/tasks/{task.id}").find(id="content").get_text()


def test_the_id_of_a_run_that_became_part_of_another_leads_there(client, make, alice, bob):
    task = make.task(alice)
    db.session.add(
        TaskTrace(user_id=alice.id, trace_id="b" * 32, task_id=task.id, own_task_id="0ldtask0000000000000")
    )
    theirs = make.task(bob)
    db.session.add(
        TaskTrace(user_id=bob.id, trace_id="c" * 32, task_id=theirs.id, own_task_id="the1rs00000000000000")
    )
    db.session.commit()
    response = client.get("/tasks/0ldtask0000000000000?steps=all&_external=1")
    assert response.status_code == 301
    assert response.location == f"/tasks/{task.id}?steps=all&_external=1"
    assert client.get("/tasks/0ldtask0000000000000/logs").location == f"/tasks/{task.id}/logs"
    assert client.get("/tasks/the1rs00000000000000").status_code == 404
    assert client.get("/tasks/unknown").status_code == 404


def test_many_traces_of_one_run(page, make, alice):
    task = make.task(alice)
    for number in range(6):
        db.session.add(
            TaskTrace(
                user_id=alice.id, trace_id=f"{number:032x}", task_id=task.id, own_task_id=f"own{number}"
            )
        )
        db.session.commit()
        make.span(
            alice, task, trace_id=f"{number:032x}", name=f"part {number}", kind="tool", span_id="a" * 16
        )
    opened = page(f"/tasks/{task.id}")
    assert facts(opened)["Traces"] == f"{task.trace_id[:8]}… and 6 more"
    hrefs = [row["href"] for row in opened.select("a.wf-row")]
    assert len(set(hrefs)) == 6
    assert hrefs[0] == f"?span={0:032x}.{'a' * 16}#span"
    chosen = page(f"/tasks/{task.id}?span={3:032x}.{'a' * 16}")
    assert chosen.find(id="span").h2.get_text() == "part 3"


def test_text_from_outside_is_shown_not_run(page, make, alice):
    agent = make.agent(alice, name=EVIL)
    workflow = make.workflow(alice, name=EVIL)
    task = make.task(
        alice, agents=[agent], name=EVIL, workflow_id=workflow.id, status="failed", failed_span_id="e" * 16, failed_step=EVIL,
        failed_agent_id=agent.id, error_type=EVIL, error_message=EVIL * 100, session_id=EVIL, input={"data": {EVIL: [EVIL, None]}},
        result={"text": EVIL * 2000},
    )  # fmt: skip
    make.span(
        alice,
        task,
        name=EVIL,
        agent_id=agent.id,
        kind="tool",
        status="error",
        error_type=EVIL,
        error_message=EVIL,
        span_id="e" * 16,
    )
    make.message(alice, task, agent, None, content={"text": EVIL}, message_type="broadcast")
    make.message(alice, task, agent, agent, content={"data": {EVIL: EVIL}})
    make.log(alice, task, message=EVIL + "\x00", agent_id=agent.id)
    opened = page(f"/tasks/{task.id}")
    assert opened.select("main script, main img") == []
    assert "\x00" not in opened.html
    assert opened.find("h1").get_text() == EVIL
    assert "\u202e" not in opened.find("section", class_="callout").h2.get_text()


def test_nothing_of_another_owner_is_on_the_page(client, make, alice, bob):
    task = make.task(bob)
    step = make.span(bob, task)
    message, line = make.message(bob, task, make.agent(bob), None), make.log(bob, task)
    for path in (
        "", f"/spans/{step.span_id}", f"/spans/{step.span_id}/payload", "/messages", f"/messages/{message.id}", "/logs",
        f"/logs/{line.id}", "/content/input",
    ):  # fmt: skip
        assert client.get(f"/tasks/{task.id}{path}").status_code == 404, path


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    agents = [make.agent(alice) for _ in range(4)]
    task = make.task(alice, agents=agents, workflow_id=make.workflow(alice).id)

    def fill(number: int) -> None:
        for index in range(number):
            agent, other = agents[index % 4], agents[(index + 1) % 4]
            make.span(alice, task, agent_id=agent.id, kind="tool")
            make.message(alice, task, agent, other)
            make.log(alice, task, agent_id=agent.id)

    def cost() -> int:
        with statements() as sent:
            assert client.get(f"/tasks/{task.id}").status_code == 200
        return len(sent)

    fill(4)
    few = cost()
    fill(30)
    assert cost() == few


@pytest.mark.parametrize(
    "path", ["汉字", "{task}/spans/汉字", "{task}/messages/汉字", "{task}/logs/汉字", "x%00y"]
)
def test_ids_that_no_row_can_have_are_not_found(client, make, alice, path):
    assert client.get("/tasks/" + path.format(task=make.task(alice).id)).status_code == 404


@pytest.mark.parametrize(
    "query", ["?span=汉字", "?lane=汉字", "/logs?agent=汉字", "/logs?line=汉字", "/logs?span=汉字"]
)
def test_parts_that_no_row_can_have_are_refused(client, make, alice, query):
    assert client.get(f"/tasks/{make.task(alice).id}{query}").status_code == 422
