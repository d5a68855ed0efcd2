"""Writes changes down, each once however often it is told of."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from swarm_ui import clock, ids
from swarm_ui.audit import columns_of, record
from swarm_ui.changes.forms import ChangeNew
from swarm_ui.changes.models import ChangeMarker
from swarm_ui.errors import Refused
from swarm_ui.extensions import db

_SAID = ("title", "kind", "service", "agent", "version", "at", "url", "details")


def mark(told: ChangeNew) -> tuple[ChangeMarker, bool]:
    """The change, and whether it is new. Raises Refused (409) where another one has this id."""
    if told.id and (known := _find(told.id)):
        return _same(known, told), False
    values = _values(told)
    row = ChangeMarker(id=told.id or ids.new(clock.now_us()), **values | {"at": values["at"] or clock.now()})
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:  # told twice at the same moment
        known = _find(told.id) if told.id else None
        if known is None:
            raise
        return _same(known, told), False
    record("change.create", row.id, row.title, after=columns_of(row, ("id", *_SAID)))
    return row, True


def _find(key: str) -> ChangeMarker | None:
    return db.session.scalars(select(ChangeMarker).where(ChangeMarker.id == key)).first()


def _values(told: ChangeNew) -> dict[str, Any]:
    return {name: getattr(told, "metadata" if name == "details" else name) for name in _SAID}


def _same(known: ChangeMarker, told: ChangeNew) -> ChangeMarker:
    """Told without a time it happened when it was first told."""
    values = _values(told)
    differing = [
        "metadata" if name == "details" else name
        for name, value in values.items()
        if value != getattr(known, name) and not (name == "at" and value is None)
    ]
    if differing:
        said = f"Another change has this id; they differ in {', '.join(differing)}."
        raise Refused(409, f"id: {said}", fields={"id": said})
    return known
