"""Who gave work to whom: each exchange told once, whatever the library writes down of it."""

import json

from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message
from tests.otlp import Draft, agent, failing, llm, tool, workflow


def contents() -> list:
    db.session.commit()
    return [
        message.content for message in db.session.scalars(select(Message).order_by(Message.at, Message.id))
    ]


def test_an_agent_called_through_a_tool_is_a_request_and_a_response(told):
    run = told(
        agent(1, "lead", seconds=9),
        tool(2, "ask_helper", 1, at=1, seconds=5, attributes={
            "gen_ai.tool.call.arguments": '{"question": "why?"}', "gen_ai.tool.call.result": "because",
        }),
        agent(3, "helper", 2, at=2, seconds=3),
        llm(4, 3, at=2),
    )  # fmt: skip
    assert run.messages == [("lead", "helper", "request"), ("helper", "lead", "response")]
    assert contents() == [{"data": {"question": "why?"}}, {"text": "because"}]
    assert run.task.tool_calls == 0  # handing over is a message, no call of a tool
    assert run.parts()["lead"].delegations == 1


def test_an_agent_inside_an_agent_is_a_delegation_without_any_tool(told):
    run = told(
        agent(1, "lead", seconds=9),
        agent(2, "helper", 1, at=1, attributes={"input.value": "why?", "output.value": "because"}),
        llm(3, 2, at=1),
    )
    assert run.messages == [("lead", "helper", "request"), ("helper", "lead", "response")]
    assert contents() == [{"text": "why?"}, {"text": "because"}]


def test_a_delegation_that_failed_is_answered_by_an_error(told):
    run = told(
        agent(1, "lead", seconds=9),
        tool(2, "ask_helper", 1, seconds=5),
        agent(3, "helper", 2, seconds=3, **failing("E", "no luck")),
    )
    assert run.messages == [("lead", "helper", "request"), ("helper", "lead", "error")]
    assert contents()[1] == {"text": "no luck"}
    assert run.task.status == "completed"


def test_a_hand_off_is_a_request_to_whom_the_tool_names(told):
    run = told(
        workflow(1, "flow", seconds=30),
        agent(2, "triage", 1, at=0, seconds=5),
        tool(3, "transfer_to_billing_agent", 2, at=4, seconds=0.5),
        agent(4, "Billing Agent", 1, at=6, seconds=5),
        llm(5, 4, at=7),
    )
    assert run.requests == [("triage", "Billing Agent")]


def test_a_hand_off_that_is_in_an_argument_or_comes_next_names_its_agent_too(told):
    run = told(
        workflow(1, "flow", seconds=60),
        agent(2, "a", 1, at=0, seconds=5),
        tool(
            3,
            "delegate_work_to_coworker",
            2,
            at=1,
            seconds=0.5,
            attributes={"gen_ai.tool.call.arguments": json.dumps({"coworker": "b"})},
        ),
        agent(4, "b", 1, at=6, seconds=5),
        tool(5, "handoff", 4, at=7, seconds=0.5),
        agent(6, "c", 1, at=12, seconds=5),
    )
    assert run.requests == [("a", "b"), ("b", "c")]


def test_a_hand_off_to_a_person_is_none(told):
    run = told(
        agent(1, "a", seconds=9), tool(2, "transfer_to_human", 1), tool(3, "escalate_to_customer", 1, at=2)
    )
    assert run.messages == []
    assert run.task.tool_calls == 2


def test_a_hand_off_seen_as_tool_span_as_model_answer_and_as_caller_is_told_once(told):
    answer = json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "c1", "name": "transfer_to_b", "arguments": {}}],
            }
        ]
    )
    run = told(
        workflow(1, "flow", seconds=30),
        agent(2, "a", 1, seconds=5),
        llm(3, 2, at=0, attributes={"gen_ai.output.messages": answer}),
        tool(4, "transfer_to_b", 2, at=2, seconds=0.2, attributes={"gen_ai.tool.call.id": "c1"}),
        agent(5, "b", 1, at=6, seconds=5, attributes={"graph.node.parent_id": "a"}),
        # the history is repeated in every later call
        llm(6, 5, at=7, attributes={"gen_ai.input.messages": answer}),
    )
    assert run.requests == [("a", "b")]


def test_a_hand_off_of_which_only_the_models_answer_tells(told):
    answer = json.dumps(
        [{"role": "assistant", "parts": [{"type": "tool_call", "name": "transfer_to_b", "arguments": "{}"}]}]
    )
    run = told(
        workflow(1, "flow", seconds=30),
        agent(2, "a", 1),
        llm(3, 2, attributes={"gen_ai.output.messages": answer}),
        agent(4, "b", 1, at=5),
    )
    assert run.requests == [("a", "b")]


def test_an_agent_that_names_its_caller(told):
    run = told(
        workflow(1, "flow", seconds=30),
        agent(2, "a", 1),
        agent(3, "b", 1, at=3, attributes={"graph.node.parent_id": "a"}),
        llm(4, 3, at=3),
    )
    assert run.requests == [("a", "b")]


def test_a_tool_that_is_called_like_an_agent_and_hands_over_stands_for_it(told):
    run = told(agent(1, "a", seconds=9), tool(2, "transfer_to_b", 1, seconds=5), llm(3, 2, seconds=3))
    assert run.agents == ["a", "b"]
    assert run.requests == [("a", "b")]
    assert run.agent_of(3) == "b"


def test_messages_that_a_runtime_carries(told):
    def carried(id, sender, recipient, kind=None, **fields):
        more = {"sender_agent_type": sender, "recipient_agent_type": recipient, "message": f"from {sender}"}
        return Draft(id, "process", 1, attributes=more | ({"message.type": kind} if kind else {}), **fields)

    run = told(
        workflow(1, "flow", seconds=60),
        *(agent(number, name, 1, at=40, seconds=1) for number, name in ((2, "a"), (3, "b"), (4, "c"))),
        carried(5, "a", "b", at=1),
        carried(6, "b", "a", "progress", at=2),
        carried(7, "b", "a", "TaskResult", at=3),
        carried(8, "c", "a", "Failure", at=4),
        carried(9, "a", "b", "broadcast", at=5),
    )
    assert run.messages == [
        ("a", "b", "request"), ("b", "a", "status_update"), ("b", "a", "response"), ("c", "a", "error"), ("a", None, "broadcast"),
    ]  # fmt: skip


def test_one_message_to_several_is_a_broadcast_told_once(told):
    def carried(id, recipient):
        more = {
            "sender_agent_type": "a",
            "recipient_agent_type": recipient,
            "message": "all",
            "message_context": '{"message_id": "m1"}',
        }
        return Draft(id, "process", 1, at=id, attributes=more)

    run = told(
        workflow(1, "flow", seconds=60), *(agent(number, name, 1, at=40) for number, name in ((2, "a"), (3, "b"), (4, "c"))),
        carried(5, "b"), carried(6, "c"),
    )  # fmt: skip
    assert run.messages == [("a", None, "broadcast")]
    (message,) = db.session.scalars(select(Message)).all()
    assert [run.names[found] for found in message.details["to"]] == ["b", "c"]


def test_a_message_of_88000_characters_is_kept_where_it_belongs(told):
    """The row holds the beginning with a mark; the span holds all of it."""
    long = "lorem " * 15_000
    run = told(
        agent(1, "a", seconds=9),
        agent(2, "b", 1, attributes={"input.value": long, "output.value": "done"}),
        llm(3, 2),
    )
    first, last = contents()
    assert first == {"text": long[: 64 * 1024], "truncated": True}
    assert last == {"text": "done"}
    assert run.task.span_count == 3


def test_decisions_and_errors_are_logged_with_their_agents(told):
    run = told(
        workflow(1, "flow", seconds=30),
        agent(2, "a", 1, seconds=9),
        tool(3, "search", 2, at=1, **failing("KeyError", "nothing there")),
        tool(4, "transfer_to_b", 2, at=3, seconds=0.1),
        agent(5, "b", 1, at=5),
        llm(6, 5, at=5),
    )
    said = [(log.event_type, log.level, run.names.get(log.agent_id), log.message) for log in run.logs]
    assert ("decision", "info", "a", "a chose search") in said
    assert ("decision", "info", "a", "a handed over to b") in said
    assert ("error", "error", "a", "search failed: KeyError: nothing there") in said
    assert ("execution", "info", "b", "b finished in 1.0s") in said
    assert ("state_change", "info", None, "Run completed in 30.0s") in said
