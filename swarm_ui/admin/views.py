"""The installation's people, for administrators: who there is, what they may, and a look into their space."""

from typing import Annotated, Literal

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import BaseModel, BeforeValidator, Field, StringConstraints
from sqlalchemy import func, select

from swarm_ui import clock
from swarm_ui.access import administration
from swarm_ui.accounts import entry, fresh, people, sessions
from swarm_ui.accounts.models import BrowserSession, Membership, User
from swarm_ui.admin import people as acts
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.settings.forms import cleaned
from swarm_ui.space.sizes import size_of
from swarm_ui.web import done, page, parse

bp = Blueprint("admin", __name__, url_prefix="/admin")


class PeopleFilter(BaseModel):
    q: (
        Annotated[
            str, StringConstraints(strip_whitespace=True, max_length=200), BeforeValidator(cleaned(None))
        ]
        | None
    ) = None
    role: Literal["user", "admin"] | None = None
    state: Literal["active", "disabled", "invited"] | None = None
    # The id after which the page begins.
    cursor: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class NewRole(BaseModel):
    role: Literal["user", "admin"]


class Look(BaseModel):
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=500), BeforeValidator(cleaned(None))
    ] = ""


@bp.get("", strict_slashes=False)
@administration
def index() -> ResponseReturnValue:
    wanted = parse(PeopleFilter, request.args)
    statement = acts.listed(wanted.q, wanted.role, wanted.state).where(User.id > (wanted.cursor or 0))
    rows = db.session.execute(statement.limit(acts.PAGE + 1)).all()
    more = len(rows) > acts.PAGE
    return page(
        "admin/index.html",
        part="admin/_list.html",
        wanted=wanted,
        rows=rows[: acts.PAGE],
        next=rows[acts.PAGE - 1][0].id if more else None,
        states=acts.STATES,
        state_of=acts.state_of,
        called=people.called,
    )


@bp.get("/people/<int(max=2147483647):user_id>")
@administration
def show(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    kept = fresh.take("link")
    for_whom, _, link = (kept or "").partition(" ")
    alive = select(func.count()).where(BrowserSession.member_id == user.id, *sessions.alive(clock.now()))
    members = select(func.count()).select_from(Membership).where(Membership.owner_id == user.id)
    response = page(
        "admin/show.html",
        user=user,
        name=people.called(user.name, user.email),
        state=acts.state_of(user),
        sessions=db.session.scalar(alive),
        members=db.session.scalar(members),
        size=size_of(user.id),
        by_link_only=entry.by_link_only(),
        link=link if for_whom == str(user.id) else "",
    )
    if link:
        response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/people/<int(max=2147483647):user_id>/role")
@administration
def change_role(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    acts.set_role(user, parse(NewRole, request.form).role)
    return _changed(user)


@bp.post("/people/<int(max=2147483647):user_id>/disable")
@administration
def disable(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    if user.id == current_user.id:
        raise Refused(409, "Nobody disables themselves. Let another administrator do it.")
    acts.disable(user)
    return _changed(user)


@bp.post("/people/<int(max=2147483647):user_id>/enable")
@administration
def enable(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    acts.enable(user)
    return _changed(user)


@bp.post("/people/<int(max=2147483647):user_id>/end-sessions")
@administration
def end_sessions(user_id: int) -> ResponseReturnValue:
    user = db.get_or_404(User, user_id)
    acts.end_sessions(user)
    return _changed(user)


@bp.post("/people/<int(max=2147483647):user_id>/link")
@administration
def make_link(user_id: int) -> ResponseReturnValue:
    """A one-time sign-in link for this person, where no identity provider lets them in; shown once."""
    user = db.get_or_404(User, user_id)
    if not entry.by_link_only():
        raise Refused(409, "People sign in with the identity provider here; there are no links for them.")
    if not user.email or user.disabled_at:
        raise Refused(409, "A link is for somebody with an e-mail address who is not disabled.")
    fresh.keep("link", f"{user.id} {entry.new_link(db.session, user.email)}")
    record("login_link.make", user.id, user.email, owner_id=user.id)
    return _changed(user)


@bp.post("/people/<int(max=2147483647):user_id>/look")
@administration
def look(user_id: int) -> ResponseReturnValue:
    """Shows their space to the administrator, and says so in its trail, for its owner to read."""
    user = db.get_or_404(User, user_id)
    form = parse(Look, request.form)
    if user.id != current_user.owner_id:
        name = people.called(user.name, user.email)
        record("space.look", current_user.id, name, after={"reason": form.reason or None}, owner_id=user.id)
        sessions.show_space(current_user.token, user.id)
        db.session.commit()
    return done(url_for("overview.index"))


def _changed(user: User) -> ResponseReturnValue:
    target = url_for("admin.show", user_id=user.id)
    db.session.commit()
    return done(target)
