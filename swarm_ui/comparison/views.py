"""Two runs side by side, and what changed since the last good one."""

from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from pydantic import BaseModel, Field
from sqlalchemy import select

from swarm_ui.comparison import page as comparing
from swarm_ui.comparison import reading
from swarm_ui.extensions import db
from swarm_ui.tasks import queries
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.models import Task
from swarm_ui.web import RowId, page, parse, wants_fragment

bp = Blueprint("comparison", __name__, url_prefix="/tasks")
CHOICES = 20


class Choice(BaseModel):
    """`other` is the run that somebody chose, `q` what they look for; neither: the last good run."""

    other: RowId | None = Field(None, alias="with")
    q: str | None = Field(None, max_length=400)


class Shape(BaseModel):
    steps: str | None = Field(None, pattern="^all$")


@bp.get("/<task_id>/compare")
def index(task_id: str) -> Response:
    """Leads to the comparison with the last good run or with the chosen one; else offers runs to choose from."""
    found = _found_or_moved(task_id)
    if isinstance(found, Response):
        return found
    wanted = parse(Choice, request.args)
    other = wanted.other or (None if wanted.q else reading.last_good(found.Task))
    if other:
        return redirect(url_for("comparison.show", task_id=found.Task.id, other_id=other), 302)  # type: ignore[return-value]
    return page(
        "comparison/choose.html", found=found, task=found.Task, **_choices(found.Task, None, wanted.q)
    )


@bp.get("/<task_id>/compare/<other_id>")
def show(task_id: str, other_id: str) -> Response:
    found = _found_or_moved(task_id)
    if isinstance(found, Response):
        return found
    other = _found_or_moved(other_id)
    if isinstance(other, Response):
        return other
    comparison = comparing.compare(other, found)
    return page(
        "comparison/show.html",
        found=found,
        task=found.Task,
        other=other,
        **comparing.context_of(comparison, parse(Shape, request.args).steps == "all"),
        **_choices(found.Task, other.Task.id, None),
    )


@bp.get("/<task_id>/changes")
def changes(task_id: str) -> Response:
    """What changed since the last good run: a part of the run's page, loaded after it, and a page of its own."""
    found = _found_or_moved(task_id)
    if isinstance(found, Response):
        return found
    good_id = reading.last_good(found.Task)
    good = queries.task_with_workflow(good_id) if good_id else None
    return page(
        "comparison/changes.html",
        part="comparison/_changes.html",
        found=found,
        task=found.Task,
        left=good and good.Task,
        changed=comparing.changed(good, found) if good else None,
        look_back=reading.LOOK_BACK,
        brief=wants_fragment(),
    )


def _found_or_moved(task_id: str) -> Any:
    """The run with its workflow's name; a redirect where it became part of another one."""
    found = queries.task_with_workflow(task_id)
    if found is not None:
        return found
    successor = queries.successor_of(task_id)
    if successor is None or successor == task_id:
        abort(404)
    query = request.query_string.decode("latin-1")
    path = request.path.replace(task_id, successor)
    return redirect(f"{request.script_root}{path}?{query}" if query else f"{request.script_root}{path}", 301)


def _choices(task: Task, chosen: str | None, q: str | None) -> dict[str, Any]:
    """Runs to compare with: those that the words find, else the newest of the same workflow."""
    filter_ = queries.TaskFilter.model_validate({} if q else {"workflow": task.workflow_id})
    search = task_search.read(q or "")
    columns = (
        Task.id,
        Task.name,
        Task.summary,
        Task.status,
        Task.started_at,
        Task.execution_time,
        Task.estimated_cost,
    )
    found: list[Any] = []
    searched: int | None = None
    if q or task.workflow_id:
        slice_, reach = queries.page_of(filter_, search, *columns, limit=CHOICES + 1)
        searched = reach.searched or reach.most
        found = [row for row in slice_.items if row.id != task.id][:CHOICES]
    if chosen and all(row.id != chosen for row in found):
        found += db.session.execute(select(*columns).where(Task.id == chosen)).all()
    return {"choices": found, "chosen": chosen, "q": q, "searched": searched}
