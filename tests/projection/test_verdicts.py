"""How a run ended, what failed first, and the alert that says so."""

import pytest

from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner
from swarm_ui.worker.doorbell import Doorbell
from swarm_ui.worker.loop import Worker
from tests.otlp import Draft, agent, failing, llm, tool, workflow
from tests.projection.world import TIMEOUT_US


@pytest.fixture
def sweep(app, tmp_path):
    """The worker's look at runs that went silent."""
    worker = Worker(db.engine, Doorbell(tmp_path), timeout_us=TIMEOUT_US)
    return worker.sweep


def resolve(alert_id: str, alice) -> None:
    bind_owner(db.session, alice.id)
    alert = db.session.get(Alert, alert_id)
    alert.resolve()
    db.session.commit()


# ── verdicts ──


def test_a_run_is_running_until_its_root_has_ended(told):
    assert told(llm(2, 1)).task.status == "running"
    assert told().task.completed_at is None
    run = told(agent(1, "a", seconds=3))
    assert run.task.status == "completed"
    assert run.task.execution_time == 3_000


def test_a_root_that_says_ok_above_a_crash_does_not_make_a_run_good(told):
    """openai-agents: root and workflow say OK, the application got an exception."""
    run = told(
        workflow(1, "flow", seconds=9, status="ok"),
        Draft(2, "Agent workflow", 1, seconds=8, status="ok"),
        agent(3, "triage", 2, seconds=7, **failing("Crash", "boom")),
        llm(4, 3, seconds=6, **failing("openai.APIError", "boom")),
    )
    assert run.task.status == "failed"


def test_an_error_that_was_handled_below_a_good_root_is_no_failure_but_an_error(told):
    """A tool's error is fed back to the model, and the run ends well."""
    run = told(
        agent(1, "a", seconds=9),
        llm(2, 1, at=0, seconds=1),
        tool(3, "search", 1, at=1, seconds=1, **failing("KeyError", "no such page")),
        llm(4, 1, at=3),
    )
    assert (run.task.status, run.task.error_count) == ("completed", 1)
    assert run.alerts == []


def test_a_sub_agent_that_failed_and_was_retried_is_no_failure(told):
    run = told(
        workflow(1, "flow", seconds=20),
        agent(2, "worker", 1, at=0, seconds=2, **failing()),
        agent(3, "worker", 1, at=4, seconds=3),
    )
    assert (run.task.status, run.task.error_count) == ("completed", 1)


def test_the_last_top_level_agent_decides_not_the_last_span(told):
    run = told(
        workflow(1, "flow", seconds=20),
        agent(2, "first", 1, at=0, seconds=2),
        agent(3, "last", 1, at=4, seconds=3, **failing()),
        agent(4, "helper", 2, at=0, seconds=15),  # inside another agent: no top level
    )
    assert run.task.status == "failed"


def test_an_exception_event_is_not_an_error(told):
    """LangGraph hands over by raising; the span's status says that all is well."""
    steer = (
        ("exception", {"exception.type": "langgraph.errors.ParentCommand", "exception.message": "goto"}),
    )
    run = told(
        agent(1, "a", seconds=9, status="ok", events=steer),
        tool(2, "transfer_to_b", 1, status="ok", events=steer),
    )
    assert (run.task.status, run.task.error_count) == ("completed", 0)


def test_an_exception_by_which_a_framework_steers_is_not_an_error_even_with_an_error_status(told):
    run = told(
        agent(1, "a", seconds=9),
        tool(2, "transfer_to_b", 1, **failing("langgraph.errors.ParentCommand", "goto")),
    )
    assert (run.task.status, run.task.error_count) == ("completed", 0)


def test_one_failure_is_told_once_at_its_deepest_cause_with_the_agent_above_it(told):
    """One HTTP 500 gives six error spans."""
    run = told(
        workflow(1, "flow", seconds=20, **failing("RuntimeError", "run failed")),
        agent(2, "lead", 1, seconds=19, **failing("RuntimeError", "helper failed")),
        tool(3, "ask_helper", 2, seconds=18, **failing("RuntimeError", "helper failed")),
        agent(4, "helper", 3, seconds=17, **failing("RuntimeError", "model failed")),
        Draft(5, "step", 4, seconds=16, **failing("openai.InternalServerError", "500")),
        llm(6, 5, seconds=15, **failing("openai.InternalServerError", "500 from the model server")),
    )
    task = run.task
    assert (task.status, task.error_count) == ("failed", 1)
    assert run.blamed == ("helper", "chat gpt-4o-mini")
    assert (task.error_type, task.error_message) == (
        "openai.InternalServerError",
        "500 from the model server",
    )
    (alert,) = run.alerts
    assert alert.title == "helper: chat gpt-4o-mini failed with openai.InternalServerError"
    assert (alert.alert_type, alert.severity, alert.related_agent_id) == (
        "agent_failure",
        "critical",
        task.failed_agent_id,
    )


def test_an_earlier_error_that_was_handled_is_not_blamed_for_the_failure(told):
    run = told(
        agent(1, "a", seconds=20, **failing("Crash", "the end")),
        tool(2, "search", 1, at=1, **failing("KeyError", "handled")),
        agent(3, "b", 1, at=1, seconds=5),
        tool(4, "lookup", 3, at=2, **failing("IndexError", "handled too")),
        tool(5, "deploy", 1, at=9, **failing("Crash", "the end")),
    )
    assert run.task.error_count == 3
    assert run.blamed == ("a", "deploy")


def test_a_step_that_keeps_failing_is_blamed_from_its_first_try(told):
    """Each try says something else; what the run ended with is the last of them."""
    run = told(
        workflow(1, "flow", seconds=20, **failing("Forbidden", "not page 3")),
        agent(2, "browser", 1, seconds=19, **failing("Forbidden", "not page 3")),
        *(tool(3 + place, "fetch_page", 2, at=2 * place, seconds=1, **failing("Forbidden", f"not page {place}"))
          for place in (1, 2, 3)),
    )  # fmt: skip
    assert run.task.failed_step == "fetch_page"
    assert run.task.error_message == "not page 1"


def test_a_step_that_worked_in_between_begins_anew(told):
    run = told(
        workflow(1, "flow", seconds=20, **failing("Forbidden", "not page 3")),
        agent(2, "browser", 1, seconds=19, **failing("Forbidden", "not page 3")),
        tool(4, "fetch_page", 2, at=2, seconds=1, **failing("Forbidden", "not page 1")),
        tool(5, "fetch_page", 2, at=4, seconds=1),
        tool(6, "fetch_page", 2, at=6, seconds=1, **failing("Forbidden", "not page 3")),
    )
    assert run.task.error_message == "not page 3"


def test_without_words_that_tell_the_first_error_on_the_way_to_the_failure_is_blamed(told):
    run = told(
        agent(1, "a", seconds=20, **failing("Crash", "the end")),
        agent(2, "b", 1, at=1, seconds=5),
        tool(3, "handled", 2, at=2, **failing("KeyError", "handled in b, which went well")),
        tool(4, "search", 1, at=8, **failing("KeyError", "no such page")),
        tool(5, "deploy", 1, at=9, **failing("OSError", "no space")),
    )
    assert run.blamed == ("a", "search")


def test_a_failure_without_any_words_is_a_failure(told):
    run = told(agent(1, "a", status="error"))
    assert run.task.status == "failed"
    assert run.blamed == ("a", "invoke_agent a")
    assert run.alerts[0].title == "a: invoke_agent a failed with an error"


def test_the_words_of_an_error_come_from_the_event_the_attribute_or_the_status(told):
    for number, (fields, wanted) in enumerate(
        [
            (failing("ValueError", "it broke"), ("ValueError", "it broke")),
            (
                {"status": "error", "message": "said so", "attributes": {"error.type": "timeout"}},
                ("timeout", "said so"),
            ),
            ({"status": "error", "message": "only this"}, (None, "only this")),
            ({"status": "error", "attributes": {"exception.message": "there"}}, (None, "there")),
        ],
        1,
    ):
        told(llm(1, trace=number, at=number, tokens=None, **fields))
        task = told().tasks[number - 1]
        assert (task.error_type, task.error_message) == wanted


def test_every_trace_of_a_run_needs_its_root(told):
    """Joined by links: the run goes on while one of its traces does."""
    assert told(llm(1, trace=1), Draft(5, "late", 9, trace=2, links=((1, 1),))).task.status == "running"
    assert told(Draft(9, "root", trace=2, seconds=3)).task.status == "completed"


def test_a_parent_in_another_process_that_is_not_traced_makes_a_root(told):
    assert told(agent(2, "a", 1, remote=True)).task.status == "completed"


# ── time-outs ──


def test_a_run_that_falls_silent_times_out_and_says_so_once(told, time, sweep):
    assert told(llm(2, 1)).task.status == "running"
    time.forward(minutes=29)
    sweep()
    assert told().task.status == "running"
    time.forward(minutes=2)
    for _ in range(3):
        sweep()
        run = told()
    assert run.task.status == "timeout"
    assert [alert.alert_type for alert in run.alerts] == ["task_timeout"]
    assert [log.message for log in run.logs if log.event_type == "state_change"] == [
        "Run timed out, last sign of it after 1.0s"
    ]


def test_each_arrival_puts_the_time_out_off(told, time, sweep):
    told(llm(2, 1))
    for number in range(3, 6):
        time.forward(minutes=20)
        sweep()
        run = told(llm(number, 1, at=1_200 * (number - 2)))
        assert run.task.status == "running"


def test_a_late_root_heals_a_time_out_and_resolves_its_alert(told, time, sweep):
    told(llm(2, 1))
    time.forward(minutes=31)
    sweep()
    assert told().task.status == "timeout"
    run = told(agent(1, "a", seconds=4))
    assert run.task.status == "completed"
    (alert,) = run.alerts
    assert (alert.alert_type, alert.resolved, alert.touched) == ("task_timeout", True, False)
    assert alert.resolved_at is not None


def test_a_run_that_falls_silent_again_opens_its_alert_again(told, time, sweep):
    told(llm(2, 1))
    time.forward(minutes=31)
    sweep()
    told()
    run = told(llm(3, 1))
    assert (run.task.status, run.alerts[0].resolved) == ("running", True)
    time.forward(minutes=31)
    sweep()
    run = told()
    assert (run.task.status, [alert.resolved for alert in run.alerts]) == ("timeout", [False])


def test_a_time_out_that_a_person_resolved_stays_resolved(told, time, sweep, alice):
    told(llm(2, 1))
    time.forward(minutes=31)
    sweep()
    resolve(told().alerts[0].id, alice)
    told(llm(3, 1))
    time.forward(minutes=31)
    sweep()
    run = told()
    assert (run.task.status, [alert.resolved for alert in run.alerts]) == ("timeout", [True])


# ── alerts ──


def test_a_failure_is_told_once_however_often_its_run_is_projected(told):
    parts = [
        agent(1, "a", seconds=9, **failing("Crash", "boom")),
        llm(2, 1, seconds=5, **failing("Crash", "boom")),
        llm(3, 1, at=6),
        tool(4, "t", 1, at=7),
    ]
    for draft in parts:
        run = told(draft)
    run = told(*parts)
    assert [alert.title for alert in run.alerts] == ["a: chat gpt-4o-mini failed with Crash"]


def test_an_alert_that_the_facts_no_longer_bear_out_goes(told):
    assert len(told(agent(1, "a", **failing())).alerts) == 1
    run = told(agent(1, "a", seconds=5))  # the content that ends later wins
    assert (run.task.status, run.alerts) == ("completed", [])


def test_an_alert_that_a_person_answered_stays(told, alice):
    resolve(told(agent(1, "a", **failing())).alerts[0].id, alice)
    run = told(agent(1, "a", seconds=5))
    assert run.task.status == "completed"
    assert [(alert.resolved, alert.touched) for alert in run.alerts] == [(True, True)]


def test_an_alert_that_a_person_resolved_is_not_raised_again_when_its_run_joins_another(told, alice):
    resolve(told(agent(1, "a", trace=5, **failing())).alerts[0].id, alice)
    run = told(Draft(1, "earlier", trace=3, at=-5, links=((5, 1),)))
    assert run.task.status == "failed"
    assert [(alert.resolved, alert.related_task_id) for alert in run.alerts] == [(True, run.task.id)]


def test_each_run_has_an_alert_of_its_own_with_the_same_fingerprint(told):
    run = told(*(agent(1, "a", trace=number, **failing()) for number in (1, 2, 3)))
    assert len(run.alerts) == 3
    assert len({alert.fingerprint for alert in run.alerts}) == 1


def test_an_imported_run_gets_its_verdict_and_no_alert(told):
    """Its newest event was older than RUN_TIMEOUT when it arrived."""
    hours = -7_200
    assert told(agent(1, "a", at=hours, **failing())).task.status == "failed"
    run = told(llm(2, 1, trace=2, at=hours + 60))
    assert {task.status for task in run.tasks} == {"failed", "timeout"}
    assert run.alerts == []


# ── what a run is ──


def test_preparations_alone_are_no_run(told):
    create = {"gen_ai.operation.name": "create_agent", "gen_ai.agent.name": "x"}
    assert told(Draft(1, "create_agent x", attributes=create), Draft(2, "graph.build", trace=2)).tasks == []


def test_a_lone_model_call_is_a_run_without_agents(told):
    run = told(llm(1))
    assert (run.task.status, run.task.agent_count, run.task.llm_calls, run.agents) == ("completed", 0, 1, [])


def test_anything_that_has_spans_has_a_run(told):
    run = told(Draft(1, "GET /cart", seconds=2), Draft(2, "SELECT", 1))
    assert (run.task.name, run.task.status, run.task.span_count) == ("GET /cart", "completed", 2)


def test_history_is_written_when_a_run_ends_and_rewritten_when_it_turns_out_otherwise(
    told, sender, time, sweep
):
    from sqlalchemy import select

    from swarm_ui.tasks.models import ExecutionHistory

    def history() -> list[tuple]:
        db.session.commit()
        return [(row.status, row.output) for row in db.session.scalars(select(ExecutionHistory))]

    told(llm(2, 1))
    assert history() == []
    time.forward(minutes=31)
    sweep()
    told()
    assert history() == [("timeout", None)]
    told(agent(1, "a", seconds=4, attributes={"input.value": "why", "output.value": "because"}))
    assert history() == [("completed", {"text": "because"})]


def test_the_session_is_the_roots_else_the_first_found(told):
    """Sub-agents may have conversation ids of their own."""
    run = told(
        agent(1, "a", trace=1, seconds=9, attributes={"gen_ai.conversation.id": "outer"}),
        agent(2, "b", 1, trace=1, attributes={"gen_ai.conversation.id": "inner"}),
        agent(1, "a", trace=2, at=20, seconds=9),
        agent(2, "b", 1, trace=2, at=21, attributes={"session.id": "found"}),
    )
    assert [task.session_id for task in run.tasks] == ["outer", "found"]
