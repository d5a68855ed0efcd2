"""The data of a space as a whole: how much it is, all of it as a file, and its end."""

import threading
import weakref
from datetime import timedelta

from flask import Blueprint, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from swarm_ui import clock
from swarm_ui.access import may, needs
from swarm_ui.accounts.models import User
from swarm_ui.audit import record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.space import erasure, export
from swarm_ui.space.forms import EraseForm
from swarm_ui.space.sizes import storage_of
from swarm_ui.web import done, page, parse, wants_fragment
from swarm_ui.worker import doorbell

bp = Blueprint("space", __name__, url_prefix="/settings/data")
# Each export keeps a thread for as long as the browser takes to fetch it.
_exports = threading.BoundedSemaphore(4)


@bp.get("")
def show() -> ResponseReturnValue:
    work = db.session.scalars(erasure.under_way(g.owner_id)).first()
    erasures = list(db.session.scalars(erasure.records())) if current_user.is_admin else []
    return page("space/show.html", storage=storage_of(g.owner_id), work=work, erasures=erasures)


@bp.post("/export")
@needs("owner")
def download() -> ResponseReturnValue:
    """The archive as it was when this began; it is sent while it is read."""
    if not _exports.acquire(blocking=False):
        raise Refused(
            503, "Several spaces are being exported at this moment. Try again in a minute.", retry_after=60
        )
    try:
        record("space.export", g.owner_id, current_user.space_name)
        db.session.commit()
        response = Response(export.packed(db.engine, g.owner_id), mimetype="application/gzip")
        # Once, when it was sent, broken off, or never begun.
        response.call_on_close(weakref.finalize(response, _exports.release))
    except BaseException:
        _exports.release()
        raise
    name = export.file_name(current_user.space_name, clock.now())
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@bp.get("/erase")
def erase() -> ResponseReturnValue:
    return _erase_page()


@bp.post("/erase")
@needs("owner")
def begin_erasure() -> ResponseReturnValue:
    """The worker does it; the page says how far it is."""
    form = parse(EraseForm, request.form)
    if form.confirm.casefold() not in {name.casefold() for name in _names()}:
        return _erase_page(
            {"confirm": "This is neither the name of the space nor its owner's e-mail."}, form.confirm
        )
    work = erasure.begin(g.owner_id, current_user.space_name)
    record("space.erase", g.owner_id, current_user.space_name, before=work.planned)
    db.session.commit()
    doorbell.ring(current_app.config["SETTINGS"].data_dir)
    return done(url_for("space.erase"))


def _names() -> list[str]:
    """What the space is called: its owner's name and e-mail."""
    found = db.session.execute(select(User.name, User.email).where(User.id == g.owner_id)).one()
    return [name.strip() for name in found if name and name.strip()]


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _erase_page(problems: dict[str, str] | None = None, typed: str = "") -> ResponseReturnValue:
    work = db.session.scalars(erasure.under_way(g.owner_id)).first()
    erasing = work is not None and work.kind == "erase"
    if wants_fragment() and not erasing and not problems:
        return Response(status=204, headers={"HX-Refresh": "true"})  # it has ended: another page from here on
    response = page(
        "space/erase.html",
        part="space/_progress.html" if erasing else None,
        status=422 if problems else 200,
        work=work if erasing else None,
        last=None
        if erasing
        else db.session.scalars(erasure.last_of(g.owner_id, clock.now() - timedelta(days=1))).first(),
        counts={} if erasing else _most_first(erasure.counts(db.session.connection(), g.owner_id)),
        names=_names(),
        problems=problems or {},
        typed=typed,
        is_owner=may("owner"),
    )
    response.headers["Cache-Control"] = "no-store"
    return response
