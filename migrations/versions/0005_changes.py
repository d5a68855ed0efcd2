"""Changes that the outside world tells of; the runs of one conversation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

TABLE = {
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
KEY = sa.String(64).with_variant(
    mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
)


def upgrade():
    op.create_table(
        "changes",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("service", sa.String(length=255), nullable=True),
        sa.Column("agent", sa.String(length=255), nullable=True),
        sa.Column("version", sa.String(length=255), nullable=True),
        sa.Column("url", LONG_TEXT, nullable=True),
        sa.Column("metadata", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name="fk_changes_userId_users"),
        sa.PrimaryKeyConstraint("userId", "id", name="pk_changes"),
        **TABLE,
    )
    op.create_index("ix_changes_userId_at_id", "changes", ["userId", "at", "id"])
    op.create_index(
        "ix_tasks_userId_sessionId_startedAt_id", "tasks", ["userId", "sessionId", "startedAt", "id"]
    )


def downgrade():
    op.drop_index("ix_tasks_userId_sessionId_startedAt_id", "tasks")
    op.drop_table("changes")
