"""Full text on SQLite: the mark of a space stands before the terms in the index alone, no longer in the documents too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

MARKED = "replace({row}.terms, ' ', ' ' || {row}.userId || 'x')"
PLAIN = "{row}.terms"


def upgrade():
    _trigger_with(MARKED)


def downgrade():
    _trigger_with(PLAIN)


def _trigger_with(terms):
    if op.get_context().dialect.name != "sqlite":
        return
    add = f"INSERT INTO search_index (rowid, terms) VALUES (new.seq, {terms.format(row='new')}); "
    remove = (
        "INSERT INTO search_index (search_index, rowid, terms) "
        f"VALUES ('delete', old.seq, {terms.format(row='old')}); "
    )
    for name in ("added", "removed", "changed"):
        op.execute(f"DROP TRIGGER search_docs_{name}")
    op.execute("DELETE FROM search_docs")
    for statement in (
        "DROP TABLE search_index",
        "CREATE VIRTUAL TABLE search_index USING fts5(terms, content='search_docs', content_rowid='seq', tokenize='ascii', detail=none, columnsize=0)",
        f"CREATE TRIGGER search_docs_added AFTER INSERT ON search_docs BEGIN {add}END",
        f"CREATE TRIGGER search_docs_removed AFTER DELETE ON search_docs BEGIN {remove}END",
        f"CREATE TRIGGER search_docs_changed AFTER UPDATE ON search_docs BEGIN {remove}{add}END",
    ):
        op.execute(sa.DDL(statement))
    # The worker makes the documents anew.
    op.execute("DELETE FROM search_backlog")
    op.execute("INSERT INTO search_backlog (ownerId, doneTo) SELECT id, '' FROM users")
