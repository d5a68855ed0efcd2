"""Runs in a few letters: steps and messages of agents a, b, c …, called planner, browser, coder, judge."""

from itertools import count

from swarm_ui.diagnosis.case import Case, Turn, Usage
from swarm_ui.tasks.tree import Span

SECOND = 1_000_000
START = 1_795_000_000 * SECOND
NAMES = {"a": "planner", "b": "browser", "c": "coder", "d": "judge"}
_number = count(1)


def step(
    name="step", at=0.0, takes=1.0, *, agent=None, kind="tool", parent=None, failed=False, error=("", "")
) -> Span:
    began = START + int(at * SECOND)
    status = "error" if failed else "unset"
    return Span("t", f"{next(_number):016x}", parent and parent.span_id, agent, kind, name, status, began,
                began + int(takes * SECOND), error[0] or None, error[1] or None)  # fmt: skip


def said(sender, recipient, text="", at=None, type="request", **more) -> Turn:
    number = next(_number)
    return Turn(
        f"m{number}",
        sender,
        recipient,
        type,
        text,
        START + int((number if at is None else at) * SECOND),
        **more,
    )


def case(steps=(), turns=(), status="failed", failed=None, **more) -> Case:
    """`failed` is the step that the verdict names; tools are called like their steps."""
    tools = {index: one.name for index, one in enumerate(steps) if one.kind == "tool"}
    fields = {"names": NAMES, "tools": tools, "now": START + 3600 * SECOND} | more
    return Case(steps, turns, status=status, failed_span_id=failed and failed.span_id, **fields)


def used(agent, at, tokens=None, cost=None) -> Usage:
    return Usage(START + int(at * SECOND), agent, tokens, cost)
