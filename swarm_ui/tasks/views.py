"""The list of runs, and one run: what happened, where it failed, what was said and logged."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy import select

from swarm_ui import clock, downloads
from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.live import live
from swarm_ui.search.tokens import clean
from swarm_ui.tasks import address, export, finding, log_export, pretty, queries, run, said, steps
from swarm_ui.tasks.graph import agents_of
from swarm_ui.tasks.models import LEVELS, MESSAGE_TYPES, Message
from swarm_ui.web import RowId, page, parse, wants_fragment
from swarm_ui.workflows.models import Workflow

bp = Blueprint("tasks", __name__, url_prefix="/tasks")
# Larger ones are read as plain text.
WHOLE_ON_PAGE = 300_000


class MessageFilter(BaseModel):
    type: Literal["request", "response", "status_update", "error", "broadcast"] | None = None
    view: Literal["lanes"] | None = None
    message: RowId | None = None
    cursor: str | None = Field(None, max_length=200)


class LogFilter(BaseModel):
    """What the fields beside the lines say; the address of a run's page has it too."""

    level: Literal["debug", "info", "warning", "error", "critical"] | None = None
    agent: RowId | None = None
    q: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None


class LogsWanted(LogFilter):
    span: RowId | None = None
    line: RowId | None = None
    cursor: str | None = Field(None, max_length=200)


class Place(BaseModel):
    cursor: str | None = Field(None, max_length=200)


@bp.get("")
@live
def index() -> Response:
    here = address.read(request.args, _name_of)
    is_typed = "was" in request.args
    if is_typed and not wants_fragment():
        return redirect(here.url(), 302)  # type: ignore[return-value]
    context = finding.list_of(here, parse(Place, request.args).cursor)
    if not wants_fragment() or is_typed:
        context |= finding.beside(here)
    problems = context["search"].problems
    response = page(
        "tasks/index.html",
        part="tasks/_found.html" if is_typed else "tasks/_list.html",
        status=422 if problems and not wants_fragment() else 200,
        is_typed=is_typed,
        **context,
    )
    if is_typed:
        response.headers["HX-Push-Url"] = here.url()
        if here.text != clean(request.args.get("q", "")):
            response.headers["HX-Trigger"] = json.dumps(
                {"search-text": here.text}
            )  # a menu wrote into it; ASCII
        if problems:
            # Half of a word: what is shown stays until it is whole.
            response.headers["HX-Push-Url"] = "false"
            response.headers["HX-Reswap"] = "none"
    return response


@bp.get("/export.csv")
def export_csv() -> Response:
    return _export("csv", "text/csv", downloads.csv_lines)


@bp.get("/export.jsonl")
def export_json_lines() -> Response:
    return _export("jsonl", "application/x-ndjson", lambda _columns, items: downloads.json_lines(items))


def _export(ending: str, mimetype: str, written: Callable[..., Any]) -> Response:
    """Exactly what the list shows at this address, without its end."""
    lines = written(export.COLUMNS, export.items_of(address.read(request.args, _name_of)))
    return downloads.attachment(lines, mimetype, f"tasks-{clock.now():%Y-%m-%d}.{ending}")


def _name_of(key: str, row_id: str) -> str | None:
    if key == "agent":
        return queries.name_of(Agent, row_id)
    return queries.name_of(Workflow, row_id) if key == "workflow" else None


def of_task(view: Callable[..., Any]) -> Callable[..., Any]:
    """Hands the run to the view. The id of a run that became part of another leads there."""

    @wraps(view)
    def with_task(task_id: str, **values: Any) -> Any:
        found = queries.task_with_workflow(task_id)
        if found is not None:
            return view(found, **values)
        successor = queries.successor_of(task_id)
        if successor is None or successor == task_id or request.endpoint is None:
            abort(404)
        target = url_for(request.endpoint, task_id=successor, **values)
        return redirect(
            f"{target}?{request.query_string.decode('latin-1')}" if request.query_string else target, 301
        )

    return with_task


@bp.get("/<task_id>")
@live
@of_task
def show(found: Any) -> Response:
    shape = parse(run.Shape, request.args)
    if wants_fragment() and shape.part == "lane":
        return page("tasks/_lane_rows.html", **run.timeline_of(found, shape))
    if wants_fragment() and shape.part == "timeline":
        return page("tasks/_timeline.html", **run.timeline_of(found, shape))
    if wants_fragment() and shape.part == "head":
        context = run.timeline_of(found, shape)
        return page(
            "tasks/_head.html",
            **context | run.head_of(found, context["timeline"], context["diagnosis"]) | run.content_of(found),
        )
    context = run.page_of(found, shape)
    wanted = parse(LogFilter, request.args)
    if wanted.level or wanted.agent or wanted.q:
        context |= said.narrowed_logs_of(found.Task, wanted.level, wanted.agent, wanted.q)
    return page("tasks/show.html", **context)


@bp.get("/<task_id>/spans/<key>")
@of_task
def span(found: Any, key: str) -> Response:
    """The step's panel; without HTMX the page with it open."""
    task = found.Task
    if not wants_fragment():
        return redirect(url_for("tasks.show", task_id=task.id, span=key, _anchor="span"), 302)  # type: ignore[return-value]
    return page("tasks/_span.html", **run.step_of(task, _span_or_404(task.id, key), key))


def _span_or_404(task_id: str, key: str) -> Any:
    return queries.span_of(task_id, key) or abort(404)


@bp.get("/<task_id>/spans/<key>/payload")
@of_task
def payload(found: Any, key: str) -> Response:
    part = request.args.get("part", "all")
    if part not in steps.PARTS:
        abort(404)
    return _plain_text(steps.whole_text(_span_or_404(found.Task.id, key), part))


@bp.get("/<task_id>/content/<any(input, result):part>")
@of_task
def content(found: Any, part: str) -> Response:
    return _plain_text(pretty.plain(getattr(found.Task, part))[0])


def _plain_text(text: str | None) -> Response:
    """As it came. Nothing in it can run: a browser takes it for text, and for a stranger's at that."""
    if text is None:
        abort(404)
    response = current_app.response_class(text.encode("utf-8", "replace"), mimetype="text/plain")
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Content-Disposition"] = "inline"
    return response


@bp.get("/<task_id>/diagnosis")
@live
@of_task
def diagnosis(found: Any) -> Response:
    return page("tasks/diagnosis.html", part="tasks/_diagnosis.html", **run.diagnosis_of(found))


@bp.get("/<task_id>/messages")
@live
@of_task
def messages(found: Any) -> Response:
    wanted = parse(MessageFilter, request.args)
    is_list = wanted.cursor and not wanted.view
    context = said.messages_of(
        found.Task, wanted.type, wanted.cursor, lanes=wanted.view == "lanes", message=wanted.message
    )
    part = "tasks/_message_rows.html" if is_list else "tasks/_messages.html"
    return page(
        "tasks/messages.html", part=part, found=found, task=found.Task, types=MESSAGE_TYPES, **context
    )


@bp.get("/<task_id>/graph")
@of_task
def graph(found: Any) -> Response:
    parts, drawn, left_out = agents_of(found.Task.id)
    return page(
        "tasks/graph.html",
        part="tasks/_graph.html",
        task=found.Task,
        parts=parts,
        graph=drawn,
        left_out=left_out,
    )


@bp.get("/<task_id>/messages/<message_id>")
@of_task
def message(found: Any, message_id: str) -> Response:
    """One message whole: in place for HTMX, else as plain text."""
    statement = select(Message.content).where(Message.task_id == found.Task.id, Message.id == message_id)
    row = db.session.execute(statement).first()
    if row is None:
        abort(404)
    if wants_fragment():
        return page(
            "tasks/_message_content.html", shown=pretty.show(row.content, WHOLE_ON_PAGE), whole_url=None
        )
    return _plain_text(pretty.plain(row.content)[0] or "")


@bp.get("/<task_id>/logs")
@live
@of_task
def logs(found: Any) -> Response:
    wanted = parse(LogsWanted, request.args)
    part = "tasks/_log_rows.html" if wanted.cursor else "tasks/_logs.html"
    return page("tasks/logs.html", part=part, found=found, task=found.Task, levels=LEVELS,
                **said.logs_of(found.Task, wanted.level, wanted.agent, wanted.span, wanted.line, wanted.cursor, wanted.q))  # fmt: skip


@bp.get("/<task_id>/logs.txt")
@of_task
def logs_as_text(found: Any) -> Response:
    return _log_file(found.Task, "txt", "text/plain", log_export.as_text)


@bp.get("/<task_id>/logs.jsonl")
@of_task
def logs_as_json_lines(found: Any) -> Response:
    return _log_file(found.Task, "jsonl", "application/x-ndjson", log_export.as_json_lines)


def _log_file(task: Any, ending: str, mimetype: str, written: Callable[..., Any]) -> Response:
    """All lines that the filter lets through."""
    wanted = parse(LogsWanted, request.args)
    statement = queries.logs_of(task.id, level=wanted.level, agent=wanted.agent, span=wanted.span, q=wanted.q)
    lines = written(log_export.all_of(statement), queries.names_of(task.assigned_agents or ()))
    return downloads.attachment(lines, mimetype, f"logs-{task.id}.{ending}")


@bp.get("/<task_id>/logs/<log_id>")
@of_task
def log_line(found: Any, log_id: str) -> Response:
    """One line whole, with what was logged beside it."""
    line = db.session.scalars(queries.logs_of(found.Task.id).where(queries.ExecutionLog.id == log_id)).first()
    if line is None:
        abort(404)
    details = f"\n\n{pretty.plain(line.details)[0]}" if line.details else ""
    return _plain_text(f"{line.message or ''}{details}")
