"""Changes that the outside world tells of: a deploy, a new prompt, another model. They are looked for where a run suddenly fails."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Ascii, Json, LongText, Timed, Words, table
from swarm_ui.tenancy import Owned

KINDS = ("deploy", "config", "prompt", "model", "other")


class ChangeMarker(Timed, Owned, db.Model):
    """`id` is what whoever tells of it calls it: two spaces may use the same. `at` is when it happened, `created_at` when it was told."""

    __tablename__ = "changes"
    __table_args__ = table(Index("ix_changes_userId_at_id", "userId", "at", "id"))

    user_id: Mapped[int] = mapped_column(
        "userId", Integer, ForeignKey("users.id"), primary_key=True, autoincrement=False
    )
    id: Mapped[str] = mapped_column(Ascii(64), primary_key=True)
    at: Mapped[datetime] = mapped_column()
    kind: Mapped[str] = mapped_column(Words(*KINDS))
    title: Mapped[str] = mapped_column(String(255))
    # Names, as in traces. None: it may concern everything.
    service: Mapped[str | None] = mapped_column(String(255))
    agent: Mapped[str | None] = mapped_column(String(255))
    version: Mapped[str | None] = mapped_column(String(255))
    url: Mapped[str | None] = mapped_column(LongText)
    details: Mapped[dict | None] = mapped_column("metadata", Json)
