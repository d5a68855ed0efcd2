"""The first floor: the agreed tables, and what was added for ingest, projection and sign-in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

TABLE = {
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
PAYLOAD = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True)


def ascii_text(length):
    return sa.String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


def upgrade():
    op.create_table(
        "consensus_results",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("consensusType", sa.String(length=32), nullable=False),
        sa.Column("agentResults", JSON, nullable=True),
        sa.Column("finalResult", JSON, nullable=True),
        sa.Column("confidence", sa.Numeric(precision=6, scale=5, asdecimal=False), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consensus_results")),
        **TABLE,
    )
    op.create_index(
        "ix_consensus_results_userId_taskId", "consensus_results", ["userId", "taskId"], unique=False
    )

    op.create_table(
        "execution_history",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("workflowId", ascii_text(36), nullable=True),
        sa.Column("input", JSON, nullable=True),
        sa.Column("output", JSON, nullable=True),
        sa.Column("conversationLog", JSON, nullable=True),
        sa.Column("metrics", JSON, nullable=True),
        sa.Column("executionTime", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("storageUrl", LONG_TEXT, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_history")),
        **TABLE,
    )
    op.create_index(
        "ix_execution_history_userId_taskId", "execution_history", ["userId", "taskId"], unique=False
    )

    op.create_table(
        "execution_logs",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("agentId", ascii_text(36), nullable=True),
        sa.Column("eventType", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("message", LONG_TEXT, nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("at", TIME, nullable=True),
        sa.Column("spanId", ascii_text(16), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_execution_logs")),
        **TABLE,
    )
    op.create_index(
        "ix_execution_logs_userId_taskId_at", "execution_logs", ["userId", "taskId", "at"], unique=False
    )

    op.create_table(
        "log_records",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=False),
        sa.Column("spanId", ascii_text(16), nullable=True),
        sa.Column("hash", ascii_text(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("eventName", sa.String(length=255), nullable=True),
        sa.Column("serviceName", sa.String(length=255), nullable=False),
        sa.Column("scope", sa.String(length=255), nullable=True),
        sa.Column("payload", PAYLOAD, nullable=True),
        sa.Column("arrivedAt", sa.BigInteger(), nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_records")),
        sa.UniqueConstraint("userId", "traceId", "hash", name=op.f("uq_log_records_userId_traceId_hash")),
        **TABLE,
    )
    op.create_table(
        "login_links",
        sa.Column("hash", ascii_text(64), nullable=False),
        sa.Column("email", ascii_text(255), nullable=True),
        sa.Column("expiresAt", TIME, nullable=False),
        sa.Column("usedAt", TIME, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_login_links")),
        **TABLE,
    )
    op.create_table(
        "messages",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("senderId", ascii_text(36), nullable=True),
        sa.Column("recipientId", ascii_text(36), nullable=True),
        sa.Column("messageType", sa.String(length=32), nullable=False),
        sa.Column("content", JSON, nullable=True),
        sa.Column("metadata", JSON, nullable=True),
        sa.Column("at", TIME, nullable=True),
        sa.Column("spanId", ascii_text(16), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        **TABLE,
    )
    op.create_index("ix_messages_userId_taskId_at", "messages", ["userId", "taskId", "at"], unique=False)

    op.create_table(
        "metric_points",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("series", ascii_text(64), nullable=False),
        sa.Column("serviceName", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("cumulative", sa.Boolean(), nullable=True),
        sa.Column("attributes", JSON, nullable=True),
        sa.Column("startedAt", TIME, nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("count", sa.Integer(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("receivedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metric_points")),
        sa.UniqueConstraint("userId", "series", name=op.f("uq_metric_points_userId_series")),
        **TABLE,
    )
    op.create_table(
        "metrics",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=True),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("executionTime", sa.Integer(), nullable=True),
        sa.Column("tokenUsage", sa.Integer(), nullable=True),
        sa.Column("estimatedCost", sa.Numeric(precision=16, scale=8, asdecimal=False), nullable=True),
        sa.Column("successFlag", sa.Boolean(), nullable=True),
        sa.Column("at", TIME, nullable=True),
        sa.Column("spanId", ascii_text(16), nullable=True),
        sa.Column("provider", sa.String(length=255), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("inputTokens", sa.Integer(), nullable=True),
        sa.Column("outputTokens", sa.Integer(), nullable=True),
        sa.Column("cachedTokens", sa.Integer(), nullable=True),
        sa.Column("workflowId", ascii_text(36), nullable=True),
        sa.Column("errorType", sa.String(length=255), nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics")),
        **TABLE,
    )
    op.create_index("ix_metrics_userId_taskId", "metrics", ["userId", "taskId"], unique=False)

    op.create_table(
        "payload_blocks",
        sa.Column("id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("body", PAYLOAD, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payload_blocks")),
        **TABLE,
    )
    op.create_table(
        "resources",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", ascii_text(16), nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("userId", "hash", name=op.f("pk_resources")),
        **TABLE,
    )
    op.create_table(
        "space_versions",
        sa.Column("ownerId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("ownerId", name=op.f("pk_space_versions")),
        **TABLE,
    )
    op.create_table(
        "spans",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=False),
        sa.Column("spanId", ascii_text(16), nullable=False),
        sa.Column("parentSpanId", ascii_text(16), nullable=True),
        sa.Column("taskId", ascii_text(36), nullable=True),
        sa.Column("agentId", ascii_text(36), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("startedAt", sa.BigInteger(), nullable=False),
        sa.Column("endedAt", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=255), nullable=True),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("inputTokens", sa.Integer(), nullable=True),
        sa.Column("outputTokens", sa.Integer(), nullable=True),
        sa.Column("cachedTokens", sa.Integer(), nullable=True),
        sa.Column("cost", sa.Numeric(precision=16, scale=8, asdecimal=False), nullable=True),
        sa.Column("errorType", sa.String(length=255), nullable=True),
        sa.Column("errorMessage", LONG_TEXT, nullable=True),
        sa.Column("scope", sa.String(length=255), nullable=True),
        sa.Column("facts", LONG_TEXT, nullable=True),
        sa.Column("payload", PAYLOAD, nullable=True),
        sa.Column("contentHash", sa.BigInteger(), nullable=False),
        sa.Column("arrivedAt", sa.BigInteger(), nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spans")),
        sa.UniqueConstraint("userId", "traceId", "spanId", name=op.f("uq_spans_userId_traceId_spanId")),
        **TABLE,
    )
    op.create_table(
        "task_agents",
        sa.Column("taskId", ascii_text(36), nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lastAt", TIME, nullable=False),
        sa.Column("executions", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("executionTime", sa.Integer(), nullable=True),
        sa.Column("inputTokens", sa.Integer(), nullable=True),
        sa.Column("outputTokens", sa.Integer(), nullable=True),
        sa.Column("estimatedCost", sa.Numeric(precision=16, scale=8, asdecimal=False), nullable=True),
        sa.Column("llmCalls", sa.Integer(), nullable=False),
        sa.Column("toolCalls", sa.Integer(), nullable=False),
        sa.Column("retrievals", sa.Integer(), nullable=False),
        sa.Column("delegations", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("tools", JSON, nullable=True),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("taskId", "agentId", name=op.f("pk_task_agents")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_task_agents_userId_agentId_at_taskId",
        "task_agents",
        ["userId", "agentId", "at", "taskId"],
        unique=False,
    )
    op.create_index("ix_task_agents_userId_at", "task_agents", ["userId", "at"], unique=False)

    op.create_table(
        "task_traces",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=False),
        sa.Column("taskId", ascii_text(36), nullable=False),
        sa.Column("ownTaskId", ascii_text(36), nullable=False),
        sa.PrimaryKeyConstraint("userId", "traceId", name=op.f("pk_task_traces")),
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_task_traces_userId_ownTaskId", "task_traces", ["userId", "ownTaskId"], unique=False)
    op.create_index("ix_task_traces_userId_taskId", "task_traces", ["userId", "taskId"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("workflowId", ascii_text(36), nullable=True),
        sa.Column("input", JSON, nullable=True),
        sa.Column("assignedAgents", JSON, nullable=True),
        sa.Column("priority", sa.Integer(), server_default="5", nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("executionTime", sa.Integer(), nullable=True),
        sa.Column("startedAt", TIME, nullable=True),
        sa.Column("completedAt", TIME, nullable=True),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("summary", sa.String(length=120), nullable=True),
        sa.Column("source", sa.String(length=32), server_default="api", nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=True),
        sa.Column("sessionId", sa.String(length=255), nullable=True),
        sa.Column("parentTaskId", ascii_text(36), nullable=True),
        sa.Column("errorType", sa.String(length=255), nullable=True),
        sa.Column("errorMessage", LONG_TEXT, nullable=True),
        sa.Column("failedSpanId", ascii_text(16), nullable=True),
        sa.Column("failedAgentId", ascii_text(36), nullable=True),
        sa.Column("failedStep", sa.String(length=255), nullable=True),
        sa.Column("lastProgressAt", TIME, nullable=True),
        sa.Column("inputTokens", sa.Integer(), nullable=True),
        sa.Column("outputTokens", sa.Integer(), nullable=True),
        sa.Column("cachedTokens", sa.Integer(), nullable=True),
        sa.Column("tokenUsage", sa.Integer(), nullable=True),
        sa.Column("estimatedCost", sa.Numeric(precision=16, scale=8, asdecimal=False), nullable=True),
        sa.Column("llmCalls", sa.Integer(), nullable=True),
        sa.Column("toolCalls", sa.Integer(), nullable=True),
        sa.Column("errorCount", sa.Integer(), nullable=True),
        sa.Column("warningCount", sa.Integer(), nullable=True),
        sa.Column("agentCount", sa.Integer(), nullable=True),
        sa.Column("spanCount", sa.Integer(), nullable=True),
        sa.Column("graph", JSON, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        **TABLE,
    )
    op.create_index("ix_tasks_status_lastProgressAt", "tasks", ["status", "lastProgressAt"], unique=False)
    op.create_index("ix_tasks_userId_startedAt_id", "tasks", ["userId", "startedAt", "id"], unique=False)
    op.create_index(
        "ix_tasks_userId_status_startedAt_id", "tasks", ["userId", "status", "startedAt", "id"], unique=False
    )
    op.create_index(
        "ix_tasks_userId_workflowId_startedAt_id",
        "tasks",
        ["userId", "workflowId", "startedAt", "id"],
        unique=False,
    )

    op.create_table(
        "trace_dirty",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("dirtyAt", sa.BigInteger(), nullable=False),
        sa.Column("dueAt", sa.BigInteger(), nullable=False),
        sa.Column("leaseOwner", ascii_text(36), nullable=True),
        sa.Column("leaseUntil", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", LONG_TEXT, nullable=True),
        sa.PrimaryKeyConstraint("userId", "traceId", name=op.f("pk_trace_dirty")),
        **TABLE,
    )
    op.create_index("ix_trace_dirty_dueAt", "trace_dirty", ["dueAt"], unique=False)

    op.create_table(
        "trace_links",
        sa.Column("userId", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("traceId", ascii_text(32), nullable=False),
        sa.Column("linkedTraceId", ascii_text(32), nullable=False),
        sa.PrimaryKeyConstraint("userId", "traceId", "linkedTraceId", name=op.f("pk_trace_links")),
        **TABLE,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("openId", ascii_text(255), nullable=True),
        sa.Column("name", LONG_TEXT, nullable=True),
        sa.Column("email", ascii_text(255), nullable=True),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("lastSignedIn", TIME, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("openId", name=op.f("uq_users_openId")),
        **TABLE,
    )
    op.create_table(
        "workers",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("startedAt", sa.BigInteger(), nullable=False),
        sa.Column("seenAt", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        **TABLE,
    )
    op.create_table(
        "alerts",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("alertType", sa.String(length=32), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=512), nullable=False),
        sa.Column("message", LONG_TEXT, nullable=True),
        sa.Column("relatedAgentId", ascii_text(36), nullable=True),
        sa.Column("relatedTaskId", ascii_text(36), nullable=True),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("resolvedAt", TIME, nullable=True),
        sa.Column("fingerprint", ascii_text(32), nullable=True),
        sa.Column("touched", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_alerts_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        **TABLE,
    )
    op.create_index(
        "ix_alerts_userId_alertType_createdAt_id",
        "alerts",
        ["userId", "alertType", "createdAt", "id"],
        unique=False,
    )
    op.create_index(
        "ix_alerts_userId_relatedAgentId_createdAt",
        "alerts",
        ["userId", "relatedAgentId", "createdAt"],
        unique=False,
    )
    op.create_index("ix_alerts_userId_relatedTaskId", "alerts", ["userId", "relatedTaskId"], unique=False)
    op.create_index(
        "ix_alerts_userId_resolved_createdAt_id",
        "alerts",
        ["userId", "resolved", "createdAt", "id"],
        unique=False,
    )

    op.create_table(
        "api_keys",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("creatorId", sa.Integer(), nullable=False),
        sa.Column("name", LONG_TEXT, nullable=False),
        sa.Column("hash", ascii_text(64), nullable=False),
        sa.Column("prefix", ascii_text(16), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("expiresAt", TIME, nullable=True),
        sa.Column("lastUsedAt", TIME, nullable=True),
        sa.Column("revokedAt", TIME, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["creatorId"], ["users.id"], name=op.f("fk_api_keys_creatorId_users")),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_api_keys_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
        **TABLE,
    )
    op.create_index("ix_api_keys_userId_createdAt", "api_keys", ["userId", "createdAt"], unique=False)

    op.create_table(
        "integrations",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("framework", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("configuration", JSON, nullable=True),
        sa.Column("lastSeenAt", TIME, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_integrations_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
        sa.UniqueConstraint(
            "userId", "framework", "version", name=op.f("uq_integrations_userId_framework_version")
        ),
        **TABLE,
    )
    op.create_table(
        "llm_providers",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("provider", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=True),
        sa.Column("apiKey", LONG_TEXT, nullable=True),
        sa.Column("baseUrl", LONG_TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("isDefault", sa.Boolean(), nullable=False),
        sa.Column("configuration", JSON, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_llm_providers_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_llm_providers")),
        **TABLE,
    )
    op.create_index("ix_llm_providers_userId_provider", "llm_providers", ["userId", "provider"], unique=False)

    op.create_table(
        "memberships",
        sa.Column("ownerId", sa.Integer(), nullable=False),
        sa.Column("memberId", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.ForeignKeyConstraint(["memberId"], ["users.id"], name=op.f("fk_memberships_memberId_users")),
        sa.ForeignKeyConstraint(["ownerId"], ["users.id"], name=op.f("fk_memberships_ownerId_users")),
        sa.PrimaryKeyConstraint("ownerId", "memberId", name=op.f("pk_memberships")),
        **TABLE,
    )
    op.create_index("ix_memberships_memberId", "memberships", ["memberId"], unique=False)

    op.create_table(
        "swarm_agents",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("serviceName", sa.String(length=255), server_default="", nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("capabilities", JSON, nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("llmModel", sa.String(length=255), nullable=True),
        sa.Column("parameters", JSON, nullable=True),
        sa.Column("healthScore", sa.Integer(), nullable=True),
        sa.Column("successRate", sa.Numeric(precision=6, scale=3, asdecimal=False), nullable=True),
        sa.Column("totalExecutions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failedExecutions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lastHeartbeat", TIME, nullable=True),
        sa.Column("description", LONG_TEXT, nullable=True),
        sa.Column("origin", sa.String(length=32), server_default="authored", nullable=False),
        sa.Column("healthWord", sa.String(length=32), nullable=True),
        sa.Column("failureStreak", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lastProgressAt", TIME, nullable=True),
        sa.Column("llmCalls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("toolCalls", sa.Integer(), server_default="0", nullable=False),
        sa.Column("retrievals", sa.Integer(), server_default="0", nullable=False),
        sa.Column("delegations", sa.Integer(), server_default="0", nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_swarm_agents_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_swarm_agents")),
        sa.UniqueConstraint(
            "userId", "serviceName", "name", name=op.f("uq_swarm_agents_userId_serviceName_name")
        ),
        **TABLE,
    )
    op.create_index(
        "ix_swarm_agents_userId_healthScore_id", "swarm_agents", ["userId", "healthScore", "id"], unique=False
    )
    op.create_index(
        "ix_swarm_agents_userId_status_id", "swarm_agents", ["userId", "status", "id"], unique=False
    )
    op.create_index("ix_swarm_agents_userId_type_id", "swarm_agents", ["userId", "type", "id"], unique=False)

    op.create_table(
        "workflow_templates",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("orchestrationPattern", sa.String(length=32), nullable=False),
        sa.Column("templateData", JSON, nullable=True),
        sa.Column("isPublic", sa.Boolean(), nullable=False),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_workflow_templates_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflow_templates")),
        **TABLE,
    )
    op.create_index("ix_workflow_templates_isPublic", "workflow_templates", ["isPublic"], unique=False)
    op.create_index(
        "ix_workflow_templates_userId_orchestrationPattern",
        "workflow_templates",
        ["userId", "orchestrationPattern"],
        unique=False,
    )

    op.create_table(
        "workflows",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("serviceName", sa.String(length=255), nullable=True),
        sa.Column("orchestrationPattern", sa.String(length=32), nullable=False),
        sa.Column("nodes", JSON, nullable=True),
        sa.Column("edges", JSON, nullable=True),
        sa.Column("configuration", JSON, nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=32), server_default="authored", nullable=False),
        sa.Column("description", LONG_TEXT, nullable=True),
        sa.Column("tags", JSON, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_workflows_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
        sa.UniqueConstraint(
            "userId", "serviceName", "name", name=op.f("uq_workflows_userId_serviceName_name")
        ),
        **TABLE,
    )
    op.create_index(
        "ix_workflows_userId_orchestrationPattern_id",
        "workflows",
        ["userId", "orchestrationPattern", "id"],
        unique=False,
    )
    op.create_index("ix_workflows_userId_status_id", "workflows", ["userId", "status", "id"], unique=False)

    op.create_table(
        "agent_configurations",
        sa.Column("id", ascii_text(36), nullable=False),
        sa.Column("agentId", ascii_text(36), nullable=False),
        sa.Column("workflowId", ascii_text(36), nullable=True),
        sa.Column("parameters", JSON, nullable=True),
        sa.Column("llmModel", sa.String(length=255), nullable=True),
        sa.Column("systemPrompt", LONG_TEXT, nullable=True),
        sa.Column("createdAt", TIME, nullable=False),
        sa.Column("updatedAt", TIME, nullable=False),
        sa.Column("userId", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agentId"], ["swarm_agents.id"], name=op.f("fk_agent_configurations_agentId_swarm_agents")
        ),
        sa.ForeignKeyConstraint(["userId"], ["users.id"], name=op.f("fk_agent_configurations_userId_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_configurations")),
        **TABLE,
    )
    op.create_index(
        "ix_agent_configurations_userId_agentId", "agent_configurations", ["userId", "agentId"], unique=False
    )


def downgrade():
    # Whole tables: an index that carries a foreign key cannot be dropped before it on MySQL (error 1553).
    for table in (
        "agent_configurations",
        "workflows",
        "workflow_templates",
        "swarm_agents",
        "memberships",
        "llm_providers",
        "integrations",
        "api_keys",
        "alerts",
        "workers",
        "users",
        "trace_links",
        "trace_dirty",
        "tasks",
        "task_traces",
        "task_agents",
        "spans",
        "space_versions",
        "resources",
        "payload_blocks",
        "metrics",
        "metric_points",
        "messages",
        "login_links",
        "log_records",
        "execution_logs",
        "execution_history",
        "consensus_results",
    ):
        op.drop_table(table)
