"""The list of runs: filters, paging, search, what a row says, what it costs."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.tasks import queries

EVIL = '<script>alert("x")</script> 汉字 🎉'


def listed(page, query: str = "") -> list[str]:
    """The names on the page."""
    return [link.get_text() for link in page(f"/tasks{query}").select("#list tbody td:first-child > a")]


@pytest.fixture
def ago(time):
    return lambda **passed: clock.now() - timedelta(**passed)


def test_the_newest_is_first(page, make, alice, ago):
    for name, hours in (("old", 5), ("new", 1), ("middle", 3)):
        make.task(alice, name=name, started_at=ago(hours=hours))
    assert listed(page) == ["new", "middle", "old"]


def test_a_row_says_what_happened(page, make, alice, ago):
    agents = [make.agent(alice, name=name) for name in ("planner", "browser", "writer", "judge")]
    workflow = make.workflow(alice, name="weekly-brief")
    make.task(
        alice, agents=agents, name="Brief 47", status="failed", workflow_id=workflow.id, started_at=ago(minutes=8),
        execution_time=252_000, estimated_cost=0.87, token_usage=148_900, failed_agent_id=agents[1].id, failed_step="fetch_page",
        error_type="HTTPStatusError",
    )  # fmt: skip
    (row,) = page("/tasks").rows()
    assert row == (
        "Brief 47 weekly-brief · browser, fetch_page: HTTPStatusError Failed planner, browser, writer, +1 4m 12s $0.87 148.9k 8 min"
    )


def test_what_is_unknown_is_a_dash_not_a_zero(page, make, alice):
    make.task(
        alice,
        name="bare",
        execution_time=None,
        estimated_cost=None,
        token_usage=None,
        error_count=None,
        agent_count=None,
    )
    (row,) = page("/tasks").rows()
    assert row.startswith("bare Completed – – – –")


def test_errors_on_the_way_of_a_run_that_completed(page, make, alice):
    make.task(alice, name="rough", error_count=3)
    assert "3 errors on the way" in page("/tasks").text


def test_a_running_run_counts_up(page, make, alice, ago):
    make.task(alice, status="running", started_at=ago(seconds=90), execution_time=None, completed_at=None)
    time = page("/tasks").find("time", attrs={"data-elapsed": True})
    assert time.get_text() == "1m 30s"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status=failed", ["failed"]),
        ("?status=completed", ["other", "by agent", "in workflow"]),
        ("?workflow={workflow}", ["in workflow"]),
        ("?agent={agent}", ["by agent"]),
        ("?agent={agent}&status=failed", []),
        ("?agent={agent}&workflow={workflow}", []),
        ("?range=24h", ["other", "by agent"]),
        ("?range=7d", ["other", "by agent", "failed"]),
        ("?range=30d", ["other", "by agent", "failed", "in workflow"]),
        ("?since=2026-11-14T00:00:00Z&until=2026-11-16T12:00:00", ["failed"]),
        ("?status=&workflow=&agent=&q=", ["other", "by agent", "failed", "in workflow", "ancient"]),
    ],
)
def test_filters(page, make, alice, ago, query, found):
    agent, workflow = make.agent(alice), make.workflow(alice)
    make.task(alice, name="ancient", started_at=ago(days=90), status="timeout")
    make.task(alice, name="in workflow", started_at=ago(days=20), workflow_id=workflow.id)
    make.task(alice, name="failed", started_at=ago(days=2), status="failed")
    make.task(alice, name="by agent", started_at=ago(hours=3), agents=[agent])
    make.task(alice, name="other", started_at=ago(hours=1))
    assert listed(page, query.format(agent=agent.id, workflow=workflow.id)) == found


def test_an_older_address_becomes_one_text(page, make, alice):
    agent, workflow = make.agent(alice, name="browser"), make.workflow(alice, name="Nightly report")
    opened = page(
        f"/tasks?status=failed&agent={agent.id}&workflow={workflow.id}&range=7d&q=403&since=2026-11-01&trace={'a' * 32}"
    )
    assert opened.find("input", id="q")["value"] == (
        f'403 status:failed workflow:"Nightly report" agent:browser trace:{"a" * 32} age:<7d since:2026-11-01T00:00:00Z'
    )
    chosen = {
        field["name"]: field.find("option", selected=True) for field in opened.select(".filters select")
    }
    assert chosen["status"]["value"] == "failed"
    assert chosen["agent"].get_text() == "browser"
    assert chosen["workflow"].get_text() == "Nightly report"
    assert chosen["age"]["value"] == "<7d"


def test_of_two_with_one_name_the_id_is_meant(page, make, alice):
    first, second = make.agent(alice, name="coder"), make.agent(alice, name="coder", service_name="other")
    make.task(alice, name="his", agents=[first])
    make.task(alice, name="hers", agents=[second])
    assert listed(page, f"?agent={first.id}") == ["his"]
    assert page(f"/tasks?agent={first.id}").find("input", id="q")["value"] == f"agent:{first.id}"


def test_a_chosen_agent_beyond_the_options_is_among_them(page, make, alice, monkeypatch):
    monkeypatch.setattr(queries, "OPTIONS", 2)
    agents = [make.agent(alice, name=name) for name in ("anna", "bert", "zoe")]
    names = [
        option.get_text()
        for option in page(f"/tasks?agent={agents[2].id}").select("select[name=agent] option")
    ]
    assert names == ["any", "zoe", "anna", "bert"]


@pytest.mark.parametrize(
    "query",
    [
        "?status=broken",
        "?range=1y",
        "?since=yesterday",
        "?trace=汉字",
        "?cursor=zzz",
        "?cursor=WzUsIngiXQ",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(page, query):
    page(f"/tasks{query}", status=422)


def test_paging_shows_each_run_once(page, make, alice, ago):
    # Many of one moment: the id decides.
    moment = ago(hours=1)
    for number in range(120):
        make.task(
            alice, name=f"run {number:03}", started_at=moment if number % 3 else ago(hours=2, seconds=number)
        )
    seen, url, pages = [], "/tasks?range=7d", 0
    while url:
        opened = page(url)
        seen += [link.get_text() for link in opened.select("#list tbody td:first-child > a")]
        older = opened.find("a", rel="next")
        url, pages = older and older["href"], pages + 1
        assert not older or "q=age:%3C7d" in url
    assert pages == 3
    assert sorted(seen) == [f"run {number:03}" for number in range(120)]
    assert opened.link("Newest")["href"] == "/tasks?q=age:%3C7d"


def test_the_runs_of_an_agent_page_too(page, make, alice, ago):
    agent = make.agent(alice)
    for number in range(51):
        make.task(alice, agents=[agent], name=f"run {number}", started_at=ago(minutes=number))
    make.task(alice, name="another's", started_at=ago(seconds=1))
    opened = page(f"/tasks?agent={agent.id}")
    assert len(opened.rows()) == 50
    assert listed(page, opened.find("a", rel="next")["href"].removeprefix("/tasks")) == ["run 50"]


def test_words_from_the_address_do_not_become_parts_of_links(page, make, alice, ago):
    for number in range(51):
        make.task(alice, started_at=ago(minutes=number))
    opened = page("/tasks?_scheme=javascript&_external=1&endpoint=x&_anchor=y")
    assert opened.find("a", rel="next")["href"].startswith("/tasks?cursor=")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("nightly", ["Nightly import"]),
        ("NIGHTLY", ["Nightly import"]),
        ("403 forb", ["crawl"]),
        ("httpstatus", ["crawl"]),
        ("session-7", ["chat"]),
        ("100%", ["100% done"]),
        ("_", ["snake_case"]),
        ("汉字", ["汉字 run"]),
        ("nothing like it", []),
        ("/", []),
    ],
)
def test_search_by_words(page, make, alice, words, found):
    make.task(alice, name="Nightly import")
    make.task(
        alice,
        name="crawl",
        status="failed",
        error_type="HTTPStatusError",
        error_message="403 Forbidden by the edge",
    )
    make.task(alice, name="chat", session_id="session-7")
    make.task(alice, name="100% done")
    make.task(alice, name="snake_case")
    make.task(alice, name="汉字 run")
    make.index_words(alice)
    response = page("/tasks?" + __import__("urllib.parse").parse.urlencode({"q": words}))
    assert [link.get_text() for link in response.select("#list tbody td:first-child > a")] == found


def test_an_id_finds_its_run_however_old(page, make, alice, ago, monkeypatch):
    monkeypatch.setattr(queries, "SEARCHED", 1)
    wanted = make.task(
        alice, name="wanted", trace_id="0af7651916cd43dd8448eb211c80319c", started_at=ago(days=200)
    )
    for _ in range(3):
        make.task(alice)
    assert listed(page, f"?q={wanted.id}&range=24h") == ["wanted"]
    assert listed(page, "?q=0AF7651916CD43DD8448EB211C80319C") == ["wanted"]
    assert listed(page, "?trace=0af7651916cd43dd8448eb211c80319c") == ["wanted"]


def test_search_stops_somewhere_and_says_so(page, make, alice, ago, monkeypatch):
    monkeypatch.setattr(queries, "SEARCHED", 2)
    for number in range(4):
        make.task(alice, name=f"import → {number}", started_at=ago(hours=number))
    assert listed(page, "?q=→") == ["import → 0", "import → 1"]
    assert "Searched the newest 2 runs" in page("/tasks?q=→").text
    assert "Searched" not in page("/tasks?q=→&range=24h&status=failed").text


def test_empty_states_say_what_to_do(page, make, alice):
    nothing = page("/tasks")
    assert "No runs yet" in nothing.text
    assert nothing.link("Connect your agents")["href"] == "/"
    make.task(alice)
    unmatched = page("/tasks?q=zzz")
    assert "No run matches" in unmatched.text
    assert unmatched.link("Clear filters")["href"] == "/tasks"


def test_text_from_outside_is_shown_not_run(page, make, alice):
    agent = make.agent(alice, name=EVIL)
    make.task(
        alice,
        agents=[agent],
        name=EVIL,
        status="failed",
        failed_agent_id=agent.id,
        failed_step=EVIL,
        error_type=EVIL,
    )
    opened = page("/tasks")
    assert opened.select("#list script") == []
    assert EVIL in opened.text


def test_agents_that_are_no_list_of_ids_break_nothing(page, make, alice):
    make.task(alice, name="odd", assigned_agents={"a": 1}, agent_count=None)
    make.task(alice, name="odder", assigned_agents=[1, None, {"x": 2}], agent_count=None)
    assert sorted(listed(page)) == ["odd", "odder"]


def test_the_runs_of_others_are_not_here(page, make, alice, bob):
    agent, workflow = make.agent(bob, name="spy"), make.workflow(bob, name="secret-workflow")
    theirs = make.task(bob, name="secret run", agents=[agent], workflow_id=workflow.id)
    make.task(alice, name="mine")
    assert listed(page) == ["mine"]
    for query in (
        f"?agent={agent.id}",
        f"?workflow={workflow.id}",
        f"?q={theirs.id}",
        f"?q={theirs.trace_id}",
        f"?trace={theirs.trace_id}",
    ):
        opened = page(f"/tasks{query}")
        assert "secret" not in opened.text
        assert "spy" not in opened.text


def test_htmx_gets_the_list_alone_and_304_until_something_changes(client, make, alice):
    make.task(alice, name="first")
    response = client.get("/tasks", headers={"HX-Request": "true"})
    html = response.get_data(as_text=True)
    assert html.lstrip().startswith('<section class="panel" id="list"')
    assert "<html" not in html
    tag = response.headers["ETag"]
    again = client.get("/tasks", headers={"HX-Request": "true", "If-None-Match": tag})
    assert again.status_code == 304


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def count() -> int:
        with statements() as sent:
            assert client.get("/tasks").status_code == 200
        return len(sent)

    agents = [make.agent(alice) for _ in range(3)]
    make.task(alice, agents=agents, workflow_id=make.workflow(alice).id)
    few = count()
    for _ in range(20):
        make.task(alice, agents=[*agents, make.agent(alice)], workflow_id=make.workflow(alice).id)
    assert count() == few


def test_what_stands_beside_the_list_is_read_again_only_after_a_change(client, make, alice, page, statements):
    agent = make.agent(alice, name="coder")
    make.task(alice, name="Fix the build", agents=[agent], workflow_id=make.workflow(alice, name="CI").id)

    def asked() -> list[str]:
        with statements() as sent:
            client.get("/tasks")
        return [table for table in ("swarm_agents", "workflows", "saved_views", "alerts") if any(f"FROM {table}" in one for one in sent)]  # fmt: skip

    assert asked() == ["swarm_agents", "workflows", "saved_views", "alerts"]
    assert asked() == []
    client.post("/saved-views", data={"name": "Nightly", "query": "q=status%3Afailed"})
    make.alert(alice)
    shown = page("/tasks")
    assert shown.find(id="nav-alerts").get_text(" ").startswith("1")
    assert "Nightly" in shown.find(id="views").get_text()
    assert asked() == []


def test_what_is_kept_of_one_space_is_not_shown_in_another(client, make, alice, bob, client_of):
    make.task(alice, agents=[make.agent(alice, name="alices-agent")])
    assert "alices-agent" in client.get("/tasks").get_data(as_text=True)
    make.task(bob, agents=[make.agent(bob, name="bobs-agent")])
    text = client_of(bob).get("/tasks").get_data(as_text=True)
    assert "bobs-agent" in text
    assert "alices-agent" not in text


def test_a_row_is_written_again_when_what_it_shows_changes(client, make, alice, time):
    task = make.task(alice, name="Brief", status="running", error_count=0)

    def row(prefix: str = "") -> str:
        found = client.get("/tasks", environ_overrides={"SCRIPT_NAME": prefix}).get_data(as_text=True)
        return found[found.index("<tbody>") : found.index("</tbody>")]

    before = row()
    assert row() == before
    assert f'href="/swarm/tasks/{task.id}"' in row("/swarm")  # behind a proxy that says so
    assert f'href="/tasks/{task.id}"' in row()
    time.forward(minutes=1)
    assert row() != before  # it began a minute earlier
    db.session.execute(text("UPDATE tasks SET errorCount = 2 WHERE id = :id"), {"id": task.id})
    db.session.commit()
    assert "2 errors on the way" in row()
