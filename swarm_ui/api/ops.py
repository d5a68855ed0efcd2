"""The product's own health, for whoever runs it: alive, ready, measured."""

import ipaddress

from flask import Blueprint, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError

from swarm_ui import clock, dbcheck, telemetry
from swarm_ui.access import presented_key, public
from swarm_ui.accounts import keys
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest.models import TraceDirty
from swarm_ui.settings.queries import ALIVE_US
from swarm_ui.tenancy import everyone
from swarm_ui.web import json_response
from swarm_ui.worker.models import WorkerSeen

bp = Blueprint("ops", __name__, url_prefix="/-")
FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")


@bp.get("/healthy")
@public
def healthy() -> ResponseReturnValue:
    """The process answers; nothing else is asked."""
    return json_response({"ok": True})


@bp.get("/ready")
@public
def ready() -> ResponseReturnValue:
    """It can do its work: the database answers and is migrated, a worker lives."""
    problems = _problems()
    return json_response({"ok": not problems, "problems": problems}, 503 if problems else 200)


def _problems() -> list[str]:
    try:
        with db.engine.connect() as connection:
            revision, newest = dbcheck.revision_of(connection), dbcheck.newest_revision()
            if revision != newest:
                return [f"the database is at migration {revision or 'none'}, this version needs {newest}"]
            seen = connection.execute(select(func.max(WorkerSeen.seen_at))).scalar()
    except SQLAlchemyError:
        return ["the database cannot be reached"]
    if seen is None or seen <= clock.now_us() - ALIVE_US:
        return ["no worker gave a sign of life within 15 seconds"]
    return []


@bp.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """For Prometheus. Open to this machine, otherwise to keys with the scope read."""
    _check_peer()
    return Response(telemetry.render(_gauges()), content_type=telemetry.CONTENT_TYPE)


def _check_peer() -> None:
    if _comes_from_here():
        return
    presented = presented_key()
    holder = keys.find(presented) if presented else None
    if holder is None:
        raise Refused(
            401, "Ask from this machine, or send a key with the scope 'read' as `Authorization: Bearer KEY`."
        )
    if "read" not in holder.scopes:
        raise Refused(403, "This API key has no scope 'read'.")


def _comes_from_here() -> bool:
    """Not what a proxy on this machine forwards: its headers count even where nobody told us to trust it."""
    if not current_app.config["SETTINGS"].trusted_proxies and any(
        name in request.headers for name in FORWARDED
    ):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _gauges() -> dict[str, float | None]:
    """How far the worker is behind, and what it set aside."""
    waiting_since = func.min(case((TraceDirty.error.is_(None), TraceDirty.dirty_at)))
    statement = select(func.count(), func.count(TraceDirty.error), waiting_since).select_from(TraceDirty)
    marked, aside, oldest = db.session.execute(
        everyone(statement, "the worker's backlog is that of all owners")
    ).one()
    return {
        "swarm_projection_lag_seconds": max(0, clock.now_us() - oldest) / 1e6 if oldest else 0,
        "swarm_dirty_traces": marked - aside,
        "swarm_set_aside_traces": aside,
    }
