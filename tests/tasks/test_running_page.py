"""The page of a run that goes on: what it says of the time since anything happened, and whom it suspects."""

from datetime import timedelta

import pytest

from swarm_ui import clock


@pytest.fixture
def quiet(make, alice, time):
    """It did something for a minute, and has been silent for eight."""
    at = clock.now() - timedelta(minutes=9)
    run = {"status": "running", "completed_at": None, "execution_time": None}
    task = make.task(alice, started_at=at, **run)
    make.span(alice, task, name="think", ended_at=clock.to_us(at) + 60_000_000)
    return task


def test_silence_that_is_longer_than_the_axis_is_said(page, quiet):
    said = page(f"/tasks/{quiet.id}").find(id="timeline").header.p.get_text()
    assert said == "0 agents, 1 step; nothing new for 8m 00s, longer than the axis"


def test_silence_that_the_axis_shows_is_not(page, make, alice, quiet):
    make.span(alice, quiet, name="look", ended_at=clock.now_us() - 1_000_000)
    said = page(f"/tasks/{quiet.id}").find(id="timeline").header.p.get_text()
    assert said == "0 agents, 2 steps"


@pytest.mark.parametrize("view", ["", "/messages"])
def test_nobody_is_suspected_of_a_run_that_goes_on_without_an_error(page, make, alice, view):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")

    def said(**run):
        """A run in which one of the answers is a guess."""
        task = make.task(alice, error_count=None, **run)
        make.message(alice, task, one, other, content={"text": "Find the number of rows."})
        guess = {"text": "Assuming that it is 7, it is 7."}
        at = task.started_at + timedelta(seconds=2)
        make.message(alice, task, other, one, message_type="response", content=guess, at=at)
        return page(f"/tasks/{task.id}{view}").text

    assert "most suspect" in said(status="failed")
    assert "most suspect" not in said(status="running", completed_at=None, execution_time=None)
