"""People: sessions on the server, what was changed by whom, agents edited by hand."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

TABLE = {
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
JSON = sa.JSON(none_as_null=True)


def ascii_text(length):
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


ADDED = {
    "users": ("preferences", "spaceKey", "disabledAt"),
    "swarm_agents": ("edited", "tracedName", "revision", "switchedOff", "deletedAt"),
}


def upgrade():
    op.add_column("users", sa.Column("preferences", JSON, nullable=True))
    op.add_column("users", sa.Column("spaceKey", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("disabledAt", TIME, nullable=True))
    op.add_column("swarm_agents", sa.Column("edited", JSON, nullable=True))
    op.add_column("swarm_agents", sa.Column("tracedName", sa.String(length=255), nullable=True))
    op.add_column("swarm_agents", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("swarm_agents", sa.Column("switchedOff", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("swarm_agents", sa.Column("deletedAt", TIME, nullable=True))
    op.create_table(
        "browser_sessions",
        sa.Column("hash", ascii_text(64), nullable=False),
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("memberId", sa.Integer(), nullable=False),
        sa.Column("ownerId", sa.Integer(), nullable=False),
        sa.Column("provider", ascii_text(64), nullable=False),
        sa.Column("browser", sa.String(length=255), nullable=False),
        sa.Column("address", ascii_text(64), nullable=False),
        sa.Column("seenAt", TIME, nullable=False),
        sa.Column("fresh", ascii_text(1024), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.ForeignKeyConstraint(["memberId"], ["users.id"], name="fk_browser_sessions_memberId_users"),
        sa.ForeignKeyConstraint(["ownerId"], ["users.id"], name="fk_browser_sessions_ownerId_users"),
        sa.PrimaryKeyConstraint("hash", name="pk_browser_sessions"),
        sa.UniqueConstraint("id", name="uq_browser_sessions_id"),
        **TABLE,
    )
    op.create_index("ix_browser_sessions_memberId_createdAt", "browser_sessions", ["memberId", "createdAt"])
    op.create_table(
        "failed_attempts",
        sa.Column("hash", ascii_text(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_failed_attempts"),
        **TABLE,
    )
    op.create_table(
        "used_states",
        sa.Column("hash", ascii_text(64), nullable=False),
        sa.Column("expiresAt", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_used_states"),
        **TABLE,
    )
    op.create_index("ix_used_states_expiresAt", "used_states", ["expiresAt"])
    op.create_table(
        "audit_events",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("actorId", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("via", sa.String(length=32), nullable=False),
        sa.Column("keyId", ascii_text(36), nullable=True),
        sa.Column("address", ascii_text(64), nullable=False),
        sa.Column("action", ascii_text(64), nullable=False),
        sa.Column("subjectId", ascii_text(64), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("before", JSON, nullable=True),
        sa.Column("after", JSON, nullable=True),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name="fk_audit_events_userId_users"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        **TABLE,
    )
    for name in ("", "action", "actorId", "subjectId"):
        columns = ["userId", *([name] if name else []), "createdAt", "id"]
        op.create_index("ix_audit_events_" + "_".join(columns), "audit_events", columns)
    op.create_table(
        "agent_revisions",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("actorId", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("snapshot", JSON, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name="fk_agent_revisions_userId_users"),
        sa.PrimaryKeyConstraint("id", name="pk_agent_revisions"),
        sa.UniqueConstraint("userId", "agentId", "number", name="uq_agent_revisions_userId_agentId_number"),
        **TABLE,
    )
    op.create_table(
        "space_works",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("ownerId", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(length=255), nullable=False),
        sa.Column("actorId", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("planned", JSON, nullable=False),
        sa.Column("done", JSON, nullable=False),
        sa.Column("archive", ascii_text(64), nullable=True),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("leaseOwner", ascii_text(36), nullable=True),
        sa.Column("leaseUntil", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"), nullable=True),
        sa.Column("finishedAt", TIME, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_space_works"),
        **TABLE,
    )
    op.create_index("ix_space_works_ownerId_finishedAt", "space_works", ["ownerId", "finishedAt"])
    op.create_index("ix_space_works_finishedAt_createdAt", "space_works", ["finishedAt", "createdAt"])
    # An owner's blocks are found without looking at all of them.
    op.create_index("ix_payload_blocks_userId_id", "payload_blocks", ["userId", "id"])


def downgrade():
    op.drop_index("ix_payload_blocks_userId_id", "payload_blocks")
    for table in ("space_works", "agent_revisions", "audit_events", "used_states", "failed_attempts", "browser_sessions"):
        op.drop_table(table)
    for table, columns in ADDED.items():
        for column in columns:
            op.drop_column(table, column)
