"""Two runs side by side, through the front door."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from swarm_ui import clock
from swarm_ui.agents.models import AgentRevision
from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.tasks.models import Task, TaskTrace
from tests.captures import project
from tests.otlp import agent, failing, llm, send, tool, workflow

ASKED = {"gen_ai.request.temperature": 0.2, "gen_ai.request.model": "gpt-4o"}


def brief(trace: int, *, fails: bool = False, model: str = "gpt-4o", says: str = "Be brief.", at: float = 0):
    """planner calls its model, then fetch_page, which may fail, and writes."""
    broken = failing("HTTPStatusError", "403 Forbidden") if fails else {}
    up = {"status": "error", "message": "fetch failed"} if fails else {}
    told = ASKED | {"gen_ai.system_instructions": f'[{{"type": "text", "content": "{says}"}}]'}
    drafts = [
        workflow(1, "weekly_brief", seconds=50, **up),
        agent(2, "planner", 1, at=1, seconds=48, **up),
        llm(3, 2, at=2, seconds=3, attributes=told | {"gen_ai.response.model": model}),
        tool(4, "fetch_page", 2, at=6, seconds=12, **broken),
    ]
    if not fails:
        drafts.append(llm(5, 2, at=20, seconds=20, attributes=told | {"gen_ai.response.model": model}))
    return [draft.but(trace=trace, at=draft.at + at) for draft in drafts]


@pytest.fixture
def sent(app, key, client):
    """Sends runs and gives their ids, oldest first."""

    def send_all(*runs) -> list[str]:
        for run in runs:
            send(app.test_client(), *run)
        project()
        items = client.get("/api/v1/tasks").get_json()["items"]
        return [item["id"] for item in reversed(items)]

    return send_all


def changes(client, task_id: str, query: str = "") -> list[dict]:
    return client.get(f"/api/v1/tasks/{task_id}/compare{query}").get_json()["changes"]


@pytest.mark.parametrize(
    "name",
    [
        "agent_framework_handoff", "agno_team", "autogen_swarm", "crewai", "google_adk", "openai_agents", "openllmetry_langgraph",
        "strands_swarm",
    ],
)  # fmt: skip
def test_a_recorded_run_beside_its_failed_one(runs_of, client, page, name):
    """The good and the bad run have the same agents, set the same; they part where the application said that it broke."""
    runs = runs_of(name)
    opened = page(f"/tasks/{runs['fail'].id}/compare/{runs['ok'].id}")
    assert opened.find("h1").get_text() == f"Compare {runs['fail'].name}"
    found = client.get(f"/api/v1/tasks/{runs['fail'].id}/compare?with={runs['ok'].id}").get_json()
    assert (found["task"]["id"], found["with"]["id"]) == (runs["fail"].id, runs["ok"].id)
    assert found["parting"]["agent"] == "billing_specialist"
    assert not [
        item
        for item in found["changes"]
        if item["kind"] in ("model", "provider", "prompt", "tools", "version")
    ]
    steps = [step for lane in found["lanes"] for step in lane["steps"]]
    same = client.get(f"/api/v1/tasks/{runs['ok'].id}/compare?with={runs['ok'].id}").get_json()
    assert {step["how"] for lane in same["lanes"] for step in lane["steps"]} == {"same"}
    assert same["parting"] is None
    assert sum(step["with"] is not None for step in steps) == sum(
        len(lane["steps"]) for lane in same["lanes"]
    )


def test_one_click_leads_to_the_last_good_run(sent, client, page):
    good, older_failure, bad = sent(brief(1), brief(2, fails=True, at=60), brief(3, fails=True, at=120))
    shown = page(f"/tasks/{bad}")
    assert shown.link("Compare with the last good run of weekly_brief")["href"] == f"/tasks/{bad}/compare"
    answer = client.get(f"/tasks/{bad}/compare")
    assert answer.location == f"/tasks/{bad}/compare/{good}"
    assert client.get(f"/tasks/{bad}/compare?with={older_failure}").location.endswith(older_failure)


def test_where_no_run_was_good_it_says_so(sent, page, client):
    bad, later = sent(brief(1, fails=True), brief(2, at=60))
    opened = page(f"/tasks/{bad}/compare")
    assert "No run of weekly_brief was completed before this one" in opened.text
    assert [link["href"] for link in opened.select("#choose a.title")] == [f"/tasks/{bad}/compare/{later}"]
    alone = client.get(f"/api/v1/tasks/{bad}/compare").get_json()
    assert (alone["task"]["id"], alone["with"], alone["lanes"]) == (bad, None, [])
    assert client.get(f"/api/v1/tasks/{bad}/compare?with=nobody").status_code == 404


def test_another_run_is_found_by_words(sent, page, make, alice):
    _good, bad = sent(brief(1), brief(2, fails=True, at=60))
    other = make.task(alice, name="quarterly report")
    make.index_words(alice)
    opened = page(f"/tasks/{bad}/compare?q=quarterly")
    assert [link["href"] for link in opened.select("#choose a.title")] == [f"/tasks/{bad}/compare/{other.id}"]
    assert "No run matches" in page(f"/tasks/{bad}/compare?q=nothing").text


def test_the_page_says_where_they_part(sent, page):
    good, bad = sent(brief(1), brief(2, fails=True, at=60))
    opened = page(f"/tasks/{bad}/compare/{good}")
    assert (
        "Failed here and not there at +6.0s: planner , execute_tool fetch_page HTTPStatusError" in opened.text
    )
    assert "403 Forbidden" in opened.find(id="words").get_text()


def test_a_changed_model_and_prompt_are_found_with_when_and_where(sent, client):
    _good, bad = sent(brief(1), brief(2, fails=True, model="gpt-4o-mini", says="Be thorough.", at=60))
    prompt, model = changes(client, bad)
    assert (prompt["kind"], prompt["subject"], prompt["onPath"]) == ("prompt", "planner", True)
    assert [(line["kind"], line["text"]) for line in prompt["lines"]] == [
        ("del", "Be brief."),
        ("ins", "Be thorough."),
    ]
    assert (model["kind"], model["before"], model["after"]) == ("model", "gpt-4o", "gpt-4o-mini")
    assert model["spanId"] == f"{3:016x}"


def test_a_dated_model_is_the_same_model(sent, client):
    _good, bad = sent(brief(1), brief(2, model="gpt-4o-2024-08-06", at=60))
    assert changes(client, bad) == []


def test_parameters_and_tools_and_versions(sent, client):
    first, second = brief(1), brief(2, at=60)
    second = [draft.but(scope=("tests", "2.0")) for draft in second]
    second[2] = second[2].but(attributes=second[2].attributes | {"gen_ai.request.temperature": 1.0, "gen_ai.agent.tools": '["a", "b"]'})  # fmt: skip
    first[2] = first[2].but(attributes=first[2].attributes | {"gen_ai.agent.tools": '["a"]'})
    _good, now = sent(first, second)
    assert [(item["kind"], item["what"], item["before"], item["after"]) for item in changes(client, now)] == [
        ("tools", "tools on offer", None, "b"),
        ("parameter", "temperature", "0.2", "1.0"),
        ("version", "version", "1.0", "2.0"),
    ]


def test_markers_revisions_and_the_trail_of_the_time_between(sent, client, make, alice):
    good, bad = sent(brief(1), brief(2, fails=True, at=120))
    planner = client.get("/api/v1/agents").get_json()["items"][0]
    began = clock.now() - timedelta(minutes=10)
    make.change(
        alice,
        title="release 1",
        service="demo",
        at=began + timedelta(seconds=70),
        url="https://ci.example.org/1",
    )
    make.change(alice, title="another shop", service="shop", at=began + timedelta(seconds=70))
    make.change(alice, title="long ago", at=began - timedelta(hours=1))
    make.change(alice, title="afterwards", at=began + timedelta(hours=1))
    make.event(
        alice, action="integration.switch_off", subject="crewai", created_at=began + timedelta(seconds=80)
    )
    make.event(alice, action="session.begin", created_at=began + timedelta(seconds=80))
    make._add(
        AgentRevision(
            id=make._id(), user_id=alice.id, agent_id=planner["id"], number=4, actor="Mira", snapshot={"name": "planner"},
            created_at=began + timedelta(seconds=90),
        )
    )  # fmt: skip
    found = changes(client, bad)
    assert [(item["kind"], item["what"], item["onPath"], item["aside"]) for item in found] == [
        ("revision", "revision 4", True, False),
        ("marker", "release 1", False, False),
        ("audit", "switched off the integration", False, False),
        ("marker", "another shop", False, True),
    ]
    text = client.get(f"/tasks/{bad}/compare/{good}").get_data(as_text=True)
    assert f'href="/agents/{planner["id"]}/revisions/4"' in text
    assert 'href="https://ci.example.org/1" rel="noreferrer"' in text


def test_a_failed_run_says_in_short_what_changed(sent, client, page):
    good, bad = sent(brief(1), brief(2, fails=True, model="gpt-5", at=60))
    section = page(f"/tasks/{bad}").find(id="changes")
    assert section["hx-get"] == f"/tasks/{bad}/changes"
    part = client.get(f"/tasks/{bad}/changes", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "<h1" not in part
    assert "gpt-5" in part
    assert f'href="/tasks/{bad}/compare/{good}"' in part
    assert "gpt-5" in page(f"/tasks/{bad}/changes").text
    assert page(f"/tasks/{good}").find(id="changes") is None


def test_without_a_good_run_the_section_says_so(sent, page):
    [bad] = sent(brief(1, fails=True))
    assert "No run of this workflow was completed before this one" in page(f"/tasks/{bad}/changes").text


def test_hostile_names_are_text(make, alice, page):
    evil = '<script>alert("x")</script>"><img src=x onerror=alert(1)> \u202egnihton'
    workflow_ = make.workflow(alice, name=evil)
    one = make.agent(alice, name=evil)
    runs = [
        make.task(alice, agents=[one], name=evil, status=status, workflow_id=workflow_.id, input={"text": evil + status},
                  started_at=clock.now() - timedelta(hours=hours), summary=evil)
        for status, hours in (("completed", 2), ("failed", 1))
    ]  # fmt: skip
    for run in runs:
        make.span(
            alice,
            run,
            name=evil,
            agent_id=one.id,
            kind="tool",
            status="error" if run is runs[1] else "ok",
            error_type=evil,
        )
    make.change(alice, title=evil, agent=evil, version=evil, at=clock.now() - timedelta(minutes=90))
    opened = page(f"/tasks/{runs[1].id}/compare/{runs[0].id}")
    assert "alert(" in opened.text
    assert not opened.select("main script, main img")


def test_times_that_no_calendar_holds(make, alice, page):
    workflow_, one = make.workflow(alice), make.agent(alice)
    runs = [
        make.task(alice, agents=[one], workflow_id=workflow_.id, status=status, started_at=clock.now() - timedelta(hours=hours))
        for status, hours in (("completed", 2), ("failed", 1))
    ]  # fmt: skip
    for run, model, scope in zip(runs, ("a", "b"), ("x@1", "x@2"), strict=True):
        make.span(
            alice, run, kind="llm", agent_id=one.id, model=model, scope=scope, started_at=1 << 62, ended_at=0
        )
    text = page(f"/tasks/{runs[1].id}/compare/{runs[0].id}").text
    assert "x · version" in text


def test_runs_without_steps_times_or_workflow(make, alice, page):
    one, other = (make.task(alice, status=status) for status in ("completed", "failed"))
    with_nothing = make.task(alice, workflow_id=None)
    with db.engine.begin() as connection:
        table = Task.__table__
        connection.execute(
            update(table)
            .where(table.c.id == with_nothing.id)
            .values(startedAt=None, completedAt=None, executionTime=None, input=None, result=None)
        )
    for pair in ((one, other), (other, with_nothing), (with_nothing, one)):
        assert "Neither run has steps" in page(f"/tasks/{pair[0].id}/compare/{pair[1].id}").text
    assert "belongs to no workflow" in page(f"/tasks/{with_nothing.id}/compare").text


def test_a_run_that_became_part_of_another_leads_there(sent, client, make, alice):
    good, bad = sent(brief(1), brief(2, fails=True, at=60))
    make._add(TaskTrace(user_id=alice.id, trace_id="9" * 32, task_id=good, own_task_id="old" + "0" * 17))
    old = "old" + "0" * 17
    assert client.get(f"/tasks/{bad}/compare/{old}").location == f"/tasks/{bad}/compare/{good}"
    assert client.get(f"/api/v1/tasks/{bad}/compare?with={old}").get_json()["with"]["id"] == good


def test_a_fixed_number_of_statements(sent, client, statements):
    def long(trace: int, steps: int, at: float):
        return [
            *brief(trace, at=at),
            *(tool(10 + n, f"t{n % 5}", 2, trace=trace, at=at + 21 + n / 100) for n in range(steps)),
        ]

    small = sent(long(1, 2, 0), long(2, 3, 60))
    with statements() as few:
        assert client.get(f"/tasks/{small[1]}/compare/{small[0]}").status_code == 200
    large = sent(long(3, 200, 120), long(4, 300, 180))[-2:]
    with statements() as many:
        assert client.get(f"/tasks/{large[1]}/compare/{large[0]}").status_code == 200
    assert len(few) == len(many) <= 24


def test_a_long_run_stays_bounded_and_says_so(make, alice, client):
    """5,500 steps against 5,200: the first 5,000 are compared, and the page holds 400 rows."""
    workflow_ = make.workflow(alice)
    runs = [
        make.task(
            alice, workflow_id=workflow_.id, status=status, started_at=clock.now() - timedelta(hours=hours)
        )
        for status, hours in (("completed", 2), ("failed", 1))
    ]
    for run, count, names in ((runs[0], 5_500, 7), (runs[1], 5_200, 11)):
        start = clock.to_us(run.started_at)
        rows = [
            {
                "userId": alice.id, "traceId": run.trace_id, "spanId": f"{n:016x}", "taskId": run.id, "kind": "tool", "name": f"t{n % names}",
                "status": "ok", "startedAt": start + n, "endedAt": start + n + 10, "contentHash": n, "facts": "{}", "arrivedAt": start,
            }
            for n in range(count)
        ]  # fmt: skip
        with db.engine.execution_options(writes=True).begin() as connection:
            connection.execute(Span.__table__.insert(), rows)
    answer = client.get(f"/tasks/{runs[1].id}/compare/{runs[0].id}")
    text = answer.get_data(as_text=True)
    assert "Of both runs the first 5,000 steps are compared." in text
    assert "more are left out" in text
    assert text.count('<tr data-how="') <= 400
    assert len(answer.data) < 500_000
