"""The diagnosis over the API."""

from datetime import timedelta

import pytest

from swarm_ui import clock
from tests.otlp import Draft, agent, document, failing, llm, tool, workflow

PARTS = ("suspects", "story", "patterns")


@pytest.fixture
def get(client):
    def ask(path: str, status: int = 200):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()

    return ask


@pytest.fixture
def talk(make, alice):
    """A failed run that nothing but messages is known of."""
    asker, coder, shell = (make.agent(alice, name=name) for name in ("asker", "coder", "shell"))
    task = make.task(alice, status="failed", error_count=None)
    says = [
        (asker, coder, "request", "Count the rows, please."),
        (coder, asker, "response", "I will run this:\n```python\nprint(len(rows))\n```"),
        (shell, None, "broadcast", "exitcode: 1 (execution failed)\nNameError: rows"),
        (coder, asker, "response", "There must be about 100, generally."),
    ]
    rows = [
        make.message(
            alice,
            task,
            sender,
            recipient,
            message_type=kind,
            content={"text": text},
            at=task.started_at + timedelta(seconds=at),
        )
        for at, (sender, recipient, kind, text) in enumerate(says)
    ]
    return task, rows, coder


def test_messages_alone_have_suspects(get, talk):
    task, rows, coder = talk
    first, *others = get(f"tasks/{task.id}/suspects")["items"]
    assert first | {"evidence": 0} == {
        "agent": "coder", "agentId": coder.id, "spanId": None, "messageId": rows[1].id, "position": 1, "what": "message 2",
        "at": "2026-11-17T03:07:41.000000Z", "score": 60, "evidence": 0,
    }  # fmt: skip
    assert sum(one["points"] for one in first["evidence"]) == 60
    assert {"kind": "code", "points": 21, "says": "It holds code, which was run next"} in first["evidence"]
    assert [one["position"] for one in others] == [3]


def test_the_story_is_told(get, talk):
    task, rows, _coder = talk
    told = get(f"tasks/{task.id}/story")
    assert [item["text"] for item in told["items"]] == [
        "asker asked coder at 03:07:40 UTC.", "3 agents exchanged 4 messages, coder 2 of them.", "The run failed after 4m 00s.",
    ]  # fmt: skip
    assert told["items"][0]["messageId"] == rows[0].id
    assert told["handOffs"] == [{"from": "asker", "to": "coder", "count": 1}]
    assert (told["toolCalls"], told["complete"]) == ({}, True)


def test_patterns_and_their_price(get, make, alice):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, agents=[one, other])
    for second in range(3):
        at = task.started_at + timedelta(seconds=second)
        make.message(alice, task, one, other, content={"text": f"yours, {second}"}, at=at)
        make.message(alice, task, other, one, content={"text": f"no, yours, {second}"}, at=at)
        make.metric(alice, task, one, at=at, token_usage=100, estimated_cost=0.01)
    found = get(f"tasks/{task.id}/patterns")
    (loop,) = found["items"]
    assert (loop["kind"], loop["times"], sorted(loop["agents"])) == ("loop", 3, ["one", "other"])
    assert (loop["tokenUsage"], loop["estimatedCost"]) == (300, 0.03)
    assert len(loop["messageIds"]) == 6
    assert found["waits"] == []


def test_who_waits_in_a_running_run(get, make, alice, time):
    one, other = make.agent(alice, name="one"), make.agent(alice, name="other")
    task = make.task(alice, status="running", completed_at=None, execution_time=None)
    for sender, recipient in ((one, other), (other, one)):
        asked = make.message(alice, task, sender, recipient, at=clock.now())
    assert [item["kind"] for item in get(f"tasks/{task.id}/patterns")["items"]] == []
    time.forward(seconds=31)
    found = get(f"tasks/{task.id}/patterns")
    assert [item["says"] for item in found["items"]] in (
        ["one waits for other, other waits for one: none of them can go on"],
        ["other waits for one, one waits for other: none of them can go on"],
    )
    assert {(wait["agent"], wait["waitsFor"]) for wait in found["waits"]} == {
        ("one", "other"),
        ("other", "one"),
    }
    assert asked.id in [wait["messageId"] for wait in found["waits"]]


def test_identical_calls_are_compared_by_what_they_were_called_with(get, sender, make, alice):
    from tests.captures import HEADERS, project

    def search(number: int, query: str, **more) -> Draft:
        return tool(
            number,
            "search",
            2,
            at=number,
            attributes={"gen_ai.tool.call.arguments": f'{{"q": "{query}"}}'},
            **more,
        )

    drafts = [
        workflow(1, "lookup", seconds=60), agent(2, "seeker", 1, seconds=50), llm(3, 2, (100, 20), at=5),
        *(search(number, "birds") for number in (4, 6, 8)), search(9, "fish"), search(10, "birds", **failing("Timeout", "late")),
    ]  # fmt: skip
    assert sender.post("/v1/traces", json=document(*drafts), headers=HEADERS).status_code == 200
    project()
    (task,) = get("tasks")["items"]
    (repeat,) = get(f"tasks/{task['id']}/patterns")["items"]
    assert repeat["says"] == 'seeker called search 4 times with {"q":"birds"}, 1 of them failed'
    assert len(repeat["spanIds"]) == 4
    kinds = {
        one["spanId"]: [reason["kind"] for reason in one["evidence"]]
        for one in get(f"tasks/{task['id']}/suspects")["items"]
    }
    assert kinds[repeat["spanIds"][0]] == ["repeated-call"]
    assert get(f"tasks/{task['id']}/story")["toolCalls"] == {"search": 5}


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_there_or_not_mine(get, make, bob, alice, part):
    get(f"tasks/nothing/{part}", 404)
    get(f"tasks/{make.task(bob).id}/{part}", 404)
    assert get(f"tasks/{make.task(alice).id}/{part}")["complete"] is True


def test_content_of_another_tool_is_taken(get, make, alice):
    agent = make.agent(alice, name='<b>"x"</b>\u202e')
    task = make.task(alice, status="failed")
    for content in (
        None,
        [],
        {},
        {"text": None},
        {"text": "x" * 9000},
        {"data": {"deep": ["汉字"]}},
        {"text": 'a "quoted" \\ line\n' * 900},
        "bare",
    ):
        make.message(
            alice, task, agent, None, message_type="broadcast", content=content, at=None, details={"via": 3}
        )
    for part in PARTS:
        get(f"tasks/{task.id}/{part}")


@pytest.mark.parametrize(
    ("stored", "opened"),
    [
        ('{"text": "all of it"}', "all of it"),
        ('{"text": "cut in the mi', "cut in the mi"),
        ('{"text":"an escape \\u00e4\\', "an escape ä"),
        ('{"text":"half \\ud83d\\ude', "half "),
        ('{"data": {"a": [1, 2', '{"data": {"a": [1, 2'),
        ("", ""),
        (None, ""),
        ('{"text": ', '{"text": '),
    ],
)
def test_the_beginning_of_a_message_is_opened(stored, opened):
    from swarm_ui.tasks.explain import beginning

    assert beginning(stored).rstrip("\ud83d") == opened
