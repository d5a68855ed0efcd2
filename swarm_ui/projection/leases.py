"""The marks of traces whose derived rows are behind: which worker has which, for how long, and what became of it.

A mark is cleared only where its generation is still the one that was taken: a span that lands meanwhile leaves it, and the trace is due again.
Every statement names the owner.
"""

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.ingest.append import mark_dirty
from swarm_ui.rawsql import Busy, Raw, retrying, transaction

LEASE_US = 60_000_000
MOST_ATTEMPTS = 8
# A trace that so many workers have left unfinished is taken alone: if it is what ends them, it takes no other with it.
SUSPECT_ATTEMPTS = 2
LONGEST_DEBOUNCE_US = 2_000_000
# A run that takes this long to project is not projected again at once while its spans keep coming.
CHEAP_US = 50_000
# The condition decides: of two workers one changes the row.
_TAKE = (
    "UPDATE trace_dirty SET leaseOwner=?,leaseUntil=?,attempts=attempts+1 WHERE userId=? AND traceId=? "
    "AND error IS NULL AND (leaseUntil IS NULL OR leaseUntil<?)"
)
_GIVE_UP = (
    "UPDATE trace_dirty SET error=?,leaseOwner=NULL,leaseUntil=NULL WHERE userId=? AND traceId=? "
    "AND error IS NULL AND attempts>=? AND (leaseUntil IS NULL OR leaseUntil<?)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    owner_id: int
    trace_id: str
    generation: int


def mark_again(engine: Engine, owner_id: int, trace_ids: list[str]) -> None:
    """Makes these traces due although nothing of them arrived. Those that are dirty or set aside already stay as they are."""
    if not trace_ids:
        return
    now = clock.now_us()
    rows = [(owner_id, trace_id, 1, now, now, 0) for trace_id in sorted(trace_ids)]

    def store() -> None:
        with transaction(engine) as raw:
            columns = "userId,traceId,generation,dirtyAt,dueAt,attempts"
            raw.insert("trace_dirty", columns, rows, ignore=True)

    retrying(store)


class LeaseLost(RuntimeError):
    """Another worker has the run now."""


class Leases:
    """Those of one worker; `name` tells them from others'."""

    def __init__(self, engine: Engine, name: str, lease_us: int = LEASE_US) -> None:
        self.engine = engine
        self.name = name
        self.lease_us = lease_us

    def claim(self, limit: int) -> list[Mark]:
        """Up to `limit` traces that are due, of every owner (userId), longest due first."""
        now = clock.now_us()
        with transaction(self.engine, writes=False) as raw:
            due = raw.rows(
                "SELECT userId,traceId,attempts FROM trace_dirty WHERE dueAt<=? AND error IS NULL "
                "AND (leaseUntil IS NULL OR leaseUntil<?) ORDER BY dueAt LIMIT ?",
                (now, now, limit),
            )
        if not due:
            return []
        hopeless = [row for row in due if row[2] >= MOST_ATTEMPTS]
        suspects = [row for row in due if SUSPECT_ATTEMPTS <= row[2] < MOST_ATTEMPTS]
        by_owner: dict[int, list[str]] = {}
        for owner_id, trace_id, attempts in suspects[:1] or due:
            if attempts < MOST_ATTEMPTS:
                by_owner.setdefault(owner_id, []).append(trace_id)
        with transaction(self.engine) as raw:
            reason = f"{MOST_ATTEMPTS} workers ended while they projected this trace"
            raw.many(_GIVE_UP, [(reason, owner, trace, MOST_ATTEMPTS, now) for owner, trace, _ in hopeless])
            return [
                mark for owner_id, traces in by_owner.items() for mark in self._take(raw, owner_id, traces)
            ]

    def due_of(self, owner_id: int, limit: int) -> list[str]:
        """The owner's traces that are due and free."""
        now = clock.now_us()
        with transaction(self.engine, writes=False) as raw:
            statement = (
                "SELECT traceId FROM trace_dirty WHERE userId=? AND dueAt<=? AND error IS NULL "
                "AND (leaseUntil IS NULL OR leaseUntil<?) ORDER BY dueAt LIMIT ?"
            )
            return [row[0] for row in raw.rows(statement, (owner_id, now, now, limit))]

    def take(self, owner_id: int, trace_ids: list[str]) -> list[Mark]:
        """The marks of these traces, due or not; without those that another worker holds."""
        with transaction(self.engine) as raw:
            return self._take(raw, owner_id, trace_ids)

    def _take(self, raw: Raw, owner_id: int, trace_ids: list[str]) -> list[Mark]:
        now = clock.now_us()
        raw.many(_TAKE, [(self.name, now + self.lease_us, owner_id, trace, now) for trace in trace_ids])
        statement = "SELECT userId,traceId,generation FROM trace_dirty WHERE userId=? AND leaseOwner=? AND traceId IN {}"
        return [Mark(*row) for row in raw.rows_in(statement, (owner_id, self.name), trace_ids)]

    def others_hold(self, raw: Raw, owner_id: int, trace_ids: list[str]) -> bool:
        """Whether another worker has one of these traces in hand."""
        statement = (
            "SELECT 1 FROM trace_dirty WHERE userId=? AND leaseOwner<>? AND leaseUntil>=? AND traceId IN {}"
        )
        return any(raw.rows_in(statement, (owner_id, self.name, clock.now_us()), trace_ids))

    def hold(self, raw: Raw, marks: list[Mark]) -> None:
        """Fencing: a worker whose lease ran out and went to another writes nothing more."""
        owner_id = marks[0].owner_id
        places = ",".join("?" * len(marks))
        held = raw.execute(
            f"UPDATE trace_dirty SET leaseUntil=? WHERE userId=? AND leaseOwner=? AND traceId IN ({places})",
            (clock.now_us() + self.lease_us, owner_id, self.name, *(mark.trace_id for mark in marks)),
        )
        if held != len(marks):
            raise LeaseLost(f"the lease on one of {len(marks)} traces went to another worker")

    def clear(self, raw: Raw, costs: list[tuple[Mark, int]]) -> None:
        """The marks go, but for those that were made again meanwhile: they are due soon, the later the more their run costs."""
        raw.many(
            "DELETE FROM trace_dirty WHERE userId=? AND traceId=? AND generation=? AND leaseOwner=?",
            [(mark.owner_id, mark.trace_id, mark.generation, self.name) for mark, _ in costs],
        )
        now = clock.now_us()
        by_trace = {mark.trace_id: cost for mark, cost in costs}
        owner_id = costs[0][0].owner_id
        statement = "SELECT traceId FROM trace_dirty WHERE userId=? AND leaseOwner=? AND traceId IN {}"
        for (trace_id,) in list(raw.rows_in(statement, (owner_id, self.name), sorted(by_trace))):
            cost = by_trace[trace_id]
            wait = min(20 * cost, LONGEST_DEBOUNCE_US) if cost > CHEAP_US else 0
            raw.execute(
                "UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL,attempts=0,dueAt=?,dirtyAt=? WHERE userId=? AND traceId=?",
                (now + wait, now, owner_id, trace_id),
            )

    def pass_on(self, owner_id: int, marks: list[Mark], leaders: list[str]) -> None:
        """Marks go; those of the leaders take their place."""

        def store() -> None:
            with transaction(self.engine) as raw:
                mark_dirty(raw, owner_id, leaders, clock.now_us())
                self.clear(raw, [(mark, 0) for mark in marks])

        retrying(store)

    def release(self, marks: list[Mark], wait_us: int = 0) -> None:
        """Gives the marks back as if they had not been taken; where even that fails the leases run out by themselves."""
        due_at = clock.now_us() + wait_us
        with suppress(Busy):
            retrying(lambda: self._release(marks, due_at))

    def _release(self, marks: list[Mark], due_at: int) -> None:
        with transaction(self.engine) as raw:
            raw.many(
                "UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL,dueAt=?,attempts=CASE WHEN attempts>0 THEN attempts-1 ELSE 0 END "
                "WHERE userId=? AND traceId=? AND leaseOwner=?",
                [(due_at, mark.owner_id, mark.trace_id, self.name) for mark in marks],
            )

    def set_aside(self, mark: Mark, reason: str) -> None:
        """A trace that cannot be projected keeps its reason; one with new spans meanwhile is tried again."""

        def store() -> None:
            with transaction(self.engine) as raw:
                raw.execute(
                    "UPDATE trace_dirty SET error=? WHERE userId=? AND traceId=? AND generation=? AND leaseOwner=?",
                    (reason, mark.owner_id, mark.trace_id, mark.generation, self.name),
                )
                raw.execute(
                    "UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL WHERE userId=? AND traceId=? AND leaseOwner=?",
                    (mark.owner_id, mark.trace_id, self.name),
                )

        retrying(store)
