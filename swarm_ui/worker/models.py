"""Which workers are alive."""

from sqlalchemy import BigInteger, Integer
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import Id


class WorkerSeen(db.Model):
    """One row a worker process, refreshed every few seconds (µs since 1970)."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[int] = mapped_column("startedAt", BigInteger)
    seen_at: Mapped[int] = mapped_column("seenAt", BigInteger)
