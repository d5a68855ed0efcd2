"""Heartbeats into the database: durable when they are answered, and one small write each.

Those that arrive at the same time in one process are committed together; each answer waits for its commit. What is kept does not grow with their
number: the newest one in the agent's row, and the minutes of an hour in which there was one. Every statement names the owner.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.agents import health, standing
from swarm_ui.agents.beats import KEPT
from swarm_ui.audit import insert_event
from swarm_ui.errors import Refused
from swarm_ui.ingest.identity import agent_id_of, space_of
from swarm_ui.jsontext import clean_text
from swarm_ui.orm import database_text, moment_of
from swarm_ui.projection.registry import register_agents
from swarm_ui.rawsql import Raw, reading, retrying, transaction

MOST_AT_ONCE = 200
HOUR_US, MINUTE_US = 3_600_000_000, 60_000_000
LONGEST_STATUS, LONGEST_MESSAGE, LONGEST_TASK = 32, 500, 255
LONGEST_NAME = 255
# A report that is late by less than this is on time: clocks and networks are not exact.
TOLERANCE, TOLERATED_SHARE = timedelta(seconds=1), 0.05
# Pages that are open learn so often that agents still report.
SHOWN_EVERY_US = 15_000_000
_MOST_MOVES = 10
_STATE = (
    "id,name,healthWord,nextChangeAt,deletedAt,heartbeatPeriod,heartbeatGrace,beatAt,lastProgressAt,watchedAt,maintenanceSince,"
    "maintenanceUntil,beatStatus,beatMessage,beatTask,mergedInto"
)
# Words that a heartbeat may end.
_ENDED = frozenset({"late", "silent", "new", "inactive", None})
_shown_at: dict[int, int] = {}


@dataclass(slots=True, eq=False)
class Beat:
    """`known` is false where there is no such agent; `lead` hands on who commits the next ones."""

    owner_id: int
    agent_id: str
    said: tuple[str | None, str | None, str | None]
    known: bool = True
    error: BaseException | None = None
    lead: bool = False
    done: bool = False
    wake: threading.Event = field(default_factory=threading.Event)


_lock = threading.Lock()
_waiting: list[Beat] = []
_busy = False


def said_by(values: Any) -> tuple[str | None, str | None, str | None]:
    """(status, message, task) of a heartbeat's fields, texts that are too long cut: better a short word than no sign of life."""
    if not isinstance(values, dict):
        raise Refused(400, "The body must be a JSON object.")
    found = []
    for name, longest in (("status", LONGEST_STATUS), ("message", LONGEST_MESSAGE), ("task", LONGEST_TASK)):
        value = values.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(422, f"{name}: This must be a text.", fields={name: "This must be a text."})
        found.append(clean_text(" ".join(value.split()), longest) or None if value else None)
    return tuple(found)  # type: ignore[return-value]


def take(
    engine: Engine, owner_id: int, agent_id: str, said: tuple[str | None, str | None, str | None]
) -> bool:
    """Returns when it is committed: false where there is no such agent. Raises Busy where the database is."""
    global _busy
    beat = Beat(owner_id, agent_id, said)
    with _lock:
        _waiting.append(beat)
        beat.lead = not _busy
        _busy = True
    if not beat.lead:
        beat.wake.wait()
    if not beat.done:
        _commit_waiting(engine)
    if beat.error is not None:
        raise beat.error
    return beat.known


def _commit_waiting(engine: Engine) -> None:
    """Commits what waits, and hands the rest to whoever is next."""
    global _busy
    with _lock:
        batch = _waiting[:MOST_AT_ONCE]
        del _waiting[:MOST_AT_ONCE]
    try:
        retrying(lambda: _store(engine, batch))
    except BaseException as error:  # whoever waits hears of it
        for beat in batch:
            beat.error = error
    with _lock:
        if _waiting:
            _waiting[0].lead = True
            _waiting[0].wake.set()
        else:
            _busy = False
    for beat in batch:
        beat.done = True
        beat.wake.set()


def _store(engine: Engine, batch: list[Beat]) -> None:
    now = clock.now()
    by_owner: dict[int, list[Beat]] = {}
    for beat in batch:
        by_owner.setdefault(beat.owner_id, []).append(beat)
    with transaction(engine) as raw:
        for owner_id in sorted(by_owner):
            _store_of(raw, owner_id, by_owner[owner_id], now)


def _store_of(raw: Raw, owner_id: int, beats: list[Beat], now: datetime) -> None:
    # Of several of one agent the newest counts: they came within a moment.
    newest = {beat.agent_id: beat for beat in beats}
    hold = "" if raw.sqlite else " ORDER BY id FOR UPDATE"
    statement = f"SELECT {_STATE} FROM swarm_agents WHERE userId=? AND id IN {{}}{hold}"
    rows = {row[0]: row for row in raw.rows_in(statement, (owner_id,), sorted(newest))}
    for beat in beats:
        row = rows.get(beat.agent_id)
        # One that is merged is not known by itself: its heartbeats are the other's.
        beat.known = row is not None and row[-1] is None
    rows = {agent_id: row for agent_id, row in rows.items() if row[-1] is None}
    stamp = database_text(clock.to_us(now))
    changed = clock.to_us(now) - _shown_at.get(owner_id, 0) >= SHOWN_EVERY_US
    hours: list[tuple[Any, ...]] = []
    beaten: dict[bool, list[tuple[Any, ...]]] = {False: [], True: []}
    for agent_id, row in sorted(rows.items()):
        state = dict(zip(_STATE.split(","), row, strict=True))
        said = newest[agent_id].said
        facts = _facts(state)
        hours += _hours(owner_id, agent_id, facts, now)
        changed = changed or said != (state["beatStatus"], state["beatMessage"], state["beatTask"])
        if state["deletedAt"] is not None:
            _bring_back(raw, owner_id, state)
            changed = True
        # The worker looks at it at once where this may change its condition.
        due = state["healthWord"] in _ENDED or state["nextChangeAt"] is None or facts.beat_at is None
        beaten[due].append(
            (stamp, *said, *((stamp,) if due else ()), stamp, stamp, stamp, agent_id, owner_id)
        )
    for due, values in beaten.items():
        raw.many(
            f"UPDATE swarm_agents SET beatAt=?,beatStatus=?,beatMessage=?,beatTask=?,kept=1,{'nextChangeAt=?,' if due else ''}"
            "watchedAt=COALESCE(watchedAt,?),lastHeartbeat=CASE WHEN lastHeartbeat>? THEN lastHeartbeat ELSE ? END "
            "WHERE id=? AND userId=?",
            values,
        )
    _keep_hours(raw, hours)
    if changed and rows:
        _shown_at[owner_id] = clock.to_us(now)
        _say_changed(raw, owner_id)


def _say_changed(raw: Raw, owner_id: int) -> None:
    """Pages that are open ask for it."""
    raw.upsert("space_versions", "ownerId,version", "ownerId", "version=version+1", [(owner_id, 1)])


def _facts(state: dict[str, Any]) -> health.Facts:
    return health.Facts(
        period=state["heartbeatPeriod"],
        grace=state["heartbeatGrace"],
        beat_at=moment_of(state["beatAt"]),
        arrived_at=moment_of(state["lastProgressAt"]),
        watched_at=moment_of(state["watchedAt"]),
        maintenance_since=moment_of(state["maintenanceSince"]),
        maintenance_until=moment_of(state["maintenanceUntil"]),
    )


def _hours(owner_id: int, agent_id: str, facts: health.Facts, now: datetime) -> Iterable[tuple[Any, ...]]:
    """Rows to add to `heartbeats`; none where this minute has its report already."""
    now_us = clock.to_us(now)
    hour, bit = now_us // HOUR_US, 1 << (now_us % HOUR_US // MINUTE_US)
    late, sign_at = False, facts.sign_at
    if facts.is_watched and sign_at is not None and sign_at < now:
        period, grace = facts.expected
        late = now - sign_at > period + max(TOLERANCE, period * TOLERATED_SHARE)
        start = max(sign_at + period + grace, now - KEPT)
        for begun in range(clock.to_us(start) // HOUR_US, hour + 1) if start < now else ():
            begins, ends = (clock.from_us(number * HOUR_US) for number in (begun, begun + 1))
            if down := standing.down_between(facts, max(start, begins), min(now, ends)):
                yield (owner_id, agent_id, begun, 0, 0, down)
    if late or facts.beat_at is None or clock.to_us(facts.beat_at) // MINUTE_US != now_us // MINUTE_US:
        yield (owner_id, agent_id, hour, bit, bit if late else 0, 0)


def _keep_hours(raw: Raw, hours: list[tuple[Any, ...]]) -> None:
    new = "excluded.{0}" if raw.sqlite else "VALUES({0})"
    change = ",".join(
        f"{column}={column}{sign}{new.format(column)}"
        for column, sign in (("minutes", "|"), ("late", "|"), ("downMs", "+"))
    )
    columns = "userId,agentId,hour,minutes,late,downMs"
    raw.upsert("heartbeats", columns, "userId,agentId,hour", change, hours)
    # The first report of an hour takes the oldest hours away.
    kept = KEPT // timedelta(hours=1)
    first = [
        (owner, agent, hour - kept) for owner, agent, hour, minutes, _late, _down in hours if minutes == 1
    ]
    raw.many("DELETE FROM heartbeats WHERE userId=? AND agentId=? AND hour<?", first)


def _bring_back(raw: Raw, owner_id: int, state: dict[str, Any]) -> None:
    """A deleted agent that reports: a control room hides nothing that works."""
    statement = "UPDATE swarm_agents SET deletedAt=NULL WHERE id=? AND userId=?"
    raw.execute(statement, (state["id"], owner_id))
    deleted_at = str(state["deletedAt"])
    insert_event(
        raw, owner_id, "a heartbeat", "agent.restore", state["id"], state["name"], before={"deletedAt": deleted_at}, after={}
    )  # fmt: skip


# By name.


def find(engine: Engine, owner_id: int, name: str, service: str | None) -> str | None:
    """The id of the agent that is called so, here or in traces. Raises Refused (409) where agents of several services are."""
    with reading(engine) as raw:
        found = _named(raw, owner_id, "name", name, service) or _named(
            raw, owner_id, "tracedName", name, service
        )
        if len(found) > 1:
            services = ", ".join(sorted(repr(row[1]) for row in found))
            said = f"Agents of several services are called so: add ?service= with one of {services}."
            raise Refused(409, f"service: {said}", fields={"service": said})
        if not found:
            return None
        agent_id, _service, merged_into = found[0]
        return follow(raw, owner_id, merged_into) if merged_into else agent_id


def _named(raw: Raw, owner_id: int, column: str, name: str, service: str | None) -> list[Any]:
    statement = f"SELECT id,serviceName,mergedInto FROM swarm_agents WHERE userId=? AND {column}=?"
    if column != "name":  # one that is merged reports for the other
        statement += " AND mergedInto IS NULL"
    if service is not None:
        return raw.rows(f"{statement} AND serviceName=?", (owner_id, name, service))
    return raw.rows(f"{statement} LIMIT 20", (owner_id, name))


def follow(raw: Raw, owner_id: int, agent_id: str) -> str:
    """Where a merged entry leads to."""
    for _ in range(_MOST_MOVES):
        statement = "SELECT mergedInto FROM swarm_agents WHERE userId=? AND id=?"
        found = raw.rows(statement, (owner_id, agent_id))
        if not found or found[0][0] is None:
            break
        agent_id = found[0][0]
    return agent_id


def register(engine: Engine, owner_id: int, name: str, service: str) -> str:
    """A new agent that nobody knew; its id is the one that traces of this service and name lead to."""

    def write() -> str:
        now = database_text(clock.now_us())
        with transaction(engine) as raw:
            agent_id = agent_id_of(space_of(raw, owner_id), service, name)
            agent = {"name": name, "serviceName": service, "origin": "discovered"}
            register_agents(raw, owner_id, {agent_id: agent}, {}, now)
            _say_changed(raw, owner_id)
            return agent_id

    return retrying(write)
