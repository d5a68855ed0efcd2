"""Completion for the search boxes of all lists."""

from typing import Annotated, Literal

from flask import Blueprint, Response, request
from pydantic import BaseModel, StringConstraints

from swarm_ui.search.completion import complete as completed
from swarm_ui.search.reading import Fields
from swarm_ui.search.tokens import written
from swarm_ui.tasks import search as tasks
from swarm_ui.web import json_response, parse

bp = Blueprint("search", __name__, url_prefix="/search")
LISTS: dict[str, Fields] = {"tasks": tasks.FIELDS}


bp.add_app_template_filter(written, "as_typed")


class Completion(BaseModel):
    list: Literal["tasks"] = "tasks"
    text: Annotated[str, StringConstraints(max_length=1000)] = ""


@bp.get("/complete")
def complete() -> Response:
    wanted = parse(Completion, request.args)
    begins, offers = completed(wanted.text.replace("\x00", ""), LISTS[wanted.list])
    return json_response({"from": begins, "items": [offer._asdict() for offer in offers]})
