"""Lists: orders of the runs, saved views."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0003"

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ID = sa.String(length=36).with_variant(mysql.VARCHAR(36, charset="ascii", collation="ascii_bin"), "mysql", "mariadb")
TABLE = {
    "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mariadb_charset": "utf8mb4", "mariadb_collate": "utf8mb4_bin",
}  # fmt: skip
ORDERS = ("executionTime", "estimatedCost", "tokenUsage")


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


def downgrade():
    op.drop_table("saved_views")
    for column in reversed(ORDERS):
        op.drop_index(f"ix_tasks_userId_{column}_id", table_name="tasks")
