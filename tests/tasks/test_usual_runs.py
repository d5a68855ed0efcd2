"""What a run takes and costs beside what its workflow's runs usually do."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from tests.tasks.test_task_page import facts


@pytest.fixture
def workflow(make, alice):
    """Of three completed runs, the median one took a minute and cost two dollars; a failed one does not count."""
    workflow = make.workflow(alice)
    for number, took in enumerate((30_000, 60_000, 270_000)):
        figures = {"execution_time": took, "estimated_cost": took / 30_000}
        make.task(alice, workflow_id=workflow.id, started_at=clock.now() - timedelta(hours=number), **figures)
    make.task(alice, workflow_id=workflow.id, status="failed", execution_time=900_000)
    return workflow


@pytest.mark.parametrize(
    ("took", "cost", "said"),
    [
        (90_000, 3.9, ("1m 30s median 1m 00s", "$3.90 median $2.00")),
        (119_000, 4.0, ("1m 59s median 1m 00s", "$4.00 2.0× the median $2.00")),
        (2_100_000, 7.0, ("35m 00s 35.0× the median 1m 00s", "$7.00 3.5× the median $2.00")),
        (None, None, ("– median 1m 00s", "– median $2.00")),
    ],
)
def test_from_twice_the_median_on_it_is_said(page, make, alice, workflow, took, cost, said):
    task = make.task(alice, workflow_id=workflow.id, execution_time=took, estimated_cost=cost)
    found = facts(page(f"/tasks/{task.id}"))
    assert (found["Duration"], found["Cost"]) == said


def test_what_is_twice_as_much_and_still_next_to_nothing_is_not_said(page, make, alice):
    workflow = make.workflow(alice)
    for _ in range(3):
        make.task(alice, workflow_id=workflow.id, execution_time=50, estimated_cost=0.001)
    task = make.task(alice, workflow_id=workflow.id, execution_time=200, estimated_cost=0.004)
    assert "the median" not in page(f"/tasks/{task.id}").text


def test_a_running_run_counts_from_its_start(page, make, alice, workflow, time):
    run = {"status": "running", "completed_at": None, "execution_time": None, "started_at": clock.now()}
    task = make.task(alice, workflow_id=workflow.id, **run)
    time.forward(seconds=119)
    assert facts(page(f"/tasks/{task.id}"))["Duration"] == "1m 59s median 1m 00s"
    time.forward(seconds=6)
    assert facts(page(f"/tasks/{task.id}"))["Duration"] == "2m 05s 2.1× the median 1m 00s"
