"""Anything at all may be sent: it is taken or refused with its reason, never an error of ours, and what was taken shows on every page."""

import random

import pytest

from swarm_ui.ingest import forms
from tests.captures import HEADERS

ODD = [
    None, True, False, 0, -1, 1, 7, 10**6, 1 << 70, 0.5, -0.0, 1e308, "", " ", "x", "agent", "Agent ", "\x00", "\ud800", "\u202e", "é" * 300, "🤖",
    "2026-11-17T03:12:40Z", "2026-11-17", 1763349160, 1763349160.5, 1763349160000, "[1,2", '{"a": 1}', [], {}, [[]], [None], {"": None}, {"to": ["x"]},
    {"text": 5}, {"text": "words"}, {"data": [1]}, {"content": {"content": {"content": "deep"}}}, ["a", 1, None], "request", "error", "failed", "running",
    "completed", "cancelled", "ok", "llm", "tool", "warning", "metric",
]  # fmt: skip
PARTS = {
    "messages": forms.NewMessage,
    "logs": forms.NewLog,
    "metrics": forms.NewMetric,
    "spans": forms.NewSpan,
}
GOOD = {
    "messages": {"sender": "a", "messageType": "request", "content": "x"}, "logs": {"message": "x", "agent": "a"},
    "metrics": {"executionTime": 1, "agent": "a"}, "spans": {"name": "x", "agent": "a", "kind": "llm"},
}  # fmt: skip


def told(chance, good, model):
    said = dict(good)
    names = sorted(model.model_fields)
    for name in chance.sample(names, chance.randint(0, 2)):
        said[name] = chance.choice(ODD)
    return said


@pytest.mark.parametrize("seed", range(4))
def test_anything_is_taken_or_refused(machine, open_everything, seed):
    import json

    chance = random.Random(seed)
    taken = 0
    for number in range(4):
        fields = told(chance, {"name": "x", "id": f"t{number}"}, forms.NewTask) | {
            "id": f"t{number}",
            "name": "fuzz",
        }
        for field in ("input", "workflow", "workflowId"):
            if not isinstance(fields.get(field, ""), str):
                fields.pop(field)
        if machine.post("/tasks", fields, None) is None or machine.last.status_code == 422:
            machine.post("/tasks", {"id": f"t{number}", "name": "fuzz"})
        for _ in range(25):
            part = chance.choice(sorted(PARTS))
            many = [told(chance, GOOD[part], PARTS[part]) for _ in range(chance.randint(1, 2))]
            body = many if chance.random() < 0.5 else many[0]
            answer = machine.client.post(
                f"/api/v1/tasks/t{number}/{part}",
                data=json.dumps(body),
                headers=HEADERS | {"Content-Type": "application/json"},
            )
            assert answer.status_code in (200, 201, 409, 422), (
                answer.status_code,
                body,
                answer.get_data(as_text=True)[:400],
            )
            taken += answer.status_code == 201
        change = told(chance, {}, forms.TaskChange)
        answer = machine.client.patch(
            f"/api/v1/tasks/t{number}",
            data=json.dumps(change),
            headers=HEADERS | {"Content-Type": "application/json"},
        )
        assert answer.status_code in (200, 422), change
    assert taken > 10
    assert len(open_everything()) == 4
