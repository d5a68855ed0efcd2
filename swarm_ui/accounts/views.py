"""Signing in and out."""

from flask import Blueprint, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from swarm_ui.access import local_path, public
from swarm_ui.accounts import entry, people, providers, sessions, throttle
from swarm_ui.accounts.entry import LinkState
from swarm_ui.audit import Actor, record
from swarm_ui.extensions import db
from swarm_ui.web import page

bp = Blueprint("accounts", __name__)
GONE = {LinkState.UNKNOWN: 404, LinkState.USED: 410, LinkState.EXPIRED: 410}


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    """How to get in: a button for each provider, or the one-time link, for which the page that was wanted is remembered in this browser."""
    wanted = local_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(wanted)
    if request.args.get("next"):
        session["next"] = wanted
    wanted_page = wanted if request.args.get("next") else None
    return _private(page("accounts/login.html", wanted=wanted_page, providers=providers.configured()))


@bp.get("/login/<token>")
@public
def enter(token: str) -> ResponseReturnValue:
    """A page with a button: programs that preview links must not use it up."""
    throttle.check("login")
    state = entry.state_of(token)
    if state is not LinkState.READY:
        return _link_is_gone(state)
    return _private(page("accounts/enter.html", token=token))


@bp.post("/login/<token>")
@public
def use_link(token: str) -> ResponseReturnValue:
    throttle.check("login")
    user = entry.use(token)
    if user is None:
        db.session.rollback()
        return _link_is_gone(entry.state_of(token))
    wanted = local_path(session.get("next"))
    people.sign_in(user, "link")
    return _private(redirect(wanted, 303))


@bp.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """Ends this session, on the server too. Open to strangers, whose session may just have ended by itself."""
    if current_user.is_authenticated:
        actor = Actor(current_user.id, current_user.name, "page")
        record("session.end", current_user.id, current_user.name, owner_id=current_user.id, actor=actor)
        sessions.end(current_user.token)
        db.session.commit()
    logout_user()
    session.clear()
    return redirect(url_for("accounts.login"), 303)


def _link_is_gone(state: LinkState) -> ResponseReturnValue:
    """Only what was never a link counts as a failure: people click on old ones."""
    if state is LinkState.UNKNOWN:
        throttle.failed("login")
    return _private(page("accounts/gone.html", status=GONE.get(state, 410), state=state.value))


def _private(response: ResponseReturnValue) -> ResponseReturnValue:
    """Not to be kept by any cache, not even the browser's."""
    response = make_response(response)
    response.headers["Cache-Control"] = "no-store"
    return response
