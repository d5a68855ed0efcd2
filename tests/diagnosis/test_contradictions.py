"""What is said in spite of a tool or of an order; and what is not, because it may be right."""

import json

import pytest

from swarm_ui.diagnosis import claims, orders
from swarm_ui.diagnosis.case import Reply
from swarm_ui.diagnosis.suspects import rank
from tests.captures import HEADERS, project
from tests.diagnosis.cases import case, said, step
from tests.otlp import agent, document, llm, tool, workflow


def why(suspect) -> dict[str, str]:
    return {one.kind: one.says for one in suspect.evidence}


# Words and figures.


@pytest.mark.parametrize(
    "result",
    [
        '{"error": "no such seat"}',
        '{"success": false, "message": "no such seat"}',
        '{"status": "failed"}',
        '{"isError": true, "content": [{"type": "text", "text": "no"}]}',
        "Error: no such seat",
        "TimeoutError: late",
        "Traceback (most recent call last):\n  File",
        "403 Forbidden",
        "exitcode: 1 (execution failed)",
    ],
)
def test_results_that_say_that_they_failed(result):
    assert claims.failure_in(result)


@pytest.mark.parametrize(
    "result",
    [
        "",
        "Seat 12 is yours",
        '{"error": null, "seat": 12}',
        '{"error": 0, "errors": []}',
        "Error rate by month, in percent",
        "No errors were found",
        '{"log": "Error: of last year"}',
        "exitcode: 0 (execution succeeded)",
        "500 tickets sold",
    ],
)
def test_results_that_do_not(result):
    assert claims.failure_in(result) is None


@pytest.mark.parametrize(
    "answer",
    [
        "The seat has been booked.",
        "Successfully saved the file.",
        "I've sent the mail to Ada.",
        "Done.",
        "All set!",
    ],
)
def test_claims_of_success(answer):
    assert claims.success_in(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I could not book the seat, though the mail has been sent.",
        "Unfortunately the booking has been refused.",
        "It seems that there is an issue. I have sent it to a colleague.",
        "The file would have been saved.",
        "Has the seat been booked?",
        "Let me try again: the first one has been cancelled.",
        "The seat costs 12 euros.",
    ],
)
def test_what_claims_nothing_or_admits_something(answer):
    assert claims.success_in(answer) is None


@pytest.mark.parametrize(
    ("result", "answer", "found"),
    [
        ("42", "There are 24 rows.", ("42", "24")),
        ("exitcode: 0 (execution succeeded)\nCode output: 1,204", "In all 1,240 birds.", ("1,204", "1,240")),
        ('{"total": 99.5}', "The total is 95.5 euros.", ("99.5", "95.5")),
        ("42", "There are 42 rows.", None),
        ("0.4217", "That is 42 %.", None),
        ("1204", "About 1,000 birds.", None),
        ("1204", "1.2 thousand birds", None),
        ("7200", "It takes 2 hours.", None),
        ("42", "With the 8 from before that makes 50.", None),
        ("42", "Of 8 that is 5.25 each.", None),
        ("42", "Row 1 and row 2 hold it, of 300.", None),
        ("42", "It was 2026-11-17, at 10:30.", None),
        ("12 of 42", "There are 24.", None),
        ("Seat A4", "There are 24.", None),
    ],
)
def test_figures_in_the_place_of_others(result, answer, found):
    assert claims.other_figure(result, answer, ["Take these 8 rows."]) == found


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ("Respond only with valid JSON.", "Sure! Here it is."),
        ("You are a planner. Reply in JSON and nothing else.", "The plan has two parts"),
        ("Answer only with a number.", "I believe that there are about forty of them"),
        ("Answer in one word.", "It is a bird that swims well"),
        ("Answer only yes or no.", "That depends on what you mean"),
        ("Reply in at most 10 words.", "word " * 40),
        ("Write no more than 20 characters.", "x" * 60),
        ("Do not include code.", "Take this:\n```\n1\n```"),
        ("Never use Markdown.", "# A title\nand text"),
    ],
)
def test_orders_that_are_broken(order, answer):
    assert (orders.broken(order, answer) or "").startswith(f"It was told “{order.split('. ')[-1]}”, and ")


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ("Respond only with valid JSON.", '```json\n{"a": 1}\n```'),
        ("Respond only with valid JSON.", '{"a": 1,'),
        ("Respond only with valid JSON if you found something.", "I found nothing"),
        ("The tool returns JSON.", "So it does"),
        ("Answer only with a number.", "42 birds"),
        ("Answer in one word.", "Penguin"),
        ("Answer only yes or no.", "Yes, it does that very well"),
        ("Reply in at most 10 words.", "word " * 12),
        ("Reply in at most 3 sentences.", "word " * 90),
        ("Do not include code unless you must.", "Take this:\n```\n1\n```"),
        ("Do not include code.", ""),
        ("The user does not write code.", "```\n1\n```"),
    ],
)
def test_orders_that_are_kept_or_no_orders(order, answer):
    assert orders.broken(order, answer) is None


def test_tools_that_are_forbidden():
    assert orders.forbidden("Look at it. Do not call `drop_rows`. Be quick.") == {
        "drop_rows": "Do not call `drop_rows`."
    }
    for text in (
        "Do not call drop_rows twice.",
        "Never use drop_rows before asking.",
        "You may call drop_rows.",
    ):
        assert orders.forbidden(text) == {}


# Steps and messages.


def test_success_in_spite_of_a_failed_tool():
    call, answer = step("book", 1, agent="b"), step("chat", 3, agent="b", kind="llm")
    found = case(
        [call, answer], results={0: '{"error": "sold out"}'}, replies={1: Reply("The seat has been booked.")}
    )
    first = rank(found)[0]
    assert (first.what, first.agent) == ("chat", "browser")
    assert why(first)["contradicts-tool"] == "It says “has been booked”, and book had failed: “sold out”"


def test_a_call_that_was_mended_is_no_failure():
    steps = [step("book", 1, agent="b"), step("book", 2, agent="b"), step("chat", 4, agent="b", kind="llm")]
    found = case(
        steps,
        results={0: "Error: late", 1: "Seat 12"},
        replies={2: Reply("The seat has been booked.")},
        status="completed",
    )
    assert rank(found) == []
    # Of two tools one went well: it may be the one that is meant.
    steps[1] = step("mail", 2, agent="b")
    found = case(
        steps,
        results={0: "Error: late", 1: "Sent"},
        replies={2: Reply("The mail has been sent.")},
        status="completed",
    )
    assert rank(found) == []
    # Nor is the failure of somebody else's tool.
    steps = [step("book", 1, agent="c"), step("chat", 4, agent="b", kind="llm")]
    found = case(
        steps, results={0: "Error: late"}, replies={1: Reply("The mail has been sent.")}, status="completed"
    )
    assert rank(found) == []


def test_another_figure_than_the_tool_gave():
    steps = [step("count", 1, agent="b"), step("chat", 3, agent="b", kind="llm")]
    found = case(steps, results={0: "42"}, replies={1: Reply("There are 24 rows.")}, status="completed")
    (only,) = rank(found)
    assert why(only) == {"contradicts-tool": "It says 24, and count had given 42"}
    known = Reply("There are 24 rows.", before=("Of the 24 rows, count the red ones.",))
    assert rank(case(steps, results={0: "42"}, replies={1: known}, status="completed")) == []


def test_an_answer_in_another_form_and_a_forbidden_call():
    chat = step("chat", 1, agent="b", kind="llm")
    found = case([chat], replies={0: Reply("Here it is.", orders=("Answer only in JSON.",))})
    assert (
        why(rank(found)[0])["broke-instruction"]
        == "It was told “Answer only in JSON.”, and the answer is no JSON"
    )
    call = step("drop_rows", 5, agent="b")
    found = case([call], [said("a", "b", "Clean up. Do not call drop_rows.", at=2)])
    assert why(rank(found)[0])["broke-instruction"] == "It was told “Do not call drop_rows.”, and called it"
    early = case([call], [said("a", "b", "Do not call drop_rows.", at=9)])
    assert "broke-instruction" not in why(rank(early)[0])


def test_messages_against_an_output_or_a_request():
    talk = [
        said("a", None, "Store the rows, please.", type="broadcast"),
        said("c", None, "```sh\nstore rows\n```", type="broadcast"),
        said("d", None, "exitcode: 1 (execution failed)\npermission denied", type="broadcast"),
        said("b", None, "The rows have been stored.", type="broadcast"),
    ]
    by_place = {one.position: why(one) for one in rank(case(turns=talk))}
    assert by_place[3]["denies-output"].startswith(
        "It says “have been stored”, and the output had failed: “exitcode: 1"
    )
    talk = [
        said("a", "b", "How many? Answer only with a number."),
        said("b", "a", "I think that there are quite a lot of them.", type="response"),
    ]
    by_place = {one.position: why(one) for one in rank(case(turns=talk))}
    assert by_place[1]["disobeys"] == "It was told “Answer only with a number.”, and the answer has 10 words"


def test_a_tool_called_by_whoever_speaks():
    talk = [
        said("a", "b", "Book a seat.", at=1),
        said("b", "a", "The seat has been booked.", at=9, type="response"),
    ]
    found = case([step("book", 3, agent="b")], talk, results={0: "Error: sold out"})
    assert {one.position: why(one) for one in rank(found) if one.message_id}[1]["denies-output"]


# Cut and empty.


def test_answers_that_were_cut_off_or_are_empty():
    steps = [
        step("chat", 1, agent="b", kind="llm"),
        step("chat", 3, agent="c", kind="llm"),
        step("chat", 5, agent="a", kind="llm"),
    ]
    found = case(steps, cut={0: "length"}, mute=frozenset({1}), status="completed")
    assert [why(one) for one in rank(found)] == [
        {"cut-off": "Its answer was cut off: the model stopped with “length”"},
        {"said-nothing": "The model answered without a word and without a call"},
    ]


def test_messages_that_were_cut_off_or_are_empty():
    talk = [
        said("a", None, "Print the rows, please.", type="broadcast"),
        said("c", None, "Take this:\n```python\nfor row in", type="broadcast"),
        said("b", None, "I counted a great many of", type="broadcast", cut="max_tokens"),
        said("a", None, "  ", type="broadcast"),
        said("c", None, "```python\nfor row in", type="broadcast", is_whole=False),
    ]
    kinds = {one.position: why(one) for one in rank(case(turns=talk))}
    assert kinds[1]["breaks-off"] == "It breaks off within a block of code"
    assert kinds[2]["breaks-off"] == "It was cut off: its model stopped with “max_tokens”"
    assert kinds[3] == {"says-nothing": "It holds nothing"}
    assert "breaks-off" not in kinds[4]


# Through the front door.


@pytest.fixture
def suspects(sender, client):
    def ask(*drafts):
        assert sender.post("/v1/traces", json=document(*drafts), headers=HEADERS).status_code == 200
        project()
        (task,) = client.get("/api/v1/tasks").get_json()["items"]
        found = client.get(f"/api/v1/tasks/{task['id']}/suspects").get_json()["items"]
        return {
            one["spanId"][-1]: {reason["kind"]: reason["says"] for reason in one["evidence"]} for one in found
        }

    return ask


def messages(*said) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said])


@pytest.mark.parametrize(
    "ending",
    [
        {"gen_ai.response.finish_reasons": ["length"]},
        {"gen_ai.response.finish_reasons": '["max_tokens"]'},
        {"llm.finish_reason": "MAX_TOKENS"},
        {"ai.response.finishReason": "content-filter"},
        {"gen_ai.completion.0.finish_reason": "FinishReason.MAX_TOKENS"},
        {
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "a"}], "finish_reason": "length"}]'
        },
        {"gen_ai.request.max_tokens": 5},
    ],
)
def test_a_cut_answer_is_seen_in_every_convention(suspects, ending):
    kinds = suspects(
        workflow(1, "report", seconds=9), agent(2, "writer", 1, seconds=8), llm(3, 2, at=1, attributes=ending)
    )
    assert list(kinds["3"]) == ["cut-off"]


@pytest.mark.parametrize(
    "ending",
    [
        {},
        {"gen_ai.response.finish_reasons": ["stop"], "gen_ai.request.max_tokens": 5},
        {"gen_ai.response.finish_reasons": ["tool_calls"]},
        {"gen_ai.request.max_tokens": 500, "llm.finish_reason": "end_turn"},
        {"gen_ai.output.messages": "[]"},
        {"gen_ai.output.messages": messages(("assistant", "42"))},
        {
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]}]'
        },
        {"gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text"}]}]'},
        {"ai.response.text": "", "ai.response.toolCalls": '[{"toolName": "f", "input": {}}]'},
        {"gen_ai.operation.name": "embeddings", "gen_ai.usage.output_tokens": 0},
        {"openinference.span.kind": "EMBEDDING", "gen_ai.usage.output_tokens": 0},
        {"gen_ai.request.model": "text-embedding-3-small", "gen_ai.usage.output_tokens": 0},
    ],
)
def test_an_answer_that_ended_well_is_not(suspects, ending):
    assert (
        suspects(
            workflow(1, "report", seconds=9),
            agent(2, "writer", 1, seconds=8),
            llm(3, 2, at=1, attributes=ending),
        )
        == {}
    )


@pytest.mark.parametrize(
    "ending",
    [
        {"gen_ai.output.messages": '[{"role": "assistant", "parts": [], "finish_reason": "stop"}]'},
        {"gen_ai.output.messages": messages(("assistant", ""))},
        {"ai.response.text": ""},
        {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": ""},
        {"gen_ai.usage.output_tokens": 0},
    ],
)
def test_an_empty_answer_is_seen_in_every_convention(suspects, ending):
    kinds = suspects(
        workflow(1, "report", seconds=9), agent(2, "writer", 1, seconds=8), llm(3, 2, at=1, attributes=ending)
    )
    assert list(kinds["3"]) == ["said-nothing"]


def test_what_tools_and_models_said_is_read_from_their_steps(suspects):
    asked = messages(("system", "You book seats. Never use Markdown."), ("user", "Book one."))
    answer = {
        "gen_ai.input.messages": asked,
        "gen_ai.output.messages": messages(("assistant", "**Good news**: the seat has been booked.")),
    }
    kinds = suspects(
        workflow(1, "booking", seconds=9),
        agent(2, "clerk", 1, seconds=8),
        tool(3, "book", 2, at=1, attributes={"gen_ai.tool.call.result": '{"error": "sold out"}'}),
        llm(4, 2, at=3, attributes=answer),
    )
    assert kinds == {
        "4": {
            "contradicts-tool": "It says “has been booked”, and book had failed: “sold out”",
            "broke-instruction": "It was told “Never use Markdown.”, and the answer holds Markdown",
        }
    }


def test_over_rest_a_step_says_why_its_model_stopped(sender, client):
    def post(path: str, body: object) -> None:
        assert sender.post(f"/api/v1/{path}", json=body, headers=HEADERS).status_code == 201

    post("tasks", {"id": "nightly", "name": "Nightly"})
    spans = [
        {
            "spanId": "s1",
            "kind": "llm",
            "name": "chat",
            "agent": "writer",
            "finishReason": "length",
            "endedAt": 1_790_000_000,
        },
        {
            "spanId": "s2",
            "kind": "llm",
            "name": "chat",
            "agent": "writer",
            "output": "",
            "endedAt": 1_790_000_001,
        },
        {
            "spanId": "s3",
            "kind": "llm",
            "name": "chat",
            "agent": "writer",
            "finishReason": "stop",
            "endedAt": 1_790_000_002,
        },
        {"spanId": "s4", "kind": "llm", "name": "chat", "agent": "writer", "output": ""},
    ]
    post("tasks/nightly/spans", spans)
    post(
        "tasks/nightly/messages",
        {
            "sender": "writer",
            "messageType": "broadcast",
            "content": "And so it was told to all of",
            "metadata": {"finish_reason": "length"},
        },
    )
    assert (
        sender.patch("/api/v1/tasks/nightly", json={"status": "failed"}, headers=HEADERS).status_code == 200
    )
    project()
    (task,) = client.get("/api/v1/tasks").get_json()["items"]
    found = client.get(f"/api/v1/tasks/{task['id']}/suspects").get_json()["items"]
    assert [one["evidence"][0]["kind"] for one in found] == [
        "cut-off",
        "said-nothing",
        "breaks-off",
        "last-sign",
    ]
