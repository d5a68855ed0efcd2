"""Agent health: heartbeats, conditions that change by time, hours of agents, maintenance, merged agents."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

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


def added():
    return {
        "swarm_agents": [
            sa.Column("heartbeatPeriod", sa.Integer(), nullable=True),
            sa.Column("heartbeatGrace", sa.Integer(), nullable=True),
            sa.Column("watchedAt", TIME, nullable=True),
            sa.Column("beatAt", TIME, nullable=True),
            sa.Column("beatStatus", sa.String(length=32), nullable=True),
            sa.Column("beatMessage", sa.String(length=500), nullable=True),
            sa.Column("beatTask", sa.String(length=255), nullable=True),
            sa.Column("maintenanceSince", TIME, nullable=True),
            sa.Column("maintenanceUntil", TIME, nullable=True),
            sa.Column("maintenanceReason", sa.String(length=500), nullable=True),
            sa.Column("running", JSON, nullable=True),
            sa.Column("healthSince", TIME, nullable=True),
            sa.Column("nextChangeAt", TIME, nullable=True),
            sa.Column("mergedInto", ascii_text(36), nullable=True),
            sa.Column("kept", sa.Boolean(), nullable=False, server_default="0"),
        ],
        "tasks": [
            sa.Column("deadlineAt", TIME, nullable=True),
            sa.Column("longestGap", sa.Integer(), nullable=True),
        ],
        "task_agents": [
            sa.Column("broke", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("doing", sa.String(length=32), nullable=True),
            sa.Column("waitsFor", ascii_text(36), nullable=True),
        ],
        "workflows": [sa.Column("usualGap", sa.Integer(), nullable=True)],
        "alerts": [sa.Column("muted", sa.Boolean(), nullable=False, server_default="0")],
    }


INDEXES = (
    ("ix_swarm_agents_nextChangeAt", "swarm_agents", ["nextChangeAt"]),
    ("ix_swarm_agents_userId_name", "swarm_agents", ["userId", "name"]),
    ("ix_swarm_agents_userId_mergedInto", "swarm_agents", ["userId", "mergedInto"]),
)


def upgrade():
    for table, columns in added().items():
        for column in columns:
            op.add_column(table, column)
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns)
    op.create_table(
        "agent_hours",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("broken", sa.Integer(), nullable=False),
        sa.Column("executions", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("executionTime", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("userId", "agentId", "hour", name="pk_agent_hours"),
        sqlite_with_rowid=False,
        **TABLE,
    )
    op.create_table(
        "heartbeats",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("minutes", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.BigInteger(), nullable=False),
        sa.Column("downMs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("userId", "agentId", "hour", name="pk_heartbeats"),
        sqlite_with_rowid=False,
        **TABLE,
    )
    op.create_table(
        "status_flips",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("fromWord", sa.String(length=32), nullable=False),
        sa.Column("toWord", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lastAt", TIME, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name="fk_status_flips_userId_users"),
        sa.PrimaryKeyConstraint("id", name="pk_status_flips"),
        **TABLE,
    )
    op.create_index("ix_status_flips_userId_agentId_at_id", "status_flips", ["userId", "agentId", "at", "id"])
    _fill_hours()


def _fill_hours():
    """What the projection keeps from here on, of the runs that are there already."""
    op.execute(
        "UPDATE task_agents SET broke=1 WHERE EXISTS (SELECT 1 FROM tasks WHERE tasks.id=task_agents.taskId "
        "AND tasks.status='failed' AND tasks.failedAgentId=task_agents.agentId)"
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    hour = (
        "CAST(strftime('%s',at) AS INTEGER)/3600"
        if sqlite
        else "TIMESTAMPDIFF(HOUR,'1970-01-01 00:00:00',at)"
    )
    op.execute(
        "INSERT INTO agent_hours (userId,agentId,hour,runs,broken,executions,failures,executionTime) "
        f"SELECT userId,agentId,{hour},COUNT(*),SUM(broke),SUM(executions),SUM(failures),SUM(COALESCE(executionTime,0)) "
        f"FROM task_agents GROUP BY userId,agentId,{hour}"
    )


def downgrade():
    for table in ("status_flips", "heartbeats", "agent_hours"):
        op.drop_table(table)
    for name, table, _columns in INDEXES:
        op.drop_index(name, table)
    for table, columns in added().items():
        for column in columns:
            op.drop_column(table, column.name)
