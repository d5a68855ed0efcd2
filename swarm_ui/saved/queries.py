"""The views of a list, and keeping one."""

from typing import NamedTuple

from sqlalchemy import func, select

from swarm_ui import clock, ids
from swarm_ui.audit import columns_of, current_actor, record
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.saved.models import SavedView

# More than a row of tabs can hold.
MOST = 40
AUDITED = ("list", "name", "query")


class View(NamedTuple):
    id: str
    name: str
    query: str


def views_of(list_name: str) -> list[View]:
    statement = select(SavedView).where(SavedView.list == list_name)
    rows = db.session.scalars(statement.order_by(SavedView.name, SavedView.id).limit(MOST))
    return [View(row.id, row.name, row.query) for row in rows]


def save(list_name: str, name: str, query: str) -> SavedView:
    """Under a name that there is, it takes the place of what was there. Does not commit; raises Refused where there are too many."""
    view = _named(list_name, name)
    if view is not None:
        before = columns_of(view, AUDITED)
        view.query = query
        if before["query"] != query:
            record("view.update", view.id, name, before=before, after=columns_of(view, AUDITED))
        return view
    number = db.session.scalar(select(func.count()).select_from(SavedView).where(SavedView.list == list_name))
    if (number or 0) >= MOST:
        raise Refused(409, f"A space keeps at most {MOST} views of a list. Delete one first.")
    view = SavedView(
        id=ids.new(clock.now_us()), list=list_name, name=name, query=query, creator_id=current_actor().id
    )
    db.session.add(view)
    record("view.create", view.id, name, after=columns_of(view, AUDITED))
    return view


def rename(view: SavedView, name: str) -> None:
    """Does not commit; raises Refused where another has the name."""
    other = _named(view.list, name)
    if other is not None and other.id != view.id:
        raise Refused(409, f"There is a view “{name}” already.", fields={"name": "is taken"})
    if view.name != name:
        before = columns_of(view, AUDITED)
        view.name = name
        record("view.rename", view.id, name, before=before, after=columns_of(view, AUDITED))


def remove(view: SavedView) -> None:
    record("view.delete", view.id, view.name, before=columns_of(view, AUDITED))
    db.session.delete(view)


def _named(list_name: str, name: str) -> SavedView | None:
    return db.session.scalars(
        select(SavedView).where(SavedView.list == list_name, SavedView.name == name)
    ).first()
