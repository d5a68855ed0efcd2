"""Workflows: the list, and the read-only page of one with its observed graph."""

from flask import Blueprint, Response, request

from swarm_ui.extensions import db
from swarm_ui.live import live
from swarm_ui.web import keyset, page, parse
from swarm_ui.workflows import queries
from swarm_ui.workflows.graph import layout
from swarm_ui.workflows.models import PATTERNS, STATUSES, Workflow

bp = Blueprint("workflows", __name__, url_prefix="/workflows")


@bp.get("", strict_slashes=False)
@live
def index():
    wanted = parse(queries.WorkflowFilter, request.args)
    workflows = keyset(
        queries.listed(wanted), Workflow.updated_at, Workflow.id, limit=queries.PAGE, cursor=wanted.cursor
    )
    runs = queries.last_day([workflow.id for workflow in workflows.items])
    return page(
        "workflows/index.html",
        part="workflows/_list.html",
        wanted=wanted,
        workflows=workflows,
        rows=_worst_first(workflows.items, runs),
        runs=runs,
        total=queries.count(wanted),
        patterns=PATTERNS,
        statuses=STATUSES,
    )


def _worst_first(rows, runs):
    """Most failed runs first, then the latest to run, then by name."""

    def order(row):
        failed = runs[row.id].ended_badly if row.id in runs else 0
        return -failed, -(row.last_run.timestamp() if row.last_run else 0), row.name

    return sorted(rows, key=order)


@bp.get("/<workflow_id>")
@live
def show(workflow_id: str) -> Response:
    workflow = db.get_or_404(Workflow, workflow_id)
    return page(
        "workflows/show.html",
        part="workflows/_page.html",
        workflow=workflow,
        graph=layout(workflow.nodes, workflow.edges),
        agents=queries.agents_of(workflow),
        course=queries.course(workflow_id),
        runs=queries.latest_runs(workflow_id),
    )
