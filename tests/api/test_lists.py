"""The lists of the JSON API: names, filters, cursors, cost."""

from datetime import timedelta

import pytest

COLUMNS = {
    "agents": "id userId name type capabilities status llmModel parameters healthScore successRate totalExecutions failedExecutions "
    "lastHeartbeat createdAt updatedAt",
    "workflows": "id userId name orchestrationPattern nodes edges configuration status version createdAt updatedAt",
    "tasks": "id userId workflowId input assignedAgents priority status result executionTime startedAt completedAt createdAt updatedAt "
    "name traceId traceIds sessionId agents inputTokens outputTokens cachedTokens tokenUsage estimatedCost llmCalls toolCalls "
    "errorCount warningCount errorType errorMessage failedStep failedAgent",
    "alerts": "id userId alertType severity title message relatedAgentId relatedTaskId resolved resolvedAt createdAt updatedAt",
    "messages": "id userId taskId senderId recipientId messageType content metadata at spanId createdAt updatedAt",
    "logs": "id userId taskId agentId eventType level message metadata at spanId createdAt updatedAt",
    "history": "id userId taskId workflowId input output conversationLog metrics executionTime status storageUrl createdAt updatedAt",
    "spans": "userId traceId spanId parentSpanId taskId agentId kind name status startedAt endedAt provider model inputTokens "
    "outputTokens cost errorType errorMessage scope attributes events links input output",
}


@pytest.fixture
def get(client):
    def ask(path: str, expected: int = 200, **query):
        response = client.get(f"/api/v1/{path}", **({"query_string": query} if query else {}))
        assert response.status_code == expected, response.get_data(as_text=True)
        return response.json

    return ask


def ids(answer: dict) -> list[str]:
    return [item["id"] for item in answer["items"]]


def pages_of(get, path: str) -> list[str]:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = get(path, limit=2, **cursor)
        seen += ids(answer)
        if answer["next"] is None:
            return seen
        cursor = {"cursor": answer["next"]}


@pytest.fixture
def run(make, alice, time):
    """A failed run of two agents with a bit of everything."""
    planner, writer = make.agent(alice, name="planner"), make.agent(alice, name="writer")
    workflow = make.workflow(alice)
    task = make.task(
        alice, agents=[planner, writer], status="failed", workflow_id=workflow.id, name="draft", failed_agent_id=writer.id,
        failed_step="fetch_page", error_type="TimeoutError", error_message="no answer", input_tokens=10, session_id="s-1",
    )  # fmt: skip
    make.span(alice, task)
    make.message(alice, task, planner, writer)
    make.log(alice, task)
    make.history(alice, task, status="failed")
    make.alert(alice, related_task_id=task.id)
    return task


@pytest.mark.parametrize("kind", COLUMNS)
def test_names_are_those_of_the_columns(get, run, kind):
    path = kind if kind in ("agents", "workflows", "tasks", "alerts") else f"tasks/{run.id}/{kind}"
    answer = get(path)
    assert answer["next"] is None
    missing = set(COLUMNS[kind].split()) - set(answer["items"][0])
    assert not missing


def test_what_is_ours_alone_is_not_shown(get, run):
    assert not {"facts", "payload", "contentHash"} & set(get(f"tasks/{run.id}/spans")["items"][0])
    assert "graph" not in get("tasks")["items"][0]
    assert "touched" not in get("alerts")["items"][0]


def test_a_task_names_its_agents_and_its_failure(get, run):
    task = get(f"tasks/{run.id}")
    assert task == get("tasks")["items"][0]
    assert task["agents"] == ["planner", "writer"]
    assert (task["failedAgent"], task["failedStep"]) == ("writer", "fetch_page")
    assert task["traceIds"] == [run.trace_id]
    assert task["inputTokens"] == 10
    assert task["outputTokens"] is None
    assert task["startedAt"] == "2026-11-17T03:07:40.000000Z"


def test_times_have_microseconds_and_a_zone(get, make, alice, time):
    time.forward(microseconds=123456)
    make.agent(alice, last_heartbeat=time.now)
    agent = get("agents")["items"][0]
    assert agent["lastHeartbeat"] == agent["createdAt"] == "2026-11-17T03:12:40.123456Z"


def test_tasks_page_newest_first_and_lose_nothing(get, make, alice, time):
    made = []
    for number in range(7):
        # Three of them began at the same instant.
        started = time.now - timedelta(minutes=number if number < 4 else 4)
        made.append(make.task(alice, started_at=started).id)
    seen, cursor = [], None
    for _ in range(4):
        answer = get("tasks", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += ids(answer)
        cursor = answer["next"]
    assert cursor is None
    assert len(seen) == 7
    assert set(seen) == set(made)
    assert seen[:4] == made[:4]
    starts = [item["startedAt"] for item in get("tasks")["items"]]
    assert starts == sorted(starts, reverse=True)


def test_runs_without_a_start_are_not_lost_between_pages(get, make, alice):
    """As other tools may write them, into the agreed columns alone."""
    dated = [make.task(alice).id for _ in range(3)]
    pending = [make.task(alice, status="pending", started_at=None, completed_at=None).id for _ in range(3)]
    seen = pages_of(get, "tasks")
    assert sorted(seen[:3]) == sorted(dated)
    assert sorted(seen[3:]) == sorted(pending)


def test_messages_without_a_time_are_not_lost_between_pages(get, make, alice):
    agent, task = make.agent(alice), make.task(alice)
    made = [
        make.message(alice, task, agent, agent, at=at).id
        for at in (None, None, None, task.started_at, task.started_at)
    ]
    assert sorted(pages_of(get, f"tasks/{task.id}/messages")) == sorted(made)


@pytest.mark.parametrize("kind", ["agents", "workflows", "alerts"])
def test_other_lists_page_too(get, make, alice, time, kind):
    build = getattr(make, kind[:-1])
    made = []
    for _ in range(5):
        time.forward(seconds=1)
        made.insert(0, build(alice).id)
    first = get(kind, limit=3)
    second = get(kind, limit=3, cursor=first["next"])
    assert ids(first) + ids(second) == made
    assert second["next"] is None


@pytest.mark.parametrize("kind", ["messages", "logs", "spans", "history"])
def test_parts_of_a_run_page_in_order(get, make, alice, time, kind):
    agent = make.agent(alice)
    task = make.task(alice, agents=[agent])
    for number in range(5):
        time.forward(seconds=1)
        at = task.started_at + timedelta(seconds=number)
        if kind == "messages":
            make.message(alice, task, agent, agent, at=at)
        elif kind == "logs":
            make.log(alice, task, at=at)
        elif kind == "history":
            make.history(alice, task)
        else:
            start = int(at.timestamp() * 1_000_000)
            make.span(alice, task, started_at=start, ended_at=start + 1)
    items, cursor = [], None
    while True:
        answer = get(f"tasks/{task.id}/{kind}", limit=2, **({"cursor": cursor} if cursor else {}))
        items += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    time_of = "createdAt" if kind == "history" else "startedAt" if kind == "spans" else "at"
    moments = [item[time_of] for item in items]
    assert len(moments) == 5
    assert moments == sorted(set(moments), reverse=kind == "history")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"status": "failed", "limit": 1}, {"failed"}),
        ({"agentId": "agent"}, {"failed"}),
        ({"agentId": "agent", "status": "completed"}, set()),
        ({"workflowId": "workflow"}, {"failed"}),
        ({"traceId": "trace"}, {"failed"}),
        ({"traceId": "TRACE"}, {"failed"}),
        ({"q": "no ANSWER"}, {"failed"}),
        ({"q": "100%"}, {"odd"}),
        ({"q": "100_"}, set()),
        ({"q": "id"}, {"failed"}),
        ({"q": "trace"}, {"failed"}),
        ({"since": "2026-11-17T03:00:00Z"}, {"failed", "odd"}),
        ({"since": "2026-11-17T04:00:00+01:00"}, {"failed", "odd"}),
        ({"since": "2026-11-17T03:00:00"}, {"failed", "odd"}),
        ({"until": "2026-11-17T03:00:00Z"}, {"old"}),
        ({"since": "2026-11-17T01:00:00Z", "until": "2026-11-17T02:00:00Z"}, set()),
        ({"status": "", "q": ""}, {"failed", "odd", "old"}),
    ],
)
def test_tasks_are_filtered(get, run, make, alice, time, query, expected):
    odd = make.task(alice, name="100% odd")
    old = make.task(alice, name="old", started_at=time.now - timedelta(hours=3))
    make.index_words(alice)
    words = {
        "agent": run.assigned_agents[1], "workflow": run.workflow_id, "trace": run.trace_id, "TRACE": run.trace_id.upper(), "id": run.id,
    }  # fmt: skip
    answer = get("tasks", **{name: words.get(value, value) for name, value in query.items()})
    names = {run.id: "failed", odd.id: "odd", old.id: "old"}
    assert {names[task_id] for task_id in ids(answer)} == expected


def test_other_lists_are_filtered(get, make, alice, run):
    analyst = make.agent(alice, name="Analyst_1", type="analysis", status="inactive")
    assert ids(get("agents", type="analysis")) == [analyst.id]
    assert ids(get("agents", status="inactive")) == [analyst.id]
    assert ids(get("agents", q="analyst_")) == [analyst.id]
    mesh = make.workflow(alice, name="net", orchestration_pattern="mesh", status="paused")
    assert (
        ids(get("workflows", orchestrationPattern="mesh"))
        == ids(get("workflows", status="paused", q="NET"))
        == [mesh.id]
    )
    done = make.alert(
        alice, severity="info", alert_type="task_completion", resolved=True, related_agent_id=analyst.id
    )
    for query in (
        {"resolved": "true"},
        {"severity": "info"},
        {"alertType": "task_completion"},
        {"relatedAgentId": analyst.id},
    ):
        assert ids(get("alerts", **query)) == [done.id]
    assert done.id not in ids(get("alerts", resolved="false"))
    assert len(get("alerts", relatedTaskId=run.id)["items"]) == 1
    error = make.log(alice, run, level="error", event_type="error")
    assert ids(get(f"tasks/{run.id}/logs", level="warning")) == [error.id]
    assert ids(get(f"tasks/{run.id}/logs", eventType="error")) == [error.id]
    assert get(f"tasks/{run.id}/messages", messageType="broadcast")["items"] == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("tasks?limit=0", "limit"),
        ("tasks?limit=501", "limit"),
        ("tasks?limit=many", "limit"),
        ("tasks?status=asleep", "status"),
        ("tasks?since=yesterday", "since"),
        ("tasks?since=0001-01-01T00:00:00%2B05:00", "since"),
        ("tasks?until=9999-12-31T23:59:59-05:00", "until"),
        ("tasks?cursor=xyz", "cursor"),
        ("tasks?cursor=W10", "cursor"),
        ("tasks?cursor=%F0%9F%90%9D", "cursor"),
        ("tasks?workflow=1", "workflow"),
        ("agents?type=robot", "type"),
        ("alerts?resolved=perhaps", "resolved"),
        ("workflows?orchestrationPattern=ring", "orchestrationPattern"),
    ],
)
def test_what_cannot_be_asked_is_named(get, path, field):
    assert field in get(path, expected=422)["errors"]


def test_the_largest_limit_is_taken(get):
    assert get("tasks", limit=500) == {"items": [], "next": None}


def test_unknown_ids_are_not_found(get, run):
    for path in ("agents", "workflows", "tasks"):
        for unknown in ("nothing", "x" * 300, "é"):
            get(f"{path}/{unknown}", expected=404)
    for part in ("spans", "messages", "logs", "history"):
        get(f"tasks/nothing/{part}", expected=404)


@pytest.mark.parametrize("part", ["", "/spans", "/messages", "/logs", "/history"])
def test_the_id_of_a_merged_run_leads_to_the_whole(client, make, alice, part):
    whole, merged = make.task(alice), make.task(alice)
    from swarm_ui.extensions import db
    from swarm_ui.tasks.models import Task, TaskTrace
    from swarm_ui.tenancy import bind_owner

    bind_owner(db.session, alice.id)
    db.session.get(TaskTrace, (alice.id, merged.trace_id)).task_id = whole.id
    db.session.delete(db.session.get(Task, merged.id))
    db.session.commit()
    response = client.get(
        f"/api/v1/tasks/{merged.id}{part}?limit=7" if part else f"/api/v1/tasks/{merged.id}"
    )
    assert response.status_code == 301
    assert response.location == f"/api/v1/tasks/{whole.id}{part}" + ("?limit=7" if part else "")
    assert client.get(response.location).status_code == 200
    hostile = client.get(f"/api/v1/tasks/{merged.id}?_external=1&_scheme=javascript&_anchor=x")
    assert hostile.location.startswith(f"/api/v1/tasks/{whole.id}")
    page = client.get(f"/tasks/{merged.id}?_external=1&_scheme=javascript")
    assert page.status_code == 301
    assert page.location.startswith(f"/tasks/{whole.id}")


@pytest.mark.parametrize("path", ["tasks", "agents", "workflows", "alerts", "spans", "messages", "logs"])
def test_statements_do_not_grow_with_rows(client, make, alice, statements, path):
    agents = [make.agent(alice) for _ in range(2)]
    task = make.task(alice, agents=agents)
    url = (
        f"/api/v1/{path}"
        if path in ("tasks", "agents", "workflows", "alerts")
        else f"/api/v1/tasks/{task.id}/{path}"
    )

    def count() -> int:
        with statements() as sent:
            assert client.get(url).json["items"] is not None
        return len(sent)

    def add() -> None:
        more = make.agent(alice)
        make.task(alice, agents=[*agents, more])
        make.workflow(alice)
        make.alert(alice)
        make.span(alice, task)
        make.log(alice, task)
        make.message(alice, task, *agents)

    add()
    few = count()
    for _ in range(5):
        add()
    assert count() == few <= 6


def test_the_index_lists_every_path(client, app):
    answer = client.get("/api/v1/").json
    assert answer["version"] == app.config["VERSION"]
    paths = {(entry["method"], entry["path"]) for entry in answer["endpoints"]}
    assert ("PATCH", "/api/v1/alerts/<alert_id>") in paths
    assert len(paths) == sum(rule.rule.startswith("/api/v1/") for rule in app.url_map.iter_rules())
    assert all(entry["says"] for entry in answer["endpoints"])


@pytest.mark.parametrize(
    "wanted", ["agentId=%C3%A9", "workflowId=%F0%9F%90%9D", "traceId=%C3%A9", "agentId=%00"]
)
def test_an_id_that_no_row_can_have_is_refused(get, wanted):
    assert get(f"tasks?{wanted}", expected=422)["errors"]


@pytest.mark.parametrize(
    "url", ["/tasks?agent=%C3%A9", "/tasks?workflow=%C3%A9", "/tasks?trace=%C3%A9", "/tasks?q=%C3%A9"]
)
def test_so_it_is_on_the_pages(client, url):
    assert client.get(url).status_code in (200, 422)


@pytest.mark.parametrize(
    "query", ["span=%C3%A9", "span=%C3%A9.%C3%A9", "lane=%C3%A9", "part=lane&lane=%C3%A9"]
)
def test_so_it_is_on_the_page_of_a_run(client, run, query):
    for headers in ({}, {"HX-Request": "true"}):
        assert client.get(f"/tasks/{run.id}?{query}", headers=headers).status_code in (200, 404, 422)
