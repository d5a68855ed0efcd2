"""Agents, worst first, and the page of one; making, changing and deleting them by hand."""

from datetime import timedelta
from json import dumps
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from swarm_ui.access import local_path, needs
from swarm_ui.agents import beats, editing, forms, maintenance, queries, revisions, search, standing
from swarm_ui.agents.course import drawn
from swarm_ui.agents.health import Judged, span
from swarm_ui.agents.listing import line_of
from swarm_ui.agents.models import CONDITIONS, TRACED, TYPES, Agent, AgentRevision, set_by_people
from swarm_ui.agents.strips import last_day
from swarm_ui.alerts.models import Alert
from swarm_ui.alerts.queries import by_cause
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.live import live
from swarm_ui.projection import merging
from swarm_ui.web import RowId, done, keyset, page, parse

bp = Blueprint("agents", __name__, url_prefix="/agents")


class PageQuery(BaseModel):
    cursor: str | None = Field(None, max_length=200)


class MergeForm(BaseModel):
    into: RowId | None = None


class DiffQuery(BaseModel):
    against: int | None = Field(None, ge=0, le=2**31)


@bp.get("", strict_slashes=False)
@live
def index():
    wanted = parse(queries.AgentFilter, request.args)
    if wanted.group:
        services = queries.services(wanted)
        return page("agents/index.html", part="agents/_list.html", services=services, **_frame(wanted))
    agents = keyset(
        queries.listed(wanted),
        queries.place,
        Agent.id,
        limit=queries.PAGE,
        cursor=wanted.cursor,
        ascending=True,
    )
    strips = last_day([agent.id for agent in agents.items])
    return page(
        "agents/index.html",
        part="agents/_list.html",
        agents=agents,
        lines=[line_of(Judged(agent), strips) for agent in agents.items],
        **_frame(wanted),
    )


def _frame(wanted: queries.AgentFilter) -> dict[str, Any]:
    choices = queries.choices()
    return {
        "wanted": wanted,
        "total": queries.count(wanted) if wanted.is_set else choices.agents,
        "choices": choices,
        "problems": search.read(wanted.q).problems,
        "types": TYPES,
        "conditions": CONDITIONS,
        "lengths": maintenance.LENGTHS,
        "deleted": choices.deleted,
    }


@bp.get("/<agent_id>")
@live
def show(agent_id: str) -> ResponseReturnValue:
    agent = _agent(agent_id)
    if agent.id != agent_id:
        return redirect(url_for("agents.show", agent_id=agent.id), 302)
    raw, course = standing.session_raw(), queries.course(agent_id)
    score, score_before = standing.explained(agent.user_id, agent, raw)
    return page(
        "agents/show.html",
        part="agents/_page.html",
        agent=agent,
        now=Judged(agent).now,
        maintained=maintenance.is_on(agent),
        lengths=maintenance.LENGTHS,
        edited=set_by_people(agent.origin, agent.edited),
        course=course,
        lines=drawn(course.days),
        score=score,
        score_before=score_before,
        beats=beats.read(raw, agent.user_id, agent),
        flips=queries.flips(agent_id),
        parts=merging.parts_of(agent_id),
        tasks=queries.recent_tasks(agent_id),
        causes=queries.causes(agent_id),
        others=queries.talks_with(agent_id),
        alerts=by_cause(Alert.related_agent_id == agent_id),
        looked_through=queries.RUNS_LOOKED_THROUGH,
    )


# Maintenance.


@bp.post("/<agent_id>/maintenance")
@needs("operator")
def begin_maintenance(agent_id: str) -> ResponseReturnValue:
    agent = _agent(agent_id, lock=True)
    maintenance.begin(agent, parse(maintenance.Wish, request.form))
    db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


@bp.post("/<agent_id>/maintenance/end")
@needs("operator")
def end_maintenance(agent_id: str) -> ResponseReturnValue:
    agent = _agent(agent_id, lock=True)
    if maintenance.end(agent):
        db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


@bp.post("/maintenance")
@needs("operator")
def maintain() -> ResponseReturnValue:
    """Begins or ends it for all agents that were ticked; those that are gone meanwhile are passed over."""
    wish = parse(maintenance.BulkWish, request.form)
    chosen = dict.fromkeys(request.form.getlist("agent")[: queries.PAGE])
    if not chosen:
        raise Refused(
            422, "No agent is chosen. Tick some in the list first.", fields={"agent": "Choose some."}
        )
    for agent_id in chosen:
        agent = editing.find(agent_id, lock=True) if agent_id.isascii() else None
        if agent is not None and wish.do == "begin":
            maintenance.begin(agent, wish)
        elif agent is not None:
            maintenance.end(agent)
    db.session.commit()
    return done(local_path(wish.next) if wish.next else url_for("agents.index"))


# Two entries that are one agent.


@bp.get("/<agent_id>/merge")
@needs("editor")
def confirm_merge(agent_id: str) -> Response:
    agent = _agent(agent_id)
    runs = queries.count_runs(agent.id)
    return page("agents/merge.html", agent=agent, others=merging.candidates(agent), runs=runs)


@bp.post("/<agent_id>/merge")
@needs("editor")
def merge(agent_id: str) -> ResponseReturnValue:
    agent, wanted = _agent(agent_id, lock=True), parse(MergeForm, request.form)
    if wanted.into is None:
        raise Refused(422, "Choose the agent that it is one with.", fields={"into": "Choose an agent."})
    into = _agent(wanted.into)
    merging.merge(agent, into)
    db.session.commit()
    return done(url_for("agents.show", agent_id=into.id))


@bp.post("/<agent_id>/unmerge")
@needs("editor")
def unmerge(agent_id: str) -> ResponseReturnValue:
    agent = merging.separate(agent_id)
    if agent is None:
        agent = _agent(agent_id)  # apart already
    else:
        db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


# Made and changed by hand.


@bp.get("/new")
@needs("editor")
def new() -> Response:
    return _form(None, dict.fromkeys(editing.SETTINGS))


@bp.post("/new")
@needs("editor")
def create() -> ResponseReturnValue:
    typed = _typed()
    try:
        agent = editing.create(forms.read(forms.AgentForm, typed).settings())
    except Refused as refused:
        return _form(None, typed, refused)
    db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


@bp.get("/<agent_id>/edit")
@needs("editor")
def edit(agent_id: str) -> Response:
    agent = _agent(agent_id)
    return _form(agent, forms.filled(editing.settings_of(agent)))


@bp.post("/<agent_id>/edit")
@needs("editor")
def update(agent_id: str) -> ResponseReturnValue:
    agent, typed = _agent(agent_id, lock=True), _typed()
    try:
        form = forms.read(forms.AgentForm, typed)
        if form.revision != agent.revision:
            return _overtaken(agent, typed, form.revision)
        editing.change(agent, form.settings())
    except Refused as refused:
        db.session.rollback()
        return _form(_agent(agent_id), typed, refused)
    db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


@bp.post("/<agent_id>/deactivate")
@needs("editor")
def deactivate(agent_id: str) -> ResponseReturnValue:
    return _switched(agent_id, off=True)


@bp.post("/<agent_id>/activate")
@needs("editor")
def activate(agent_id: str) -> ResponseReturnValue:
    return _switched(agent_id, off=False)


@bp.get("/<agent_id>/delete")
@needs("editor")
def confirm_delete(agent_id: str) -> Response:
    agent = _agent(agent_id)
    return page(
        "agents/delete.html", agent=agent, runs=queries.count_runs(agent.id), days=editing.KEPT_FOR.days
    )


@bp.post("/<agent_id>/delete")
@needs("editor")
def delete(agent_id: str) -> ResponseReturnValue:
    editing.delete(_agent(agent_id, lock=True))
    db.session.commit()
    return done(url_for("agents.deleted"))


@bp.get("/deleted")
def deleted() -> Response:
    wanted = parse(PageQuery, request.args)
    agents = keyset(queries.deleted(), Agent.deleted_at, Agent.id, limit=queries.PAGE, cursor=wanted.cursor)
    return page("agents/deleted.html", agents=agents, wanted=wanted, kept_for=editing.KEPT_FOR)


@bp.post("/<agent_id>/restore")
@needs("editor")
def restore(agent_id: str) -> ResponseReturnValue:
    agent = editing.find(agent_id, lock=True, deleted=True)
    if agent is None:
        agent = _agent(agent_id)  # restored already
    elif editing.restore(agent):
        db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


# What it was set to before.


@bp.get("/<agent_id>/revisions")
def history(agent_id: str) -> Response:
    agent, wanted = _agent(agent_id), parse(PageQuery, request.args)
    found, changed = revisions.page_of(agent, wanted.cursor)
    return page("agents/revisions.html", agent=agent, revisions=found, changed=changed, wanted=wanted)


@bp.get("/<agent_id>/revisions/<int:number>")
def revision(agent_id: str, number: int) -> Response:
    """All that it held; or against another one, what differs."""
    agent, wanted = _agent(agent_id), parse(DiffQuery, request.args)
    kept = _revision(agent, number)
    against = number - 1 if wanted.against is None else wanted.against
    other = _revision(agent, against) if against else None
    return page(
        "agents/revision.html",
        agent=agent,
        kept=kept,
        other=other,
        changes=revisions.changes(other.snapshot, kept.snapshot) if other else [],
        whole=revisions.shown(kept.snapshot),
    )


@bp.post("/<agent_id>/revisions/<int:number>/restore")
@needs("editor")
def restore_revision(agent_id: str, number: int) -> ResponseReturnValue:
    agent = _agent(agent_id, lock=True)
    editing.restore_revision(agent, _revision(agent, number))
    db.session.commit()
    return done(url_for("agents.history", agent_id=agent.id))


def _agent(agent_id: str, *, lock: bool = False) -> Agent:
    return editing.find(agent_id, lock=lock) or abort(404)


def _revision(agent: Agent, number: int) -> AgentRevision:
    if not 0 < number <= 2**31:
        abort(404)
    return revisions.one(agent.id, number) or abort(404)


def _switched(agent_id: str, *, off: bool) -> ResponseReturnValue:
    agent = _agent(agent_id, lock=True)
    if editing.switch(agent, off=off):
        db.session.commit()
    return done(url_for("agents.show", agent_id=agent.id))


def _typed() -> dict[str, Any]:
    # The whole of a long description has to arrive, so that it can be said what is too long about it.
    request.max_form_memory_size = forms.LARGEST_FORM
    return request.form.to_dict()


def _form(
    agent: Agent | None, typed: dict[str, Any], refused: Refused | None = None, **more: Any
) -> Response:
    """With what was typed and what is wrong with it."""
    return page(
        "agents/form.html",
        status=more.pop("status", refused.status if refused else 200),
        agent=agent,
        typed={column: typed.get(column) or "" for column in editing.SETTINGS},
        problems=refused.fields if refused else {},
        types=TYPES,
        traced={column: getattr(agent, editing.SETTINGS[column]) for column in TRACED} if agent else {},
        edited=set_by_people(agent.origin, agent.edited) if agent else frozenset(),
        met=agent is not None and editing.is_met(agent),
        meanwhile=more.get("meanwhile"),
        by=more.get("by"),
    )


def _overtaken(agent: Agent, typed: dict[str, Any], seen: int) -> Response:
    """Somebody saved it since the form was opened: what they changed, above what is typed here."""
    newest = revisions.one(agent.id, agent.revision)
    base = revisions.one(agent.id, max(1, seen))
    meanwhile = revisions.changes(base.snapshot, newest.snapshot) if base and newest else []
    return _form(agent, typed, status=409, meanwhile=meanwhile, by=newest)


@bp.app_template_filter()
def seconds_said(seconds: int) -> str:
    return span(timedelta(seconds=seconds))


@bp.app_template_filter()
def json_lines(value: Any) -> str:
    return dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
