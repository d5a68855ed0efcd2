"""Loads the sample: recordings in the order in which they arrived, appended and projected in portions under the clock of that time."""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.append import append_logs, append_points, append_spans
from swarm_ui.ingest.conventions import SAMPLE
from swarm_ui.orm import database_text
from swarm_ui.projection import summaries
from swarm_ui.projection.project import Projector
from swarm_ui.rawsql import retrying, transaction
from swarm_ui.sample import news, pulse
from swarm_ui.sample.news import DEPLOYED, SERVICE
from swarm_ui.sample.points import points_of
from swarm_ui.sample.recording import Recording
from swarm_ui.sample.removal import HOLD, alone, keep_alone, take_away
from swarm_ui.sample.schedule import DAYS, Occasion, occasions
from swarm_ui.sample.scripts import SCRIPTS
from swarm_ui.sample.wording import LIBRARIES

# Spans a portion: small ones keep the times of single runs apart, large ones are quicker.
FEW, MANY = 400, 2_000
# Of this time the changes of condition are told.
WATCHED = timedelta(hours=12)
# Younger alerts than this are still open; the older ones were resolved by somebody.
LOOKED_AT = timedelta(hours=4)


@dataclass(slots=True)
class Loaded:
    runs: int = 0
    spans: int = 0
    agents: int = 0
    workflows: int = 0


def load(owner_id: int, *, scale: int = 1, progress: Callable[[int, int], None] | None = None) -> Loaded:
    """Replaces the sample in this owner's space; `scale` multiplies the runs, `progress` hears (runs done, runs in all).

    Raises Refused (409) while another one loads or removes it.
    """
    with alone(owner_id):
        take_away(owner_id)
        return _Loader(owner_id, clock.now(), scale).load(progress)


class _Loader:
    def __init__(self, owner_id: int, now: datetime, scale: int) -> None:
        self.owner_id = owner_id
        self.engine: Engine = db.engine
        self.now = now
        self.timeout = timedelta(seconds=current_app.config["SETTINGS"].run_timeout)
        self.chance = random.Random("sample")
        self.scale = scale
        self.projector = Projector(
            self.engine, "sample", timeout_us=self.timeout // timedelta(microseconds=1)
        )
        self.resources = {version: _resource(version) for version in ("4.11.3", "4.12.0")}
        self.used: dict[tuple[str, str, str], list[float]] = {}
        self.done = Loaded()
        self.alone_until = clock.now_us() + HOLD
        self.agents: set[tuple[int, str]] = set()
        self.workflows: set[tuple[int, str]] = set()

    def load(self, progress: Callable[[int, int], None] | None) -> Loaded:
        planned = occasions(self.now, self.scale, self.chance)
        for portion in self._portions(planned):
            self._send(portion)
            if progress:
                progress(self.done.runs, len(planned))
        append_points(
            self.engine, self.owner_id, points_of(self.used, self.resources["4.12.0"], self.now, DAYS)
        )
        retrying(self._resolve_old_alerts)
        retrying(self._tell_signs_of_life)
        summaries.refresh(self.engine, self.agents, self.workflows)
        self.done.agents, self.done.workflows = len(self.agents), len(self.workflows)
        return self.done

    def _portions(self, planned: list[Occasion]) -> Iterator[list["_Arrival"]]:
        """What arrived together. An alert is raised when its run is projected, so a run that raises one ends its portion."""
        patience = timedelta(minutes=20) if self.scale > 1 else timedelta()
        portion: list[_Arrival] = []
        spans, alarm = 0, None
        for arrival in self._arrivals(planned):
            waited = arrival.settled_at - alarm if alarm else timedelta()
            recent = arrival.settled_at > self.now - timedelta(hours=1)
            if portion and (
                spans >= (MANY if self.scale > 1 else FEW) or (alarm and (recent or waited > patience))
            ):
                yield portion
                portion, spans, alarm = [], 0, None
            portion.append(arrival)
            spans += len(arrival.run.spans)
            if arrival.run.failed or arrival.run.until:
                alarm = alarm or arrival.settled_at
        if portion:
            yield portion

    def _arrivals(self, planned: list[Occasion]) -> Iterator["_Arrival"]:
        """The runs by the time at which their outcome was known; a later run never settles before it starts."""
        waiting: list[tuple[datetime, int, _Arrival]] = []
        for place, occasion in enumerate(planned):
            while waiting and waiting[0][0] <= occasion.at:
                yield heapq.heappop(waiting)[2]
            arrival = self._play(occasion)
            heapq.heappush(waiting, (arrival.settled_at, place, arrival))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _play(self, occasion: Occasion) -> "_Arrival":
        run = Recording(
            library=LIBRARIES[occasion.workflow],
            resource=self.resources["4.12.0" if occasion.at > self.now - DEPLOYED else "4.11.3"],
            random=random.Random(f"sample {self.owner_id} {occasion.workflow} {occasion.number}"),
            at=clock.to_us(occasion.at),
            until=clock.to_us(occasion.until) if occasion.until else None,
            down=occasion.down,
            cast=news.cast_at(occasion.at, self.now),
            session=self._session(occasion),
            talk=occasion.talk,
        )
        SCRIPTS[occasion.workflow](run, occasion.number, occasion.trouble)
        last = max((span.ended_at for span in run.spans), default=run.started_at)
        arrived_at = clock.from_us(last) + timedelta(seconds=run.random.uniform(0.4, 2.5))
        settled_at = arrived_at + (self.timeout + timedelta(seconds=20) if occasion.until else timedelta())
        return _Arrival(run, min(arrived_at, self.now), min(settled_at, self.now))

    def _session(self, occasion: Occasion) -> str:
        """One for all runs of a conversation."""
        if occasion.talk is None:
            return ""
        chance = random.Random(f"sample {self.owner_id} talk {occasion.talk[0]}")
        return f"conv_{chance.getrandbits(80):020x}"

    def _send(self, portion: list["_Arrival"]) -> None:
        self._stay_alone()
        at = portion[-1].settled_at
        due_at = clock.now_us() + HOLD
        # What ended is sent together; what broke off has its own time, because its silence counts from there.
        batches = [([arrival.run for arrival in portion if not arrival.run.until], at)]
        batches += [([arrival.run], arrival.arrived_at) for arrival in portion if arrival.run.until]
        for runs, arrived in batches:
            arrived_at = clock.to_us(arrived)
            spans = [span for run in runs for span in run.spans]
            append_spans(self.engine, self.owner_id, spans, arrived_at, due_at)
            append_logs(
                self.engine, self.owner_id, [entry for run in runs for entry in run.logs], arrived_at, due_at
            )
            self.done.spans += len(spans)
        with clock.at(at):
            done = self.projector.take(self.owner_id, [arrival.run.trace_id for arrival in portion])
            if at > self.now - WATCHED:
                summaries.refresh(self.engine, done.agents, set())
        self.agents |= done.agents
        self.workflows |= done.workflows
        self.done.runs += len(portion)
        for arrival in portion:
            for key, (times, amount) in arrival.run.used.items():
                total = self.used.setdefault(key, [0, 0.0])
                total[0] += times
                total[1] += amount

    def _stay_alone(self) -> None:
        now = clock.now_us()
        if now > self.alone_until - HOLD // 2:
            keep_alone(self.owner_id)
            self.alone_until = now + HOLD

    def _tell_signs_of_life(self) -> None:
        with transaction(self.engine) as raw:
            pulse.tell(raw, self.owner_id, self.now, random.Random("pulse"))
            news.tell(raw, self.owner_id, self.now)

    def _resolve_old_alerts(self) -> None:
        """Somebody looked at the old alerts, a while after each came."""
        with transaction(self.engine) as raw:
            found = raw.rows(
                "SELECT id,createdAt FROM alerts WHERE userId=? AND resolved=0 AND touched=0 AND createdAt<? "
                "AND relatedTaskId IN (SELECT id FROM tasks WHERE userId=? AND source='sample') ORDER BY createdAt,id",
                (self.owner_id, _column(self.now - LOOKED_AT), self.owner_id),
            )
            rows = []
            for alert_id, created in found:
                created_at = created if isinstance(created, datetime) else datetime.fromisoformat(created)
                resolved_at = str(created_at + timedelta(minutes=self.chance.uniform(6, 420)))
                rows.append((resolved_at, resolved_at, alert_id, self.owner_id))
            raw.many(
                "UPDATE alerts SET resolved=1,touched=1,resolvedAt=?,updatedAt=? WHERE id=? AND userId=?",
                rows,
            )


@dataclass(slots=True)
class _Arrival:
    """A run, when the last of it arrived, and when it was known how it ended."""

    run: Recording
    arrived_at: datetime
    settled_at: datetime


def _column(moment: datetime) -> str:
    return database_text(clock.to_us(moment))


def _resource(version: str) -> dict[str, Any]:
    return {
        "service.name": SERVICE,
        "service.version": version,
        "service.namespace": "research",
        "deployment.environment.name": "production",
        "host.name": "atlas-worker-2",
        "process.runtime.name": "cpython",
        "process.runtime.version": "3.12.7",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.38.0",
        SAMPLE: True,
    }
