"""What may be said in the search box of the runs, and what the older parameters of its address mean in these words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from swarm_ui.agents.models import Agent
from swarm_ui.search import fields, tokens
from swarm_ui.search.fields import Age, Compared, Exact, Field, Moment, Named, Text, Word
from swarm_ui.search.reading import Search
from swarm_ui.search.reading import read as read_text
from swarm_ui.tasks.models import STATUSES, Task, TaskAgent, TaskTrace
from swarm_ui.workflows.models import Workflow

SOURCES = ("otlp", "api", "run", "sample")
# Keys with which the database finds its way: `queries.listed` makes a join or a bound of them.
APART = frozenset({"age", "since", "until"})
# The menus beside the box, by key.
MENUS = ("status", "workflow", "agent", "age")
AGES = [("<24h", "24 h"), ("<7d", "7 d"), ("<30d", "30 d")]
# What addresses had before there was a text.
_LEGACY = ("status", "workflow", "agent", "trace", "session", "range", "since", "until")


def _of_agents(agent_ids: list[str]) -> ColumnElement[bool]:
    return Task.id.in_(select(TaskAgent.task_id).where(TaskAgent.agent_id.in_(agent_ids)))


def _of_traces(trace_ids: tuple[str, ...]) -> ColumnElement[bool]:
    wanted = [trace_id.lower() for trace_id in trace_ids]
    return Task.id.in_(select(TaskTrace.task_id).where(TaskTrace.trace_id.in_(wanted)))


FIELDS: dict[str, Field] = {
    "status": Word("how it stands", Task.status, STATUSES),
    "workflow": Named("its workflow, by name or id", Workflow, Task.workflow_id.in_, '"Nightly report"', "night*"),
    "agent": Named(
        "an agent that took part, by name or id", Agent, _of_agents, "coder", "*-reviewer",
        shown=lambda: [Agent.deleted_at.is_(None)],
    ),
    "error": Text(
        "its error: type, message or failed step",
        (Task.error_type, func.substr(Task.error_message, 1, 4000), Task.failed_step), "Timeout", '"429 Too Many"',
    ),
    "name": Text("its name", (Task.name,), "report"),
    "cost": Compared("what it cost, in dollars", Task.estimated_cost, fields.amount, ">0.5", "<=0.01"),
    "duration": Compared("how long it took", Task.execution_time, fields.milliseconds, ">2m", "<500ms", ">1h30m"),
    "tokens": Compared("tokens in and out", Task.token_usage, fields.amount, ">10k", "<500"),
    "errors": Compared("errors on the way", Task.error_count, fields.amount, ">0", "0"),
    "age": Age("how long ago it started", Task.started_at, "<2h", "<7d", ">30d"),
    "since": Moment("started on this day or later", Task.started_at, False, "2026-11-01", "2026-11-01T08:30"),
    "until": Moment("started on this day or before", Task.started_at, True, "2026-11-30", "2026-11-30T17:00"),
    "session": Text("its conversation", (Task.session_id,), "chat-17"),
    "trace": Exact("one of its traces", _of_traces, "0af7651916cd43dd8448eb211c80319c"),
    "source": Word("where it came from", Task.source, SOURCES),
}  # fmt: skip


def read(text: str | None) -> Search:
    return read_text(text, FIELDS, APART)


def bounds_of(search: Search) -> tuple[datetime | None, datetime | None]:
    """From when (inclusive) to when (exclusive) the text wants runs to have started."""
    since: list[datetime] = []
    until: list[datetime] = []
    for key in APART:
        field: Any = FIELDS[key]
        for token in search.of(key):
            older = key == "until" or token.compare.startswith(">")
            (until if older else since).append(field.moment(token))
    return max(since, default=None), min(until, default=None)


def only_agent(search: Search) -> str | None:
    """The one agent that is asked for, where it is one: its runs have an index of their own."""
    asked = search.of("agent")
    field: Any = FIELDS["agent"]
    found = field.ids_of(asked[0].values) if len(asked) == 1 else []
    return found[0] if len(found) == 1 else None


def text_of(given: Mapping[str, str], name_of: Callable[[str, str], str | None]) -> str:
    """The one text that an address means.

    A form sends its menus beside the text, and `was`, the text that they were drawn from: a menu counts where somebody chose another value
    than that text has. Older addresses have parameters (`status=failed`, ids of agents and workflows); `name_of` puts names in their place.
    """
    text = tokens.clean(given.get("q", ""))
    if "was" in given:
        for key in MENUS:
            if key in given and given[key] != (tokens.value_in(given["was"], key) or ""):
                text = tokens.with_value(text, key, tokens.clean(given[key]) or None)
        return text
    for name in _LEGACY:
        value = given.get(name, "").strip()
        if not value or (name, value) == ("range", "all"):
            continue
        if name == "range":
            text = tokens.with_value(text, "age", f"<{tokens.clean(value)}")
        elif name in ("since", "until"):
            text = tokens.with_value(text, name, tokens.written(_as_moment(value)))
        else:
            text = tokens.with_value(text, name, tokens.written(name_of(name, value) or tokens.clean(value)))
    return text


def _as_moment(value: str) -> str:
    """Older addresses mean UTC where they name no zone, and midnight where they name no time."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return tokens.clean(value)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
