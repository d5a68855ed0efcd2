"""Members of the space shown: its owner invites, changes roles and removes."""

from flask import Blueprint, current_app, g, request, url_for
from flask.typing import ResponseReturnValue

from swarm_ui.access import may, needs
from swarm_ui.accounts import entry
from swarm_ui.accounts.models import User
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.members import roster
from swarm_ui.members.forms import Invitation, NewRole
from swarm_ui.web import done, page, parse

bp = Blueprint("members", __name__, url_prefix="/settings/members")


@bp.get("", strict_slashes=False)
def index() -> ResponseReturnValue:
    return _page()


@bp.post("", strict_slashes=False)
@needs("owner")
def invite() -> ResponseReturnValue:
    typed = request.form.to_dict()
    try:
        form = parse(Invitation, typed)
        user = roster.invite(g.owner_id, form.email, form.role)
    except Refused as refused:
        db.session.rollback()
        return _page(typed, refused.fields)
    db.session.commit()
    return done(url_for("members.index", invited=user.id))


@bp.post("/<int(max=2147483647):member_id>/role")
@needs("owner")
def change_role(member_id: int) -> ResponseReturnValue:
    membership, user = roster.find(g.owner_id, member_id)
    roster.change_role(membership, user, parse(NewRole, request.form).role)
    db.session.commit()
    return done(url_for("members.index"))


@bp.post("/<int(max=2147483647):member_id>/remove")
@needs("owner")
def remove(member_id: int) -> ResponseReturnValue:
    membership, user = roster.find(g.owner_id, member_id)
    roster.remove(membership, user)
    db.session.commit()
    return done(url_for("members.index"))


def _page(typed: dict[str, str] | None = None, problems: dict[str, str] | None = None) -> ResponseReturnValue:
    rows = db.session.execute(roster.listed(g.owner_id)).all()
    return page(
        "members/index.html",
        status=422 if problems else 200,
        owner=db.session.get_one(User, g.owner_id),
        members=rows,
        roles=roster.ROLES,
        typed={"email": "", "role": "viewer", **(typed or {})},
        problems=problems or {},
        invited=next((user for _, user in rows if str(user.id) == request.args.get("invited")), None),
        may_manage=may("owner"),
        by_link_only=entry.by_link_only(),
        public_url=current_app.config["SETTINGS"].public_url,
    )
