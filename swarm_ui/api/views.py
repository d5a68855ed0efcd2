"""The JSON API: what the pages show, under the columns' names."""

from typing import Any

from flask import Blueprint, Response, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from swarm_ui.access import SAFE_METHODS, also_by_key, needs
from swarm_ui.agents import editing, forms, maintenance
from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.alerts.triage import settle
from swarm_ui.api import comparisons, diagnosis, queries, schemas, shapes, tasks
from swarm_ui.changes import marking
from swarm_ui.changes.forms import ChangeNew
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.comparison.page import compare
from swarm_ui.comparison.reading import last_good
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import heartbeats
from swarm_ui.rawsql import Busy
from swarm_ui.tasks.queries import successor_of, task_with_workflow
from swarm_ui.web import Slice, json_response, parse
from swarm_ui.workflows.models import Workflow

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.get("/")
def index() -> ResponseReturnValue:
    """This list."""
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.rule.startswith(f"{bp.url_prefix}/")]
    endpoints = [
        {"method": method, "path": rule.rule, "says": current_app.view_functions[rule.endpoint].__doc__}
        for rule in sorted(rules, key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) - (SAFE_METHODS - {"GET"}))
    ]
    return json_response({"version": current_app.config["VERSION"], "endpoints": endpoints})


@bp.get("/agents")
def list_agents() -> ResponseReturnValue:
    """Agents, newest first; by status, healthWord, type, serviceName, llmModel, q."""
    return _list(queries.agents(parse(schemas.AgentQuery, request.args)))


@bp.post("/agents")
@needs("editor")
def create_agent() -> ResponseReturnValue:
    """Makes an agent: {"name": …} and what else is known of it. A key needs the scope write."""
    agent = editing.create(forms.read(forms.AgentNew, _body()).settings())
    db.session.commit()
    response = _one(queries.agent(agent.id), 201)
    response.headers["Location"] = url_for("api.show_agent", agent_id=agent.id)
    return response


@bp.get("/agents/<agent_id>")
def show_agent(agent_id: str) -> ResponseReturnValue:
    """One agent."""
    agent = _agent(agent_id)
    return _one(queries.agent(agent.id))


@bp.patch("/agents/<agent_id>")
@needs("editor")
def change_agent(agent_id: str) -> ResponseReturnValue:
    """Sets what is named and leaves the rest; with "revision", only if nobody changed it since. A key needs the scope write."""
    agent, change = _agent(agent_id, lock=True), forms.read(forms.AgentChange, _body())
    if "revision" in change.model_fields_set and change.revision != agent.revision:
        said = f"It is at revision {agent.revision} by now. Read it again and decide."
        raise Refused(409, f"revision: {said}", fields={"revision": said})
    editing.change(agent, change.settings())
    if "switchedOff" in change.model_fields_set:
        editing.switch(agent, off=change.switchedOff)
    db.session.commit()
    return _one(queries.agent(agent.id))


@bp.delete("/agents/<agent_id>")
@needs("editor")
def delete_agent(agent_id: str) -> ResponseReturnValue:
    """Takes it out of every list; it can be restored for 30 days. A key needs the scope write."""
    editing.delete(_agent(agent_id, lock=True))
    db.session.commit()
    return current_app.response_class("", 204)


@bp.post("/agents/<agent_id>/restore")
@needs("editor")
def restore_agent(agent_id: str) -> ResponseReturnValue:
    """Brings a deleted agent back. A key needs the scope write."""
    agent = editing.find(agent_id, lock=True, deleted=True) or _agent(agent_id)
    if editing.restore(agent):
        db.session.commit()
    return _one(queries.agent(agent.id))


@bp.post("/agents/<agent_id>/heartbeat")
@needs("operator")
@also_by_key("ping", "ingest")
def beat(agent_id: str) -> ResponseReturnValue:
    """The agent lives: {"status", "message", "task"}, each optional. A key needs the scope ping, ingest or write."""
    said = heartbeats.said_by(_body() if request.get_data() else {})
    try:
        if not heartbeats.take(db.engine, g.owner_id, agent_id, said):
            found = _agent(agent_id).id  # it got another id with another name
            db.session.rollback()
            heartbeats.take(db.engine, g.owner_id, found, said)
    except Busy as error:
        raise Refused(503, "The heartbeat could not be stored now. Send it again.", retry_after=2) from error
    return json_response({"desiredState": "run"})


@bp.post("/agents/<agent_id>/maintenance")
@needs("operator")
def begin_maintenance(agent_id: str) -> ResponseReturnValue:
    """Nothing is expected of it meanwhile: {"reason", "until" or "seconds"}, each optional. A key needs the scope write."""
    agent, wish = _agent(agent_id, lock=True), parse(maintenance.Wish, _body() if request.get_data() else {})
    maintenance.begin(agent, wish)
    db.session.commit()
    return _one(queries.agent(agent.id))


@bp.delete("/agents/<agent_id>/maintenance")
@needs("operator")
def end_maintenance(agent_id: str) -> ResponseReturnValue:
    """Ends its maintenance. A key needs the scope write."""
    agent = _agent(agent_id, lock=True)
    if maintenance.end(agent):
        db.session.commit()
    return _one(queries.agent(agent.id))


@bp.get("/agents/<agent_id>/health")
def agent_health(agent_id: str) -> ResponseReturnValue:
    """Its condition with reason and next change, why its score is what it is, heartbeats and the latest changes of condition."""
    return json_response(queries.health_of(_agent(agent_id), g.owner_id))


@bp.get("/agents/<agent_id>/revisions")
def list_revisions(agent_id: str) -> ResponseReturnValue:
    """What people set of it, newest first: who, when and all that it was set to."""
    wanted = parse(schemas.Paging, request.args)
    return _list(queries.revisions(_agent(agent_id).id, wanted))


@bp.get("/workflows")
def list_workflows() -> ResponseReturnValue:
    """Workflows, newest first; by status, orchestrationPattern, q."""
    return _list(queries.workflows(parse(schemas.WorkflowQuery, request.args)))


@bp.get("/workflows/<workflow_id>")
def show_workflow(workflow_id: str) -> ResponseReturnValue:
    """One workflow with its graph."""
    return _one(queries.one(shapes.WORKFLOW, Workflow.id, workflow_id))


@bp.get("/tasks")
def list_tasks() -> ResponseReturnValue:
    """Runs, newest first; by status, workflowId, agentId, traceId, sessionId, q, since, until."""
    found, reach = tasks.listed(parse(schemas.TaskQuery, request.args))
    left_out = {"most": reach.most, "searched": reach.searched}
    return _list(found, **{name: number for name, number in left_out.items() if number is not None})


@bp.get("/tasks/<task_id>")
def show_task(task_id: str) -> ResponseReturnValue:
    """One run."""
    found = tasks.one(task_id)
    return json_response(found) if found else _moved_or_missing(task_id)


@bp.get("/tasks/<task_id>/spans")
def list_spans(task_id: str) -> ResponseReturnValue:
    """Its steps in the order in which they began, with attributes, events, links, input and output."""
    wanted = parse(schemas.Paging, request.args)
    return _list(tasks.spans(task_id, wanted)) if tasks.exists(task_id) else _moved_or_missing(task_id)


@bp.get("/tasks/<task_id>/messages")
def list_messages(task_id: str) -> ResponseReturnValue:
    """What its agents said to each other, in order; by messageType."""
    wanted = parse(schemas.MessageQuery, request.args)
    return _list(queries.messages(task_id, wanted)) if tasks.exists(task_id) else _moved_or_missing(task_id)


@bp.get("/tasks/<task_id>/logs")
def list_logs(task_id: str) -> ResponseReturnValue:
    """Its execution logs, in order; by level (that and worse), eventType, agentId."""
    wanted = parse(schemas.LogQuery, request.args)
    return _list(queries.logs(task_id, wanted)) if tasks.exists(task_id) else _moved_or_missing(task_id)


@bp.get("/tasks/<task_id>/compare")
def compare_task(task_id: str) -> ResponseReturnValue:
    """The run beside another one: with=ID, else the last good run of its workflow."""
    wanted = parse(schemas.CompareQuery, request.args)
    run = task_with_workflow(task_id)
    if run is None:
        return _moved_or_missing(task_id)
    other_id = wanted.other or last_good(run.Task)
    if other_id is None:
        return json_response(comparisons.alone(run.Task))
    other = task_with_workflow(successor_of(other_id) or other_id)
    if other is None:
        raise Refused(404, "with: there is no such run, or it is not yours to see.")
    return json_response(comparisons.as_json(compare(other, run)))


@bp.get("/tasks/<task_id>/history")
def list_history(task_id: str) -> ResponseReturnValue:
    """What was kept of it when it ended: input, output, conversation, metrics."""
    wanted = parse(schemas.Paging, request.args)
    return _list(queries.history(task_id, wanted)) if tasks.exists(task_id) else _moved_or_missing(task_id)


@bp.get("/tasks/<task_id>/suspects")
def list_suspects(task_id: str) -> ResponseReturnValue:
    """What most likely broke it: its steps or messages by the evidence against them, the most suspect first."""
    return _found(diagnosis.suspects(task_id), task_id)


@bp.get("/tasks/<task_id>/story")
def show_story(task_id: str) -> ResponseReturnValue:
    """The run in a few plain sentences, with its hand-offs and tool calls counted."""
    return _found(diagnosis.story(task_id), task_id)


@bp.get("/tasks/<task_id>/patterns")
def list_patterns(task_id: str) -> ResponseReturnValue:
    """Loops, identical calls, storms and deadlocks, with what they used; and who waits for whom while it runs."""
    return _found(diagnosis.patterns(task_id), task_id)


@bp.get("/alerts")
def list_alerts() -> ResponseReturnValue:
    """Alerts, newest first; by resolved, severity, alertType, relatedAgentId, relatedTaskId."""
    return _list(queries.alerts(parse(schemas.AlertQuery, request.args)))


@bp.get("/audit")
def list_audit() -> ResponseReturnValue:
    """What somebody changed, newest first; by actorId, action, subject, since, until."""
    return _list(queries.audit(parse(schemas.AuditQuery, request.args)))


@bp.get("/changes")
def list_changes() -> ResponseReturnValue:
    """Deploys and other changes that were told of, newest first; by service, kind, since, until."""
    return _list(queries.changes(parse(schemas.ChangeQuery, request.args)))


@bp.post("/changes")
@needs("editor")
def create_change() -> ResponseReturnValue:
    """Tells of a change: {"title": …} and what else is known of it; the same id again changes nothing. A key needs the scope write."""
    change, is_new = marking.mark(parse(ChangeNew, _body()))
    key = change.id
    db.session.commit()
    return _one(queries.one(shapes.CHANGE, ChangeMarker.id, key), 201 if is_new else 200)


@bp.patch("/alerts/<alert_id>")
@needs("operator")
def change_alert(alert_id: str) -> ResponseReturnValue:
    """Resolve or reopen: {"resolved": true} or {"resolved": false}. A key needs the scope write."""
    alert = db.get_or_404(Alert, alert_id)
    settle(alert, resolved=parse(schemas.AlertChange, _body()).resolved)
    db.session.commit()
    return _one(queries.one(shapes.ALERT, Alert.id, alert_id))


def _list(found: Slice, **more: Any) -> Response:
    return json_response({"items": found.items, "next": found.next, **more})


def _one(item: dict[str, Any] | None, status: int = 200) -> Response:
    if item is None:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    return json_response(item, status)


def _found(answer: dict[str, Any] | None, task_id: str) -> Any:
    return json_response(answer) if answer is not None else _moved_or_missing(task_id)


def _agent(agent_id: str, *, lock: bool = False) -> Agent:
    return editing.find(agent_id, lock=lock) or abort(404)


def _body() -> Any:
    try:
        return request.get_json()
    except RecursionError as error:
        raise Refused(400, "The body is nested too deeply.") from error


def _moved_or_missing(task_id: str) -> Any:
    """Runs that turned out to be parts of one run answer under the id of the whole; the old ids lead there, and so do the ids that senders
    gave their tasks."""
    moved = successor_of(task_id)
    now_in = moved or tasks.sent_as(task_id)
    if now_in is None or now_in == task_id:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    query = request.query_string.decode("ascii", "replace")
    target = url_for(request.endpoint or "", task_id=now_in) + ("?" + query if query else "")
    return redirect(target, 301 if moved else 302)
