"""A row of the task list in the words that it shows, so that the template only places them: fifty rows a page are the product's most
frequent work."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup

from swarm_ui.formatting import MISSING, ago, clip, cost, duration, number, plural, tokens
from swarm_ui.search.snippets import SUMMARY, Snippet

_FAILURES = frozenset({"failed", "timeout"})
Names = Mapping[str, tuple[str, str | None]]


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


def line_of(
    task: Any,
    names: Names,
    workflow_names: Mapping[str, str],
    now: datetime,
    columns: Sequence[tuple[str, str, int]],
    found: Snippet | None = None,
) -> Line:
    name, status, started_at = task.name or "Unnamed run", task.status, task.started_at
    workflow = workflow_names.get(task.workflow_id, "")
    failure = aside = ""
    if status in _FAILURES and (task.failed_step or task.error_type or task.error_message):
        agent = names.get(task.failed_agent_id)
        said = filter(None, (task.failed_step, task.error_type or task.error_message))
        failure = f"{clip(agent[0], 24)}, " if agent else ""
        failure += ": ".join([clip(words, 48) for words in said])
    elif task.error_count:
        aside = f"{plural(task.error_count, 'error')} on the way"
    return Line(
        task.id, name, clip(task.summary, SUMMARY), "" if workflow == name else workflow, failure, aside, status,
        tuple([(classes, priority, _CELLS[column](task, names, now)) for column, classes, priority in columns]),
        ago(started_at, short=True),
        found,
    )  # fmt: skip


def assigned(task: Any) -> list[str]:
    """The column is a JSON array; other programs may have put something else there."""
    found = task.assigned_agents
    return [agent_id for agent_id in found if isinstance(agent_id, str)] if isinstance(found, list) else []


def _who(task: Any, names: Names) -> str:
    """The first three agents by name, and how many more."""
    agents = assigned(task)
    known = [clip(names[agent_id][0], 24) for agent_id in agents[:3] if agent_id in names]
    more = max(len(agents), task.agent_count or 0) - len(known)
    return ", ".join([*known, *([f"+{more}"] if more > 0 else [])]) or MISSING


def _took(task: Any, now: datetime) -> str | Markup:
    """Counts on while it runs."""
    if task.status != "running" or not task.started_at:
        return duration(task.execution_time)
    so_far = duration((now - task.started_at).total_seconds() * 1000)
    since = task.started_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" data-elapsed>{}</time>').format(since, so_far)


_CELLS: dict[str, Callable[[Any, Names, datetime], str | Markup]] = {
    "agents": lambda task, names, now: _who(task, names),
    "duration": lambda task, names, now: _took(task, now),
    "cost": lambda task, names, now: cost(task.estimated_cost),
    "tokens": lambda task, names, now: tokens(task.token_usage),
    "errors": lambda task, names, now: number(task.error_count),
    "calls": lambda task, names, now: number(task.llm_calls),
    "tools": lambda task, names, now: number(task.tool_calls),
    "steps": lambda task, names, now: number(task.span_count),
    "session": lambda task, names, now: clip(task.session_id, 24) or MISSING,
    "source": lambda task, names, now: task.source,
}
