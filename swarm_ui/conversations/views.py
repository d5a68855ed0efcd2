"""Runs of one session as one conversation. A session's id is whatever a client calls it, so it stands in the query, not in the path."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, request, url_for
from markupsafe import Markup
from pydantic import BaseModel, Field, field_validator

from swarm_ui.conversations import queries
from swarm_ui.formatting import duration, elapsed, so_far_ms
from swarm_ui.ingest.contents import gist
from swarm_ui.live import live
from swarm_ui.tasks import pretty
from swarm_ui.tasks.listing import assigned
from swarm_ui.tasks.models import STATUSES
from swarm_ui.tasks.queries import names_of, workflow_names
from swarm_ui.web import page, parse

bp = Blueprint("conversations", __name__, url_prefix="/conversations")
# Of what was asked and answered so much stands here; a run's page has all of it.
LONGEST = 1_200


class Wanted(BaseModel):
    session: str | None = Field(None, max_length=255)
    cursor: str | None = Field(None, max_length=200)

    @field_validator("session")
    @classmethod
    def _storable(cls, value: str | None) -> str | None:
        return value.replace("\x00", "") if value else None


@bp.get("")
@live
def index() -> Response:
    """The newest conversations, or the one that is named."""
    wanted = parse(Wanted, request.args)
    if wanted.session:
        return _show(wanted.session, wanted.cursor)
    found, older = queries.newest()
    return page(
        "conversations/index.html",
        part="conversations/_list.html",
        conversations=found,
        times=_times(found),
        statuses=STATUSES,
        look_back=queries.LOOK_BACK if older else None,
    )


def _times(sums: Sequence[Any]) -> dict[str, Markup | str]:
    """How long each conversation's runs were at work. While one of them goes on, its time counts on from what the others took."""
    going_on = [one.session_id for one in sums if one.running]
    starts = queries.starts_of(going_on) if going_on else {}
    return {one.session_id: _time_at_work(one.time, starts.get(one.session_id, [])) for one in sums}


def _time_at_work(ended: int | None, starts: Sequence[datetime]) -> Markup | str:
    if len(starts) == 1:
        return elapsed(starts[0] - timedelta(milliseconds=int(ended or 0)))
    # Several at once count faster than a clock.
    return duration(sum(map(so_far_ms, starts), int(ended or 0)) if starts else ended)


class Said(NamedTuple):
    """`is_gist` where the words were picked out of more."""

    shown: pretty.Shown
    is_gist: bool


def _said(content: Any) -> Said | None:
    """The words of what a run was asked or answered; all of it where they are not to be told apart."""
    data = content.get("data") if isinstance(content, dict) else None
    for _ in range(3):
        if words := gist(data):
            found = pretty.show(words, LONGEST)
            return Said(found, True) if found else None
        # {"inputs": {"messages": […]}}
        data = (
            next((item for item in data.values() if isinstance(item, (dict, list))), None)
            if isinstance(data, dict)
            else None
        )
    found = pretty.show(content, LONGEST)
    return Said(found, False) if found else None


def _show(session: str, cursor: str | None) -> Response:
    sums = queries.sums_of(session)
    if sums is None:
        abort(404)
    runs = queries.runs_of(session, cursor)
    names = names_of(agent_id for run in runs.items for agent_id in assigned(run)[:20])
    return page(
        "conversations/show.html",
        part="conversations/_runs.html",
        name=session,
        sums=sums,
        time=_times([sums])[sums.session_id],
        statuses=STATUSES,
        runs=runs,
        cursor=cursor,
        names=names,
        agents={
            run.id: [names[agent][0] for agent in assigned(run)[:20] if agent in names] for run in runs.items
        },
        workflows=workflow_names(run.workflow_id for run in runs.items),
        inputs={run.id: _said(run.input) for run in runs.items},
        results={run.id: _said(run.result) for run in runs.items},
        next_url=runs.next and url_for("conversations.index", session=session, cursor=runs.next),
        first_url=url_for("conversations.index", session=session),
    )
