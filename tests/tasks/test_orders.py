"""Orders, columns and export of the list of runs."""

import csv
import io
import json
from datetime import timedelta

import pytest

from swarm_ui import clock
from swarm_ui.tasks import export


def names(opened) -> list[str]:
    return [link.get_text() for link in opened.select("#list tbody td:first-child > a")]


def walked(page, url: str) -> list[str]:
    """The names of all pages."""
    seen: list[str] = []
    while url:
        opened = page(url)
        seen += names(opened)
        onward = opened.find("a", rel="next")
        url = onward and onward["href"]
    return seen


@pytest.fixture
def many(make, alice):
    """Sixty runs whose figures repeat, a third of them unknown."""
    for number in range(60):
        known = number % 3
        make.task(
            alice, name=f"{number:02}", started_at=clock.now() - timedelta(minutes=number), execution_time=number // 6 * 100 if known else None,
            estimated_cost=number // 6 / 7 if known else None, token_usage=number // 6 if known else None,
        )  # fmt: skip


@pytest.mark.parametrize("order", ["duration", "cost", "tokens"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("rest", ["", "&q=status:completed", "&q=agent:nobody,x"])
def test_each_order_shows_each_run_once_unknown_ones_too(page, many, order, sign, rest):
    seen = walked(page, f"/tasks?sort={sign}{order}{rest}")
    if "agent" in rest:
        assert seen == []
        return
    assert sorted(seen) == [f"{number:02}" for number in range(60)]
    known = [int(name) // 6 for name in seen if int(name) % 3]
    assert known == sorted(known, reverse=not sign)
    unknown = [name for name in seen if not int(name) % 3]
    assert (seen[:20] if sign else seen[-20:]) == unknown


def test_oldest_first(page, many):
    assert walked(page, "/tasks?sort=-started") == [f"{number:02}" for number in range(59, -1, -1)]


def test_an_order_of_an_agents_runs(page, make, alice):
    agent = make.agent(alice, name="coder")
    for cost in (1, 3, 2):
        make.task(alice, name=str(cost), estimated_cost=cost, agents=[agent])
    make.task(alice, name="another's", estimated_cost=9)
    assert names(page("/tasks?q=agent:coder&sort=cost")) == ["3", "2", "1"]


def test_a_head_sorts_and_says_so(page, make, alice):
    make.task(alice)
    opened = page("/tasks?q=-status:failed&sort=cost")
    (sorted_by,) = opened.select("th[aria-sort]")
    assert (sorted_by["aria-sort"], sorted_by.a["href"]) == (
        "descending",
        "/tasks?q=-status:failed&sort=-cost",
    )
    assert opened.link("Tokens")["href"] == "/tasks?q=-status:failed&sort=tokens"
    assert opened.link("Started")["href"] == "/tasks?q=-status:failed"
    assert "dearest first" in opened.text


@pytest.mark.parametrize("sort", ["name", "--cost", "-", "cost,tokens"])
def test_an_order_that_there_is_not(page, sort):
    page(f"/tasks?sort={sort}", status=422)


def test_a_cursor_of_another_order_is_refused_or_pages_on(page, many):
    cursor = page("/tasks").find("a", rel="next")["href"].partition("cursor=")[2]
    page(f"/tasks?sort=cost&cursor={cursor}", status=422)


def test_columns_are_chosen_in_the_address(page, make, alice):
    make.task(alice, name="run", session_id="chat-17", error_count=3, llm_calls=1200, source="otlp")
    heads = [
        head.get_text(strip=True)
        for head in page("/tasks?col=none&col=errors&col=session&col=calls&col=x").select("th")
    ]
    assert heads == ["Task", "Status", "Errors", "Model calls", "Session", "Started▼"]
    assert (
        page("/tasks?col=errors&col=session&col=calls").rows()[0].endswith("Completed 3 1,200 chat-17 5 min")
    )
    assert len(page("/tasks?col=none").select("th")) == 3
    form = page("/tasks?q=name:run&sort=cost&col=cost").find("form", attrs={"aria-label": "Search tasks"})
    kept = {(field["name"], field["value"]) for field in form.select("input[type=hidden]")}
    assert kept == {("was", "name:run"), ("sort", "cost"), ("col", "cost")}


def test_export_holds_exactly_what_is_shown_in_its_order(client, page, many, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 7)
    query = "?q=cost:>0.5+-tokens:9&sort=-cost"
    lines = [
        json.loads(line)
        for line in client.get(f"/tasks/export.jsonl{query}").get_data(as_text=True).splitlines()
    ]
    assert [line["name"] for line in lines] == walked(page, f"/tasks{query}")
    answer = client.get(f"/tasks/export.csv{query}")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="tasks-2026-11-17.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert [row["name"] for row in rows] == [line["name"] for line in lines]
    assert float(rows[0]["estimatedCost"]) == lines[0]["estimatedCost"]


def test_an_exported_row(client, make, alice, bob):
    agent, workflow = make.agent(alice, name="=cmd()"), make.workflow(alice, name="Nightly")
    make.task(
        alice, name='=HYPERLINK("http://evil")', agents=[agent], workflow_id=workflow.id, error_message="-1+1", estimated_cost=None,
        execution_time=None,
    )  # fmt: skip
    make.task(bob, name="secret")
    (row,) = csv.DictReader(io.StringIO(client.get("/tasks/export.csv").get_data(as_text=True)))
    assert row["name"] == '\'=HYPERLINK("http://evil")'
    assert row["errorMessage"] == "'-1+1"
    assert (row["workflow"], row["agents"], row["estimatedCost"]) == ("Nightly", '["=cmd()"]', "")
    assert row["startedAt"] == "2026-11-17T03:07:40.000000Z"
    (line,) = client.get("/tasks/export.jsonl").get_data(as_text=True).splitlines()
    assert json.loads(line)["agents"] == ["=cmd()"]
    assert json.loads(line)["executionTime"] is None


def test_a_search_that_makes_no_sense_is_not_exported(client, make, alice):
    make.task(alice)
    assert client.get("/tasks/export.csv?q=statuss:failed").status_code == 422
    assert client.get("/tasks/export.jsonl?sort=name").status_code == 422
