"""Rows of the database under test, read and written from outside the product."""

from sqlalchemy import text

from swarm_ui import dbcheck
from swarm_ui.extensions import db

WRITTEN = frozenset({"createdAt", "updatedAt"})
# Where the spans' wholes lie is chosen anew each time, and so are row numbers.
PLACES = {
    "spans": frozenset({"id", "payload"}),
    "metric_points": frozenset({"id"}),
    "log_records": frozenset({"id"}),
    "status_flips": frozenset({"id"}),
}
DERIVED = (
    "swarm_agents", "workflows", "tasks", "task_traces", "task_agents", "messages", "execution_logs", "metrics", "execution_history",
    "alerts", "integrations",
)  # fmt: skip


def owned_tables() -> list[str]:
    return [table.name for table in db.metadata.sorted_tables if "userId" in table.c]


def rows_of(owner, tables=None, *, without=WRITTEN, places=False) -> dict[str, list[str]]:
    """Sorted rows by table, times of writing left out, and with `places` what differs between two loads of the same."""
    found = {}
    with db.engine.connect() as connection:
        for table in tables or owned_tables():
            skipped = without | (PLACES.get(table, frozenset()) if places else frozenset())
            if places and table == "payload_blocks":
                continue
            rows = connection.execute(
                text(f"SELECT * FROM {table} WHERE userId = :owner"), {"owner": owner.id}
            ).mappings()
            found[table] = sorted(
                repr({key: _whole(key, value) for key, value in row.items() if key not in skipped})
                for row in rows
            )
    return found


def _whole(key, value):
    """Times of writing stand in SQLite with and without the fraction of the second that is none."""
    return value.removesuffix(".000000") if key in WRITTEN and isinstance(value, str) else value


def count(owner, table: str, where: str = "1=1") -> int:
    with db.engine.connect() as connection:
        statement = text(f"SELECT COUNT(*) FROM {table} WHERE userId = :owner AND {where}")
        return connection.execute(statement, {"owner": owner.id}).scalar_one()


def say_migrated() -> None:
    """The database says that it is at the newest migration."""
    with db.engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": dbcheck.newest_revision()}
        )
