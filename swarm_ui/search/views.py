"""Completion for the search boxes of all lists, and jumping to anything by name or id."""

from typing import Annotated, Literal

from flask import Blueprint, Response, request
from pydantic import BaseModel, StringConstraints

from swarm_ui.agents import search as agents
from swarm_ui.alerts import search as alerts
from swarm_ui.search.completion import complete as completed
from swarm_ui.search.jumping import places
from swarm_ui.search.reading import Fields
from swarm_ui.search.tokens import written
from swarm_ui.tasks import search as tasks
from swarm_ui.web import json_response, page, parse

bp = Blueprint("search", __name__, url_prefix="/search")
LISTS: dict[str, Fields] = {"tasks": tasks.FIELDS, "alerts": alerts.FIELDS, "agents": agents.FIELDS}


bp.add_app_template_filter(written, "as_typed")


class Completion(BaseModel):
    list: Literal["tasks", "alerts", "agents"] = "tasks"
    text: Annotated[str, StringConstraints(max_length=1000)] = ""


class Jump(BaseModel):
    q: Annotated[str, StringConstraints(max_length=400)] = ""


@bp.get("", strict_slashes=False)
def index() -> Response:
    """A page of results; for the dialog its list alone."""
    asked = parse(Jump, request.args).q.strip()
    return page("search/index.html", part="search/_places.html", asked=asked, groups=places(asked))


@bp.get("/complete")
def complete() -> Response:
    wanted = parse(Completion, request.args)
    begins, offers = completed(wanted.text.replace("\x00", ""), LISTS[wanted.list])
    return json_response({"from": begins, "items": [offer._asdict() for offer in offers]})
