"""Real clients' requests, replayed: agents, runs, verdicts, tokens, hand-offs and blame as the applications saw them."""

from pathlib import Path

import pytest
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.tasks.models import Message, Task, TaskTrace
from swarm_ui.tenancy import bind_owner
from tests.captures import Capture, project

OWN = Path(__file__).with_name("recorded")
SHARED_NAMES = ["lg_supervisor", "openai_v2_swarm", "pydantic_ai_swarm", "traceloop_swarm", "vercel_ai_swarm"]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", SHARED_NAMES)
def test_a_recorded_client_is_understood(name, shared_data, sender, alice):
    check(Capture(shared_data / "otlp-captures" / name), sender, alice)


@pytest.mark.parametrize("name", sorted(folder.name for folder in OWN.iterdir() if folder.is_dir()))
def test_a_framework_is_understood(name, sender, alice):
    check(Capture(OWN / name), sender, alice)


def check(capture: Capture, sender, alice) -> None:
    capture.send(sender)
    project()
    bind_owner(db.session, alice.id)
    wrong = list(differences(capture.expected))
    assert not wrong, "\n".join(wrong)


def differences(expected):
    """What the derived rows say otherwise than the application and its model server knew."""
    from swarm_ui.agents.models import Agent

    names = {agent.id: agent.name for agent in db.session.scalars(select(Agent))}
    limits = {field for run in expected["runs"] for field in run.get("limits") or {}}
    if "agents" not in limits and set(names.values()) != set(expected["agents"]):
        yield f"agents {sorted(names.values())}, not {expected['agents']}"
    for run in expected["runs"]:
        skip = run.get("limits") or {}
        statement = select(TaskTrace.task_id).where(TaskTrace.trace_id.in_(run["trace_ids"])).distinct()
        found = db.session.scalars(statement).all()
        if len(found) != 1:
            yield f"{run['run']}: {len(found)} tasks for its traces"
            continue
        task = db.session.get(Task, found[0])
        facts = {
            "status": (task.status, run["status"]),
            "had_errors": (task.error_count > 0, run["had_errors"]),
            "llm_calls": (task.llm_calls, run["llm_calls"]),
            "input_tokens": (task.input_tokens, run["input_tokens"]),
            "output_tokens": (task.output_tokens, run["output_tokens"]),
        }
        for field, (got, wanted) in facts.items():
            if field not in skip and got != wanted:
                yield f"{run['run']}: {field} is {got}, not {wanted}"
        if "handoffs" not in skip:
            yield from _hand_offs(task, run, names)
        blame = run["blame"]
        if blame and "blame" not in skip:
            if blame["span_id"] and task.failed_span_id != blame["span_id"]:
                yield f"{run['run']}: blames span {task.failed_span_id} ({task.failed_step}), not {blame['span_id']}"
            if "blame.agent" not in skip and names.get(task.failed_agent_id) != blame["agent"]:
                yield f"{run['run']}: blames {names.get(task.failed_agent_id)}, not {blame['agent']}"
            for field, got in (("error_type", task.error_type), ("error_message", task.error_message)):
                if blame.get(field) and got != blame[field]:
                    yield f"{run['run']}: {field} is {got!r}, not {blame[field]!r}"


def _hand_offs(task, run, names):
    statement = select(Message.sender_id, Message.recipient_id).where(
        Message.task_id == task.id, Message.message_type == "request"
    )
    counted = {}
    for sender, recipient in db.session.execute(statement):
        pair = (names[sender], names.get(recipient))
        counted[pair] = counted.get(pair, 0) + 1
    wanted = {(one, other): times for one, other, times in run["handoffs"]}
    optional = {tuple(pair) for pair in run.get("handoffs_optional") or ()}
    for pair in counted.keys() | wanted.keys():
        if pair not in optional and counted.get(pair) != wanted.get(pair):
            yield f"{run['run']}: {pair} handed over {counted.get(pair)} times, not {wanted.get(pair)}"
