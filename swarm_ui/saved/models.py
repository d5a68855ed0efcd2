"""Views of a list that a space keeps under a name."""

from sqlalchemy import Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Id, Timed, Words, table
from swarm_ui.tenancy import Owned

LISTS = ("tasks",)


class SavedView(Timed, Owned, db.Model):
    """`query` is what stands after the question mark of the list's address: text, order, columns."""

    __tablename__ = "saved_views"
    __table_args__ = table(UniqueConstraint("userId", "list", "name"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    list: Mapped[str] = mapped_column(Words(*LISTS))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[str] = mapped_column(String(2000), default="")
    # Who saved it first.
    creator_id: Mapped[int | None] = mapped_column("creatorId", Integer)
