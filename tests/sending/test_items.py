"""Messages, log lines, measurements and steps of a task that is sent over REST."""

import threading

import pytest

from swarm_ui.agents.models import Agent
from swarm_ui.ingest.models import LogRecord, Span
from swarm_ui.tasks.models import ExecutionLog, Message
from tests.captures import project
from tests.sending.conftest import rows

AT = "2026-11-17T03:12:{:02d}Z"


def message(sender="planner", recipient=None, kind="request", content="please", **more):
    said = {"sender": sender, "messageType": kind, "content": content} | more
    return said | ({"recipient": recipient} if recipient else {})


def test_messages_are_kept_as_they_were_told(machine, told):
    task = machine.task(service="demo")
    answer = machine.post(
        f"/tasks/{task}/messages",
        [
            message("planner", "coder", metadata={"to": "x", "tokens": 5}),
            message("coder", "planner", "response", {"files": ["a.py"]}),
            message("coder", None, "broadcast", "done"),
        ],
    )
    assert answer["new"] == 3
    found = told()
    assert found.messages == [
        ("planner", "coder", "request"),
        ("coder", "planner", "response"),
        ("coder", None, "broadcast"),
    ]
    told_so = machine.items(f"/tasks/{task}/messages")
    assert [item["id"] for item in told_so] == [item["id"] for item in answer["items"]]
    assert [item["content"] for item in told_so] == [
        {"text": "please"},
        {"data": {"files": ["a.py"]}},
        {"text": "done"},
    ]
    assert told_so[0]["metadata"] == {"to": "x", "tokens": 5}
    assert sorted((agent.name, agent.service_name, agent.type) for agent in rows(Agent)) == [
        ("coder", "demo", "reasoning"), ("planner", "demo", "coordination"),
    ]  # fmt: skip
    assert found.task.agent_count == 2
    assert [part.executions for part in found.parts().values()] == [0, 0], (
        "while it goes on nobody knows how it ends"
    )
    machine.patch(f"/tasks/{task}", {"status": "completed"})
    assert [part.executions for part in told().parts().values()] == [1, 1]


def test_without_a_time_the_order_sent_counts(machine, time):
    task = machine.task()
    for first in (0, 40, 80):
        machine.post(f"/tasks/{task}/messages", [message(content=str(n)) for n in range(first, first + 40)])
        time.forward(microseconds=3)
    project()
    assert [item["content"]["text"] for item in machine.items(f"/tasks/{task}/messages")] == [
        str(n) for n in range(120)
    ]


def test_with_times_these_count(machine):
    task = machine.task()
    machine.post(f"/tasks/{task}/messages", [message(content=str(n), at=AT.format(n)) for n in (3, 1, 2)])
    project()
    found = machine.items(f"/tasks/{task}/messages")
    assert [item["content"]["text"] for item in found] == ["1", "2", "3"]
    assert found[0]["at"] == "2026-11-17T03:12:01.000000Z"


def test_messages_without_times_lie_within_a_run_that_was_over(machine, told):
    task = machine.task(
        startedAt="2025-01-01T10:00:00Z", completedAt="2025-01-01T10:00:05Z", status="completed"
    )
    machine.post(f"/tasks/{task}/messages", [message(content=str(n)) for n in range(5)])
    assert told().task.execution_time == 5_000
    found = machine.items(f"/tasks/{task}/messages")
    assert [item["content"]["text"] for item in found] == list("01234")
    assert found[0]["at"].startswith("2025-01-01T10:00:04.99")


def test_the_same_id_is_one_message(machine):
    task = machine.task()
    first = machine.post(f"/tasks/{task}/messages", message(id="m1"))
    again = machine.post(f"/tasks/{task}/messages", [message(id="m1"), message(id="m2"), message(id="m2")])
    assert first == {"id": first["id"], "new": True}
    assert again["items"][0] == {"id": first["id"], "new": False}
    assert [item["new"] for item in again["items"]] == [False, True, False]
    assert machine.post(f"/tasks/{task}/messages", message(id="m1"), 200)["new"] is False
    project()
    assert len(rows(Message)) == 2


def test_another_thing_under_a_used_id_is_refused_whole(machine):
    task = machine.task()
    machine.post(f"/tasks/{task}/messages", message(id="m1"))
    before = len(rows(LogRecord))
    wrong = machine.wrong(
        f"/tasks/{task}/messages", [message(id="m9"), message(id="m1", content="other")], status=409
    )
    assert list(wrong) == ["items[1].id"]
    assert len(rows(LogRecord)) == before
    machine.post(f"/tasks/{task}/logs", {"id": "m1", "message": "a log line is no message"})


def test_an_idempotency_key_makes_resending_harmless(machine):
    task = machine.task()
    for part, item in (
        ("messages", message()),
        ("logs", {"message": "x"}),
        ("metrics", {"executionTime": 5}),
        ("spans", {"name": "x"}),
    ):
        first = machine.post(f"/tasks/{task}/{part}", [item, item], Idempotency_Key="k")
        again = machine.post(f"/tasks/{task}/{part}", [item, item], 200, Idempotency_Key="k")
        assert (first["new"], again["new"]) == (2, 0), part
    machine.wrong(f"/tasks/{task}/messages", [message(content="other")], status=201)
    machine.ask("POST", f"/tasks/{task}/messages", [message(content="other")], 409, Idempotency_Key="k")


def test_without_either_each_sending_is_a_message_of_its_own(machine):
    task = machine.task()
    for _ in range(2):
        machine.post(f"/tasks/{task}/messages", message(content="continue"))
    project()
    assert len(rows(Message)) == 2


def test_an_agent_may_be_named_by_its_id(machine, make, alice, told):
    agent = make.agent(alice, name="planner", service_name="elsewhere")
    task = machine.task(service="demo")
    machine.post(
        f"/tasks/{task}/messages",
        {"senderId": agent.id, "recipient": "coder", "messageType": "request", "content": "x"},
    )
    assert told().task.assigned_agents is not None
    assert machine.items(f"/tasks/{task}/messages")[0]["senderId"] == agent.id
    assert machine.wrong(
        f"/tasks/{task}/logs", [{"message": "x"}, {"message": "y", "agentId": "nobody"}]
    ) == {"items[1].agentId": "there is no agent with this id"}


def test_spellings_of_one_name_are_one_agent_and_other_signs_are_others(machine, told):
    task = machine.task()
    machine.post(
        f"/tasks/{task}/messages",
        [message(name) for name in ("Web Surfer", "web_surfer", "🤖", "👾", "agent", "研究员")],
    )
    assert told().agents == ["Web Surfer", "agent", "研究员", "👾", "🤖"]


def test_parallel_senders_register_an_agent_once(app, machine, alice):
    task = machine.task()
    answers = []

    def work(number):
        with app.app_context():
            said = [message(f"agent {n % 3}", "everybody", id=f"{number}-{n}") for n in range(20)]
            from tests.captures import HEADERS

            answers.append(
                app.test_client()
                .post(f"/api/v1/tasks/{task}/messages", json=said, headers=HEADERS)
                .status_code
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 4
    project()
    assert len(rows(Message)) == 80
    assert sorted(agent.name for agent in rows(Agent)) == ["agent 0", "agent 1", "agent 2", "everybody"]


def test_a_message_of_ninety_thousand_characters_is_taken_whole(machine, page, client):
    task = machine.task()
    words = "wörter " * 12_858
    found = machine.post(f"/tasks/{task}/messages", message(content=words))
    project()
    assert machine.items(f"/tasks/{task}/messages")[0]["content"] == {"text": words}
    page(f"/tasks/{task}")
    page(f"/tasks/{task}/messages")
    whole = client.get(f"/tasks/{task}/messages/{found['id']}")
    assert whole.get_data(as_text=True) == words


def test_log_lines_say_who_how_loud_and_what(machine, told):
    task = machine.task()
    machine.post(f"/tasks/{task}/logs", [
        {"agent": "coder", "eventType": "decision", "level": "warning", "message": "took the other way", "metadata": {"why": "shorter"}, "at": AT.format(5)},
        {"message": "no agent at all"},
    ])  # fmt: skip
    found = told()
    lines = [line for line in found.logs if line.message in ("took the other way", "no agent at all")]
    assert [(line.level, line.event_type, line.details) for line in lines] == [
        ("warning", "decision", {"why": "shorter"}),
        ("info", "execution", None),
    ]
    assert found.task.warning_count == 1
    assert found.agents == ["coder"]
    machine.post(f"/tasks/{task}/logs", {"message": "x" * 100_000})
    project()
    assert max(len(line.message) for line in rows(ExecutionLog)) == 100_000


def test_measurements_are_rows_and_part_of_the_sums(machine, told):
    task = machine.task()
    machine.post(f"/tasks/{task}/metrics", [
        {"agent": "coder", "model": "gpt-4o", "provider": "openai", "inputTokens": 100, "outputTokens": 20, "estimatedCost": 0.5, "executionTime": 900},
        {"agent": "coder", "model": "gpt-4o", "tokenUsage": 30, "successFlag": False, "errorType": "RateLimit"},
        {"executionTime": 12, "successFlag": True, "estimatedCost": 0.25},
    ])  # fmt: skip
    found = told()
    assert sorted((m.execution_time, m.token_usage, m.estimated_cost, m.success_flag) for m in found.metrics if m.execution_time) == [
        (12, None, 0.25, True), (900, 120, 0.5, None),
    ]  # fmt: skip
    assert [
        (m.execution_time, m.token_usage, m.success_flag) for m in found.metrics if not m.execution_time
    ] == [(None, 30, False)]
    task = found.task
    assert (task.token_usage, task.input_tokens, task.estimated_cost, task.llm_calls, task.span_count) == (
        150,
        100,
        0.75,
        2,
        0,
    )
    part = found.parts()["coder"]
    assert (part.llm_calls, part.model) == (2, "gpt-4o")


def test_a_measurement_is_kept_under_the_id_that_was_answered(machine, told):
    task = machine.task()
    body = [{"id": "m1", "agent": "coder", "model": "gpt-4o", "inputTokens": 7}, {"executionTime": 5}]
    answered = [item["id"] for item in machine.post(f"/tasks/{task}/metrics", body)["items"]]
    assert sorted(metric.id for metric in told().metrics) == sorted(answered)


def test_a_measurement_of_a_step_counts_once(machine, told):
    task = machine.task()
    machine.post(
        f"/tasks/{task}/spans",
        {"spanId": "c", "kind": "llm", "name": "chat", "agent": "coder", "model": "gpt-4o", "inputTokens": 7},
    )
    machine.post(
        f"/tasks/{task}/metrics", {"agent": "coder", "spanId": "c", "model": "gpt-4o", "inputTokens": 7}
    )
    found = told().task
    assert (found.input_tokens, found.llm_calls) == (7, 1)


def test_steps_make_a_run_like_any_other(machine, told, page):
    task = machine.task(service="demo", workflow="Report")
    machine.post(f"/tasks/{task}/spans", [
        {"spanId": "p", "kind": "agent", "name": "planner", "startedAt": AT.format(1), "endedAt": AT.format(9)},
        {"spanId": "c", "parentSpanId": "p", "kind": "agent", "name": "plan the code", "agent": "coder", "startedAt": AT.format(2), "endedAt": AT.format(8),
         "status": "error", "errorType": "Timeout", "errorMessage": "pytest took too long", "input": "write it"},
        {"spanId": "l", "parentSpanId": "c", "kind": "llm", "name": "chat", "model": "gpt-4o", "provider": "openai", "inputTokens": 10, "outputTokens": 2,
         "cost": 0.01, "startedAt": AT.format(3), "endedAt": AT.format(4)},
        {"spanId": "t", "parentSpanId": "c", "kind": "tool", "name": "pytest", "startedAt": AT.format(5), "endedAt": AT.format(8), "status": "error",
         "errorType": "Timeout", "errorMessage": "pytest took too long", "output": {"code": 1}},
    ])  # fmt: skip
    row = machine.patch(f"/tasks/{task}", {"status": "failed"})
    assert (row["failedAgent"], row["failedStep"], row["errorType"], row["spanCount"]) == (
        "coder",
        "pytest",
        "Timeout",
        4,
    )
    assert (row["llmCalls"], row["toolCalls"], row["tokenUsage"], row["estimatedCost"]) == (1, 1, 12, 0.01)
    found = told()
    assert [(alert.title, alert.message) for alert in found.alerts] == [
        ("coder: pytest failed with Timeout", "pytest took too long")
    ]
    assert found.messages == [("planner", "coder", "request"), ("coder", "planner", "error")]
    spans = machine.items(f"/tasks/{task}/spans")
    assert [span["name"] for span in spans] == ["planner", "plan the code", "chat", "pytest"]
    assert (spans[1]["input"], spans[3]["output"]) == ("write it", {"code": 1})
    assert "pytest took too long" in page(f"/tasks/{task}").text


def test_told_messages_go_before_those_that_steps_suggest(machine, told):
    task = machine.task()
    machine.post(f"/tasks/{task}/spans", [
        {"spanId": "p", "kind": "agent", "name": "planner"}, {"parentSpanId": "p", "kind": "agent", "name": "coder"},
    ])  # fmt: skip
    assert told().messages == [("planner", "coder", "request")]
    machine.post(f"/tasks/{task}/messages", message("coder", "planner", "response"))
    assert told().messages == [("coder", "planner", "response")]


def test_a_step_that_goes_on_is_mended_when_it_ends(machine, told):
    task = machine.task()
    step = {"spanId": "s", "kind": "agent", "name": "planner", "startedAt": AT.format(1)}
    machine.post(f"/tasks/{task}/spans", step)
    assert told().parts()["planner"].executions == 0
    machine.post(f"/tasks/{task}/spans", step | {"endedAt": AT.format(1), "status": "ok"})
    machine.post(f"/tasks/{task}/spans", step, 200)
    assert told().parts()["planner"].executions == 1
    [span] = rows(Span)
    assert span.status == "ok"


def test_ids_of_steps_may_be_anything(machine):
    task = machine.task()
    answer = machine.post(
        f"/tasks/{task}/spans",
        [{"spanId": "00f067aa0ba902b7", "name": "a"}, {"spanId": "step/1", "name": "b"}, {"name": "c"}],
    )
    assert answer["items"][0]["spanId"] == "00f067aa0ba902b7"
    assert all(len(item["spanId"]) == 16 for item in answer["items"])
    other = machine.post(f"/tasks/{machine.task()}/spans", {"spanId": "step/1", "name": "b"})
    assert other["spanId"] == answer["items"][1]["spanId"]


@pytest.mark.parametrize(
    ("part", "said", "blamed"),
    [
        (
            "messages",
            {"sender": "coder", "messageType": "error", "content": "I cannot"},
            ("coder", "message"),
        ),
        ("logs", {"agent": "coder", "level": "error", "message": "it broke"}, ("coder", "log")),
        ("logs", {"agent": "coder", "level": "info", "message": "fine"}, (None, None)),
    ],
)
def test_a_failure_names_agent_and_step_without_a_span(machine, told, part, said, blamed):
    task = machine.task()
    machine.post(f"/tasks/{task}/{part}", said)
    machine.patch(f"/tasks/{task}", {"status": "failed"})
    found = told()
    assert found.blamed == blamed
    assert len(found.alerts) == 1


def test_an_agent_counts_its_failure(machine, told):
    task = machine.task()
    machine.post(f"/tasks/{task}/messages", message("coder", None, "error", "I cannot"))
    machine.patch(f"/tasks/{task}", {"status": "failed"})
    told()
    [agent] = rows(Agent)
    assert (agent.total_executions, agent.failed_executions) == (1, 1)


def test_a_task_that_only_says_that_it_failed_blames_nobody(machine, told, page):
    task = machine.task(workflow="Report")
    machine.post(f"/tasks/{task}/messages", [message(), message("coder", "planner", "response")])
    machine.patch(f"/tasks/{task}", {"status": "failed"})
    found = told()
    assert (found.task.error_count, found.task.failed_step) == (0, None)
    assert [alert.title for alert in found.alerts] == ["Nightly report failed"]
    assert [line.message for line in found.logs] == ["Run failed after 0ms"]
    assert "No step of this run was sent" in page(f"/tasks/{task}").text
    assert [part.execution_time for part in found.parts().values()] == [None, None]
