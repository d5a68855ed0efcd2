"""The projection: takes dirty traces by lease, reads their run's facts, writes what they mean, clears the marks.

A mark is cleared only where its generation is still the one read before the facts were: a span that lands meanwhile leaves it, and the run
is projected again. Traces joined by links are one run, projected under its first trace, so that one lease guards all of it. Reading and
computing happen outside the write lock; a transaction writes about a thousand rows.
"""

import logging
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.ingest.append import mark_dirty
from swarm_ui.ingest.identity import task_id_of
from swarm_ui.orm import database_text
from swarm_ui.projection import read
from swarm_ui.projection.diff import Change, Plan, plan_run
from swarm_ui.projection.mapping import Run, interpret
from swarm_ui.projection.prices import price_of
from swarm_ui.projection.write import apply_lists, apply_runs
from swarm_ui.rawsql import Busy, Raw, retrying, transaction

log = logging.getLogger(__name__)
BATCH = 64
ROWS_A_TRANSACTION = 1_000
LEASE_US = 60_000_000
MOST_ATTEMPTS = 8
LONGEST_DEBOUNCE_US = 2_000_000
# A run that takes this long to project is not projected again at once while its spans keep coming.
CHEAP_US = 50_000
# The condition decides: of two workers one changes the row.
_TAKE_LEASE = (
    "UPDATE trace_dirty SET leaseOwner=?,leaseUntil=?,attempts=attempts+1 WHERE userId=? AND traceId=? "
    "AND error IS NULL AND (leaseUntil IS NULL OR leaseUntil<?)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    owner_id: int
    trace_id: str
    generation: int


@dataclass(slots=True)
class Done:
    """What a round did; the ids tell the sweeps which scores and graphs are behind."""

    traces: int
    runs: int
    agents: set[tuple[int, str]]
    workflows: set[tuple[int, str]]


class Projector:
    """One worker's projection; `name` marks its leases."""

    def __init__(self, engine: Engine, name: str, *, timeout_us: int) -> None:
        self.engine = engine
        self.name = name
        self.timeout_us = timeout_us

    def round(self, limit: int = BATCH) -> Done:
        """Claims up to `limit` dirty traces and projects their runs."""
        done = Done(0, 0, set(), set())
        marks = retrying(lambda: self._claim(limit))
        by_owner: dict[int, list[Mark]] = {}
        for mark in marks:
            by_owner.setdefault(mark.owner_id, []).append(mark)
        for owner_id, members in by_owner.items():
            self._project_owner(owner_id, members, done)
        return done

    def drain(self, rounds: int = 1_000_000) -> Done:
        """Rounds until nothing is due; for commands and tests."""
        total = Done(0, 0, set(), set())
        for _ in range(rounds):
            done = self.round()
            total.runs += done.runs
            total.traces += done.traces
            total.agents |= done.agents
            total.workflows |= done.workflows
            if done.traces == 0:
                break
        return total

    def take(self, owner_id: int, trace_ids: list[str]) -> Done:
        """Projects these dirty traces, due or not; those that another worker holds are left to it."""
        done = Done(0, 0, set(), set())
        for start in range(0, len(trace_ids), BATCH):
            part = trace_ids[start : start + BATCH]
            marks = retrying(lambda part=part: self._lease(owner_id, part))  # type: ignore[misc]
            if marks:
                self._project_owner(owner_id, marks, done)
        return done

    def drain_owner(self, owner_id: int) -> Done:
        """This owner's traces until none is due that nobody else holds."""
        total = Done(0, 0, set(), set())
        while True:
            now = clock.now_us()
            with transaction(self.engine, writes=False) as raw:
                due = raw.rows(
                    "SELECT traceId FROM trace_dirty WHERE userId=? AND dueAt<=? AND error IS NULL "
                    "AND (leaseUntil IS NULL OR leaseUntil<?) ORDER BY dueAt LIMIT 500",
                    (owner_id, now, now),
                )
            done = self.take(owner_id, [row[0] for row in due])
            total.traces += done.traces
            total.runs += done.runs
            total.agents |= done.agents
            total.workflows |= done.workflows
            if done.traces == 0:
                return total

    def _lease(self, owner_id: int, trace_ids: list[str]) -> list[Mark]:
        now = clock.now_us()
        with transaction(self.engine) as raw:
            raw.many(_TAKE_LEASE, [(self.name, now + LEASE_US, owner_id, trace_id, now) for trace_id in trace_ids])
            return self._held(raw, owner_id, trace_ids)

    def _held(self, raw: Raw, owner_id: int, trace_ids: list[str]) -> list[Mark]:
        statement = "SELECT userId,traceId,generation FROM trace_dirty WHERE userId=? AND leaseOwner=? AND traceId IN {}"
        return [Mark(*row) for row in raw.rows_in(statement, (owner_id, self.name), trace_ids)]

    def _claim(self, limit: int) -> list[Mark]:
        now = clock.now_us()
        with transaction(self.engine, writes=False) as raw:
            due = raw.rows(
                "SELECT userId,traceId,generation FROM trace_dirty WHERE dueAt<=? AND error IS NULL "
                "AND (leaseUntil IS NULL OR leaseUntil<?) ORDER BY dueAt LIMIT ?",
                (now, now, limit),
            )
        if not due:
            return []
        with transaction(self.engine) as raw:
            raw.many(
                _TAKE_LEASE,
                [(self.name, now + LEASE_US, owner_id, trace_id, now) for owner_id, trace_id, _ in due],
            )
            raw.execute(
                "UPDATE trace_dirty SET error=?,leaseOwner=NULL,leaseUntil=NULL WHERE attempts>? AND error IS NULL",
                (f"the worker died {MOST_ATTEMPTS} times while it projected this trace", MOST_ATTEMPTS),
            )
            marks = []
            for owner_id in sorted({row[0] for row in due}):
                marks += self._held(raw, owner_id, [trace_id for owner, trace_id, _ in due if owner == owner_id])
            return marks

    def _project_owner(self, owner_id: int, marks: list[Mark], done: Done) -> None:
        try:
            plans = self._plan(owner_id, marks, done)
            self._write(plans, done)
        except LeaseLost:
            log.warning("a lease was lost", extra={"owner": owner_id, "traces": len(marks)})
            done.traces += len(marks)
        except Busy:
            self._release(marks)
            raise
        except Exception:
            if len(marks) == 1:
                self._set_aside(marks[0])
                done.traces += 1
                return
            # One of them breaks the rest: each for itself, so that only that one is put aside.
            log.warning(
                "a batch of traces failed, projecting them one by one",
                extra={"owner": owner_id, "traces": len(marks)},
            )
            for mark in marks:
                self._project_owner(owner_id, [mark], done)

    def _plan(self, owner_id: int, marks: list[Mark], done: Done) -> list[tuple[Plan, Mark, int]]:
        now = clock.now_us()
        plans = []
        with transaction(self.engine, writes=False) as raw:
            leaders = self._leaders(raw, owner_id, marks, done)
            traces = sorted({trace for group, _ in leaders.values() for trace in group})
            facts = read.read_facts(raw, owner_id, traces)
            logs = read.read_logs(raw, owner_id, traces)
            before = read.stored_tasks(raw, owner_id, traces)
            for leader, (group, mark) in leaders.items():
                started = clock.now_us()
                present = [trace for trace in group if trace in facts.by_trace]
                nodes = [node for trace in present for node in facts.by_trace[trace]]
                task_id = task_id_of(owner_id, min(present) if present else leader)
                old = sorted({before[trace] for trace in group if trace in before})
                run = None
                if nodes:
                    run = interpret(
                        owner_id,
                        task_id,
                        nodes,
                        [fact for trace in group for fact in logs.get(trace, ())],
                        content=facts.content,
                        price=price_of,
                        now=now,
                        timeout=self.timeout_us,
                        sample=any("smp" in node.more for node in nodes),
                    )
                spans = _span_changes(facts, nodes, task_id, run, owner_id)
                owned = (
                    [(trace, task_id_of(owner_id, trace)) for trace in group if before.get(trace) != task_id]
                    if run
                    else []
                )
                plan = plan_run(raw, owner_id, run, task_id, old, spans, owned)
                plans.append((plan, mark, clock.now_us() - started))
        return plans

    def _leaders(
        self, raw: Raw, owner_id: int, marks: list[Mark], done: Done
    ) -> dict[str, tuple[list[str], Mark]]:
        """The run of each mark, by the trace that stands for it. A mark on another trace of a run is passed on to that one."""
        linked = read.linked_traces(raw, owner_id, [mark.trace_id for mark in marks])
        leaders: dict[str, tuple[list[str], Mark]] = {}
        passed: list[tuple[Mark, str]] = []
        for mark in marks:
            group = (
                read.group_of(raw, owner_id, mark.trace_id) if mark.trace_id in linked else [mark.trace_id]
            )
            if group[0] == mark.trace_id:
                leaders[mark.trace_id] = (group, mark)
            else:
                passed.append((mark, group[0]))
        if passed:
            retrying(lambda: self._pass_on(owner_id, passed))
            done.traces += len(passed)
        return leaders

    def _pass_on(self, owner_id: int, passed: list[tuple[Mark, str]]) -> None:
        with transaction(self.engine) as raw:
            mark_dirty(raw, owner_id, sorted({leader for _, leader in passed}), clock.now_us())
            self._clear(raw, [(mark, 0) for mark, _ in passed])

    def _write(self, plans: list[tuple[Plan, Mark, int]], done: Done) -> None:
        waiting: list[tuple[Plan, Mark, int]] = []
        rows = 0
        for item in plans:
            size = len(item[0])
            if waiting and rows + size > ROWS_A_TRANSACTION:
                self._commit(waiting, done)
                waiting, rows = [], 0
            waiting.append(item)
            rows += size
        if waiting:
            self._commit(waiting, done)

    def _commit(self, items: list[tuple[Plan, Mark, int]], done: Done) -> None:
        if len(items) == 1 and len(items[0][0]) > ROWS_A_TRANSACTION:
            self._write_ahead(items[0][0], items[0][1])
        retrying(lambda: self._store(items))
        for plan, _mark, _cost in items:
            done.traces += 1
            done.runs += 1
            done.agents.update((plan.owner_id, agent_id) for agent_id in (*plan.agents, *plan.counters))
            if plan.workflow:
                done.workflows.add((plan.owner_id, plan.workflow["id"]))

    def _store(self, items: list[tuple[Plan, Mark, int]]) -> None:
        now = clock.now_us()
        plans = [plan for plan, _, _ in items]
        with transaction(self.engine) as raw:
            self._hold(raw, [mark for _, mark, _ in items])
            apply_lists(raw, plans, database_text(now))
            apply_runs(raw, plans, now)
            for owner_id in sorted({plan.owner_id for plan in plans}):
                _bump(raw, owner_id)
            self._clear(raw, [(mark, cost) for _, mark, cost in items])

    def _write_ahead(self, plan: Plan, mark: Mark) -> None:
        """The long lists of a large run in transactions of their own; the run itself and the mark follow in the last one."""
        for part in _portions(plan):
            retrying(lambda part=part: self._store_part(part, mark))  # type: ignore[misc]
        plan.spans = []
        for change in plan.lists:
            change.added, change.changed, change.removed = [], [], []

    def _store_part(self, part: Plan, mark: Mark) -> None:
        with transaction(self.engine) as raw:
            self._hold(raw, [mark])
            apply_lists(raw, [part], database_text(clock.now_us()))

    def _hold(self, raw: Raw, marks: list[Mark]) -> None:
        """Fencing: a worker whose lease ran out and went to another writes nothing more."""
        owner_id = marks[0].owner_id
        places = ",".join("?" * len(marks))
        held = raw.execute(
            f"UPDATE trace_dirty SET leaseUntil=? WHERE userId=? AND leaseOwner=? AND traceId IN ({places})",
            (clock.now_us() + LEASE_US, owner_id, self.name, *(mark.trace_id for mark in marks)),
        )
        if held != len(marks):
            raise LeaseLost(f"the lease on one of {len(marks)} traces went to another worker")

    def _clear(self, raw: Raw, costs: list[tuple[Mark, int]]) -> None:
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

    def _release(self, marks: list[Mark]) -> None:
        """Give the marks back; where even that fails the leases run out by themselves."""
        with suppress(Busy), transaction(self.engine) as raw:
            raw.many(
                "UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL WHERE userId=? AND traceId=? AND leaseOwner=?",
                [(mark.owner_id, mark.trace_id, self.name) for mark in marks],
            )

    def _set_aside(self, mark: Mark) -> None:
        """A trace that cannot be projected keeps its reason; new spans of it try again."""
        log.exception(
            "a trace could not be projected", extra={"owner": mark.owner_id, "trace": mark.trace_id}
        )
        reason = traceback.format_exc(limit=-4)[-4_000:]

        def store() -> None:
            with transaction(self.engine) as raw:
                raw.execute(
                    "UPDATE trace_dirty SET error=?,leaseOwner=NULL,leaseUntil=NULL WHERE userId=? AND traceId=? AND generation=? AND leaseOwner=?",
                    (reason, mark.owner_id, mark.trace_id, mark.generation, self.name),
                )
                raw.execute(
                    "UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL WHERE userId=? AND traceId=? AND leaseOwner=?",
                    (mark.owner_id, mark.trace_id, self.name),
                )

        retrying(store)


class LeaseLost(RuntimeError):
    """Another worker has the run now."""


def _span_changes(
    facts: read.Facts, nodes: list[Any], task_id: str, run: Run | None, owner_id: int
) -> list[tuple[Any, ...]]:
    """(taskId, agentId, row id, owner) of the spans whose attribution moved."""
    agents = run.span_agents if run else {}
    changes = []
    for node in nodes:
        agent_id = agents.get((node.trace_id, node.span_id))
        if node.stored_agent != agent_id or node.stored_task != task_id:
            changes.append((task_id, agent_id, facts.row_ids[id(node)], owner_id))
    return changes


def _portions(plan: Plan) -> list[Plan]:
    """The lists of a plan cut into plans of at most ROWS_A_TRANSACTION rows."""
    parts = []
    for start in range(0, len(plan.spans), ROWS_A_TRANSACTION):
        empty = [Change(change.table, change.columns) for change in plan.lists]
        parts.append(replace(plan, lists=empty, spans=plan.spans[start : start + ROWS_A_TRANSACTION]))
    for place, change in enumerate(plan.lists):
        for kind in ("removed", "changed", "added"):
            rows = getattr(change, kind)
            for start in range(0, len(rows), ROWS_A_TRANSACTION):
                lists = [Change(other.table, other.columns) for other in plan.lists]
                setattr(lists[place], kind, rows[start : start + ROWS_A_TRANSACTION])
                parts.append(replace(plan, lists=lists, spans=[]))
    return parts


def _bump(raw: Raw, owner_id: int) -> None:
    raw.upsert("space_versions", "ownerId,version", "ownerId", "version=version+1", [(owner_id, 1)])
