"""The JSON API: what the pages show, under the columns' names."""

from typing import Any

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from swarm_ui.access import SAFE_METHODS, needs
from swarm_ui.agents import editing, forms
from swarm_ui.agents.models import Agent
from swarm_ui.alerts.models import Alert
from swarm_ui.alerts.triage import settle
from swarm_ui.api import queries, schemas, shapes, tasks
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.tasks.queries import successor_of
from swarm_ui.web import Slice, json_response, parse
from swarm_ui.workflows.models import Workflow

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.get("/")
def index() -> ResponseReturnValue:
    """This list."""
    rules = [rule for rule in current_app.url_map.iter_rules() if rule.endpoint.startswith(f"{bp.name}.")]
    endpoints = [
        {"method": method, "path": rule.rule, "says": current_app.view_functions[rule.endpoint].__doc__}
        for rule in sorted(rules, key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) - (SAFE_METHODS - {"GET"}))
    ]
    return json_response({"version": current_app.config["VERSION"], "endpoints": endpoints})


@bp.get("/agents")
def list_agents() -> ResponseReturnValue:
    """Agents, newest first; by status, type, q."""
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
    """Runs, newest first; by status, workflowId, agentId, traceId, q, since, until."""
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


@bp.get("/tasks/<task_id>/history")
def list_history(task_id: str) -> ResponseReturnValue:
    """What was kept of it when it ended: input, output, conversation, metrics."""
    wanted = parse(schemas.Paging, request.args)
    return _list(queries.history(task_id, wanted)) if tasks.exists(task_id) else _moved_or_missing(task_id)


@bp.get("/alerts")
def list_alerts() -> ResponseReturnValue:
    """Alerts, newest first; by resolved, severity, alertType, relatedAgentId, relatedTaskId."""
    return _list(queries.alerts(parse(schemas.AlertQuery, request.args)))


@bp.get("/audit")
def list_audit() -> ResponseReturnValue:
    """What somebody changed, newest first; by actorId, action, subject, since, until."""
    return _list(queries.audit(parse(schemas.AuditQuery, request.args)))


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


def _agent(agent_id: str, *, lock: bool = False) -> Agent:
    return editing.find(agent_id, lock=lock) or abort(404)


def _body() -> Any:
    try:
        return request.get_json()
    except RecursionError as error:
        raise Refused(400, "The body is nested too deeply.") from error


def _moved_or_missing(task_id: str) -> Any:
    """Runs that turned out to be parts of one run answer under the id of the whole; the old ids lead there."""
    now_in = successor_of(task_id)
    if now_in is None or now_in == task_id:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    query = request.query_string.decode("ascii", "replace")
    return redirect(url_for(request.endpoint or "", task_id=now_in) + ("?" + query if query else ""), 301)
