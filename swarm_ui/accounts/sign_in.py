"""/login/<provider>/…: to an identity provider and back. What has to come back is kept in the browser's signed cookie, and is good once."""

import logging
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from flask import Blueprint, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from swarm_ui import clock
from swarm_ui.access import local_path, personal, public
from swarm_ui.accounts import providers, throttle
from swarm_ui.accounts.models import UsedState, User
from swarm_ui.accounts.refusals import refusal
from swarm_ui.config_providers import Provider
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.web import page

bp = Blueprint("sign_in", __name__)
log = logging.getLogger(__name__)

BEGUN = "sign_ins"  # in the cookie
MOST_BEGUN = 3  # in as many tabs at once; the cookie has to stay small
LIFETIME = timedelta(minutes=15)
# What providers say in the address when they do not sign somebody in. Anybody can write an address: nothing else of it is shown or logged.
_CANCELLED = ("access_denied", "interaction_required", "login_required", "consent_required")
_SET_UP_WRONG = (
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "redirect_uri_mismatch",
)
# What somebody gets who guesses; who is not invited, or comes from a provider that is down, guesses nothing.
GUESSED = frozenset({"unknown_state", "no_code", "code_refused"})
REFUSED_THERE = {
    **{error: ("cancelled", error) for error in _CANCELLED},
    **{error: ("wrong_settings", error) for error in _SET_UP_WRONG},
    **{error: ("provider_error", error) for error in ("server_error", "temporarily_unavailable")},
}


@bp.post("/login/<provider>/begin")
@public
def begin(provider: str) -> ResponseReturnValue:
    """A page that leads on by itself. Not a redirect: the browser would hold the form's own policy against the provider, and whoever it redirects to."""
    throttle.check("login")
    return _leave(_known(provider), local_path(request.form.get("next") or session.get("next")))


@bp.get("/login/connect")
@personal
def connections() -> ResponseReturnValue:
    """Which way the account signs in; whoever came by a link may choose one."""
    open_id = db.session.scalar(select(User.open_id).where(User.id == current_user.id))
    way = None if open_id is None else providers.way_of(open_id)
    return page(
        "accounts/connect.html",
        way=way,
        may_connect=providers.may_connect(open_id),
        providers=providers.configured(),
    )


@bp.post("/login/<provider>/connect")
@personal
def connect(provider: str) -> ResponseReturnValue:
    """As `begin`, for the account that is signed in; what comes of it is written down when the provider has answered."""
    return _leave(_known(provider), url_for("sign_in.connections"), connect=current_user.id)


def _leave(chosen: Provider, wanted: str, **more: Any) -> ResponseReturnValue:
    from swarm_ui.accounts import oauth

    db.session.rollback()  # nothing is held while the provider is asked
    try:
        address, kept = oauth.begin(chosen)
    except oauth.Failed as failed:
        return _refused(chosen, failed.reason, str(failed), wanted)
    until = int((clock.now() + LIFETIME).timestamp())
    begun = {
        **kept,
        "provider": chosen.name,
        "next": wanted if len(wanted) <= 500 else "",
        "until": until,
        **more,
    }
    session[BEGUN] = [*session.get(BEGUN, ()), begun][-MOST_BEGUN:]
    return _private(page("accounts/leaving.html", provider=chosen, address=address))


@bp.get("/login/<provider>/callback")
@public
def callback(provider: str) -> ResponseReturnValue:
    from swarm_ui.accounts import admission, oauth

    throttle.check("login")
    chosen = _known(provider)
    begun = _take(chosen, request.args.get("state", ""))
    db.session.rollback()
    if begun is None or not _is_first_use(begun):
        return _refused(chosen, "used" if begun else _without_state(chosen))
    wanted = local_path(begun["next"])
    if error := request.args.get("error"):
        return _refused(
            chosen, *REFUSED_THERE.get(error, ("provider_error", "it came back with another error")), wanted
        )
    if not request.args.get("code"):
        return _refused(chosen, "no_code", "it came back without a code", wanted)
    try:
        identity = oauth.finish(chosen, begun, request.args.to_dict())
    except oauth.Failed as failed:
        return _refused(chosen, failed.reason, str(failed), wanted)
    try:
        if "connect" not in begun:
            admission.sign_in(identity, chosen.name)
        elif current_user.is_authenticated and current_user.id == begun["connect"]:
            admission.connect(identity, current_user.id)
        else:  # signed out meanwhile, or somebody else is in
            return _refused(chosen, "unknown_state", "the account to connect is not signed in", wanted)
    except admission.NotAdmitted as refused:
        return _refused(chosen, refused.reason, "", wanted, email=identity.email, way=refused.way)
    return _private(redirect(wanted, 303))


def _known(name: str) -> Provider:
    provider = providers.called(name)
    if provider is None:
        raise Refused(404, "There is no such way to sign in here.")
    return provider


def _take(provider: Provider, state: str) -> dict[str, Any] | None:
    """What this browser began under this state; it is forgotten, whatever comes of it."""
    all_begun = session.get(BEGUN, [])
    found = [
        one for one in all_begun if compare_digest(one["state"].encode(), state.encode("utf-8", "replace"))
    ]
    if not found:
        return None
    session[BEGUN] = [one for one in all_begun if one not in found]
    begun: dict[str, Any] = found[0]
    fits = begun["provider"] == provider.name and begun["until"] > clock.now().timestamp()
    return begun if fits else None


def _without_state(provider: Provider) -> str:
    """Why nothing was found. Some providers leave the state out when consent is refused; to say so to who has just been there harms nobody."""
    state, error = request.args.get("state", ""), request.args.get("error", "")
    was_there = any(one["provider"] == provider.name for one in session.get(BEGUN, ()))
    if not state and was_there and REFUSED_THERE.get(error, ("",))[0] == "cancelled":
        return "cancelled"
    return "used" if _was_used(state) else "unknown_state"


def _is_first_use(begun: dict[str, Any]) -> bool:
    """The cookie alone cannot tell: an older copy of it still holds what was taken. Committed before the provider is asked."""
    now = clock.now_us()
    try:
        with db.engine.execution_options(writes=True).begin() as connection:
            connection.execute(delete(UsedState).where(UsedState.expires_at < now))
            row = {"hash": _hash(begun["state"]), "expires_at": now + LIFETIME // timedelta(microseconds=1)}
            connection.execute(insert(UsedState).values(row))
    except IntegrityError:
        return False
    return True


def _was_used(state: str) -> bool:
    used = db.session.scalar(select(UsedState.hash).where(UsedState.hash == _hash(state))) is not None
    db.session.rollback()
    return used


def _hash(state: str) -> str:
    return sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(
    provider: Provider,
    reason: str,
    detail: str = "",
    wanted: str | None = None,
    email: str | None = None,
    way: str | None = None,
) -> ResponseReturnValue:
    said = refusal(reason, provider.label)
    if reason in GUESSED:
        throttle.failed("login")
    log.warning("sign-in refused", extra={"provider": provider.name, "reason": reason, "detail": detail})
    return _private(
        page("accounts/refused.html", status=said.status, said=said, wanted=wanted, email=email, way=way)
    )


def _private(response: ResponseReturnValue) -> ResponseReturnValue:
    response = make_response(response)
    response.headers["Cache-Control"] = "no-store"
    return response
