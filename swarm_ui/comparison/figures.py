"""The sums of two runs beside each other, as numbers for the API and as words for the page."""

from collections.abc import Callable
from typing import Any, NamedTuple

from swarm_ui.formatting import cost, duration, number, tokens
from swarm_ui.tasks.models import Task


class Figure(NamedTuple):
    """`change` compares the right with the left; `is_worse` None where neither is better."""

    name: str
    key: str
    left: float | None
    right: float | None
    shown: tuple[str, str]
    change: str
    is_worse: bool | None


# Less is better of each; by less than a tenth they are about the same.
_ALIKE = 0.1
_MEASURED: tuple[tuple[str, str, str, Callable[[float | None], str]], ...] = (
    ("Time", "executionTime", "execution_time", duration),
    ("Cost", "estimatedCost", "estimated_cost", cost),
    ("Tokens", "tokenUsage", "token_usage", lambda value: tokens(None if value is None else int(value))),
    ("Model calls", "llmCalls", "llm_calls", number),
    ("Tool calls", "toolCalls", "tool_calls", number),
    ("Errors", "errorCount", "error_count", number),
    ("Agents", "agentCount", "agent_count", number),
    ("Steps", "spanCount", "span_count", number),
)
_NEITHER_IS_BETTER = {"agentCount", "spanCount", "llmCalls", "toolCalls"}


def figures(left: Task, right: Task) -> list[Figure]:
    found = []
    for name, key, attribute, said in _MEASURED:
        was, now = getattr(left, attribute), getattr(right, attribute)
        change, is_worse = _change(was, now, said)
        if key in _NEITHER_IS_BETTER:
            is_worse = None
        found.append(Figure(name, key, was, now, (said(was), said(now)), change, is_worse))
    return found


def as_json(task: Task) -> dict[str, Any]:
    return {key: getattr(task, attribute) for _, key, attribute, _ in _MEASURED}


def _change(
    was: float | None, now: float | None, said: Callable[[float | None], str]
) -> tuple[str, bool | None]:
    if was is None or now is None:
        return "", None
    if was == now:
        return "the same", None
    sign = "▲" if now > was else "▼"
    words = f"{sign} {said(abs(now - was))}"
    if was and now:
        times = max(was, now) / min(was, now)
        if times >= 2:
            words += f", {times:.1f}×"
        if times < 1 + _ALIKE:
            return words, None
    return words, now > was
