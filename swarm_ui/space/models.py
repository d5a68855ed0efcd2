"""Work on a whole space: its erasure, and the import into it."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Hex, Id, Json, LongText, Timed, Words, table


class SpaceWork(Timed, db.Model):
    """While it is not finished the space takes no data and nothing in it is changed. It stays as the record that the space was erased: who,
    when, and how many rows of each table. No row of the space itself; it names people as they were. Times of the lease are µs."""

    __tablename__ = "space_works"
    __table_args__ = table(
        Index("ix_space_works_ownerId_finishedAt", "ownerId", "finishedAt"),
        Index("ix_space_works_finishedAt_createdAt", "finishedAt", "createdAt"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Words("erase", "import"))
    owner_id: Mapped[int] = mapped_column("ownerId", Integer)
    space: Mapped[str] = mapped_column(String(255))
    actor_id: Mapped[int | None] = mapped_column("actorId")
    actor: Mapped[str] = mapped_column(String(255))
    # What there was at the start, and what is done of it, by table; files of object storage under "files".
    planned: Mapped[dict] = mapped_column(Json)
    done: Mapped[dict] = mapped_column(Json)
    # An import: the SHA-256 of its archive, and how many lines of it are in the database.
    archive: Mapped[str | None] = mapped_column(Hex)
    lines: Mapped[int] = mapped_column(BigInteger, default=0)
    lease_owner: Mapped[str | None] = mapped_column("leaseOwner", Id)
    lease_until: Mapped[int | None] = mapped_column("leaseUntil", BigInteger)
    error: Mapped[str | None] = mapped_column(LongText)
    finished_at: Mapped[datetime | None] = mapped_column("finishedAt")
