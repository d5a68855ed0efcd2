"""Agents, worst first, and the page of one."""

from flask import Blueprint, Response, request

from swarm_ui.agents import queries
from swarm_ui.agents.models import TYPES, Agent
from swarm_ui.agents.strips import last_day
from swarm_ui.alerts.models import Alert
from swarm_ui.alerts.queries import by_cause
from swarm_ui.extensions import db
from swarm_ui.live import live
from swarm_ui.web import keyset, page, parse

bp = Blueprint("agents", __name__, url_prefix="/agents")


@bp.get("", strict_slashes=False)
@live
def index():
    wanted = parse(queries.AgentFilter, request.args)
    agents = keyset(
        queries.listed(wanted),
        queries.place,
        Agent.id,
        limit=queries.PAGE,
        cursor=wanted.cursor,
        ascending=True,
    )
    return page(
        "agents/index.html",
        part="agents/_list.html",
        wanted=wanted,
        agents=agents,
        total=queries.count(wanted),
        strips=last_day([agent.id for agent in agents.items]),
        types=TYPES,
        conditions=queries.CONDITIONS,
    )


@bp.get("/<agent_id>")
@live
def show(agent_id: str) -> Response:
    agent = db.get_or_404(Agent, agent_id)
    return page(
        "agents/show.html",
        part="agents/_page.html",
        agent=agent,
        course=queries.course(agent_id),
        scored=queries.scored(agent_id),
        tasks=queries.recent_tasks(agent_id),
        causes=queries.causes(agent_id),
        others=queries.talks_with(agent_id),
        alerts=by_cause(Alert.related_agent_id == agent_id),
        looked_through=queries.RUNS_LOOKED_THROUGH,
    )
