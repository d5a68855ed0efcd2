"""A row of the task list in the words that it shows, so that the template only places them: fifty rows a page are the product's most
frequent work."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from markupsafe import Markup

from swarm_ui.formatting import MISSING, ago_at, clip, cost, duration, elapsed, number, plural, tokens
from swarm_ui.search.snippets import SUMMARY, Snippet

_FAILURES = frozenset({"failed", "timeout"})


class Line(NamedTuple):
    """`failure` is the first failing step and its error, `aside` what else there is to say, `cells` (classes, priority, words) of the
    chosen columns."""

    id: str
    name: str
    summary: str
    workflow: str
    failure: str
    aside: str
    status: str
    cells: tuple[tuple[str, int, str | Markup], ...]
    started: Markup
    found: Snippet | None


class Shared(NamedTuple):
    """What is the same for all rows of a page: names by id, those of agents as short as they are shown, and who looks at it when."""

    agents: Mapping[str, str]
    workflows: Mapping[str, str]
    columns: Sequence[tuple[str, str, int]]
    now: datetime
    zone: tzinfo


def line_of(task: Any, agents: list[str], shared: Shared, found: Snippet | None = None) -> Line:
    """`agents` are the ids of those `assigned` to it."""
    name, status = task.name or "Unnamed run", task.status
    workflow = shared.workflows.get(task.workflow_id, "")
    failure = aside = ""
    if status in _FAILURES and (task.failed_step or task.error_type or task.error_message):
        agent = shared.agents.get(task.failed_agent_id)
        said = filter(None, (task.failed_step, task.error_type or task.error_message))
        failure = f"{agent}, " if agent else ""
        failure += ": ".join([clip(words, 48) for words in said])
    elif task.error_count:
        aside = f"{plural(task.error_count, 'error')} on the way"
    return Line(
        task.id, name, clip(task.summary, SUMMARY), "" if workflow == name else workflow, failure, aside, status,
        tuple([(classes, priority, _CELLS[column](task, agents, shared)) for column, classes, priority in shared.columns]),
        ago_at(task.started_at, shared.now, shared.zone, short=True),
        found,
    )  # fmt: skip


def names_shown(names: Mapping[str, tuple[str, str | None]]) -> dict[str, str]:
    return {agent_id: clip(name, 24) for agent_id, (name, _) in names.items()}


def assigned(task: Any) -> list[str]:
    """The column is a JSON array; other programs may have put something else there."""
    found = task.assigned_agents
    return [agent_id for agent_id in found if isinstance(agent_id, str)] if isinstance(found, list) else []


def _who(task: Any, agents: list[str], shared: Shared) -> str:
    """The first three agents by name, and how many more."""
    known = [shared.agents[agent_id] for agent_id in agents[:3] if agent_id in shared.agents]
    more = max(len(agents), task.agent_count or 0) - len(known)
    return ", ".join([*known, *([f"+{more}"] if more > 0 else [])]) or MISSING


def _took(task: Any) -> str | Markup:
    """Counts on while it runs."""
    return elapsed(task.started_at) if task.status == "running" else duration(task.execution_time)


_CELLS: dict[str, Callable[[Any, list[str], Shared], str | Markup]] = {
    "agents": _who,
    "duration": lambda task, _agents, _shared: _took(task),
    "cost": lambda task, _agents, _shared: cost(task.estimated_cost),
    "tokens": lambda task, _agents, _shared: tokens(task.token_usage),
    "errors": lambda task, _agents, _shared: number(task.error_count),
    "calls": lambda task, _agents, _shared: number(task.llm_calls),
    "tools": lambda task, _agents, _shared: number(task.tool_calls),
    "steps": lambda task, _agents, _shared: number(task.span_count),
    "session": lambda task, _agents, _shared: clip(task.session_id, 24) or MISSING,
    "source": lambda task, _agents, _shared: task.source,
}
