"""One owner's data from the wire to the derived rows, quick enough to do it hundreds of times; and what of it has to be equal."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest import otlp
from swarm_ui.ingest.append import append_logs, append_spans
from swarm_ui.projection import summaries
from swarm_ui.projection.project import Projector
from tests.otlp import JSON, PROTOBUF, Draft, document, encoded

TIMEOUT_US = 1_800_000_000
DERIVED = (
    "tasks", "task_traces", "task_agents", "messages", "execution_logs", "metrics", "execution_history", "alerts", "swarm_agents",
    "workflows", "integrations", "spans", "trace_links", "agent_hours",
)  # fmt: skip
APPENDED = ("payload_blocks", "resources", "log_records", "trace_dirty", "metric_points", "space_versions")
# When a row was written or its data arrived, and where its bytes lie, may differ.
ARRIVAL = {
    "createdAt",
    "updatedAt",
    "arrivedAt",
    "lastProgressAt",
    "deadlineAt",
    "running",
    "healthSince",
    "nextChangeAt",
    "resolvedAt",
    "lastSeenAt",
    "payload",
    "resources",
}
SURROGATE = {"spans": {"id"}}


class World:
    def __init__(self, owner_id: int, time: Any) -> None:
        self.owner_id = owner_id
        self.time = time
        self.engine = db.engine
        self._columns: dict[str, list[str]] = {}

    def send(self, *drafts: Draft, encoding: str = PROTOBUF) -> int:
        """Appends them as one request; the number that was new."""
        return self.send_body(encoded(document(*drafts), encoding), encoding)

    def send_body(self, body: bytes, encoding: str = PROTOBUF, signal: str = "traces") -> int:
        read, append = {
            "traces": (otlp.read_traces, append_spans),
            "logs": (otlp.read_logs, append_logs),
        }[signal]
        batch = read(body, encoding)
        found = append(self.engine, self.owner_id, batch).new
        assert batch.refused == []
        return found

    def projector(self, name: str = "test") -> Projector:
        return Projector(self.engine, name, timeout_us=TIMEOUT_US)

    def project(self, rounds: int | None = None) -> None:
        """Until nothing is due, or so many rounds."""
        projector = self.projector()
        if rounds is None:
            projector.drain()
        else:
            for _ in range(rounds):
                projector.round(1)

    def settle(self) -> dict[str, list[Any]]:
        """The derived rows once all that waits is projected and summed up."""
        self.project()
        # Runs that were dear, or whose traces two workers had in hand, wait a moment.
        self.time.forward(seconds=3)
        self.project()
        assert self.sql("SELECT traceId,error FROM trace_dirty WHERE userId=:owner") == []
        self.summarise()
        return self.rows()

    def summarise(self) -> None:
        summaries.refresh(
            self.engine, summaries.all_agents(self.engine), summaries.all_workflows(self.engine)
        )

    def rows(self) -> dict[str, list[Any]]:
        """Every derived row as a sorted list of its columns."""
        found = {}
        for table in DERIVED:
            columns = self._columns.get(table)
            if columns is None:
                names = db.metadata.tables[table].columns.keys()
                columns = [name for name in names if name not in ARRIVAL | SURROGATE.get(table, set())]
                self._columns[table] = columns
            listed = self.sql(f"SELECT {','.join(columns)} FROM {table} WHERE userId=:owner")
            named = [tuple(zip(columns, row, strict=True)) for row in listed]
            found[table] = sorted(named, key=repr)
        return found

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [
                tuple(row) for row in connection.execute(text(statement), values | {"owner": self.owner_id})
            ]

    def change(self, statement: str, **values: Any) -> int:
        with self.engine.begin() as connection:
            return connection.execute(text(statement), values | {"owner": self.owner_id}).rowcount

    def clear(self) -> None:
        """As on the first day."""
        with self.engine.begin() as connection:
            for table in (*DERIVED, *APPENDED):
                owner = "ownerId" if table == "space_versions" else "userId"
                connection.execute(
                    text(f"DELETE FROM {table} WHERE {owner}=:owner"), {"owner": self.owner_id}
                )


def differences(
    one: dict[str, list[Any]], other: dict[str, list[Any]], but: tuple[str, ...] = ()
) -> list[str]:
    """What two sets of derived rows do not have in common, in words."""
    said = []
    for table in set(DERIVED) - set(but):
        left, right = set(map(repr, one[table])), set(map(repr, other[table]))
        said += [f"only the first has in {table}: {row}" for row in sorted(left - right)]
        said += [f"only the second has in {table}: {row}" for row in sorted(right - left)]
        if left == right and len(one[table]) != len(other[table]):
            said.append(f"{table} has {len(one[table])} and {len(other[table])} rows")
    return said


def same(one: dict[str, list[Any]], other: dict[str, list[Any]], but: tuple[str, ...] = ()) -> None:
    assert not (found := differences(one, other, but)), "\n".join(found)


def each_alone(drafts: Iterable[Draft]) -> list[tuple[bytes, str]]:
    """A request for every span, in both encodings by turns."""
    kinds = [PROTOBUF, JSON]
    return [
        (encoded(document(draft), kinds[place % 2]), kinds[place % 2]) for place, draft in enumerate(drafts)
    ]


def now_us() -> int:
    return clock.now_us()
