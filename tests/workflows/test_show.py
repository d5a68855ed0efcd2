from datetime import timedelta

from tests.conftest import NOW


def nodes_of(*agents):
    return [{"id": agent.id, "agentId": agent.id, "name": agent.name, "type": agent.type} for agent in agents]


def edge(source, target, count=1, errors=0):
    return {"from": source.id, "to": target.id, "count": count, "errors": errors}


def test_it_draws_who_hands_work_to_whom(page, make, alice):
    planner = make.agent(alice, name="planner")
    browser = make.agent(alice, name="browser", condition="failing", health_score=20)
    flow = make.workflow(
        alice,
        name="brief",
        nodes=nodes_of(planner, browser),
        edges=[edge(planner, browser, 41, 9)],
        origin="discovered",
    )
    seen = page(f"/workflows/{flow.id}")
    graph = seen.find("svg", class_="graph")
    assert [link["href"] for link in graph.select("a")] == [f"/agents/{planner.id}", f"/agents/{browser.id}"]
    assert "×41, 9 failed" in graph.get_text(" ")
    assert graph.select_one('.node[data-s="failing"] text').get_text() == "browser"
    table = seen.find(id="graph-table")
    assert " ".join(table.select_one("tbody tr").get_text(" ").split()) == "planner browser 41 9"


def test_a_node_whose_agent_is_gone_is_no_link(page, make, alice, bob):
    theirs = make.agent(bob, name="theirs")
    flow = make.workflow(alice, nodes=nodes_of(theirs))
    seen = page(f"/workflows/{flow.id}")
    assert not seen.select("svg.graph a")
    assert seen.select('svg.graph .node[data-s="gone"]')[0]


def test_a_workflow_without_agents_says_so(page, make, alice):
    flow = make.workflow(alice, nodes=None, edges=None)
    assert "No agent has been seen in this workflow" in page(f"/workflows/{flow.id}").text


def test_latest_runs_and_days(page, make, alice):
    agent = make.agent(alice, name="browser")
    flow = make.workflow(alice)
    make.task(
        alice,
        workflow_id=flow.id,
        name="Week 47",
        execution_time=60_000,
        estimated_cost=0.5,
        token_usage=1200,
    )
    make.task(
        alice, workflow_id=flow.id, name="Week 46", started_at=NOW - timedelta(days=8), status="failed", failed_step="fetch_page",
        failed_agent_id=agent.id, error_type="HTTPStatusError", execution_time=30_000,
    )  # fmt: skip
    make.task(alice, name="of none")
    seen = page(f"/workflows/{flow.id}")
    assert "at fetch_page of browser: HTTPStatusError" in seen.text
    assert "of none" not in seen.text
    assert "Success, 7 days 100% ▲ 100.0 pt from 0.0%" in seen.text
    assert "Duration, median 1m 00s from 30.0s" in seen.text
    assert "Tue 17 Nov 1 100% 1m 00s 1m 00s $0.50" in seen.text


def test_another_owners_workflow_is_not_found(client, make, bob):
    assert client.get(f"/workflows/{make.workflow(bob).id}").status_code == 404


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    flow = make.workflow(alice)
    make.task(alice, workflow_id=flow.id)
    with statements() as few:
        client.get(f"/workflows/{flow.id}")
    for days in range(12):
        make.task(alice, workflow_id=flow.id, started_at=NOW - timedelta(days=days))
    with statements() as many:
        client.get(f"/workflows/{flow.id}")
    assert len(few) == len(many) <= 10
