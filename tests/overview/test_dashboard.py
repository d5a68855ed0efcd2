from datetime import timedelta

from swarm_ui.extensions import db
from swarm_ui.formatting import MISSING
from swarm_ui.live import bump
from tests.conftest import NOW


def ran(make, owner, hours_ago=1, **fields):
    return make.task(owner, started_at=NOW - timedelta(hours=hours_ago), **fields)


def failed(make, owner, agent, hours_ago=1, **fields):
    fields = {
        "failed_step": "fetch_page",
        "error_type": "HTTPStatusError",
        "failed_agent_id": agent.id,
    } | fields
    return ran(make, owner, hours_ago, status="failed", agents=[agent], **fields)


def stat(page, name):
    for box in page.select(".stat"):
        if box.dt.get_text() == name:
            return " ".join(box.get_text(" ").split())
    raise AssertionError(f"no stat {name}")


def test_it_compares_a_day_with_the_day_before(page, make, alice):
    for _ in range(3):
        ran(make, alice, execution_time=10_000, estimated_cost=1.5, token_usage=1000)
    ran(make, alice, status="failed")
    ran(make, alice, 30, execution_time=4_000, estimated_cost=1.0, token_usage=500)
    ran(make, alice, 30, status="timeout", execution_time=None)
    seen = page("/")
    assert "75.0 %" in stat(seen, "Success rate")
    assert "▲ 25.0 pt from 50.0%" in stat(seen, "Success rate")
    assert "Runs 4 ▲ 100% from 2 · 1 failed" in stat(seen, "Runs")
    assert "$4.50 ▲ 350% from $1.00" in stat(seen, "Cost")
    assert "3.0 k ▲ 500% from 500" in stat(seen, "Tokens")


def test_unknown_figures_are_not_zero(page, make, alice):
    ran(make, alice, execution_time=None)
    seen = page("/")
    assert "Cost – no price is known" in stat(seen, "Cost")
    assert "Tokens – no usage was reported" in stat(seen, "Tokens")
    assert "Duration p95 –" in stat(seen, "Duration p95")


def test_beside_a_running_run_stands_what_its_workflow_usually_takes(page, make, alice, bob):
    """The same median as on the page of the run, however long ago those runs were; of two runs nothing is usual."""
    known, young = make.workflow(alice, name="known"), make.workflow(alice, name="young")
    for number, took in enumerate((60_000, 90_000, 900_000)):
        flow = {"workflow_id": known.id, "execution_time": took}
        make.task(alice, started_at=NOW - timedelta(days=3 + number), **flow)
    make.task(alice, workflow_id=known.id, status="failed", execution_time=1_000)
    for owner in (alice, alice, bob):
        make.task(owner, workflow_id=young.id, execution_time=5_000)
    for name, workflow_id in (("one", known.id), ("two", young.id), ("three", None)):
        run = {"status": "running", "completed_at": None, "execution_time": None}
        task = make.task(alice, name=name, workflow_id=workflow_id, **run)
        assert ("median 1m 30s" in page(f"/tasks/{task.id}").text) == (name == "one")
    running = page("/").find("section", attrs={"aria-labelledby": "h-running"})
    usual = {row.a.get_text(): row.find_all("td")[4].get_text() for row in running.select("tbody tr")}
    assert usual == {"one": "1m 30s", "two": MISSING, "three": MISSING}
    tags = {
        row.a.get_text(): [tag.get_text() for tag in row.select(".tag")] for row in running.select("tbody tr")
    }
    assert tags == {"one": ["3.3× usual"], "two": [], "three": []}


def test_running_runs_count_as_runs_and_not_as_failures(page, make, alice):
    ran(make, alice, 0.1, status="running", completed_at=None, execution_time=None, name="Brief, week 47")
    ran(make, alice)
    seen = page("/")
    assert "100 %" in stat(seen, "Success rate")
    running = seen.find("section", attrs={"aria-labelledby": "h-running"})
    assert "Brief, week 47" in running.get_text()
    assert running.find("time", attrs={"data-elapsed": True}).get_text() == "6m 00s"


def test_agents_stand_worst_first_and_unscored_last(page, make, alice):
    make.agent(alice, name="planner", health_score=97, condition="healthy")
    make.agent(alice, name="newcomer")
    make.agent(alice, name="browser", health_score=38, condition="failing")
    names = [cell.select_one(".name .cut").get_text() for cell in page("/").select(".cell")]
    assert names == ["browser", "planner", "newcomer"]


def test_failures_are_grouped_by_cause(page, make, alice):
    browser = make.agent(alice, name="browser")
    brief, watch = make.workflow(alice, name="brief"), make.workflow(alice, name="watch")
    failed(make, alice, browser, 2, workflow_id=watch.id)
    newest = failed(make, alice, browser, 1, workflow_id=brief.id, error_message="403 Forbidden")
    failed(make, alice, browser, 3, failed_step="open_page")
    failed(make, alice, browser, 30)
    panel = page("/").find("section", attrs={"aria-labelledby": "h-causes"})
    rows = [" ".join(row.get_text(" ").split()) for row in panel.select("tbody tr")]
    assert "3 runs in 24 h, 2 causes" in panel.get_text()
    assert rows[0].startswith("fetch_page : HTTPStatusError browser · 403 Forbidden 2 brief, +1")
    assert rows[1].startswith("open_page")
    assert panel.select_one("tbody a")["href"] == f"/tasks/{newest.id}"


def test_runs_that_timed_out_are_a_cause_too(page, make, alice):
    ran(make, alice, status="timeout")
    seen = page("/")
    assert "No end in time" in seen.text
    assert "1 run timed out" in seen.find(id="h-situation").find_parent("section").get_text(" ")


def test_the_failed_runs_that_are_counted_are_those_that_are_listed(page, make, alice):
    browser = make.agent(alice, name="browser")
    failed(make, alice, browser), failed(make, alice, browser, 23), failed(make, alice, browser, 30)
    ran(make, alice, 2, status="timeout")
    ran(make, alice)
    seen = page("/")
    panel = seen.find("section", attrs={"aria-labelledby": "h-causes"})
    assert "3 runs in 24 h" in panel.get_text()
    assert "3 failed or timed out" in stat(seen, "Runs")
    assert "3 runs of 4 failed or timed out" in seen.find(id="h-situation").get_text()
    listed = page(panel.find("a", string="All that failed or timed out")["href"])
    assert len(listed.rows()) == 3


def test_the_callout_names_the_failing_agent_and_its_cause(page, make, alice):
    browser = make.agent(alice, name="browser", health_score=38, condition="failing")
    make.agent(alice, name="researcher", health_score=71, condition="degraded")
    run = failed(make, alice, browser)
    callout = page("/").find("section", class_="callout")
    assert callout.h2.get_text() == "browser is failing"
    text = " ".join(callout.get_text(" ").split())
    assert "fetch_page of browser , HTTPStatusError, in 1 run" in text
    assert "researcher is degraded" in text
    assert [link["href"] for link in callout.select("a")] == [f"/tasks/{run.id}", f"/agents/{browser.id}"]


def test_all_clear_is_said(page, make, alice):
    ran(make, alice)
    assert "All clear" in page("/").find(id="h-situation").get_text()


def test_a_quiet_space_says_when_it_ran_last(page, make, alice):
    ran(make, alice, 72)
    callout = page("/").find("section", class_="callout").get_text(" ")
    assert "Quiet" in callout
    assert "3 d ago" in callout


def test_alerts_of_one_cause_stand_together_and_the_urgent_first(page, make, alice):
    make.agent(alice)
    for _ in range(3):
        make.alert(alice, title="judge: vote failed", severity="warning", fingerprint="vote")
    make.alert(alice, title="browser: fetch_page failed", severity="critical")
    make.alert(alice, title="long gone", resolved=True)
    panel = page("/").find("section", attrs={"aria-labelledby": "h-alerts"})
    rows = [" ".join(row.get_text(" ").split()) for row in panel.select(".list > li")]
    assert len(rows) == 2
    assert "browser" in rows[0]
    assert "×3" in rows[1]
    assert "3 warning" in panel.get_text()


def test_the_count_of_open_alerts_stops_at_99(page, make, alice, client):
    make.agent(alice)
    assert page("/").find(id="nav-alerts").has_attr("hidden")
    for _ in range(100):
        make.alert(alice)
    assert page("/").find(id="nav-alerts").get_text(" ").startswith("99+")


def test_sample_data_is_announced_with_a_way_out(page, make, alice):
    make.agent(alice)
    assert not page("/").find("aside", class_="notice")
    make.workflow(alice, origin="sample")
    notice = page("/").find("aside", class_="notice")
    assert notice.select_one("details.confirm").form["action"] == "/sample/remove"


def test_a_poll_gets_the_part_and_then_304(client, make, alice):
    make.agent(alice)
    first = client.get("/", headers={"HX-Request": "true"})
    assert first.get_data(as_text=True).startswith('<div class="stack" id="dashboard"')
    assert 'id="nav-alerts" hx-swap-oob="true"' in first.get_data(as_text=True)
    etag = first.headers["ETag"]
    assert client.get("/", headers={"HX-Request": "true", "If-None-Match": etag}).status_code == 304
    make.alert(alice)
    bump(db.session(), alice.id)
    db.session.commit()
    assert client.get("/", headers={"HX-Request": "true", "If-None-Match": etag}).status_code == 200


def test_the_page_moves_on_with_the_clock_alone(client, make, alice, time):
    make.agent(alice)
    etag = client.get("/", headers={"HX-Request": "true"}).headers["ETag"]
    time.forward(minutes=6)
    assert client.get("/", headers={"HX-Request": "true", "If-None-Match": etag}).status_code == 200


def test_nothing_of_another_owner_is_counted(page, make, alice, bob):
    make.agent(alice, name="mine")
    stranger = make.agent(bob, name="strange-agent", health_score=1, condition="failing", origin="sample")
    flow = make.workflow(bob, name="strange-flow", origin="sample")
    failed(make, bob, stranger, workflow_id=flow.id, name="strange run")
    ran(make, bob, status="running", name="strange run")
    make.alert(bob, title="strange alert")
    seen = page("/")
    assert "strange" not in seen.html
    assert "Runs 0" in stat(seen, "Runs")
    assert not seen.find("aside", class_="notice")


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def fill(times):
        for number in range(times):
            agent = make.agent(alice, health_score=30 + number, condition="failing")
            flow = make.workflow(alice)
            failed(make, alice, agent, number % 20, failed_step=f"step {number}", workflow_id=flow.id)
            ran(make, alice, status="running", workflow_id=flow.id)
            make.alert(alice)

    fill(2)
    with statements() as few:
        assert client.get("/").status_code == 200
    fill(12)
    with statements() as many:
        assert client.get("/").status_code == 200
    assert len(many) == len(few) <= 22
