"""What the settings page shows of this space and, to administrators, of the installation."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, Select, case, exists, func, select, text
from sqlalchemy.orm import aliased

from swarm_ui import clock
from swarm_ui.accounts.models import ApiKey, User
from swarm_ui.agents.models import Agent
from swarm_ui.dbcheck import server_of
from swarm_ui.extensions import db
from swarm_ui.worker.models import WorkerSeen
from swarm_ui.workflows.models import Workflow

ALIVE_US = 15_000_000
MOST_KEYS = 200

Creator = aliased(User)


def listed_keys() -> Select[ApiKey, str | None, str | None]:
    """Keys in use first, newest first, with who made them."""
    return (
        select(ApiKey, Creator.name, Creator.email)
        .join(Creator, Creator.id == ApiKey.creator_id)
        .order_by(ApiKey.revoked_at.is_not(None), ApiKey.created_at.desc(), ApiKey.id)
        .limit(MOST_KEYS)
    )


def has_sample() -> bool:
    agent = exists(select(Agent.id).where(Agent.origin == "sample"))
    workflow = exists(select(Workflow.id).where(Workflow.origin == "sample"))
    return bool(db.session.scalar(select(agent)) or db.session.scalar(select(workflow)))


@dataclass(frozen=True, slots=True)
class TableSize:
    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    server: str
    size: int
    tables: list[TableSize]


def database_facts() -> DatabaseFacts:
    """Of all owners together. Row numbers are what the database knows without counting: about right."""
    sqlite = db.engine.dialect.name == "sqlite"
    size, tables = _sqlite_sizes() if sqlite else _mysql_sizes()
    tables.sort(key=lambda table: -table.rows)
    return DatabaseFacts(
        server_of(db.session.connection()), size, [table for table in tables[:8] if table.rows]
    )


def _sqlite_sizes() -> tuple[int, list[TableSize]]:
    run = db.session.connection().exec_driver_sql
    pages, bytes_a_page = run("PRAGMA page_count").scalar_one(), run("PRAGMA page_size").scalar_one()
    present = {name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # Tables ordered by a text key have no row ids to read the number off; those whose number is given to them have arbitrary ones.
    unnumbered = {
        table.name
        for table in db.metadata.sorted_tables
        if table.dialect_options["sqlite"]["with_rowid"] is False
        or any(isinstance(key.type, Integer) and key.autoincrement is False for key in table.primary_key)
    }
    names = sorted((present & set(db.metadata.tables)) - unnumbered)
    highest = " UNION ALL ".join(f"SELECT '{name}', max(rowid) FROM {name}" for name in names)
    return pages * bytes_a_page, [TableSize(name, rows or 0) for name, rows in run(highest)]


def _mysql_sizes() -> tuple[int, list[TableSize]]:
    rows = db.session.execute(
        text(
            "SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables "
            "WHERE table_schema = database()"
        )
    ).all()
    known = {table.name for table in db.metadata.sorted_tables}
    size = sum(int(length or 0) for _name, _rows, length in rows)
    return size, [TableSize(name, int(count or 0)) for name, count, _length in rows if name in known]


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    alive: int
    seen_at: datetime | None


def worker_facts() -> WorkerFacts:
    """How many worker processes gave a sign of life lately, and when the last one was."""
    seen = func.max(WorkerSeen.seen_at)
    alive = func.coalesce(func.sum(case((WorkerSeen.seen_at > clock.now_us() - ALIVE_US, 1), else_=0)), 0)
    number, last = db.session.execute(select(alive, seen).select_from(WorkerSeen)).one()
    return WorkerFacts(int(number), clock.from_us(last) if last else None)
