"""/ping/KEY/AGENT-NAME: a sign of life from whatever can open an address, such as curl and cron. The key may do nothing else."""

import unicodedata

from flask import Blueprint, Response, current_app, g, request

from swarm_ui.access import by_key_in_path
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import heartbeats
from swarm_ui.jsontext import clean_text
from swarm_ui.rawsql import Busy
from swarm_ui.web import json_response
from swarm_ui.worker import doorbell

bp = Blueprint("pings", __name__)
LARGEST = 64 * 1024


@bp.route("/ping/<ping_key>/<name>", methods=["GET", "POST"])
@by_key_in_path("ping")
def ping(ping_key: str, name: str) -> Response:
    """`ping_key` is read by the wall. What it says may be in the query, a form or a JSON object; a text that is none of them is its message."""
    name = " ".join(clean_text(name, None).split())
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in name):
        raise Refused(422, "An agent needs a name that can be seen.", fields={"name": "This is needed."})
    if len(name) > heartbeats.LONGEST_NAME:
        raise Refused(
            422, f"name: At most {heartbeats.LONGEST_NAME} characters.", fields={"name": "This is too long."}
        )
    said = heartbeats.said_by(_fields())
    service = request.args.get("service")
    if service is not None:
        service = " ".join(clean_text(service, 255).split())
    try:
        agent_id = heartbeats.find(db.engine, g.owner_id, name, service)
        if agent_id is None:
            if not current_app.config["SETTINGS"].heartbeat_registers:
                raise Refused(
                    404, "There is no agent with this name, and unknown agents are not registered here."
                )
            agent_id = heartbeats.register(db.engine, g.owner_id, name, service or "")
            doorbell.ring(current_app.config["SETTINGS"].data_dir)
        heartbeats.take(db.engine, g.owner_id, agent_id, said)
    except Busy as error:
        raise Refused(503, "The heartbeat could not be stored now. Send it again.", retry_after=2) from error
    return json_response({"desiredState": "run", "agentId": agent_id})


def _fields() -> object:
    fields: dict[str, object] = request.args.to_dict()  # type: ignore[assignment]
    if request.method != "POST":
        return fields
    if (request.content_length or 0) > LARGEST:
        raise Refused(413, f"A heartbeat may have {LARGEST} bytes.")
    if request.is_json:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise Refused(400, "The body must be a JSON object.")
        return fields | body
    if request.form:
        # curl -d "all is well" sends a form with one name and no value.
        if len(request.form) == 1 and not next(iter(request.form.values())):
            return fields | {"message": next(iter(request.form))}
        return fields | request.form.to_dict()
    text = request.get_data(cache=False)[:LARGEST].decode("utf-8", "replace")
    return fields | ({"message": text} if text else {})
