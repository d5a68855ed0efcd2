"""What the page of one run shows, section by section; each in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import current_app, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.diagnosis.suspects import Suspect
from swarm_ui.extensions import db
from swarm_ui.formatting import clock_time, offset, plural, so_far_ms
from swarm_ui.ingest.models import Span
from swarm_ui.tasks import explain, others, pretty, queries, said, steps, waterfall
from swarm_ui.tasks.flow import Exchange
from swarm_ui.tasks.models import ExecutionHistory, Task
from swarm_ui.tasks.timeline import ROOM, HandOff, Moment, Timeline, build
from swarm_ui.tasks.tree import Span as TreeSpan
from swarm_ui.tasks.usual import LEAST_COST, LEAST_MS, times_usual

NO_AGENT = "none"
BEYOND_US = 5_000_000
Names = Mapping[str, tuple[str, str | None]]


class Shape(BaseModel):
    """How the page is asked for: which part, which steps, the step and the lane that are open."""

    part: Literal["head", "timeline", "lane"] | None = None
    steps: Literal["brief", "all", "failed", "critical"] = "brief"
    gaps: Literal["short"] | None = None
    usual: Literal["marked"] | None = None
    span: queries.IdText | None = None
    lane: queries.IdText | None = None
    start: int = Field(0, alias="from", ge=0)
    stop: int | None = Field(None, alias="to", ge=0)

    @property
    def kept(self) -> dict[str, Any]:
        """What the links of the page keep of its address."""
        chosen = {
            "steps": self.steps if self.steps != "brief" else None,
            "gaps": self.gaps,
            "usual": self.usual,
        }
        return {name: value for name, value in chosen.items() if value}


@dataclass(frozen=True, slots=True)
class Callout:
    """The one sentence a tired person can act on; `key` is the step it speaks of, `message` the message, `recovered` an error before it."""

    tone: str
    shape: str
    title: str
    error_type: str | None = None
    text: str = ""
    key: str | None = None
    recovered: Moment | None = None
    message: Suspect | None = None


def page_of(found: Any, shape: Shape) -> dict[str, Any]:
    task = found.Task
    spans, exchanges, turns = _spans(task), _exchanges(task), explain.turns_of(task, explain.AT_ONCE + 1)
    room = _room_beside(task)
    messages, lines = said.messages(task, room=room), said.lines(task, room=room)
    names = queries.names_of(
        {
            *explain.agents_in(spans, turns),
            *(message.sender_id for message in messages.items),
            *(message.recipient_id for message in messages.items),
            *(line.agent_id for line in lines.items),
        }
    )
    diagnosis = explain.at_once(task, spans, turns, names)
    context = timeline_of(found, shape, spans, exchanges, names, diagnosis)
    timeline, selected = context["timeline"], context["selected"]
    opened: dict[str, Any] = {"step": None, "missing": None}
    if selected:
        span = queries.span_of(task.id, selected)
        opened = step_of(task, span, selected) if span else {"step": None, "missing": selected}
    return {
        **context,
        **opened,
        **head_of(found, timeline, diagnosis),
        **content_of(found),
        **said.messages_of(task, slice_=messages, names=names),
        **said.logs_of(task, slice_=lines, names=names),
    }


def _room_beside(task: Task) -> int:
    """Bytes for its messages, and as many for its lines: what the steps take of the page they cannot have."""
    return max(48_000 - 400 * min(task.span_count or 0, ROOM), 9_000)


# The timeline.


def timeline_of(
    found: Any,
    shape: Shape,
    spans: Sequence[TreeSpan] | None = None,
    exchanges: Sequence[Exchange] | None = None,
    names: Names | None = None,
    diagnosis: explain.Diagnosis | None = None,
) -> dict[str, Any]:
    task = found.Task
    spans = _spans(task) if spans is None else spans
    exchanges = _exchanges(task) if exchanges is None else exchanges
    if names is None or diagnosis is None:
        turns = explain.turns_of(task, explain.AT_ONCE + 1)
        names = queries.names_of(explain.agents_in(spans, turns))
        diagnosis = explain.at_once(task, spans, turns, names)
    usual = others.usual_steps(task) if shape.usual else None
    timeline = build(
        spans[: queries.MOST_SPANS],
        names,
        [
            HandOff(one.sender_id, one.recipient_id, one.at, one.kind == "error")
            for one in exchanges
            if one.kind != "response"
        ],
        title=found.workflow_name or "No agent",
        mode=shape.steps,
        failed_span_id=task.failed_span_id if task.status in ("failed", "timeout") else None,
        selected=shape.span,
        lane="" if shape.lane == NO_AGENT else shape.lane,
        start=shape.start,
        stop=shape.stop,
        since_us=clock.to_us(task.started_at) if task.started_at else None,
        until_us=_goes_on_until(task, spans),
        exchanges=exchanges,
        short=shape.gaps == "short",
        usual=usual,
        suspect=diagnosis.first.key if diagnosis.first and _calls_out(task) else None,
        tree=diagnosis.case.tree if len(spans) <= queries.MOST_SPANS else None,
    )
    selected = shape.span
    if selected is None and timeline.first_failure and task.status == "failed":
        selected = timeline.first_failure.key
    kept = shape.kept
    return {
        "task": task,
        "found": found,
        "timeline": timeline,
        **_told(task, diagnosis),
        "selected": None if selected == "none" else selected,
        "shape": shape,
        "draw": waterfall,
        "task_url": url_for("tasks.show", task_id=task.id),
        "query": "".join(f"{name}={value}&" for name, value in kept.items()),
        "kept": kept,
        "timeline_url": url_for("tasks.show", task_id=task.id, part="timeline", **kept),
        "usual_runs": usual.runs if usual else None,
        "quiet_ms": _quiet_ms(task, spans),
        "most_spans": queries.MOST_SPANS if len(spans) > queries.MOST_SPANS else None,
        "no_agent": NO_AGENT,
    }


def _spans(task: Task) -> list[TreeSpan]:
    return explain.steps_of(task, queries.MOST_SPANS + 1)


def _exchanges(task: Task) -> list[Exchange]:
    rows = db.session.execute(queries.hand_offs_of(task.id))
    return [
        Exchange(row.sender_id, row.recipient_id, clock.to_us(row.at), row.message_type)
        for row in rows
        if row.at
    ]


def _goes_on_until(task: Task, spans: Sequence[TreeSpan]) -> int | None:
    """The axis of a running run reaches to now, but never gets more than half empty."""
    if task.status != "running" or not spans:
        return None
    began, ended = min(span.started_at for span in spans), max(span.ended_at for span in spans)
    return min(clock.now_us(), ended + max(ended - began, 10_000_000))


def _quiet_ms(task: Task, spans: Sequence[TreeSpan]) -> float | None:
    """How long nothing has happened in a running run that has gone on well beyond its axis."""
    now, until = clock.now_us(), _goes_on_until(task, spans)
    if until is None or now - until < BEYOND_US:
        return None
    return (now - max(span.ended_at for span in spans)) / 1000


# The head.


def head_of(found: Any, timeline: Timeline, diagnosis: explain.Diagnosis) -> dict[str, Any]:
    task = found.Task
    usual_ms, usual_cost = others.usual_of(task)
    goes_on = task.status in ("running", "pending") and task.started_at
    took = so_far_ms(task.started_at) if goes_on else task.execution_time
    newer, older = queries.neighbours_of(task)
    return {
        "found": found,
        "task": task,
        "usual_ms": usual_ms,
        "usual_cost": usual_cost,
        "times_as_long": times_usual(took, usual_ms, LEAST_MS),
        "times_as_dear": times_usual(task.estimated_cost, usual_cost, LEAST_COST),
        "newer": newer,
        "older": older,
        "traces": queries.traces_of(task.id),
        "callout": _callout(task, timeline, diagnosis),
        "deadline": _deadline_of(task),
        "now": clock.now(),
    }


def _deadline_of(task: Task) -> datetime | None:
    """What its sender said of a run that goes on; without that, a run has as long as something of it arrives."""
    if task.status not in ("running", "pending") or task.deadline_at is None:
        return None
    patience = timedelta(seconds=current_app.config["SETTINGS"].run_timeout)
    return (
        None
        if task.last_progress_at and task.deadline_at == task.last_progress_at + patience
        else task.deadline_at
    )


def _callout(task: Task, timeline: Timeline, diagnosis: explain.Diagnosis) -> Callout | None:
    """Says of the run what the ranking found first, so that the page names one culprit."""
    first = timeline.first_failure or timeline.suspect or timeline.first_error
    spoken = diagnosis.first if diagnosis.first and diagnosis.first.message_id and not first else None
    message = " ".join((task.error_message or "")[:400].split())
    if task.status == "failed":
        title = "The run failed"
        if first:
            called = "The step that failed the run" if timeline.recovered else "First failing step"
            title = f"{called}: {_tame(first.lane)}, {_tame(first.name)}, at {offset(first.at_ms)}"
        elif task.failed_step:
            title = f"First failing step: {task.failed_step}"
        elif spoken:
            title = f"Most suspect: {_tame(spoken.agent or 'an agent that is gone')}, {spoken.what}"
        return Callout(
            "bad",
            "s-failed",
            title,
            task.error_type,
            message,
            first and first.key,
            timeline.recovered,
            spoken,
        )
    if task.status == "timeout":
        last = timeline.last
        text = f"Its last step was {last.name} of {last.lane}, from {offset(last.at_ms)}." if last else ""
        if task.last_progress_at:
            text += f" Nothing more arrived after {clock_time(task.last_progress_at)}."
        return Callout(
            "warn", "s-timeout", "Timed out: the end of this run never arrived", None, text, last and last.key
        )
    errors = task.error_count if task.error_count is not None else timeline.failures
    if not errors:
        return None
    after = "so far" if task.status in ("running", "pending") else "on the way; the run recovered"
    text = f"The first: {first.lane}, {first.name}, at {offset(first.at_ms)}." if first else ""
    return Callout("warn", "s-warning", f"{plural(errors, 'error')} {after}", None, text, first and first.key)


# Marks that turn the direction of the text around, of this sentence's rest too.
_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def _tame(name: str) -> str:
    return name.translate(_TURNS)


def content_of(found: Any) -> dict[str, Any]:
    """Input and result, and where the whole of it was archived."""
    task = found.Task
    archived = select(ExecutionHistory.storage_url).where(
        ExecutionHistory.task_id == task.id, ExecutionHistory.storage_url.is_not(None)
    )
    return {
        "task": task,
        "input": pretty.show(task.input),
        "result": pretty.show(task.result),
        "archived": db.session.execute(archived.limit(1)).scalar(),
    }


def step_of(task: Task, span: Span, key: str) -> dict[str, Any]:
    began = clock.to_us(task.started_at) if task.started_at else span.started_at
    return {"task": task, "step": steps.step_of(task, span, key, began), "missing": None}


# The diagnosis.


def _told(task: Task, diagnosis: explain.Diagnosis) -> dict[str, Any]:
    first = diagnosis.first
    return {
        "diagnosis": diagnosis,
        "is_looked_through": False,
        "began_us": clock.to_us(task.started_at) if task.started_at else 0,
        "suspect_message": first.message_id if first and _calls_out(task) else None,
    }


def _calls_out(task: Task) -> bool:
    """Whether the head of the page says what went wrong: only then a step or message is marked for it."""
    return task.status in ("failed", "timeout") or bool(task.error_count)


def diagnosis_of(found: Any) -> dict[str, Any]:
    """All of the run was looked through, or as much as is read of any run."""
    task = found.Task
    return {
        **_told(task, explain.whole(task)),
        "is_looked_through": True,
        "found": found,
        "task": task,
        "rules": explain.RULES,
        "most_turns": explain.MOST_TURNS,
    }
