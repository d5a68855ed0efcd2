"""The first page: health at a glance, and the way to a first trace."""

from typing import Any

from flask import Blueprint, Response, current_app, g, redirect, request, url_for
from flask.blueprints import BlueprintSetupState

from swarm_ui import sample
from swarm_ui.access import local_path, needs, public
from swarm_ui.accounts import fresh
from swarm_ui.agents.strips import last_day
from swarm_ui.alerts import queries as alerts
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.formatting import so_far_ms
from swarm_ui.live import live
from swarm_ui.overview import frame, queries
from swarm_ui.overview.situation import situation_of
from swarm_ui.overview.stats import stats_of
from swarm_ui.tasks.others import usual_durations
from swarm_ui.tasks.usual import LEAST_MS, times_usual
from swarm_ui.web import done, page, wants_fragment

bp = Blueprint("overview", __name__)
bp.app_context_processor(frame.context)


@bp.record_once
def _register(state: BlueprintSetupState) -> None:
    environment = state.app.jinja_env
    environment.globals.update(frame.globals_for_templates())
    for function in (frame.day, frame.amount, frame.units):
        environment.filters[function.__name__] = function


LANGUAGES = {"env": "Environment", "python": "Python", "typescript": "TypeScript", "curl": "curl"}


@bp.get("/")
def index():
    facts = queries.space_facts()
    if not facts.has_data:
        return _reload() if wants_fragment() else _connect_page(first=True)
    return _dashboard(facts)


def _times_usual(run: Any, usual: dict[str, float | None]) -> str:
    so_far = so_far_ms(run.started_at) if run.started_at else None
    return times_usual(so_far, usual.get(run.workflow_id), LEAST_MS)


def _reload() -> Response:
    """For a page that polls and has become another one: all data was removed."""
    response = Response(status=204)
    response.headers["HX-Refresh"] = "true"
    return response


@live
def _dashboard(facts: queries.SpaceFacts) -> Response:
    pulse = queries.pulse()
    agents = queries.worst_agents()
    causes = queries.failure_causes()
    running = queries.running_now()
    usual = usual_durations({run.workflow_id for run in running if run.workflow_id})
    return page(
        "overview/index.html",
        part="overview/_dashboard.html",
        facts=facts,
        pulse=pulse,
        stats=stats_of(pulse),
        situation=situation_of(pulse, agents, causes),
        agents=agents,
        conditions=queries.condition_counts(),
        strips=last_day([agent.id for agent in agents]),
        running=running,
        usual=usual,
        times_usual={run.id: _times_usual(run, usual) for run in running},
        causes=causes,
        alerts=alerts.by_cause(),
        severities=alerts.tally(),
        activity=queries.recent_activity(),
    )


@bp.get("/connect")
def connect():
    return _connect_page(first=not queries.space_facts().has_data)


def _connect_page(first: bool) -> Response:
    """Endpoint, key and snippets. A key that was just made is shown this once."""
    fresh_key = fresh.take("key")
    language = request.args.get("lang", "env")
    response = page(
        "overview/connect.html",
        first=first,
        endpoint=current_app.config["SETTINGS"].public_url,
        fresh_key=fresh_key,
        languages=LANGUAGES,
        language=language if language in LANGUAGES else "env",
        latest=queries.latest_run(),
    )
    response.headers["Cache-Control"] = "no-store" if fresh_key else "private, no-cache"
    return response


@bp.get("/listening")
@live
def listening():
    """Asked every second by the page that waits for a first trace; sends it to the first run as soon as there is one.

    While the sample swarm is being loaded it stays: whoever pressed the button is led to the overview when all of it is there.
    """
    latest = queries.latest_run()
    first = "first" in request.args
    response = page("overview/_listening.html", latest=latest, first=first)
    if (
        first
        and wants_fragment()
        and queries.space_facts().has_data
        and (latest or not sample.busy(g.owner_id))
    ):
        response.headers["HX-Redirect"] = (
            url_for("tasks.show", task_id=latest.id) if latest else url_for("overview.index")
        )
    return response


@bp.post("/theme")
@public
def theme():
    """Auto, light or dark, kept in a cookie: also for viewers and on the sign-in page."""
    chosen = request.form.get("theme", "")
    if chosen not in frame.THEMES:
        raise Refused(422, "theme: auto, light or dark", fields={"theme": "unknown theme"})
    response = redirect(local_path(request.form.get("next")), 303)
    response.set_cookie(
        "theme", chosen, max_age=365 * 86400, samesite="Lax", secure=request.is_secure, path="/"
    )
    return response


@bp.post("/sample")
@needs("editor")
def load_sample():
    """Goes in, as it goes out, through connections of its own, which would wait for an open transaction of this request."""
    record("sample.load")
    db.session.commit()
    sample.load(g.owner_id)
    return done(url_for("overview.index"))


@bp.post("/sample/remove")
@needs("editor")
def remove_sample():
    record("sample.remove")
    db.session.commit()
    sample.remove(g.owner_id)
    return done(url_for("overview.index"))


@bp.get("/patterns")
def patterns():
    return page("patterns.html")
