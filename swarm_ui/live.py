"""Live pages poll; most of the time the answer is 304 and costs one small read.

Each owner's space has a version that grows in the transaction of every change (`bump`). `@live` makes an ETag of it, so a page that
polls is rendered again only when something changed.
"""

from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from typing import Any, TypeVar

from flask import current_app, g, make_response, request
from flask_login import current_user
from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.formatting import zone_name
from swarm_ui.tenancy import Owned
from swarm_ui.web import wants_fragment

T = TypeVar("T")
REDRAWN_EVERY_US = 5 * 60 * 1_000_000
MOST_KEPT = 2_000
_VERSION = text("SELECT version FROM space_versions WHERE ownerId = :owner")


def space_version(owner_id: int) -> int:
    # By the connection: the session would do three times the work for the same, on every page.
    return db.session.connection().execute(_VERSION, {"owner": owner_id}).scalar() or 0


def while_unchanged(name: str, read: Callable[[], T]) -> T:
    """What `read` gives, read again only when something of the space shown has changed: for what stands beside every list, as names and
    menus do. In a live GET view; anywhere else it is read each time. Values must be plain: no rows of a session.
    """
    version = g.get("space_version")
    if version is None:
        return read()
    kept: dict[tuple[int, str], tuple[int, Any]] = current_app.extensions.setdefault("while_unchanged", {})
    found = kept.get((g.owner_id, name))
    if found is None or found[0] != version:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        found = kept[g.owner_id, name] = (version, read())
    return found[1]


def bump(connection: Connection | Session, owner_id: int) -> None:
    """Say that this owner's data changed, in the transaction that changes it."""
    params = {"owner": owner_id}
    changed: Any = connection.execute(
        text("UPDATE space_versions SET version = version + 1 WHERE ownerId = :owner"), params
    )
    if changed.rowcount == 0:
        dialect = connection.get_bind().dialect if isinstance(connection, Session) else connection.dialect
        ignore = "OR IGNORE" if dialect.name == "sqlite" else "IGNORE"
        connection.execute(
            text(f"INSERT {ignore} INTO space_versions (ownerId, version) VALUES (:owner, 1)"), params
        )


def live(view: Callable[..., Any]) -> Callable[..., Any]:
    """For a GET view: answers 304 to HTMX when nothing of this owner changed since the ETag that the client holds.

    A page hands the tag of its parts to the poller (`data-etag`) and has none itself: a browser that holds the page would send that
    for the part of the same URL, be told 304, and put the whole page where the part goes, whatever `Vary` says.
    """

    @wraps(view)
    def conditional(*args: Any, **kwargs: Any) -> Any:
        g.etag = tag = _tag()
        is_part = wants_fragment()
        if is_part and tag in request.if_none_match:
            response = current_app.response_class(status=304)
        else:
            response = make_response(view(*args, **kwargs))
        if response.status_code in (200, 304):
            if is_part:
                response.set_etag(tag)
            response.headers["Cache-Control"] = "private, no-cache"
            response.vary.add("HX-Request")
        return response

    return conditional


def _tag() -> str:
    person = current_user._get_current_object()
    # "The last 24 hours" move on without anything happening.
    period = clock.now_us() // REDRAWN_EVERY_US
    # What may be done here shows in the buttons, the zone in the times.
    seen_as = (getattr(person, "space_role", ""), zone_name())
    g.space_version = space_version(g.owner_id)
    facts = (
        g.space_version,
        g.owner_id,
        getattr(person, "id", 0),
        seen_as,
        request.full_path,
        period,
        current_app.config["VERSION"],
    )
    return blake2b(repr(facts).encode(), digest_size=9).hexdigest()


@event.listens_for(Session, "after_flush")
def _note_change(session: Session, _context: Any) -> None:
    if any(isinstance(row, Owned) for row in (*session.new, *session.dirty, *session.deleted)):
        session.info["space_changed"] = True


@event.listens_for(Session, "before_commit")
def _bump_on_commit(session: Session) -> None:
    session.flush()
    owner_id = session.info.get("owner_id")
    if session.info.pop("space_changed", False) and owner_id is not None:
        bump(session, owner_id)
