"""The list of alerts; resolve and reopen."""

from urllib.parse import parse_qsl, urlsplit

from flask import Blueprint, Response, request, url_for

from swarm_ui.access import local_path, needs
from swarm_ui.alerts import queries
from swarm_ui.alerts import search as alert_search
from swarm_ui.alerts.models import SEVERITIES, TYPES, Alert
from swarm_ui.alerts.triage import settle
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.formatting import ago
from swarm_ui.live import live
from swarm_ui.web import done, keyset, page, parse

bp = Blueprint("alerts", __name__, url_prefix="/alerts")


@bp.get("", strict_slashes=False)
@live
def index():
    wanted = parse(queries.AlertFilter, request.args)
    alerts = keyset(
        queries.listed(wanted), Alert.created_at, Alert.id, limit=queries.PAGE, cursor=wanted.cursor
    )
    return page(
        "alerts/index.html",
        part="alerts/_list.html",
        wanted=wanted,
        alerts=alerts,
        lines=[(alert, ago(alert.created_at), ago(alert.resolved_at)) for alert in alerts.items],
        total=queries.count(wanted),
        problems=alert_search.read(wanted.q).problems,
        severities=SEVERITIES[::-1],
        types=TYPES,
    )


@bp.post("/<alert_id>/resolve")
@needs("operator")
def resolve(alert_id: str) -> Response:
    alert = db.get_or_404(Alert, alert_id)
    settle(alert, resolved=True)
    return _changed(alert)


@bp.post("/<alert_id>/reopen")
@needs("operator")
def reopen(alert_id: str) -> Response:
    alert = db.get_or_404(Alert, alert_id)
    settle(alert, resolved=False)
    return _changed(alert)


def _list_at(address: str) -> queries.AlertFilter | None:
    """The list that the alert stands in, whose head says how many there are; None where the address is not one of it."""
    try:
        return parse(queries.AlertFilter, dict(parse_qsl(urlsplit(address).query)))
    except (Refused, ValueError):
        return None


def _changed(alert: Alert) -> Response:
    db.session.commit()
    back = request.form.get("next")
    wanted = _list_at(back) if back else None
    row = db.session.execute(queries.rows().where(Alert.id == alert.id)).one()
    return done(
        local_path(back) if back else url_for("alerts.index"),
        part="alerts/_changed.html",
        alert=row,
        wanted=wanted,
        total=queries.count(wanted) if wanted else None,
    )
