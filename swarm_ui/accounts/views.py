"""Signing in and out, and the settings page with its keys."""

from flask import Blueprint, current_app, make_response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user

from swarm_ui.access import local_path, may, needs, public
from swarm_ui.accounts import entry, keys, people, sessions
from swarm_ui.accounts.entry import LinkState
from swarm_ui.accounts.forms import KeyForm
from swarm_ui.accounts.models import ApiKey
from swarm_ui.accounts.queries import (
    database_facts,
    has_sample,
    listed_keys,
    worker_facts,
)
from swarm_ui.audit import Actor, columns_of, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.integrations.queries import frameworks
from swarm_ui.integrations.snippets import SNIPPETS
from swarm_ui.web import done, page, parse

bp = Blueprint("accounts", __name__)
GONE = {LinkState.UNKNOWN: 404, LinkState.USED: 410, LinkState.EXPIRED: 410}


@bp.get("/login")
@public
def login() -> ResponseReturnValue:
    """How to get in. The page that was wanted is remembered for the link, which is opened in the same browser."""
    wanted = local_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(wanted)
    if request.args.get("next"):
        session["next"] = wanted
    return _private(page("accounts/login.html", wanted=request.args.get("next") and wanted))


@bp.get("/login/<token>")
@public
def enter(token: str) -> ResponseReturnValue:
    """A page with a button: programs that preview links must not use it up."""
    state = entry.state_of(token)
    if state is not LinkState.READY:
        return _link_is_gone(state)
    return _private(page("accounts/enter.html", token=token))


@bp.post("/login/<token>")
@public
def use_link(token: str) -> ResponseReturnValue:
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


@bp.get("/settings")
def settings() -> ResponseReturnValue:
    return _settings_page()


@bp.post("/settings/keys")
@needs("editor")
def create_key() -> ResponseReturnValue:
    """Made here or on the empty overview; the page at `next` shows it once."""
    typed: dict[str, object] = {**request.form.to_dict(), "scopes": request.form.getlist("scopes")}
    try:
        form = parse(KeyForm, typed)
    except Refused as refused:
        return _settings_page(
            typed, {field.partition(".")[0]: said for field, said in refused.fields.items()}
        )
    key, text = keys.make(current_user.owner_id, current_user.id, form.name, list(form.scopes))
    record("key.create", key.id, key.name, after=columns_of(key, keys.AUDITED))
    db.session.commit()
    session["fresh_key"] = text
    return done(local_path(form.next) if form.next else url_for("accounts.settings") + "#keys")


@bp.post("/settings/keys/<key_id>/revoke")
@needs("editor")
def revoke_key(key_id: str) -> ResponseReturnValue:
    key = db.get_or_404(ApiKey, key_id)
    if key.revoked_at is None:
        keys.revoke(key)
        record("key.revoke", key.id, key.name, before=columns_of(key, keys.AUDITED))
        db.session.commit()
    return done(url_for("accounts.settings") + "#keys")


def _settings_page(
    typed: dict[str, object] | None = None, problems: dict[str, str] | None = None
) -> ResponseReturnValue:
    """With what was typed and what is wrong with it, when a key could not be made."""
    fresh_key = session.pop("fresh_key", None)
    status = 422 if problems else 200
    admin = current_user.is_admin
    response = page(
        "accounts/settings.html",
        status=status,
        fresh_key=fresh_key,
        keys=db.session.execute(listed_keys()).all(),
        scopes=keys.SCOPES,
        typed=typed or {"name": "", "scopes": ["ingest"]},
        problems=problems or {},
        may_manage_keys=may("editor"),
        frameworks=frameworks(),
        snippets=SNIPPETS,
        sample=has_sample(),
        database=database_facts() if admin else None,
        worker=worker_facts() if admin else None,
        public_url=current_app.config["SETTINGS"].public_url,
        version=current_app.config["VERSION"],
    )
    return _private(response) if fresh_key else response


def _link_is_gone(state: LinkState) -> ResponseReturnValue:
    return _private(page("accounts/gone.html", status=GONE.get(state, 410), state=state.value))


def _private(response: ResponseReturnValue) -> ResponseReturnValue:
    """Not to be kept by any cache, not even the browser's."""
    response = make_response(response)
    response.headers["Cache-Control"] = "no-store"
    return response
