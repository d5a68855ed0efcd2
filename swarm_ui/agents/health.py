"""How an agent is doing: a score of its latest executions and the word that it earns. Pure functions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

# The score looks at this many runs; older ones say little about now.
WINDOW = 50
STREAK = 5
QUIET = timedelta(days=7)


def score(runs: Sequence[tuple[int, int]]) -> int | None:
    """0–100 from (executions, failures) of the latest runs, newest first; None without executions.

    The share of executions that succeeded, with one imagined success beside them so that a single failed run does not read as 0.
    """
    executions = sum(run[0] for run in runs)
    if executions == 0:
        return None
    failures = sum(min(run) for run in runs)
    return round(100 * (executions - failures + 1) / (executions + 1))


def streak(runs: Sequence[tuple[int, int]]) -> int:
    """How many of the latest runs failed without one that succeeded between them; runs without executions do not count."""
    length = 0
    for executions, failures in runs:
        if executions == 0:
            continue
        if not failures:
            break
        length += 1
    return length


def condition(
    health: int | None,
    failed_in_a_row: int,
    last_seen: datetime | None,
    now: datetime,
    *,
    switched_off: bool = False,
) -> str:
    """Inactive where a person switched it off. Else the first that holds: failing (score under 60 or five failures in a row), degraded
    (60–84), inactive (nothing for a week), healthy; new without executions."""
    if switched_off:
        return "inactive"
    if health is None:
        return "new"
    if last_seen is None or now - last_seen >= QUIET:
        return "inactive"
    if health < 60 or failed_in_a_row >= STREAK:
        return "failing"
    return "degraded" if health < 85 else "healthy"


def agreed_status(word: str) -> str:
    """The agreed column `status`, which follows the condition."""
    return {"failing": "error", "inactive": "inactive", "maintenance": "maintenance"}.get(word, "active")


def discovered_type(*, delegations: int, tool_calls: int, retrievals: int, llm_calls: int) -> str:
    """What an agent is by what it does: hands work on, mostly calls tools, looks things up or judges, else reasons."""
    if delegations:
        return "coordination"
    if retrievals and retrievals >= tool_calls:
        return "analysis"
    if tool_calls and tool_calls >= llm_calls / 2:
        return "execution"
    return "reasoning"


def model_of(models: Iterable[str | None]) -> str | None:
    """What it runs on: the model of the newest run that names one; runs newest first."""
    return next((model for model in models if model), None)


def tools_of(used: Iterable[Sequence[str] | None]) -> list[str]:
    """What it can do: the tools that its latest runs used."""
    return sorted({tool for tools in used if tools for tool in tools})[:100]
