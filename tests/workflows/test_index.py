from datetime import timedelta

from tests.conftest import NOW


def names(seen):
    return [row.select_one("a").get_text() for row in seen.select("tbody tr")]


def test_the_most_failures_come_first_then_the_latest_run(page, make, alice):
    calm, broken, idle = (make.workflow(alice, name=name) for name in ("calm", "broken", "idle"))
    make.task(alice, workflow_id=broken.id, status="failed", started_at=NOW - timedelta(hours=3))
    make.task(alice, workflow_id=calm.id, started_at=NOW - timedelta(hours=1))
    make.task(alice, workflow_id=idle.id, status="failed", started_at=NOW - timedelta(days=3))
    assert names(page("/workflows")) == ["broken", "calm", "idle"]


def test_a_row_sums_the_last_24_hours(page, make, alice):
    flow = make.workflow(alice, name="brief", nodes=[{"id": "a"}, {"id": "b"}])
    for seconds in (10, 20, 30, 40):
        make.task(alice, workflow_id=flow.id, execution_time=seconds * 1000, estimated_cost=0.25)
    make.task(alice, workflow_id=flow.id, status="timeout", execution_time=None)
    make.task(alice, workflow_id=flow.id, status="running", execution_time=None)
    make.task(alice, workflow_id=flow.id, started_at=NOW - timedelta(days=2), status="failed")
    assert page("/workflows").rows() == ["brief demo Active Hierarchical 2 6 1 80.0% 20.0s 40.0s $1.00 5 min"]


def test_filters_are_in_the_url(page, make, alice):
    make.workflow(alice, name="brief", orchestration_pattern="mesh")
    make.workflow(alice, name="triage", orchestration_pattern="sequential", status="paused")
    assert names(page("/workflows?pattern=mesh")) == ["brief"]
    assert names(page("/workflows?status=paused")) == ["triage"]
    assert names(page("/workflows?q=RIAG")) == ["triage"]
    assert "No workflow matches" in page("/workflows?q=zzz").text


def test_without_any_it_says_how_they_come(page):
    seen = page("/workflows")
    assert "No workflows yet" in seen.text
    assert seen.link("Connect an agent")["href"] == "/connect"


def test_others_workflows_are_not_listed(page, make, alice, bob):
    make.workflow(bob, name="theirs")
    make.workflow(alice, name="mine")
    assert names(page("/workflows")) == ["mine"]


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def fill(times):
        for _ in range(times):
            make.task(alice, workflow_id=make.workflow(alice).id)

    fill(1)
    with statements() as few:
        client.get("/workflows")
    fill(12)
    with statements() as many:
        client.get("/workflows")
    assert len(few) == len(many) <= 8
