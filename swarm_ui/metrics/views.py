"""Metrics as plain tables."""

from flask import Blueprint, request

from swarm_ui.live import live
from swarm_ui.metrics import queries
from swarm_ui.web import page, parse

bp = Blueprint("metrics", __name__, url_prefix="/metrics")


@bp.get("", strict_slashes=False)
@live
def index():
    wanted = parse(queries.MetricFilter, request.args)
    return page(
        "metrics/index.html",
        part="metrics/_tables.html",
        wanted=wanted,
        ranges=queries.RANGES,
        course=queries.course(wanted),
        agents=queries.by_agent(wanted),
        reported=queries.reported(),
    )
