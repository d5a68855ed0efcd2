"""The scripts in examples/ load data sets through the public API, all of them and nothing that they must not tell."""

import gzip
import json
import re
import subprocess
import sys

import pytest
from sqlalchemy import text

from swarm_ui.config import ROOT
from swarm_ui.extensions import db

ANSWERS = {
    "ground_truth": "fortytwo-answer", "mistake_agent": "Coder", "mistake_step": "77001770017700177001", "mistake_reason": "blamed because of zanzibar",
    "mistake_type": "zanzibar-type",
}  # fmt: skip
TEAM = {
    "run_id": "algorithm-generated-1", "system": "Algorithm-Generated", "question": "How many?", "is_correct": False, "level": 2,
    "system_prompt": {"Coder": "You code."},
    "history": [
        {"step": 0, "role": "user", "name": "Coder", "content": "print(1)"},
        {"step": 1, "role": "assistant", "name": "Computer_terminal", "content": "w" * 88_000},
        {"step": 2, "role": "user", "name": "coder", "content": ""},
    ],
} | ANSWERS  # fmt: skip
MAGENTIC = {
    "run_id": "hand-crafted-1", "system": "Hand-Crafted", "question": "Where?", "is_correct": False, "level": 1, "system_prompt": None,
    "history": [
        {"step": 0, "role": "human", "content": "Where?"},
        {"step": 1, "role": "Orchestrator (thought)", "content": "hm"},
        {"step": 2, "role": "Orchestrator (-> WebSurfer)", "content": "look"},
        {"step": 3, "role": "WebSurfer", "content": "there"},
        {"step": 4, "role": "Orchestrator (termination condition)", "content": "done"},
    ],
} | ANSWERS  # fmt: skip
AIRLINE = {
    "run_id": "airline-0-t0", "task_id": 0, "trial": 0, "reward": 0.0, "success": False, "user_cost": 0.25, "instruction": "x", "expected_actions": [],
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "One moment", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "name": "find", "content": "Error: no such user"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find", "arguments": "{\"a\": 1}"}}]},
        {"role": "tool", "tool_call_id": "c", "name": "find", "content": ""},
        {"role": "assistant", "content": "Nothing found"},
    ],
}  # fmt: skip


def load(script, file, person):
    command = [
        sys.executable,
        f"examples/{script}.py",
        str(file),
        "--url",
        person.installation.url,
        "--key",
        person.key,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {}
    for line in done.stdout.splitlines():
        if found := re.match(r"^(\S.*?)\s+([\d,]+)\s+([\d,]+)$", line):
            counts[found[1]] = tuple(int(number.replace(",", "")) for number in found.groups()[1:])
    return counts


def packed(tmp_path, *runs):
    file = tmp_path / "runs.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(run) + "\n" for run in runs)
    return file


def everything(installation) -> str:
    """All that the database holds, as one text."""
    from swarm_ui.ingest.payload import Reader
    from swarm_ui.jsontext import dumps

    said = []
    with installation.app.app_context(), db.engine.connect() as connection:
        blocks = dict(connection.execute(text("SELECT id, body FROM payload_blocks /* userId: all */")).all())
        reader = Reader(lambda ids: {number: blocks[number] for number in ids})
        for table in db.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                said += [dumps(reader.open(value)) if isinstance(value, bytes) and value[:1] in (b"\x01", b"\x02") else str(value)
                         for name, value in row._mapping.items() if name != "body"]  # fmt: skip
    return "\n".join(said)


def test_who_and_when_is_loaded_without_its_answers(installation, tmp_path):
    person = installation.person("who")
    file = packed(tmp_path, TEAM, MAGENTIC)
    counts = load("load_who_and_when", file, person)
    assert counts == {
        "runs": (2, 2),
        "failed runs": (2, 2),
        "runs in order": (2, 2),
        "messages": (8, 8),
        "longest message": (88_000, 88_000),
    }
    assert load("load_who_and_when", file, person) == counts
    kept = everything(installation)
    assert "print(1)" in kept
    assert not [answer for answer in ANSWERS.values() if answer in kept and answer != "Coder"]
    tasks = {
        task["workflowId"] and task["name"]: task for task in person.ask("GET", "/api/v1/tasks")["items"]
    }
    team, magentic = tasks["algorithm-generated-1"], tasks["hand-crafted-1"]
    assert set(team["agents"]) == {"Coder", "Computer_terminal"}
    assert (team["failedAgent"], team["input"]) == (None, {"text": "How many?"})
    assert set(magentic["agents"]) == {"human", "Orchestrator", "WebSurfer"}
    kinds = [
        item["messageType"] for item in person.ask("GET", f"/api/v1/tasks/{magentic['id']}/messages")["items"]
    ]
    assert kinds == ["request", "status_update", "request", "response", "status_update"]


def test_tau_bench_is_loaded(installation, tmp_path):
    person = installation.person("tau")
    counts = load("load_tau_bench", packed(tmp_path, AIRLINE), person)
    assert counts == {
        "runs": (1, 1), "successful runs": (0, 0), "messages with words": (3, 3), "calls of tools": (2, 2), "calls that failed": (1, 1),
    }  # fmt: skip
    [task] = person.ask("GET", "/api/v1/tasks")["items"]
    assert (task["status"], task["toolCalls"], task["estimatedCost"], task["failedStep"]) == (
        "failed",
        2,
        0.25,
        "find",
    )


@pytest.mark.shared_data
def test_the_shared_part_of_who_and_when(installation, shared_data):
    counts = load(
        "load_who_and_when", shared_data / "who-and-when" / "runs.jsonl.gz", installation.person("who")
    )
    assert counts == {
        "runs": (111, 111),
        "failed runs": (111, 111),
        "runs in order": (111, 111),
        "messages": (2_588, 2_588),
        "longest message": (88_054, 88_054),
    }


@pytest.mark.shared_data
def test_the_shared_part_of_tau_bench(installation, shared_data):
    counts = load(
        "load_tau_bench", shared_data / "tau-bench-airline" / "runs.jsonl.gz", installation.person("tau")
    )
    assert counts == {
        "runs": (120, 120), "successful runs": (48, 48), "messages with words": (1_695, 1_695), "calls of tools": (712, 712),
        "calls that failed": (45, 45),
    }  # fmt: skip
