"""Which of several errors a span and a run failed of."""

import pytest

from swarm_ui.extensions import db
from tests.otlp import Draft, agent, failing, llm, tool
from tests.projection.test_verdicts import resolve


def thrown(kind: str, message: str = ""):
    return ("exception", {"exception.type": kind, "exception.message": message})


@pytest.mark.parametrize(
    ("events", "message", "said"),
    [
        (
            (thrown("StopAsyncIteration"), thrown("ValueError", "bad")),
            "ValueError: bad",
            ("ValueError", "bad"),
        ),
        ((thrown("ValueError", "bad"), thrown("StopIteration")), "", ("ValueError", "bad")),
        (
            (thrown("RateLimitError", "attempt 1"), thrown("Timeout", "too late")),
            "Timeout: too late",
            ("Timeout", "too late"),
        ),
        (
            (thrown("Timeout", "too late"), thrown("CleanupError", "no lock")),
            "Timeout: too late",
            ("Timeout", "too late"),
        ),
        ((thrown("First", "one"), thrown("Last", "two")), "", ("Last", "two")),
    ],
)
def test_of_several_exceptions_the_one_that_ended_the_step_is_its_error(told, events, message, said):
    run = told(agent(1, "a", status="error", message=message, events=events))
    assert (run.task.status, run.task.error_type, run.task.error_message) == ("failed", *said)


def test_exceptions_that_only_steer_are_no_error(told):
    steering = (thrown("langgraph.errors.ParentCommand"), thrown("GraphInterrupt"))
    run = told(agent(1, "a", status="error", events=steering))
    assert (run.task.status, run.task.error_count) == ("completed", 0)


@pytest.mark.parametrize("remote", [False, True])
def test_a_run_with_several_roots_failed_where_any_of_them_did(told, remote):
    parents = (77, 78) if remote else (0, 0)
    run = told(
        Draft(1, "POST /a", parents[0], remote=remote),
        Draft(2, "POST /b", parents[1], at=5, remote=remote, **failing("DbError", "db down")),
    )
    assert (run.task.status, run.task.failed_step) == ("failed", "POST /b")
    assert len(run.alerts) == 1


def test_a_part_in_another_process_is_no_root_where_there_is_one(told):
    run = told(
        Draft(1, "GET /", seconds=9, status="ok"),
        Draft(2, "POST /b", 77, at=5, remote=True, **failing("DbError", "db down")),
    )
    assert (run.task.status, run.task.error_count) == ("completed", 1)


@pytest.mark.parametrize("name", ["create_order", "Create invoice", "user.register"])
def test_ordinary_steps_that_are_called_create_are_a_run(told, name):
    assert told(Draft(1, name)).task.name == name


@pytest.mark.parametrize("name", ["create_agent planner", "graph.build", "workflow.build"])
def test_preparations_that_failed_are_a_run(told, name):
    assert told(Draft(1, name)).tasks == []
    assert told(Draft(1, name, trace=2, **failing("E", "x"))).task.status == "failed"


def test_a_run_that_failed_for_a_reason_of_its_own_is_not_blamed_on_what_was_mended(told):
    run = told(
        agent(1, "a", seconds=9, **failing("ValidationError", "the answer did not validate")),
        tool(2, "kb", 1, at=1, **failing("IOError", "kb down")),
        tool(3, "kb", 1, at=3),
        llm(4, 1, at=5),
    )
    assert (run.task.error_type, run.task.error_message) == ("ValidationError", "the answer did not validate")
    assert run.task.error_count == 2
    assert run.alerts[0].title == "a: invoke_agent a failed with ValidationError"


def test_a_step_that_was_mended_is_blamed_where_the_failure_repeats_its_words_or_has_none(told):
    steps = (tool(2, "kb", 1, at=1, **failing("IOError", "kb down")), tool(3, "kb", 1, at=3))
    run = told(agent(1, "a", seconds=9, **failing("AgentError", "gave up: kb down")), *steps)
    assert run.task.failed_step == "kb"
    later = (agent(1, "a", seconds=9, status="error"), *steps)
    run = told(*(one.but(trace=2, at=one.at + 60) for one in later))
    assert run.tasks[-1].failed_step == "kb"


def test_a_failure_that_somebody_resolved_is_not_raised_again_when_its_cause_is_seen_deeper(told, alice):
    run = told(agent(1, "a", seconds=9, **failing("E", "x")), tool(2, "kb", 1, at=1, **failing("E", "x")))
    resolve(run.alerts[0].id, alice)
    run = told(llm(3, 2, at=1, seconds=0.5, **failing("Deeper", "x")))
    assert [(alert.resolved, alert.title) for alert in run.alerts] == [
        (True, "a: chat gpt-4o-mini failed with Deeper")
    ]
    db.session.rollback()
