"""Settings, a page each: profile, sessions, keys, integrations, about."""

from typing import Any

from flask import Blueprint, current_app, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from swarm_ui import clock
from swarm_ui.access import local_path, needs, personal
from swarm_ui.accounts import fresh, keys, sessions
from swarm_ui.accounts.models import ApiKey, User
from swarm_ui.audit import columns_of, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.integrations.queries import frameworks
from swarm_ui.integrations.snippets import SNIPPETS
from swarm_ui.settings.browsers import browser_of
from swarm_ui.settings.forms import EXPIRES, KeyForm, ProfileForm, zones
from swarm_ui.settings.queries import (
    database_facts,
    has_sample,
    listed_keys,
    worker_facts,
)
from swarm_ui.web import done, page, parse

bp = Blueprint("settings", __name__, url_prefix="/settings")
THEME_LASTS = 365 * 86400


@bp.get("", strict_slashes=False)
def index() -> ResponseReturnValue:
    return _profile_page()


@bp.post("/profile")
@personal
def update_profile() -> ResponseReturnValue:
    typed = request.form.to_dict()
    try:
        form = parse(ProfileForm, typed)
    except Refused as refused:
        return _profile_page(typed, refused.fields)
    user = db.session.get_one(User, current_user.id)
    before = {"name": user.name, "preferences": user.preferences or {}}
    user.name, user.preferences = form.name, form.preferences()
    after = {"name": user.name, "preferences": user.preferences}
    if before != after:
        record("profile.update", user.id, user.name, before=before, after=after, owner_id=user.id)
        db.session.commit()
    response = make_response(done(url_for("settings.index", saved=1)))
    response.set_cookie(
        "theme", form.theme, max_age=THEME_LASTS, samesite="Lax", secure=request.is_secure, path="/"
    )
    return response


@bp.get("/sessions")
def list_sessions() -> ResponseReturnValue:
    mine = db.session.scalars(sessions.of(current_user.id).limit(sessions.MOST_SHOWN)).all()
    return page("settings/sessions.html", sessions=mine, browser_of=browser_of)


@bp.post("/sessions/<session_id>/end")
@personal
def end_session(session_id: str) -> ResponseReturnValue:
    """Ending the session that asks is signing out."""
    ended = sessions.end_one(current_user.id, session_id)
    if ended is None:
        raise Refused(404, "This session is over already, or it is not yours.")
    record("session.end", session_id, browser_of(ended), owner_id=current_user.id)
    itself = session_id == current_user.session_id
    db.session.commit()
    if itself:
        logout_user()
        session.clear()
        return redirect(url_for("accounts.login"), 303)
    return done(url_for("settings.list_sessions"))


@bp.post("/sessions/end-others")
@personal
def end_other_sessions() -> ResponseReturnValue:
    ended = sessions.end_all(current_user.id, but=current_user.token)
    if ended:
        record(
            "session.end_others",
            current_user.id,
            current_user.name,
            after={"ended": ended},
            owner_id=current_user.id,
        )
        db.session.commit()
    return done(url_for("settings.list_sessions"))


@bp.get("/keys")
def list_keys() -> ResponseReturnValue:
    return _keys_page()


@bp.post("/keys")
@needs("editor")
def create_key() -> ResponseReturnValue:
    """Made here or on the empty overview; the page at `next` shows it once."""
    typed: dict[str, object] = {**request.form.to_dict(), "scopes": request.form.getlist("scopes")}
    try:
        form = parse(KeyForm, typed)
    except Refused as refused:
        # What is wrong with the whole form is wrong with its date.
        fields = {field.partition(".")[0]: said for field, said in refused.fields.items()}
        return _keys_page(
            typed, {"until" if field == "body" else field: said for field, said in fields.items()}
        )
    key, text = keys.make(
        current_user.owner_id, current_user.id, form.name, list(form.scopes), form.expires_at
    )
    record("key.create", key.id, key.name, after=columns_of(key, keys.AUDITED))
    fresh.keep("key", text)
    db.session.commit()
    return done(local_path(form.next) if form.next else url_for("settings.list_keys"))


@bp.post("/keys/<key_id>/revoke")
@needs("editor")
def revoke_key(key_id: str) -> ResponseReturnValue:
    key = db.get_or_404(ApiKey, key_id)
    if key.revoked_at is None:
        keys.revoke(key)
        record("key.revoke", key.id, key.name, before=columns_of(key, keys.AUDITED))
        db.session.commit()
    return done(url_for("settings.list_keys"))


@bp.get("/integrations")
def integrations() -> ResponseReturnValue:
    """Who sends data, how to, and the sample."""
    return page(
        "settings/integrations.html",
        frameworks=frameworks(),
        snippets=SNIPPETS,
        sample=has_sample(),
        public_url=current_app.config["SETTINGS"].public_url,
    )


@bp.get("/about")
def about() -> ResponseReturnValue:
    admin = current_user.is_admin
    return page(
        "settings/about.html",
        database=database_facts() if admin else None,
        worker=worker_facts() if admin else None,
        public_url=current_app.config["SETTINGS"].public_url,
        version=current_app.config["VERSION"],
    )


def _profile_page(
    typed: dict[str, Any] | None = None, problems: dict[str, str] | None = None
) -> ResponseReturnValue:
    usual: dict[str, Any] = {"timeZone": "UTC", "theme": "auto", "keyboard": True}
    kept = {"name": current_user.name, **usual, **current_user.preferences}
    return page(
        "settings/profile.html",
        status=422 if problems else 200,
        typed=kept if typed is None else {**kept, **typed, "keyboard": "keyboard" in typed},
        problems=problems or {},
        saved=not problems and request.args.get("saved") == "1",
        zones=zones(),
    )


def _keys_page(
    typed: dict[str, object] | None = None, problems: dict[str, str] | None = None
) -> ResponseReturnValue:
    """With what was typed and what is wrong with it, when a key could not be made."""
    fresh_key = None if problems else fresh.take("key")
    response = page(
        "settings/keys.html",
        status=422 if problems else 200,
        fresh_key=fresh_key,
        keys=db.session.execute(listed_keys()).all(),
        scopes=keys.SCOPES,
        expiries=EXPIRES,
        typed={"name": "", "scopes": ["ingest"], "expires": "never", "until": "", **(typed or {})},
        problems=problems or {},
        now=clock.now(),
    )
    if fresh_key:
        response.headers["Cache-Control"] = "no-store"
    return response
