"""Saved views: what is shown now under a name, for everybody in the space."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request, url_for
from pydantic import AfterValidator, BaseModel, StringConstraints
from werkzeug.datastructures import MultiDict

from swarm_ui.access import needs
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.saved import queries
from swarm_ui.saved.models import SavedView
from swarm_ui.search.tokens import clean
from swarm_ui.tasks import address
from swarm_ui.tasks import search as task_search
from swarm_ui.web import done, parse

bp = Blueprint("saved", __name__, url_prefix="/saved-views")

Name = Annotated[
    str, AfterValidator(clean), StringConstraints(strip_whitespace=True, min_length=1, max_length=100)
]


class NewView(BaseModel):
    list: Literal["tasks"] = "tasks"
    name: Name
    query: Annotated[str, StringConstraints(max_length=2000)] = ""


class Naming(BaseModel):
    name: Name


@bp.post("")
@needs("editor")
def create() -> Response:
    form = parse(NewView, request.form)
    view = queries.save(form.list, form.name, _checked(form.query))
    db.session.commit()
    return done(_shown(view))


@bp.post("/<view_id>/rename")
@needs("editor")
def rename(view_id: str) -> Response:
    view = db.get_or_404(SavedView, view_id)
    queries.rename(view, parse(Naming, request.form).name)
    db.session.commit()
    return done(_shown(view))


@bp.post("/<view_id>/delete")
@needs("editor")
def delete(view_id: str) -> Response:
    view = db.get_or_404(SavedView, view_id)
    target = _shown(view)
    queries.remove(view)
    db.session.commit()
    return done(target)


def _checked(query: str) -> str:
    """Written anew, so that it holds nothing but an address of the list that makes sense. Raises Refused (422)."""
    here = address.read(MultiDict(parse_qsl(query)), lambda _key, _value: None)
    if problems := task_search.read(here.text).problems:
        raise Refused(
            422, f"{problems[0].token}: {problems[0].message}", fields={"query": problems[0].message}
        )
    return here.query


def _shown(view: SavedView) -> str:
    return url_for("tasks.index") + (f"?{view.query}" if view.query else "")
