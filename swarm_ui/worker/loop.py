"""The worker: projects what was appended, keeps scores and graphs up to date, and notices runs that went silent.

Woken by the doorbell right after a commit; besides it looks every second by itself, so that nothing depends on a ring.
"""

import gc
import logging
import os
import secrets
import signal
from types import FrameType

from flask import Flask
from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.agents import purging
from swarm_ui.extensions import db
from swarm_ui.memory import Renewal
from swarm_ui.orm import database_text
from swarm_ui.projection import summaries
from swarm_ui.projection.leases import mark_again
from swarm_ui.projection.project import Projector
from swarm_ui.rawsql import Busy, retrying, transaction
from swarm_ui.search import backlog
from swarm_ui.space import erasure, measuring
from swarm_ui.worker.doorbell import Doorbell

log = logging.getLogger(__name__)
IDLE_SECONDS = 1.0
SEEN_EVERY_US = 5_000_000
SUMMARIES_EVERY_US = 2_000_000
HEALTH_EVERY_US = 1_000_000
SWEEP_EVERY_US = 30_000_000
PURGE_EVERY_US = 3_600_000_000
ERASE_EVERY_US = 1_000_000
MEASURE_EVERY_US = 5_000_000
INDEX_AGAIN_US = 60_000_000


def main(app: Flask) -> None:
    """Runs until SIGTERM or SIGINT, and finishes the round that it is in; or until it is large and not needed, to be started again."""
    with app.app_context():
        settings = app.config["SETTINGS"]
        worker = Worker(db.engine, Doorbell(settings.data_dir), timeout_us=settings.run_timeout * 1_000_000)
        signal.signal(signal.SIGTERM, worker.stop)
        signal.signal(signal.SIGINT, worker.stop)
        # Runs are graphs whose nodes point at each other. They are collected once a round, when all of them are garbage, and not
        # looked through again and again while they are in use.
        gc.freeze()
        gc.disable()
        worker.run()


class Worker:
    def __init__(self, engine: Engine, doorbell: Doorbell, *, timeout_us: int) -> None:
        self.engine = engine
        self.doorbell = doorbell
        self.timeout_us = timeout_us
        self.id = secrets.token_hex(8)
        self.projector = Projector(engine, self.id, timeout_us=timeout_us)
        self.agents: set[tuple[int, str]] = set()
        self.workflows: set[tuple[int, str]] = set()
        self.projected, self.renewal = 0, Renewal()
        self._going = True
        self._erasing = False
        self._looked_at = 0
        self._seen_at = self._summed_at = self._swept_at = self._purged_at = self._erased_at = 0
        self._measured_at = self._index_again_at = 0

    def stop(self, _signal: int | None = None, _frame: FrameType | None = None) -> None:
        self._going = False
        self.doorbell.ring()

    def run(self) -> None:
        log.info("worker started", extra={"pid": os.getpid(), "worker": self.id})
        self.agents, self.workflows = summaries.all_agents(self.engine), summaries.all_workflows(self.engine)
        retrying(self._take_over)
        while self._going:
            try:
                busy = self.step()
            except Busy as error:
                log.warning("the database is busy, the worker tries again", extra={"reason": str(error)})
                busy = False
            # Also while it is busy, to know that it is.
            if self.renewal.is_due(self.projected) and not busy:
                break
            if not busy:
                self.doorbell.wait(IDLE_SECONDS)
        log.info("worker stopped", extra={"pid": os.getpid(), "worker": self.id})

    def step(self) -> bool:
        """One round of everything that is due; true while there is more to project."""
        now = clock.now_us()
        if now - self._seen_at >= SEEN_EVERY_US:
            retrying(self._be_seen)
            self._seen_at = now
        done = self.projector.round()
        self.projected += done.traces
        if done.traces and not gc.isenabled():
            gc.collect()
            gc.freeze()  # what is left stays (caches, prices): no need to look at it the next time
        self.agents |= done.agents
        self.workflows |= done.workflows
        if now - self._looked_at >= HEALTH_EVERY_US:
            summaries.refresh(self.engine, summaries.due(self.engine), set())
            self._looked_at = now
        if (self.agents or self.workflows) and now - self._summed_at >= SUMMARIES_EVERY_US:
            self.summarise()
            self._summed_at = now
        if now - self._swept_at >= SWEEP_EVERY_US:
            self.sweep()
            self._swept_at = now
        # After a full portion there may be more of them.
        if now - self._purged_at >= PURGE_EVERY_US and purging.purge(self.engine) < purging.AT_A_TIME:
            self._purged_at = now
        if not done.traces and now - self._measured_at >= MEASURE_EVERY_US:
            measuring.measure_one(self.engine)
            self._measured_at = now
        behind = not done.traces and self._index(now)
        return self._erase(now) or done.traces > 0 or behind

    def _index(self, now: int) -> bool:
        """A portion of the runs that are older than their index; true while there are more. What breaks it must not hold up the rest."""
        if now < self._index_again_at:
            return False
        try:
            return backlog.work_on(self.engine)
        except Busy:
            raise
        except Exception:
            log.exception("older runs could not be indexed, the worker tries again")
            self._index_again_at = now + INDEX_AGAIN_US
            return False

    def _erase(self, now: int) -> bool:
        """Half a second's part of the erasures, so that others' runs do not wait for long; true while rows of one are left."""
        if now - self._erased_at < ERASE_EVERY_US and not self._erasing:
            return False
        self._erased_at = now
        try:
            self._erasing = erasure.work_on(self.engine, self.id)
        except Busy:
            raise
        except Exception:
            log.exception("an erasure could not go on, the worker tries again")
            self._erasing = False
        return self._erasing

    def summarise(self) -> None:
        summaries.refresh(self.engine, self.agents, self.workflows)
        self.agents, self.workflows = set(), set()

    def sweep(self) -> None:
        """Runs that went silent get their verdict."""
        retrying(self._mark_silent)

    def _mark_silent(self) -> None:
        """Tasks that go on, of every owner (userId named in each row), of which nothing has arrived for RUN_TIMEOUT."""
        now = clock.now_us()
        with transaction(self.engine, writes=False) as raw:
            silent = raw.rows(
                "SELECT userId,id FROM tasks WHERE status IN ('running','pending') AND lastProgressAt<=? ORDER BY lastProgressAt LIMIT 500",
                (database_text(now - self.timeout_us),),
            )
            marks: dict[int, list[str]] = {}
            for owner_id, task_id in silent:
                statement = "SELECT traceId FROM task_traces WHERE userId=? AND taskId=?"
                marks.setdefault(owner_id, []).extend(
                    row[0] for row in raw.rows(statement, (owner_id, task_id))
                )
        for owner_id, traces in marks.items():
            mark_again(self.engine, owner_id, traces)

    def _take_over(self) -> None:
        """What a worker of this machine had in hand when it was killed is due at once, not when its leases run out.

        A worker elsewhere may be taken for dead: then its leases are gone, and fencing keeps it from writing.
        """
        with transaction(self.engine) as raw:
            dead = [
                (worker_id,)
                for worker_id, pid in raw.rows("SELECT id,pid FROM workers")
                if not _is_running(pid)
            ]
            # The leases are on traces of every owner (userId).
            raw.many("UPDATE trace_dirty SET leaseOwner=NULL,leaseUntil=NULL WHERE leaseOwner=?", dead)

    def _be_seen(self) -> None:
        now = clock.now_us()
        with transaction(self.engine) as raw:
            raw.upsert(
                "workers",
                "id,pid,startedAt,seenAt",
                "id",
                f"seenAt={now}",
                [(self.id, os.getpid(), now, now)],
            )
            raw.execute("DELETE FROM workers WHERE seenAt<?", (now - 3_600_000_000,))


def _is_running(pid: int) -> bool:
    """Another process than this one: in a container, the one that was killed had the same number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
