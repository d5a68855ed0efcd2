"""Lists: orders of the runs, saved views, full text of runs."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ID = sa.String(length=36).with_variant(
    mysql.VARCHAR(36, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)
TABLE = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mariadb_charset": "utf8mb4", "mariadb_collate": "utf8mb4_bin",
}  # fmt: skip
ORDERS = ("executionTime", "estimatedCost", "tokenUsage")

LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE search_index USING fts5(terms, content='search_docs', content_rowid='seq', tokenize='ascii', detail=none, columnsize=0)",
    "CREATE TRIGGER search_docs_added AFTER INSERT ON search_docs BEGIN "
    "INSERT INTO search_index (rowid, terms) VALUES (new.seq, new.terms); END",
    "CREATE TRIGGER search_docs_removed AFTER DELETE ON search_docs BEGIN "
    "INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.seq, old.terms); END",
    "CREATE TRIGGER search_docs_changed AFTER UPDATE ON search_docs BEGIN "
    "INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.seq, old.terms); "
    "INSERT INTO search_index (rowid, terms) VALUES (new.seq, new.terms); END",
)


def upgrade():
    for column in ORDERS:
        op.create_index(f"ix_tasks_userId_{column}_id", "tasks", ["userId", column, "id"])
    op.create_table(
        "saved_views",
        sa.Column("id", ID, nullable=False),
        sa.Column("list", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", sa.String(length=2000), nullable=False),
        sa.Column("creatorId", sa.Integer(), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_saved_views_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("userId", "list", "name", name=op.f("uq_saved_views_userId_list_name")),
        **TABLE,
    )
    op.create_table(
        "search_docs",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("taskId", ID, nullable=False),
        sa.Column("terms", LONG, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_search_docs")),
        **TABLE,
    )
    op.create_index("uq_search_docs_userId_taskId", "search_docs", ["userId", "taskId"], unique=True)
    op.create_index("ix_search_docs_userId_seq", "search_docs", ["userId", "seq"])
    op.create_table(
        "search_backlog",
        sa.Column("ownerId", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("doneTo", ID, nullable=False),
        sa.PrimaryKeyConstraint("ownerId", name=op.f("pk_search_backlog")),
        **TABLE,
    )
    # The worker indexes what is there already.
    op.execute("INSERT INTO search_backlog (ownerId, doneTo) SELECT id, '' FROM users")
    _index_words()


def _index_words():
    """SQL that is written out for later names no database, and TiDB has no index over words: searches are bounded there."""
    if context.is_offline_mode():
        return
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        for statement in SQLITE_INDEX:
            op.execute(sa.DDL(statement))
    elif "tidb" not in connection.exec_driver_sql("SELECT VERSION()").scalar_one().lower():
        op.execute("ALTER TABLE search_docs ADD FULLTEXT INDEX ft_search_docs_terms (terms)")


def downgrade():
    if op.get_context().dialect.name == "sqlite":
        op.execute("DROP TABLE IF EXISTS search_index")
    op.drop_table("search_backlog")
    op.drop_table("search_docs")
    op.drop_table("saved_views")
    for column in reversed(ORDERS):
        op.drop_index(f"ix_tasks_userId_{column}_id", table_name="tasks")
