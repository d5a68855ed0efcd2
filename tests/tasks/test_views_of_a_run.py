"""The agents of a run, messages as lanes, logs found and taken along, the timeline in its shapes."""

import json
from datetime import timedelta

import pytest

from tests.pages import Page


@pytest.fixture
def run(make, alice):
    """planner asks browser twice; the second answer is an error."""
    planner = make.agent(alice, name="planner", type="coordination")
    browser = make.agent(alice, name="browser", type="execution")
    task = make.task(alice, agents=(planner, browser), name="Brief 47")
    at = task.started_at
    for seconds, sender, recipient, kind, text in (
        (1, planner, browser, "request", {"data": {"task": "Quote the page."}}),
        (5, browser, planner, "response", {"text": "quoted"}),
        (6, planner, browser, "request", {"text": "Once more."}),
        (9, browser, planner, "error", {"text": "403 Forbidden"}),
    ):
        make.message(
            alice,
            task,
            sender,
            recipient,
            message_type=kind,
            content=text,
            at=at + timedelta(seconds=seconds),
        )
    return task


def test_the_agents_of_a_run_and_who_called_whom(page, run, make, bob):
    make.message(bob, make.task(bob), make.agent(bob, name="stranger"), make.agent(bob, name="other"))
    seen = page(f"/tasks/{run.id}/graph")
    assert seen.select("text.on-edge")[0].get_text() == "×2, 1 failed"
    assert len(seen.select("path.edge")) == 1
    rows = [row.split() for row in seen.rows()]
    assert {row[0] for row in rows} == {"planner", "browser"}
    assert next(row for row in seen.rows() if row.startswith("browser")).endswith("2 1 error 2")
    assert "stranger" not in seen.text


def test_how_often_an_agent_was_called_is_not_called_steps(page, run):
    """Steps are what the timeline counts."""
    graph = page(f"/tasks/{run.id}/graph")
    browser = graph.find("a", href=lambda href: href and "#lane-" in href).select_one("text.role").get_text()
    assert "1 invocation" in browser
    for seen in (graph.find(id="graph"), page("/agents").find(id="list")):
        heads = [head.get_text() for head in seen.select("thead th")]
        assert "Invocations" in heads
        assert "Steps" not in heads


def test_a_run_of_models_alone_has_no_agents(page, make, alice):
    task = make.task(alice)
    assert "No agent took part" in page(f"/tasks/{task.id}/graph").text
    assert not page(f"/tasks/{task.id}").select("#graph")


def test_messages_as_lanes(page, run):
    seen = page(f"/tasks/{run.id}/messages?view=lanes")
    assert [text.contents[-1] for text in seen.select(".swim-head text")] == ["planner", "browser"]
    rows = [" ".join(row.get_text(" ").split()) for row in seen.select(".swim-row")]
    assert rows[0] == "+1.0s planner to browser, Request: Quote the page."
    assert rows[3] == "+9.0s browser to planner, Error: 403 Forbidden"
    assert len(page(f"/tasks/{run.id}/messages?view=lanes&type=error").select(".swim-row")) == 1


def test_many_speakers_share_the_last_column(page, make, alice):
    agents = [make.agent(alice, name=f"worker {number}") for number in range(15)]
    task = make.task(alice)
    for number, agent in enumerate(agents[1:]):
        make.message(alice, task, agents[0], agent, at=task.started_at + timedelta(seconds=number))
    seen = page(f"/tasks/{task.id}/messages?view=lanes")
    heads = [text.contents[-1] for text in seen.select(".swim-head text")]
    assert len(heads) == 12
    assert heads[-1] == "others"
    assert "worker 14" in seen.text


@pytest.fixture
def logged(make, alice, run):
    for number, (level, text) in enumerate(
        [("info", "Fetching 100%"), ("error", "timed out\nat line 2"), ("info", "<b>done</b>")]
    ):
        make.log(alice, run, level=level, message=text, at=run.started_at + timedelta(seconds=number))
    return run


def test_lines_are_found_by_text(page, logged):
    assert len(page(f"/tasks/{logged.id}/logs?q=TIMED").select(".log > li")) == 1
    assert len(page(f"/tasks/{logged.id}/logs?q=100%25").select(".log > li")) == 1
    assert "No line matches" in page(f"/tasks/{logged.id}/logs?q=nothing").text
    assert (
        page(f"/tasks/{logged.id}/logs?q=TIMED")
        .select("a[download]")[0]["href"]
        .endswith("/logs.txt?q=TIMED")
    )


def test_lines_are_taken_along_as_text(client, logged):
    answer = client.get(f"/tasks/{logged.id}/logs.txt")
    assert answer.mimetype == "text/plain"
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.get_data(as_text=True).splitlines()
    assert lines[0].endswith("INFO     -: Fetching 100%")
    assert lines[1:3] == [f"{lines[1].split()[0]} ERROR    -: timed out", "    at line 2"]
    assert (
        len(client.get(f"/tasks/{logged.id}/logs.txt?level=error").get_data(as_text=True).splitlines()) == 2
    )


def test_lines_are_taken_along_as_json(client, logged, monkeypatch):
    monkeypatch.setattr("swarm_ui.tasks.log_export.BATCH", 2)
    answer = client.get(f"/tasks/{logged.id}/logs.jsonl")
    items = [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]
    assert [item["message"] for item in items] == ["Fetching 100%", "timed out\nat line 2", "<b>done</b>"]
    assert items[1]["level"] == "error"


@pytest.fixture
def slow(make, alice):
    """A workflow whose fourth run fetched ten times as long as the others, with a pause, at the second try."""
    workflow = make.workflow(alice)
    agent = make.agent(alice, name="browser")

    def steps(task, took, *, first_fails=False):
        began = int(task.started_at.timestamp()) * 1_000_000
        root = make.span(
            alice,
            task,
            kind="agent",
            name="browser",
            agent_id=agent.id,
            started_at=began,
            ended_at=began + 100_000_000,
        )
        times = [(1, 2, "error"), (61, took, "ok")] if first_fails else [(1, took, "ok")]
        for at, seconds, status in times:
            make.span(
                alice, task, name="fetch", kind="tool", agent_id=agent.id, parent_span_id=root.span_id, trace_id=root.trace_id,
                status=status, started_at=began + at * 1_000_000, ended_at=began + (at + seconds) * 1_000_000,
            )  # fmt: skip

    for _ in range(3):
        steps(make.task(alice, workflow_id=workflow.id, agents=[agent]), 2)
    task = make.task(alice, workflow_id=workflow.id, agents=[agent])
    steps(task, 20, first_fails=True)
    return task


def test_a_timeline_marks_attempts_and_what_is_unusual(page, slow):
    tags = [tag.get_text() for tag in page(f"/tasks/{slow.id}?usual=marked").select(".wf-row .tag")]
    assert tags == ["1 of 2", "2 of 2", "10.0× the usual time"]
    assert [tag.get_text() for tag in page(f"/tasks/{slow.id}").select(".wf-row .tag")] == [
        "1 of 2",
        "2 of 2",
    ]


def test_an_opened_step_says_what_is_usual_and_what_it_holds(page, slow, client):
    spans = client.get(f"/api/v1/tasks/{slow.id}/spans").json["items"]
    last = spans[-1]["spanId"]
    assert "20.0s median 2.0s" in page(f"/tasks/{slow.id}?span={last}").text
    holds = page(f"/tasks/{slow.id}?span={spans[0]['spanId']}").text
    assert "2 steps, 0 model calls, 2 tool calls, 1 failed" in holds


def test_the_critical_path_and_idle_times(page, slow):
    seen = page(f"/tasks/{slow.id}?steps=critical&gaps=short")
    assert "its critical path took 1m 40s" in seen.text
    assert len(seen.select("rect.gap")) == 3  # two in the grid, one in the legend
    kept = [link["href"] for link in seen.select("#timeline nav a")]
    assert all("gaps=short" in href for href in kept)
    assert any(
        "usual=marked" in link["href"] and "steps=critical" in link["href"]
        for link in seen.select("#timeline footer a")
    )


def test_shapes_that_are_not_known_are_refused(client, run):
    for query in ("steps=x", "gaps=long", "usual=x"):
        assert client.get(f"/tasks/{run.id}?{query}").status_code == 422
    assert client.get(f"/tasks/{run.id}/messages?view=x").status_code == 422
    assert client.get(f"/tasks/{run.id}/logs?q={'x' * 201}").status_code == 422
    assert isinstance(Page(client.get(f"/tasks/{run.id}"), "/").text, str)
