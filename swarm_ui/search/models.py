"""The full text of runs: what each says, as terms, and the index over them that the database keeps."""

from typing import Any

from sqlalchemy import DDL, BigInteger, Connection, Index, event
from sqlalchemy.orm import Mapped, mapped_column

from swarm_ui.extensions import db
from swarm_ui.orm import BigKey, Id, LongText, table
from swarm_ui.tenancy import OwnedInBulk

FULLTEXT = "ft_search_docs_terms"


class SearchDoc(OwnedInBulk, db.Model):
    """One run. Derived by the projection, in its transaction."""

    __tablename__ = "search_docs"
    __table_args__ = table(
        Index("uq_search_docs_userId_taskId", "userId", "taskId", unique=True),
        Index("ix_search_docs_userId_seq", "userId", "seq"),
    )

    # Grows with the start of the run (`index.seq_of`), so that an index over words gives the newest runs first.
    seq: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    task_id: Mapped[str] = mapped_column("taskId", Id)
    terms: Mapped[str] = mapped_column(LongText)


class SearchBacklog(db.Model):
    """A space whose older runs are still to be indexed, by id up to here: after an upgrade, and after the import of an older archive."""

    __tablename__ = "search_backlog"
    __table_args__ = table()

    owner_id: Mapped[int] = mapped_column("ownerId", BigInteger, primary_key=True, autoincrement=False)
    done_to: Mapped[str] = mapped_column("doneTo", Id, default="")


# SQLite: an index beside the table, which triggers keep, whoever writes (projection, import, erasure). No positions are kept: a phrase is looked
# for in the texts themselves. The mark of the space (`index.fts5_mark`) stands in the index alone, so FTS5's own 'rebuild' must not be used. The
# migrations say the same.
_MARKED = "replace({row}.terms, ' ', ' ' || {row}.userId || 'x')"
_ADD = f"INSERT INTO search_index (rowid, terms) VALUES (new.seq, {_MARKED.format(row='new')}); "
_REMOVE = f"INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.seq, {_MARKED.format(row='old')}); "
SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE search_index USING fts5(terms, content='search_docs', content_rowid='seq', tokenize='ascii', detail=none, columnsize=0)",
    f"CREATE TRIGGER search_docs_added AFTER INSERT ON search_docs BEGIN {_ADD}END",
    f"CREATE TRIGGER search_docs_removed AFTER DELETE ON search_docs BEGIN {_REMOVE}END",
    f"CREATE TRIGGER search_docs_changed AFTER UPDATE ON search_docs BEGIN {_REMOVE}{_ADD}END",
)


@event.listens_for(SearchDoc.__table__, "after_create")
def _make_index(_table: Any, connection: Connection, **_options: Any) -> None:
    if connection.dialect.name == "sqlite":
        for statement in SQLITE_INDEX:
            connection.execute(DDL(statement))
