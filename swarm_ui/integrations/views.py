"""Switching off a framework, whose data is then refused, and on again. The list of them stands on the settings page."""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from swarm_ui.access import needs
from swarm_ui.audit import record
from swarm_ui.extensions import db
from swarm_ui.integrations.models import Integration
from swarm_ui.integrations.queries import switch
from swarm_ui.web import done

bp = Blueprint("integrations", __name__, url_prefix="/settings/integrations")


@bp.post("/<integration_id>/off")
@needs("editor")
def switch_off(integration_id: str) -> ResponseReturnValue:
    return _switch(integration_id, False)


@bp.post("/<integration_id>/on")
@needs("editor")
def switch_on(integration_id: str) -> ResponseReturnValue:
    return _switch(integration_id, True)


def _switch(integration_id: str, active: bool) -> ResponseReturnValue:
    framework = db.get_or_404(Integration, integration_id).framework
    if switch(framework, active):
        verb = "switch_on" if active else "switch_off"
        record(
            f"integration.{verb}",
            integration_id,
            framework,
            before={"active": not active},
            after={"active": active},
        )
        db.session.commit()
    return done(url_for("settings.integrations"))
