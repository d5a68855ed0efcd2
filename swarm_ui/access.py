"""The wall. Closed unless a view is marked `@public`; programs come in by key, people by their session.

It knows an identity only by what `accounts` hands it: an id, an owner whose space is shown, and a role or scopes. What a role may do is
decided here and nowhere else: a view that changes something says `@needs(role)`, and one that does not say is for the owner alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask_login import current_user

from swarm_ui.audit import Actor
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner

V = TypeVar("V", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Roles in a space, the least first. An administrator in another's space may what its owner may; a key may what an editor may.
ROLES = ("viewer", "operator", "editor", "owner")
_RANKS = {role: rank for rank, role in enumerate(ROLES)} | {"admin": len(ROLES) - 1}
KEY_ROLE = "editor"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A program, known by its API key; `creator_id` made the key, and `name` is what it is called."""

    key_id: str
    owner_id: int
    scopes: frozenset[str]
    creator_id: int | None = None
    name: str = ""
    # "erase" or "import" while that is under way on the space: it lets nothing in.
    space_work: str | None = None


_find_key: Callable[[str], KeyHolder | None] = lambda presented: None  # noqa: E731


def key_finder(function: Callable[[str], KeyHolder | None]) -> Callable[[str], KeyHolder | None]:
    """Registers how a presented key is looked up."""
    global _find_key
    _find_key = function
    return function


def public(view: V) -> V:
    """Open to strangers."""
    view.public = True  # type: ignore[attr-defined]
    return view


def by_key(*scopes: str) -> Callable[[V], V]:
    """Open to keys with one of these scopes, and to nothing else: no cookie counts, so no origin needs checking."""

    def mark(view: V) -> V:
        view.key_scope = scopes  # type: ignore[attr-defined]
        return view

    return mark


def also_by_key(*scopes: str) -> Callable[[V], V]:
    """Keys with one of these scopes may do this too. The view writes in a transaction of its own: the request's session must hold no lock."""

    def mark(view: V) -> V:
        view.other_scopes = scopes  # type: ignore[attr-defined]
        view.writes_itself = True  # type: ignore[attr-defined]
        return view

    return mark


def by_key_in_path(scope: str) -> Callable[[V], V]:
    """The same where the address itself holds the key, as `<ping_key>`. Addresses end up in histories and logs, so that key may do nothing else."""

    def mark(view: V) -> V:
        view.key_scope = (scope,)  # type: ignore[attr-defined]
        view.key_in_path = True  # type: ignore[attr-defined]
        return view

    return mark


def needs(role: str) -> Callable[[V], V]:
    """Open to people with this role in the space, or a higher one."""
    assert role in ROLES

    def mark(view: V) -> V:
        view.needs = role  # type: ignore[attr-defined]
        return view

    return mark


def personal(view: V) -> V:
    """About the person who is signed in, whatever their role in the space that they look at."""
    view.needs = ROLES[0]  # type: ignore[attr-defined]
    view.personal = True  # type: ignore[attr-defined]
    return view


def while_worked_on(view: V) -> V:
    """Possible also while the space is being erased or imported: it changes nothing in it."""
    view.while_worked_on = True  # type: ignore[attr-defined]
    return view


def administration(view: V) -> V:
    """For administrators of the installation; nobody else learns that it exists."""
    view.administration = True  # type: ignore[attr-defined]
    return view


def may(role: str) -> bool:
    """Whether whoever is signed in has this role in the space shown, or a higher one; templates ask too."""
    return current_user.is_authenticated and ranks(current_user.space_role, role)


def ranks(has: str, role: str) -> bool:
    return _RANKS[has] >= _RANKS[role]


def presented_key() -> str | None:
    """The key of `Authorization: Bearer KEY` or `x-api-key: KEY`."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("X-Api-Key", "").strip() or None


def init_app(app: Flask) -> None:
    app.before_request(_wall)
    # Not Flask-Login's own context processor: that one reads the database for every template, the error page's too.
    app.jinja_env.globals.update(current_user=current_user, may=may)
    app.after_request(_add_security_headers)


def _wall() -> Response | None:
    if request.endpoint is None:
        return None
    view = current_app.view_functions[request.endpoint]
    scopes = getattr(view, "key_scope", None)
    changes = request.method not in SAFE_METHODS
    if getattr(view, "public", False):
        if changes:
            _check_origin()
            _begin_writing()
        return None
    in_path = getattr(view, "key_in_path", False)
    if not in_path and not all(str(value).isascii() for value in (request.view_args or {}).values()):
        raise Refused(
            404, "There is nothing here, or it is not yours to see."
        )  # MySQL cannot compare it with an id
    speaks_json = request.path.startswith("/api/")
    if scopes or (speaks_json and presented_key()):
        _enter_by_key(scopes or ("write" if changes else "read", *getattr(view, "other_scopes", ())), view)
        if changes and scopes is None and not getattr(view, "writes_itself", False):
            _begin_writing()
        return None
    person = (
        current_user._get_current_object()
    )  # asked ten times here, and each time the proxy would look for it anew
    if not person.is_authenticated:
        if speaks_json:
            raise Refused(401, "Sign in, or send a key as `Authorization: Bearer KEY`.")
        return _ask_to_sign_in()
    if getattr(view, "administration", False) and not person.is_admin:
        raise Refused(404, "There is nothing here, or it is not yours to see.")
    if changes:
        _check_origin()
    g.preferences = person.preferences
    if person.lost_space and not getattr(view, "personal", False):
        return _tell_of_lost_space(changes, speaks_json)
    role = _role_for(view, changes)
    if not ranks(person.space_role, role):
        raise Refused(403, f"You are {person.space_role} in this space; this takes {_or_more(role)}.")
    g.actor = Actor(person.id, person.name, "api" if speaks_json else "page")
    g.owner_id = person.owner_id
    if changes:
        if not any(getattr(view, mark, False) for mark in ("personal", "administration", "while_worked_on")):
            refuse_work(person.space_work)
        if getattr(view, "writes_itself", False):
            db.session.rollback()
        else:
            _begin_writing()
    bind_owner(db.session, g.owner_id)
    return None


def _tell_of_lost_space(changes: bool, speaks_json: bool) -> Response:
    """The page that was asked for, or the change, belongs to a space that this person may not enter any more: nothing of it happens."""
    said = f"You are no longer in the space of {current_user.lost_space}."
    if speaks_json:
        raise Refused(403, said)
    session["lost_space"] = current_user.lost_space
    target = url_for("spaces.index")
    if request.headers.get("HX-Request"):
        response = current_app.response_class("", 204)
        response.headers["HX-Redirect"] = target
        return response
    return redirect(target, 303 if changes else 302)  # type: ignore[return-value]


def _role_for(view: Callable[..., Any], changes: bool) -> str:
    if getattr(view, "administration", False):
        return ROLES[0]
    return getattr(view, "needs", ROLES[-1] if changes else ROLES[0])


def _or_more(role: str) -> str:
    return "its owner" if role == ROLES[-1] else f"at least {'an' if role[0] in 'aeio' else 'a'} {role}"


def refuse_work(kind: str | None) -> None:
    """Raises Refused where this work is under way on the space. What waits for an import is welcome later; what goes into an erasure is not."""
    if kind == "erase":
        raise Refused(409, "This space is being erased: it takes no data, and nothing in it can be changed.")
    if kind == "import":
        raise Refused(503, "An archive is being imported into this space. Try again later.", retry_after=30)


def _begin_writing() -> None:
    """SQLite has to know before the first read that a transaction will write. Only who may change something gets this far."""
    db.session.rollback()
    db.session.connection(execution_options={"writes": True})


def _enter_by_key(scopes: tuple[str, ...], view: Callable[..., Any]) -> None:
    in_path = getattr(view, "key_in_path", False)
    presented = (request.view_args or {}).get("ping_key") if in_path else presented_key()
    if not presented:
        raise Refused(401, "Send an API key as `Authorization: Bearer KEY` or `x-api-key: KEY`.")
    holder = _find_key(presented)
    if holder is None:
        raise Refused(401, "This API key is unknown, expired or revoked.")
    scope = next((scope for scope in scopes if scope in holder.scopes), None)
    if scope is None:
        raise Refused(403, f"This API key has no scope '{scopes[0]}'.")
    if in_path and holder.scopes != {scope}:
        raise Refused(
            403,
            f"A key in an address may have the scope '{scope}' and no other: addresses are written into logs.",
        )
    sends_data = not {"ingest", "ping"}.isdisjoint(scopes)
    if not sends_data and not ranks(
        KEY_ROLE, getattr(view, "needs", ROLES[0] if scope != "write" else ROLES[-1])
    ):
        raise Refused(403, "No API key may do this: it takes the owner of the space, in a browser.")
    if sends_data or request.method not in SAFE_METHODS:
        refuse_work(holder.space_work)
    g.key = holder
    g.actor = Actor(holder.creator_id, holder.name or "API key", "api", holder.key_id)
    g.owner_id = holder.owner_id
    bind_owner(db.session, holder.owner_id)


def _ask_to_sign_in() -> Response:
    target = url_for("accounts.login", next=_wanted_page())
    if request.headers.get("HX-Request"):
        response = current_app.response_class("", 401)
        response.headers["HX-Redirect"] = target
        return response
    return redirect(target, 302)  # type: ignore[return-value]


def _wanted_page() -> str | None:
    if request.method != "GET" or request.path == "/":
        return None
    return request.script_root + request.full_path.rstrip("?")


def local_path(target: str | None) -> str:
    """`target` where it is a path of this site, else the first page. Browsers read `\\` as `/`, and skip control characters."""
    if not target or not target.startswith("/") or target.startswith("//") or "\\" in target:
        return url_for("overview.index")
    if any(ord(character) < 33 for character in target) or urlsplit(target).netloc:
        return url_for("overview.index")
    return target


def _check_origin() -> None:
    """No foreign page acts for a signed-in person. A request with neither header comes from no browser (simonw/datasette: csrf.py)."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise Refused(403, "This request came from another site.")
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Refused(403, "This request came from another site.")


def _add_security_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("Cache-Control", "private, no-cache")
    elif "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    if request.is_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
