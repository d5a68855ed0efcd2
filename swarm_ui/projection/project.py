"""The projection: takes dirty traces by lease, reads their run's facts, writes what they mean, clears the marks.

A mark is cleared only where its generation is still the one read before the facts were: a span that lands meanwhile leaves it, and the run
is projected again. Traces joined by links are one run, projected under its first trace, so that one lease guards all of it. Reading and
computing happen outside the write lock. Under load a transaction writes some thousand rows: ids of runs are hashes, so each run touches pages
of its own in a dozen indexes, and the more runs share a transaction, the more of them share a page that is written once.
"""

import logging
import traceback
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.ingest.identity import space_of, task_id_of
from swarm_ui.orm import database_text
from swarm_ui.projection import read
from swarm_ui.projection.diff import Change, Plan, plan_run
from swarm_ui.projection.leases import LEASE_US, LeaseLost, Leases, Mark, mark_again
from swarm_ui.projection.mapping import Run, interpret
from swarm_ui.projection.prices import price_of
from swarm_ui.projection.registry import merged_agents
from swarm_ui.projection.sent import is_sent
from swarm_ui.projection.tree import take_apart
from swarm_ui.projection.write import apply_lists, apply_runs
from swarm_ui.rawsql import Busy, Raw, retrying, transaction
from swarm_ui.search import index

log = logging.getLogger(__name__)
BATCH = 192
SMALLEST_BATCH = 16
ROWS_A_TRANSACTION = 6_000
# How long a run waits while another worker still has one of its traces.
POSTPONED_US = 200_000


@dataclass(frozen=True, slots=True)
class Group:
    """The traces of a run, the mark that stands for them, and tasks that they were in together with traces that are no part of it."""

    traces: list[str]
    mark: Mark
    shared: frozenset[str] = frozenset()


@dataclass(slots=True)
class Done:
    """What was done; the ids tell the sweeps which scores and graphs are behind."""

    traces: int = 0
    runs: int = 0
    agents: set[tuple[int, str]] = field(default_factory=set)
    workflows: set[tuple[int, str]] = field(default_factory=set)

    def __iadd__(self, other: "Done") -> "Done":
        self.traces += other.traces
        self.runs += other.runs
        self.agents |= other.agents
        self.workflows |= other.workflows
        return self


class Projector:
    """One worker's projection; `name` marks its leases, which last `lease_us` if it is killed."""

    def __init__(self, engine: Engine, name: str, *, timeout_us: int, lease_us: int = LEASE_US) -> None:
        self.engine = engine
        self.timeout_us = timeout_us
        self.leases = Leases(engine, name, lease_us)
        self._batch = BATCH

    def round(self, limit: int | None = None) -> Done:
        """Claims up to `limit` dirty traces, or as many as lately filled a transaction, and projects their runs. Raises Busy where the database
        is; then nothing stays taken."""
        return self._project(retrying(lambda: self.leases.claim(limit or self._batch)))

    def drain(self) -> Done:
        """Rounds until nothing is due; for commands and tests."""
        total = Done()
        while (done := self.round()).traces:
            total += done
        return total

    def take(self, owner_id: int, trace_ids: list[str]) -> Done:
        """Projects these dirty traces, due or not; those that another worker holds are left to it."""
        total = Done()
        for start in range(0, len(trace_ids), BATCH):
            part = trace_ids[start : start + BATCH]
            total += self._project(retrying(lambda part=part: self.leases.take(owner_id, part)))  # type: ignore[misc]
        return total

    def drain_owner(self, owner_id: int) -> Done:
        """This owner's traces until none is due that nobody else holds."""
        total = Done()
        while (done := self.take(owner_id, self.leases.due_of(owner_id, 500))).traces:
            total += done
        return total

    def _project(self, marks: list[Mark]) -> Done:
        done = Done()
        waiting: dict[int, list[Mark]] = {}
        for mark in marks:
            waiting.setdefault(mark.owner_id, []).append(mark)
        try:
            for owner_id in list(waiting):
                self._project_owner(owner_id, waiting[owner_id], done)
                del waiting[owner_id]
        finally:
            if waiting:
                self.leases.release([mark for members in waiting.values() for mark in members])
        return done

    def _project_owner(self, owner_id: int, marks: list[Mark], done: Done) -> None:
        try:
            plans = self._plan(owner_id, marks, done)
            self._fit(plans)
            self._write(plans, done)
        except LeaseLost:
            log.warning("a lease was lost", extra={"owner": owner_id, "traces": len(marks)})
            self.leases.release(marks)
            done.traces += len(marks)
        except Busy:
            raise
        except Exception:
            if len(marks) == 1:
                log.exception(
                    "a trace could not be projected", extra={"owner": owner_id, "trace": marks[0].trace_id}
                )
                self.leases.set_aside(marks[0], traceback.format_exc(limit=-4)[-4_000:])
                done.traces += 1
                return
            # One of them breaks the rest: each for itself, so that only that one is put aside.
            log.warning(
                "a batch of traces failed, projecting them one by one",
                extra={"owner": owner_id, "traces": len(marks)},
            )
            for mark in marks:
                self._project_owner(owner_id, [mark], done)

    def _fit(self, plans: list[tuple[Plan, Mark, int]]) -> None:
        """Large runs are taken fewer at a time: all that is read of a batch is in memory at once."""
        if size := sum(max(len(plan), plan.read) for plan, _, _ in plans):
            fitting = ROWS_A_TRANSACTION * len(plans) // size
            self._batch = min(max(fitting, SMALLEST_BATCH), BATCH)

    def _plan(self, owner_id: int, marks: list[Mark], done: Done) -> list[tuple[Plan, Mark, int]]:
        now = clock.now_us()
        plans = []
        with transaction(self.engine, writes=False) as raw:
            groups = self._groups(raw, owner_id, marks, done)
            traces = sorted({trace for group in groups for trace in group.traces})
            facts = read.read_facts(raw, owner_id, traces)
            logs = read.read_logs(raw, owner_id, traces)
            before = read.stored_tasks(raw, owner_id, traces)
            space, merged = space_of(raw, owner_id), merged_agents(raw, owner_id)
            mark = index.stored_mark(raw, owner_id)
            for group in groups:
                started = clock.now_us()
                present = [
                    trace for trace in group.traces if trace in facts.by_trace or is_sent(logs.get(trace, []))
                ]
                nodes = [node for trace in present for node in facts.by_trace.get(trace, ())]
                task_id = task_id_of(space, min(present) if present else group.mark.trace_id)
                old = sorted({before[trace] for trace in group.traces if trace in before})
                run = None
                if present:
                    run = interpret(
                        space,
                        task_id,
                        nodes,
                        [fact for trace in group.traces for fact in logs.get(trace, ())],
                        content=facts.content,
                        price=price_of,
                        now=now,
                        timeout=self.timeout_us,
                        sample=any("smp" in node.more for node in nodes),
                        merged=merged,
                    )
                spans = _span_changes(nodes, task_id, run, owner_id)
                changed = [trace for trace in group.traces if before.get(trace) != task_id]
                owned = [(trace, task_id_of(space, trace)) for trace in changed] if run else []
                shared = group.shared - {task_id}
                plan = plan_run(raw, owner_id, run, task_id, old, spans, owned, shared)
                if run and task_id not in old and len(plan) + len(nodes) > ROWS_A_TRANSACTION // 2:
                    # A worker may have ended while it wrote so much of it ahead.
                    plan = plan_run(raw, owner_id, run, task_id, [*old, task_id], spans, owned, shared)
                if run and plan.says_something_new():
                    plan.doc = index.doc_of(mark, run)
                plan.read = len(nodes)
                take_apart(nodes)
                plans.append((plan, group.mark, clock.now_us() - started))
        return plans

    def _groups(self, raw: Raw, owner_id: int, marks: list[Mark], done: Done) -> list[Group]:
        """The run of each mark. A mark on another trace than the first of a run is passed on to that one."""
        linked = read.linked_traces(raw, owner_id, [mark.trace_id for mark in marks])
        groups: list[Group] = []
        passed: list[tuple[Mark, str]] = []
        splitting = False
        for mark in marks:
            if mark.trace_id not in linked:
                groups.append(Group([mark.trace_id], mark))
                continue
            traces = read.group_of(raw, owner_id, mark.trace_id)
            tasks = read.split_tasks(raw, owner_id, mark.trace_id) if len(traces) == 1 else {}
            if traces[0] != mark.trace_id:
                passed.append((mark, traces[0]))
            elif self.leases.others_hold(raw, owner_id, traces):
                # What the other worker read may be older than the link; it would write after us.
                self.leases.release([mark], POSTPONED_US)
            elif tasks and splitting:
                self.leases.release([mark])
            else:
                # Links have become too many: traces that were one run come apart, one after the other.
                splitting = splitting or bool(tasks)
                mark_again(self.engine, owner_id, [trace for members in tasks.values() for trace in members])
                groups.append(Group(traces, mark, frozenset(tasks)))
        if passed:
            # A leader that is in hand here reads what they marked; the others have to look again.
            elsewhere = {leader for _, leader in passed} - {mark.trace_id for mark in marks}
            self.leases.pass_on(owner_id, [mark for mark, _ in passed], sorted(elsewhere))
            done.traces += len(passed)
        return groups

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
        # Most indexes begin with the id of the run: neighbours are written one after the other.
        plans = sorted((plan for plan, _, _ in items), key=_task_id)
        with transaction(self.engine) as raw:
            self.leases.hold(raw, [mark for _, mark, _ in items])
            apply_lists(raw, plans, database_text(now))
            apply_runs(raw, plans, now)
            for owner_id in sorted({plan.owner_id for plan in plans}):
                mine = [plan for plan in plans if plan.owner_id == owner_id]
                gone = [task_id for plan in mine for task_id in plan.task.removed]
                index.write(raw, owner_id, [plan.doc for plan in mine if plan.doc], gone)
                _bump(raw, owner_id)
            self.leases.clear(raw, [(mark, cost) for _, mark, cost in items])

    def _write_ahead(self, plan: Plan, mark: Mark) -> None:
        """The long lists of a large run in transactions of their own; the run itself and the mark follow in the last one."""
        for part in _portions(plan):
            retrying(lambda part=part: self._store_part(part, mark))  # type: ignore[misc]
        plan.spans = []
        for change in plan.lists:
            change.added, change.changed, change.removed = [], [], []

    def _store_part(self, part: Plan, mark: Mark) -> None:
        with transaction(self.engine) as raw:
            self.leases.hold(raw, [mark])
            apply_lists(raw, [part], database_text(clock.now_us()))


_task_id = attrgetter("task_id")


def _span_changes(nodes: list[Any], task_id: str, run: Run | None, owner_id: int) -> list[tuple[Any, ...]]:
    """(taskId, agentId, row id, owner) of the spans whose attribution moved."""
    agents = run.span_agents if run else {}
    changes = []
    for node in nodes:
        agent_id = agents.get(node.row_id)
        if node.stored_agent != agent_id or node.stored_task != task_id:
            changes.append((task_id, agent_id, node.row_id, owner_id))
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
