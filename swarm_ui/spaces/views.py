"""The spaces that a person may enter: switch between them, leave one."""

from flask import Blueprint, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from swarm_ui.access import local_path, personal
from swarm_ui.accounts import people, sessions
from swarm_ui.accounts.models import Membership
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.members import roster
from swarm_ui.web import done, page

bp = Blueprint("spaces", __name__, url_prefix="/spaces")


@bp.get("", strict_slashes=False)
@personal
def index() -> ResponseReturnValue:
    rows = db.session.execute(roster.spaces_of(current_user.id)).all()
    response = page(
        "spaces/index.html",
        spaces=[(owner_id, people.called(name, email), role) for owner_id, name, email, role in rows],
        lost=current_user.lost_space or session.pop("lost_space", None),
        left=request.args.get("left") == "1",
    )
    session.pop("lost_space", None)
    return response


@bp.post("/<int(max=2147483647):owner_id>/enter")
@personal
def enter(owner_id: int) -> ResponseReturnValue:
    """This browser shows the space from now on. That somebody came is written into its trail, and that an administrator went."""
    if owner_id != current_user.id and _membership(owner_id) is None:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    if owner_id != current_user.owner_id:
        if current_user.space_role == "admin":
            record("space.leave", current_user.id, current_user.name, owner_id=current_user.owner_id)
        else:
            record("space.enter", current_user.id, current_user.name, owner_id=owner_id)
        sessions.show_space(current_user.token, owner_id)
        db.session.commit()
    return done(local_path(request.form.get("next")))


@bp.post("/<int(max=2147483647):owner_id>/leave")
@personal
def leave(owner_id: int) -> ResponseReturnValue:
    """Gives up one's place in another's space."""
    membership = _membership(owner_id)
    if membership is None:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    roster.leave(membership, current_user.id, current_user.name)
    db.session.commit()
    return done(url_for("spaces.index", left=1))


def _membership(owner_id: int) -> Membership | None:
    return db.session.get(Membership, (owner_id, current_user.id))
