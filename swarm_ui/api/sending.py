"""What systems without OpenTelemetry send: tasks, and what belongs to them. For keys alone; committed and, where a task is answered, projected."""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from swarm_ui import clock, telemetry
from swarm_ui.access import by_key
from swarm_ui.api import tasks
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import forms, otlp, sent
from swarm_ui.ingest.gate import look
from swarm_ui.ingest.identity import task_id_of
from swarm_ui.ingest.intake import read_body, refuse_overload
from swarm_ui.ingest.otlp_json import load_json
from swarm_ui.projection.leases import mark_again
from swarm_ui.projection.project import Projector
from swarm_ui.rawsql import Busy, Raw, retrying, transaction
from swarm_ui.storage import StorageError
from swarm_ui.tasks.models import TaskTrace
from swarm_ui.web import json_response
from swarm_ui.worker import doorbell
from swarm_ui.workflows.models import Workflow

bp = Blueprint("sending", __name__, url_prefix="/api/v1")
log = logging.getLogger(__name__)
T = TypeVar("T")
# So long workers leave a task to the request that sends it.
HOLD_US = 5_000_000
# How often, and how long apart, a request asks again for a run that a worker has in hand.
_TRIES, _PAUSE = 40, 0.025
_IDS = (("sender", "senderId"), ("recipient", "recipientId"), ("agent", "agentId"))


@bp.post("/tasks")
@by_key("ingest", "write")
def create_tasks() -> ResponseReturnValue:
    """Begins a task, or a list of them: {"name": …} and what else is known. A key needs the scope ingest or write."""
    body, sender = _json(), _sender(hold=True)
    items, several = forms.read(forms.NewTask, body, forms.MOST_TASKS)
    _name_workflows(items, several)
    made = _stored(lambda: sent.send_tasks(sender, items))
    traces = [trace_id for trace_id, _new in made]
    _project(sender, traces)
    rows = _rows(sender, traces)
    new = sum(is_new for _, is_new in made)
    status = 201 if new else 200
    if several:
        return json_response({"items": rows, "new": new}, status)
    response = json_response(rows[0], status)
    response.headers["Location"] = url_for("api.show_task", task_id=rows[0]["id"])
    return response


@bp.patch("/tasks/<task_id>")
@by_key("ingest", "write")
def change_task(task_id: str) -> ResponseReturnValue:
    """Says more of a task: its end, its result. Fields that are not named stay. A key needs the scope ingest or write."""
    body, sender = _json(), _sender(hold=True)
    trace_id = _trace(sender, task_id)
    items, several = forms.read(forms.TaskChange, body, 1)
    if several:
        raise Refused(400, "The body must be a JSON object.")
    _name_workflows(items, several)
    if _stored(lambda: sent.change_task(sender, trace_id, items[0])):
        _project(sender, [trace_id])
    return json_response(_rows(sender, [trace_id])[0])


@bp.post("/tasks/<task_id>/messages")
@by_key("ingest", "write")
def add_messages(task_id: str) -> ResponseReturnValue:
    """What agents said to each other. A key needs the scope ingest or write."""
    return _add(task_id, sent.MESSAGE, forms.NewMessage)


@bp.post("/tasks/<task_id>/logs")
@by_key("ingest", "write")
def add_logs(task_id: str) -> ResponseReturnValue:
    """Lines of its log. A key needs the scope ingest or write."""
    return _add(task_id, sent.LOG, forms.NewLog)


@bp.post("/tasks/<task_id>/metrics")
@by_key("ingest", "write")
def add_metrics(task_id: str) -> ResponseReturnValue:
    """What was measured: time, tokens, cost. A key needs the scope ingest or write."""
    return _add(task_id, sent.METRIC, forms.NewMetric)


@bp.post("/tasks/<task_id>/spans")
@by_key("ingest", "write")
def add_spans(task_id: str) -> ResponseReturnValue:
    """Its steps. A key needs the scope ingest or write."""
    body, sender = _json(), _sender()
    trace_id = _trace(sender, task_id)
    items, several = forms.read(forms.NewSpan, body, forms.MOST_ITEMS)
    service = _read(sender, lambda raw: sent.service_of(raw, sender.owner_id, trace_id))
    span_ids, new = _stored(lambda: sent.send_spans(sender, trace_id, service, items))
    telemetry.count_spans(new)
    _ring(new)
    if several:
        return json_response(
            {"items": [{"spanId": span_id} for span_id in span_ids], "new": new}, 201 if new else 200
        )
    return json_response({"spanId": span_ids[0], "new": bool(new)}, 201 if new else 200)


def _add(task_id: str, kind: int, model: type[forms.Sent]) -> Response:
    body, sender = _json(), _sender()
    trace_id = _trace(sender, task_id)
    items, several = forms.read(model, body, forms.MOST_ITEMS)
    agents = _agents(sender, items, several)
    try:
        made = _stored(lambda: sent.send_items(sender, trace_id, kind, items, agents))
    except sent.Clash as clash:
        named = "id" if items[clash.place].given().get("id") else "Idempotency-Key"
        place = f"items[{clash.place}].{named}" if several else named
        forms.refuse({place: "something else was sent with this before"}, 409)
    new = sum(is_new for _row, is_new in made)
    _ring(new)
    rows = [{"id": row_id, "new": is_new} for row_id, is_new in made]
    return json_response({"items": rows, "new": new} if several else rows[0], 201 if new else 200)


# The request.


def _json() -> Any:
    refuse_overload()
    if not request.is_json:
        raise Refused(415, f"Send application/json, not '{request.mimetype or 'nothing'}'.")
    # The key look-up was a transaction of its own; its connection must not wait for this one.
    db.session.commit()
    body = read_body()
    try:
        return load_json(body)
    except otlp.Unreadable as error:
        raise Refused(400, f"The request cannot be read: {error}.") from error


def _sender(*, hold: bool = False) -> sent.Sender:
    once = request.headers.get("Idempotency-Key", "").strip() or None
    if once is not None and (len(once) > 200 or not once.isascii() or not once.isprintable()):
        forms.refuse({"Idempotency-Key": "at most 200 printable ASCII characters"})
    gate = _stored(lambda: look(db.engine, g.owner_id))
    now = clock.now_us()
    return sent.Sender(db.engine, g.owner_id, gate.space, now, now + HOLD_US if hold else now, once)


def _stored(work: Callable[[], T]) -> T:
    try:
        return work()
    except (Busy, StorageError) as error:
        log.warning("not stored", extra={"path": request.path, "reason": str(error)[:200]})
        raise Refused(503, "The data could not be stored now. Send it again.", retry_after=2) from error


def _read(sender: sent.Sender, look_up: Callable[[Raw], T]) -> T:
    def once() -> T:
        with transaction(sender.engine, writes=False) as raw:
            return look_up(raw)

    return _stored(lambda: retrying(once))


def _trace(sender: sent.Sender, task_id: str) -> str:
    found = _read(sender, lambda raw: sent.find_trace(raw, sender.owner_id, sender.space, task_id))
    if found is None:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    if not found:
        raise Refused(
            409,
            "This run came as traces: only tasks that were begun with POST /api/v1/tasks take more this way.",
        )
    return found


def _agents(sender: sent.Sender, items: list[Any], several: bool) -> dict[str, tuple[str, str]]:
    """Those that are named by their ids."""
    named = {
        agent_id: f"items[{place}].{field}" if several else field
        for place, item in enumerate(items)
        for _name, field in _IDS
        if (agent_id := getattr(item, field, None))
    }
    if not named:
        return {}
    found = _read(sender, lambda raw: sent.agents_by_id(raw, sender.owner_id, set(named)))
    if missing := {
        place: "there is no agent with this id" for agent_id, place in named.items() if agent_id not in found
    }:
        forms.refuse(missing)
    return found


def _name_workflows(items: list[Any], several: bool) -> None:
    """A workflow that is named by its id must be there."""
    wanted = {item.workflowId for item in items if item.workflowId}
    known = set(db.session.scalars(select(Workflow.id).where(Workflow.id.in_(wanted)))) if wanted else set()
    db.session.rollback()
    wrong = {
        f"items[{place}].workflowId" if several else "workflowId": "there is no workflow with this id"
        for place, item in enumerate(items)
        if item.workflowId and item.workflowId not in known
    }
    if wrong:
        forms.refuse(wrong)


# The answer.


def _ring(new: int) -> None:
    if new:
        doorbell.ring(current_app.config["SETTINGS"].data_dir)


def _project(sender: sent.Sender, traces: list[str]) -> None:
    """What was sent shows at once. Afterwards the worker looks at it too: scores and graphs are its business."""
    settings = current_app.config["SETTINGS"]
    timeout = settings.run_timeout * 1_000_000
    # If this process is killed, the one that sends it again need not wait longer than workers do.
    projector = Projector(sender.engine, secrets.token_hex(8), timeout_us=timeout, lease_us=HOLD_US)
    waiting = sorted(set(traces))
    try:
        for _try in range(_TRIES):
            done = projector.take(sender.owner_id, waiting)
            if done.runs == len(waiting) or not (waiting := _still_dirty(sender, waiting)):
                break
            time.sleep(_PAUSE)  # a worker has it in hand
        mark_again(sender.engine, sender.owner_id, sorted(set(traces)))
    except Busy:
        log.warning("not projected at once", extra={"owner": sender.owner_id})
    doorbell.ring(settings.data_dir)


def _still_dirty(sender: sent.Sender, traces: list[str]) -> list[str]:
    with transaction(sender.engine, writes=False) as raw:
        statement = "SELECT traceId FROM trace_dirty WHERE userId=? AND error IS NULL AND traceId IN {}"
        return sorted(row[0] for row in raw.rows_in(statement, (sender.owner_id,), traces))


def _rows(sender: sent.Sender, traces: list[str]) -> list[dict[str, Any]]:
    found = dict(
        db.session.execute(
            select(TaskTrace.trace_id, TaskTrace.task_id).where(TaskTrace.trace_id.in_(traces))
        ).all()
    )
    own = {trace_id: found.get(trace_id) or task_id_of(sender.space, trace_id) for trace_id in traces}
    rows = {row["id"]: row for row in tasks.some(set(own.values()))}
    if missing := [task_id for task_id in own.values() if task_id not in rows]:
        log.error(
            "a task was stored and cannot be shown", extra={"owner": sender.owner_id, "task": missing[0]}
        )
        raise Refused(503, "It is stored, but cannot be shown yet. Ask for it in a moment.", retry_after=2)
    return [rows[own[trace_id]] for trace_id in traces]
