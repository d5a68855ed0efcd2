"""Takes the sample away, and nothing else: its facts, what was derived from them, and the agents and workflows that nobody else used."""

from collections.abc import Iterator
from contextlib import contextmanager

from swarm_ui import clock
from swarm_ui.agents.purging import KEPT_OF_AGENTS
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest.conventions import SAMPLE
from swarm_ui.ingest.facts import framework_of
from swarm_ui.ingest.payload import block_of
from swarm_ui.projection import summaries
from swarm_ui.projection.forget import delete_in, forget_runs
from swarm_ui.projection.registry import LAST_SIGN
from swarm_ui.rawsql import Raw, retrying, transaction
from swarm_ui.sample import news
from swarm_ui.sample.wording import LIBRARIES

RUNS_A_TRANSACTION = 50
# While it loads, the worker leaves its traces alone; should the loader die, the worker takes them over after this time (µs).
HOLD = 600_000_000
# The mark of a trace that does not exist: whoever made it works on the sample alone. Left behind, it is cleared like any other mark.
LOCK = "sample"
_MARKED = f'%"{SAMPLE}"%'


def exists(owner_id: int) -> bool:
    """Whether this owner's space holds any of the sample."""
    with transaction(db.engine, writes=False) as raw:
        return bool(
            raw.rows(
                "SELECT 1 FROM resources WHERE userId=? AND attributes LIKE ? LIMIT 1", (owner_id, _MARKED)
            )
        )


def remove(owner_id: int) -> int:
    """Returns the number of runs that went. Raises Refused (409) while another one loads or removes it."""
    with alone(owner_id):
        return take_away(owner_id)


@contextmanager
def alone(owner_id: int) -> Iterator[None]:
    if not retrying(lambda: _lock(owner_id)):
        raise Refused(
            409, "The sample is being loaded or removed at this moment. Try again in a few seconds."
        )
    try:
        yield
    finally:
        retrying(lambda: _unlock(owner_id))


def _lock(owner_id: int) -> bool:
    now = clock.now_us()
    with transaction(db.engine) as raw:
        raw.execute("DELETE FROM trace_dirty WHERE userId=? AND traceId=? AND dueAt<?", (owner_id, LOCK, now))
        row = (owner_id, LOCK, 1, now + HOLD, now + HOLD, 0)
        columns = "userId,traceId,generation,dirtyAt,dueAt,attempts"
        return raw.insert("trace_dirty", columns, [row], ignore=True) == 1


def keep_alone(owner_id: int) -> None:
    """What takes long says now and then that it still lives."""

    def store() -> None:
        with transaction(db.engine) as raw:
            until = clock.now_us() + HOLD
            raw.execute(
                "UPDATE trace_dirty SET dueAt=? WHERE userId=? AND traceId=?", (until, owner_id, LOCK)
            )

    retrying(store)


def _unlock(owner_id: int) -> None:
    with transaction(db.engine) as raw:
        raw.execute("DELETE FROM trace_dirty WHERE userId=? AND traceId=?", (owner_id, LOCK))
        raw.upsert("space_versions", "ownerId,version", "ownerId", "version=version+1", [(owner_id, 1)])


def busy(owner_id: int) -> bool:
    """Whether the sample is being loaded or removed: what there is of it is not whole."""
    with transaction(db.engine, writes=False) as raw:
        statement = "SELECT 1 FROM trace_dirty WHERE userId=? AND traceId=? AND dueAt>=?"
        return bool(raw.rows(statement, (owner_id, LOCK, clock.now_us())))


def take_away(owner_id: int) -> int:
    """`remove`, for who is alone already. In short transactions, so that others can write meanwhile; run again it goes on where it stopped."""
    agents: set[str] = set()
    removed = 0
    while tasks := _next_tasks(owner_id):
        agents |= retrying(lambda tasks=tasks: _remove_runs(owner_id, tasks))  # type: ignore[misc]
        removed += len(tasks)
    retrying(lambda: _remove_unprojected(owner_id))
    frameworks = _unused_scopes(owner_id)
    kept = retrying(lambda: _remove_frame(owner_id, agents, frameworks))
    summaries.refresh(db.engine, {(owner_id, agent_id) for agent_id in kept}, _workflows(owner_id))
    return removed


def _next_tasks(owner_id: int) -> list[str]:
    with transaction(db.engine, writes=False) as raw:
        statement = "SELECT id FROM tasks WHERE userId=? AND source='sample' LIMIT ?"
        return [row[0] for row in raw.rows(statement, (owner_id, RUNS_A_TRANSACTION))]


def _remove_runs(owner_id: int, tasks: list[str]) -> set[str]:
    with transaction(db.engine) as raw:
        statement = "SELECT traceId FROM task_traces WHERE userId=? AND taskId IN {}"
        traces = [row[0] for row in raw.rows_in(statement, (owner_id,), tasks)]
        _remove_traces(raw, owner_id, traces)
        delete_in(raw, "alerts", owner_id, "relatedTaskId", tasks)
        return forget_runs(raw, owner_id, tasks)


def _remove_traces(raw: Raw, owner_id: int, traces: list[str]) -> None:
    """The facts. A worker that is just projecting one of these traces finds its mark gone, and writes nothing."""
    statement = "SELECT DISTINCT SUBSTR(payload,1,9) FROM spans WHERE userId=? AND traceId IN {}"
    heads = [bytes(row[0]) for row in raw.rows_in(statement, (owner_id,), traces) if row[0]]
    delete_in(
        raw,
        "payload_blocks",
        owner_id,
        "id",
        [block for head in heads if (block := block_of(head)) is not None],
    )
    for table in ("trace_dirty", "spans", "log_records", "trace_links", "task_traces"):
        delete_in(raw, table, owner_id, "traceId", traces)
    delete_in(raw, "trace_links", owner_id, "linkedTraceId", traces)


def _remove_unprojected(owner_id: int) -> None:
    """What a loader that was stopped had appended and not yet projected."""
    with transaction(db.engine) as raw:
        marked = [row[0] for row in raw.rows("SELECT traceId FROM trace_dirty WHERE userId=?", (owner_id,))]
        statement = "SELECT DISTINCT traceId FROM spans WHERE userId=? AND facts LIKE ? AND traceId IN {}"
        traces = [row[0] for row in raw.rows_in(statement, (owner_id, '%"smp":1%'), marked)]
        _remove_traces(raw, owner_id, traces)


def _remove_frame(owner_id: int, agents: set[str], frameworks: list[tuple[str, str]]) -> set[str]:
    """What several runs shared: agents, workflows, frameworks, resources, series. Returns the agents that stay: they ran otherwise too, or
    people made them."""
    with transaction(db.engine) as raw:
        sample = {
            row[0]
            for row in raw.rows("SELECT id FROM swarm_agents WHERE userId=? AND origin='sample'", (owner_id,))
        }
        statement = "SELECT DISTINCT agentId FROM task_agents WHERE userId=? AND agentId IN {}"
        used = {row[0] for row in raw.rows_in(statement, (owner_id,), sorted(sample | agents))}
        gone = sorted(sample - used)
        for table in KEPT_OF_AGENTS:
            delete_in(raw, table, owner_id, "agentId", gone)
        delete_in(raw, "alerts", owner_id, "relatedAgentId", gone)
        delete_in(raw, "swarm_agents", owner_id, "id", gone)
        kept = (sample | agents) - set(gone)
        _correct_times(raw, owner_id, sorted(kept))
        raw.execute(
            "DELETE FROM workflows WHERE userId=? AND origin='sample' "
            "AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.userId=? AND tasks.workflowId=workflows.id)",
            (owner_id, owner_id),
        )
        _take_back_signs_of_life(raw, owner_id)
        news.take_back(raw, owner_id)
        for table in ("swarm_agents", "workflows"):
            raw.execute(
                f"UPDATE {table} SET origin='discovered' WHERE userId=? AND origin='sample'", (owner_id,)
            )
        raw.many(
            "DELETE FROM integrations WHERE userId=? AND framework=? AND version=?",
            [(owner_id, framework, version) for framework, version in frameworks],
        )
        for table in ("resources", "metric_points"):
            raw.execute(f"DELETE FROM {table} WHERE userId=? AND attributes LIKE ?", (owner_id, _MARKED))
        raw.upsert("space_versions", "ownerId,version", "ownerId", "version=version+1", [(owner_id, 1)])
    return kept


def _take_back_signs_of_life(raw: Raw, owner_id: int) -> None:
    """Of the sample's agents that stay."""
    statement = "SELECT id FROM swarm_agents WHERE userId=? AND origin='sample' AND kept=0"
    kept = [row[0] for row in raw.rows(statement, (owner_id,))]
    delete_in(raw, "heartbeats", owner_id, "agentId", kept)
    raw.many(
        "UPDATE swarm_agents SET heartbeatPeriod=NULL,heartbeatGrace=NULL,beatAt=NULL,beatStatus=NULL,watchedAt=NULL,maintenanceSince=NULL,"
        "maintenanceUntil=NULL,maintenanceReason=NULL WHERE userId=? AND id=? AND revision=0",
        [(owner_id, agent_id) for agent_id in kept],
    )


def _correct_times(raw: Raw, owner_id: int, agents: list[str]) -> None:
    """When agents that stay were last at work, now that some of their runs are gone."""
    raw.many(
        f"UPDATE swarm_agents SET lastHeartbeat={LAST_SIGN},"
        "lastProgressAt=(SELECT MAX(tasks.lastProgressAt) FROM task_agents JOIN tasks ON tasks.id=taskId AND tasks.userId=? "
        "WHERE task_agents.userId=? AND agentId=swarm_agents.id) WHERE userId=? AND id=?",
        [(owner_id, owner_id, owner_id, owner_id, owner_id, agent_id) for agent_id in agents],
    )


def _unused_scopes(owner_id: int) -> list[tuple[str, str]]:
    """The sample's libraries that no span of the owner comes from any more."""
    scopes = sorted({"@".join(library.scope) for library in LIBRARIES.values()})
    with transaction(db.engine, writes=False) as raw:
        statement = "SELECT DISTINCT scope FROM spans WHERE userId=? AND scope IN {}"
        used = {row[0] for row in raw.rows_in(statement, (owner_id,), scopes)}
    return [
        (framework_of(name), version)
        for name, _, version in (scope.rpartition("@") for scope in set(scopes) - used)
    ]


def _workflows(owner_id: int) -> set[tuple[int, str]]:
    with transaction(db.engine, writes=False) as raw:
        return set(
            raw.rows("SELECT userId,id FROM workflows WHERE userId=? AND origin='discovered'", (owner_id,))
        )
