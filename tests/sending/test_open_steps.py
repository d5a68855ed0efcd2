"""A step that was sent as it began: it runs until its end comes, or the run's."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from tests.captures import project


def iso(moment) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def begun(machine, time):
    """A run of which one step ended, and one began two minutes ago and goes on."""
    task = machine.task()
    before = clock.now() - timedelta(minutes=3)
    steps = [
        {"spanId": "one", "name": "plan", "kind": "llm", "startedAt": iso(before), "endedAt": iso(before + timedelta(seconds=30))},
        {"spanId": "two", "name": "fetch", "kind": "tool", "agent": "browser", "startedAt": iso(clock.now() - timedelta(minutes=2))},
    ]  # fmt: skip
    machine.post(f"/tasks/{task}/spans", steps)
    project()
    return task


def rows(page, task) -> dict[str, str]:
    timeline = page(f"/tasks/{task}").find(id="timeline")
    return {
        row.select_one(".wf-name > span").get_text(): row.select_one(".wf-name .sr").get_text()
        for row in timeline.select("a.wf-row")
    }


def test_it_is_drawn_to_now_and_says_that_it_has_not_ended(page, machine, begun, time):
    assert rows(page, begun)["fetch"].endswith("2m 00s, not ended")
    time.forward(seconds=30)
    assert rows(page, begun)["fetch"].endswith("2m 30s, not ended")
    assert not rows(page, begun)["plan"].endswith("not ended")
    bar = page(f"/tasks/{begun}").select('rect.bar[data-k="tool"]')[0]
    assert float(bar["x"].rstrip("%")) + float(bar["width"].rstrip("%")) > 90


def test_opened_it_runs_and_takes_so_long_so_far(page, machine, begun):
    span = next(span for span in machine.items(f"/tasks/{begun}/spans") if span["name"] == "fetch")
    assert span["status"] == "running"
    panel = page(f"/tasks/{begun}?span={span['spanId']}").find(id="span")
    assert panel.header.find("span", class_="status").get_text() == "Running"
    assert "2m 00s so far" in " ".join(panel.get_text(" ").split())


def test_when_its_end_comes_it_has_ended(page, machine, begun):
    end = {"spanId": "two", "name": "fetch", "kind": "tool", "agent": "browser", "startedAt": iso(clock.now() - timedelta(minutes=2)),
           "endedAt": iso(clock.now() - timedelta(minutes=1))}  # fmt: skip
    machine.post(f"/tasks/{begun}/spans", [end])
    project()
    assert rows(page, begun)["fetch"].endswith("1m 00s")
    assert [span["status"] for span in machine.items(f"/tasks/{begun}/spans")] == ["unset", "unset"]


def test_in_a_run_that_is_over_it_never_ended(page, machine, begun):
    machine.patch(f"/tasks/{begun}", {"status": "failed", "errorMessage": "gave up"})
    project()
    span = next(span for span in machine.items(f"/tasks/{begun}/spans") if span["name"] == "fetch")
    panel = page(f"/tasks/{begun}?span={span['spanId']}").find(id="span")
    assert panel.header.find("span", class_="status").get_text() == "Never ended"
    assert "not ended" in rows(page, begun)["fetch"]


def test_a_step_over_rest_belongs_to_the_agent_that_it_names(machine, told):
    """Also where nothing else says that this agent took part, and it stands under another one."""
    task = machine.task()
    steps = [
        {"spanId": "a", "name": "planner", "kind": "agent", "startedAt": iso(clock.now() - timedelta(minutes=2)), "endedAt": iso(clock.now())},
        {"spanId": "b", "name": "fetch", "kind": "tool", "agent": "browser", "parentSpanId": "a", "status": "error", "errorType": "Timeout",
         "startedAt": iso(clock.now() - timedelta(minutes=1)), "endedAt": iso(clock.now())},
    ]  # fmt: skip
    machine.post(f"/tasks/{task}/spans", steps)
    machine.patch(f"/tasks/{task}", {"status": "failed"})
    found = told()
    assert found.agents == ["browser", "planner"]
    assert found.names[found.task.failed_agent_id] == "browser"


def test_what_goes_on_has_not_been_answered(machine, told):
    task = machine.task()
    call = {"spanId": "b", "name": "fetch", "kind": "tool", "agent": "browser", "parentSpanId": "a"}
    began = iso(clock.now() - timedelta(minutes=2))
    machine.post(
        f"/tasks/{task}/spans",
        [
            {"spanId": "a", "name": "planner", "kind": "agent", "startedAt": began},
            call | {"startedAt": began},
        ],
    )
    assert told().messages == [("planner", "browser", "request")]
    machine.post(f"/tasks/{task}/spans", [call | {"startedAt": began, "endedAt": iso(clock.now())}])
    assert told().messages == [("planner", "browser", "request"), ("browser", "planner", "response")]


def test_nor_is_a_run_silent_in_which_a_step_goes_on(page, begun):
    assert "nothing new" not in page(f"/tasks/{begun}").find(id="timeline").header.get_text()
