"""Facts of spans, logs and points into the database, in one transaction with the marks that make the worker project them.

The only writer of `spans`, `payload_blocks`, `log_records`, `metric_points`, `trace_links` and `resources`. Raw bulk SQL: every statement names the owner.
Returning means committed. Order, repetition and splitting of the same spans leave the same rows: of two contents of one span id the
one that ends later stays, then the one with the larger hash.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock
from typing import Any

from sqlalchemy import Engine

from swarm_ui import clock
from swarm_ui.ingest import large, payload
from swarm_ui.ingest.facts import Facts, GivenSpan, content_hash, document_of, facts_of, more_json
from swarm_ui.ingest.identity import agent_id_of, space_of, task_id_of
from swarm_ui.ingest.loose import loose_log
from swarm_ui.ingest.otlp import LogEntry, Point, SpanRecord
from swarm_ui.jsontext import clean_text, dump_bytes, dumps
from swarm_ui.orm import database_text
from swarm_ui.rawsql import Raw, retrying, transaction

SPAN_COLUMNS = (
    "userId,traceId,spanId,parentSpanId,taskId,agentId,kind,name,status,startedAt,endedAt,provider,model,inputTokens,outputTokens,"
    "cachedTokens,cost,errorType,errorMessage,scope,facts,payload,contentHash,arrivedAt"
)
_REPLACE_SPAN = (
    "UPDATE spans SET parentSpanId=?,agentId=NULL,kind=?,name=?,status=?,startedAt=?,endedAt=?,provider=?,model=?,inputTokens=?,"
    "outputTokens=?,cachedTokens=?,cost=?,errorType=?,errorMessage=?,scope=?,facts=?,payload=?,contentHash=?,arrivedAt=? "
    "WHERE userId=? AND traceId=? AND spanId=? AND (endedAt<? OR (endedAt=? AND contentHash<?))"
)
# Positions in a row of SPAN_COLUMNS.
_TRACE, _SPAN, _ENDED, _PAYLOAD, _HASH = 1, 2, 10, 21, 22


# Threads of one process take turns where only the processor is busy: side by side they would fight for the interpreter's lock, at a
# tenth more of CPU for the same work. Waiting for the disk is outside.
one_at_a_time = Lock()


@dataclass(slots=True)
class Appended:
    """How many records were new or changed something, and the traces that they touched."""

    new: int = 0
    traces: list[str] = field(default_factory=list)


def append_spans(
    engine: Engine,
    owner_id: int,
    records: Iterable[SpanRecord],
    arrived_at: int | None = None,
    due_at: int | None = None,
    space: int | None = None,
) -> Appended:
    """Commits these spans. `arrived_at` (µs) is now unless given. Raises Busy or StorageError: then nothing was stored.

    `space` is the key of the owner's space where the caller knows it; else it is looked up.

    Workers leave the traces alone until `due_at`: who gives it projects them until then.
    """
    arrived_at = clock.now_us() if arrived_at is None else arrived_at
    due_at = arrived_at if due_at is None else due_at
    space = _space_of(engine, owner_id) if space is None else space
    with one_at_a_time:
        prepared = _prepare(owner_id, space, records, arrived_at)
    if not prepared.rows:
        return Appended()
    prepared.rows = _put_large(owner_id, prepared.rows, _PAYLOAD)
    return retrying(lambda: _store_spans(engine, owner_id, prepared, due_at))


def _space_of(engine: Engine, owner_id: int) -> int:
    with transaction(engine, writes=False) as raw:
        return space_of(raw, owner_id)


@dataclass(slots=True)
class _Prepared:
    """Rows as they go into the database, in the one order of all senders: two that overlap wait for each other and do not deadlock."""

    rows: list[tuple[Any, ...]]
    bodies: dict[int, tuple[int, int, bytes]]
    links: list[tuple[int, str, str]]
    resources: dict[str, dict[str, Any]]


def _prepare(owner_id: int, space: int, records: Iterable[SpanRecord], arrived_at: int) -> _Prepared:
    resources: dict[str, dict[str, Any]] = {}
    rows: dict[str, tuple[Any, ...]] = {}
    links: set[tuple[int, str, str]] = set()
    task_ids: dict[str, str] = {}
    hashes: dict[int, str] = {}
    blocks = payload.Blocks(clock.now_us())
    for record in records:
        resource = hashes.get(id(record.resource))
        if resource is None:
            resource = hashes[id(record.resource)] = _resource_hash(record.resource)
            resources[resource] = record.resource
        facts = record.facts if isinstance(record, GivenSpan) else facts_of(record)
        document = document_of(record, resource)
        # A step that goes on gives way to the same one ended.
        found = 0 if "opn" in facts.more else content_hash(facts, document)
        key = facts.trace_id + facts.span_id
        # What any content of a span links stays linked, so that it does not matter which came first.
        for linked in facts.links:
            links.add((owner_id, facts.trace_id, linked))
            links.add((owner_id, linked, facts.trace_id))
        earlier = rows.get(key)
        if earlier is not None and (earlier[_ENDED], earlier[_HASH]) >= (facts.ended_at, found):
            continue
        packed = payload.pack(document) if len(document) > payload.LARGEST_INLINE else blocks.add(document)
        task_id = task_ids.get(facts.trace_id)
        if task_id is None:
            task_id = task_ids[facts.trace_id] = task_id_of(space, facts.trace_id)
        rows[key] = (
            owner_id, facts.trace_id, facts.span_id, facts.parent_id, task_id, _named_agent(space, facts), facts.kind, facts.name, facts.status,
            facts.started_at, facts.ended_at, facts.provider, facts.model, facts.input_tokens, facts.output_tokens,
            facts.cached_tokens, facts.cost, facts.error_type, facts.error_message, facts.scope, more_json(facts), packed, found,
            arrived_at,
        )  # fmt: skip
    bodies = {block_id: (block_id, owner_id, body) for block_id, body in blocks.rows()}
    return _Prepared([rows[key] for key in sorted(rows)], bodies, sorted(links), resources)


def _put_large(owner_id: int, rows: list[tuple[Any, ...]], place: int) -> list[tuple[Any, ...]]:
    """The rows, those payloads in object storage that are too large for one. That may take its time, so nobody must be waiting meanwhile."""
    if all(len(row[place]) <= payload.LARGEST_INLINE for row in rows):
        return rows
    return [(*row[:place], _kept(owner_id, row[place]), *row[place + 1 :]) for row in rows]


def _kept(owner_id: int, packed: bytes) -> bytes:
    """What stands in the column for this payload."""
    return payload.stored_at(large.put(owner_id, packed)) if len(packed) > payload.LARGEST_INLINE else packed


def _named_agent(space: int, facts: Facts) -> str | None:
    """The agent that a span names itself; the projection has the last word, and mostly this one."""
    more = facts.more
    name = more.get("ag")
    return agent_id_of(space, more.get("svc", ""), name) if name and "gen" not in more else None


def _store_spans(engine: Engine, owner_id: int, prepared: _Prepared, due_at: int) -> Appended:
    rows, bodies, links = prepared.rows, prepared.bodies, prepared.links
    with transaction(engine) as raw:
        fresh, newer = _compare(raw, owner_id, rows)
        changed = {row[_TRACE] for row in fresh} | {row[_TRACE] for row in newer}
        if links and (links := _new_links(raw, owner_id, links)):
            # A linked trace that is here already belongs to the same run from now on.
            changed |= {link[1] for link in links} & {row[_TRACE] for row in rows}
        if not changed:
            return Appended()
        if raw.insert("spans", SPAN_COLUMNS, fresh, ignore=True) not in (len(fresh), -1):
            # Somebody stored one of them since the comparison (never on SQLite): the rule decides again.
            newer = newer + fresh
        if newer:
            raw.many(_REPLACE_SPAN, [_replacement(row) for row in newer])
        heads = {row[_PAYLOAD][:9] for row in (*fresh, *newer)}
        wanted = sorted({block for head in heads if (block := payload.block_of(head)) is not None})
        raw.insert("payload_blocks", "id,userId,body", [bodies[block] for block in wanted])
        raw.insert("trace_links", "userId,traceId,linkedTraceId", links, ignore=True)
        _keep_resources(raw, owner_id, prepared.resources)
        mark_dirty(raw, owner_id, sorted(changed), due_at)
    return Appended(len(fresh) + len(newer), sorted(changed))


def _new_links(raw: Raw, owner_id: int, links: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    statement = "SELECT userId,traceId,linkedTraceId FROM trace_links WHERE userId=? AND traceId IN {}"
    known = set(raw.rows_in(statement, (owner_id,), sorted({link[1] for link in links})))
    return [link for link in links if link not in known]


def _compare(raw: Raw, owner_id: int, rows: list[tuple[Any, ...]]) -> tuple[list[Any], list[Any]]:
    """(rows that are new, rows that win over the stored ones)."""
    by_trace: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_trace.setdefault(row[_TRACE], []).append(row)
    statement = "SELECT 1 FROM spans WHERE userId=? AND traceId IN {} LIMIT 1"
    if not any(raw.rows_in(statement, (owner_id,), list(by_trace))):
        return rows, []  # no trace is known, as with runs that are sent whole
    stored: dict[tuple[str, str], tuple[int, int]] = {}
    for trace_id, members in by_trace.items():
        found = raw.rows_in(
            "SELECT spanId, endedAt, contentHash FROM spans WHERE userId=? AND traceId=? AND spanId IN {}",
            (owner_id, trace_id),
            [row[_SPAN] for row in members],
        )
        for span_id, ended_at, content in found:
            stored[trace_id, span_id] = (ended_at, content)
    if not stored:
        return rows, []
    fresh, newer = [], []
    for row in rows:
        known = stored.get((row[_TRACE], row[_SPAN]))
        if known is None:
            fresh.append(row)
        elif known < (row[_ENDED], row[_HASH]):
            newer.append(row)
    return fresh, newer


def _replacement(row: tuple[Any, ...]) -> tuple[Any, ...]:
    owner_id, trace_id, span_id, parent_id, _task, _agent, *rest = row
    ended_at, found = row[_ENDED], row[_HASH]
    return (parent_id, *rest, owner_id, trace_id, span_id, ended_at, ended_at, found)


_MARK = "userId,traceId,generation,dirtyAt,dueAt,attempts"
_AGAIN = "generation=generation+1,attempts=0,error=NULL"
# Nothing that arrived waits so long: what is due later only is to be derived once more.
_FAR_US = 10_000_000


def mark_dirty(raw: Raw, owner_id: int, trace_ids: list[str], at: int) -> None:
    """A new generation for each trace; one that was set aside gets another chance. `at` (µs) is when it became dirty."""
    rows = [(owner_id, trace_id, 1, at, at, 0) for trace_id in trace_ids]
    # In this order: MySQL compares with what was assigned before.
    sooner = ",".join(
        f"{column}=CASE WHEN dueAt>{at + _FAR_US} THEN {at} ELSE {column} END"
        for column in ("dirtyAt", "dueAt")
    )
    raw.upsert("trace_dirty", _MARK, "userId,traceId", f"{_AGAIN},{sooner}", rows)


def mark_for_later(raw: Raw, owner_id: int, due: list[tuple[str, int]]) -> None:
    """Makes these traces due at these times (µs), although nothing of them arrived; those that are due before stay so."""
    rows = [(owner_id, trace_id, 1, at, at, 0) for trace_id, at in due]
    raw.upsert("trace_dirty", _MARK, "userId,traceId", _AGAIN, rows)


def _resource_hash(resource: dict[str, Any]) -> str:
    return blake2b(dump_bytes(resource), digest_size=8).hexdigest()


def _keep_resources(raw: Raw, owner_id: int, resources: dict[str, dict[str, Any]]) -> None:
    rows = [(owner_id, found, dumps(resource)) for found, resource in resources.items()]
    raw.insert("resources", "userId,hash,attributes", rows, ignore=True)


def append_logs(
    engine: Engine,
    owner_id: int,
    entries: Iterable[LogEntry],
    arrived_at: int | None = None,
    due_at: int | None = None,
    space: int | None = None,
) -> Appended:
    """Commits these log records. Those with a trace wait for its projection; the others become execution logs at once."""
    arrived_at = clock.now_us() if arrived_at is None else arrived_at
    due_at = arrived_at if due_at is None else due_at
    space = _space_of(engine, owner_id) if space is None else space
    rows: dict[tuple[str, str], tuple[Any, ...]] = {}
    loose: dict[str, tuple[Any, ...]] = {}
    with one_at_a_time:
        for entry in entries:
            document = dump_bytes(
                {"attributes": entry.attributes, "body": entry.body, "severity_text": entry.severity_text}
            )
            service = clean_text(str(entry.resource.get("service.name") or ""), 255)
            digest = blake2b(document, digest_size=16)
            digest.update(
                f"{entry.span_id}\x1f{entry.at}\x1f{entry.severity}\x1f{entry.event_name}\x1f{service}".encode(
                    "utf-8", "replace"
                )
            )
            found = digest.hexdigest()
            packed = payload.pack(document)
            scope = clean_text("@".join(entry.scope), 255) if any(entry.scope) else None
            rows[entry.trace_id, found] = (
                owner_id, entry.trace_id, entry.span_id, found, entry.at or arrived_at, entry.severity,
                clean_text(entry.event_name, 255) or None, service, scope, packed, arrived_at,
            )  # fmt: skip
            if not entry.trace_id:
                loose[found] = loose_log(owner_id, space, found, entry, entry.at or arrived_at, arrived_at)
    if not rows:
        return Appended()
    ordered = _put_large(owner_id, [rows[key] for key in sorted(rows)], _LOG_PAYLOAD)
    return retrying(lambda: _store_logs(engine, owner_id, ordered, loose, due_at))


LOG_RECORD_COLUMNS = "userId,traceId,spanId,hash,at,severity,eventName,serviceName,scope,payload,arrivedAt"
_LOG_PAYLOAD = 9
EXECUTION_LOG_COLUMNS = (
    "id,userId,taskId,agentId,eventType,level,message,metadata,at,spanId,createdAt,updatedAt"
)


def _store_logs(
    engine: Engine,
    owner_id: int,
    rows: list[tuple[Any, ...]],
    loose: dict[str, tuple[Any, ...]],
    due_at: int,
) -> Appended:
    by_trace: dict[str, list[str]] = {}
    for row in rows:
        by_trace.setdefault(row[1], []).append(row[3])
    with transaction(engine) as raw:
        known: set[tuple[str, str]] = set()
        for trace_id, hashes in by_trace.items():
            statement = "SELECT hash FROM log_records WHERE userId=? AND traceId=? AND hash IN {}"
            known.update(
                (trace_id, found) for (found,) in raw.rows_in(statement, (owner_id, trace_id), hashes)
            )
        fresh = [row for row in rows if (row[1], row[3]) not in known]
        if not fresh:
            return Appended()
        raw.insert("log_records", LOG_RECORD_COLUMNS, fresh, ignore=True)
        raw.insert(
            "execution_logs",
            EXECUTION_LOG_COLUMNS,
            [loose[row[3]] for row in fresh if not row[1]],
            ignore=True,
        )
        changed = sorted({row[1] for row in fresh if row[1]})
        mark_dirty(raw, owner_id, changed, due_at)
    return Appended(len(fresh), changed)


@dataclass(frozen=True, slots=True)
class Sent:
    """One thing that was sent to a task over REST, as `ingest/sent.py` reads it. `key` tells a repetition, `at` is µs."""

    kind: int
    trace_id: str
    key: str
    at: int | None
    span_id: str | None
    service: str
    document: bytes

    def packed(self, owner_id: int) -> bytes:
        return _kept(owner_id, payload.pack(b'{"sent":' + self.document + b"}"))


def append_sent(
    engine: Engine,
    owner_id: int,
    decide: Callable[[Raw], list[Sent]],
    event_names: dict[int, str],
    arrived_at: int,
    due_at: int,
) -> list[str]:
    """Commits what `decide` finds to be new, as it reads the database in the same transaction; returns the traces that changed."""

    def store() -> list[str]:
        with transaction(engine) as raw:
            fresh = decide(raw)
            if not fresh:
                return []
            rows = [
                (owner_id, sent.trace_id, sent.span_id, sent.key, sent.at or arrived_at, sent.kind, event_names[sent.kind], sent.service,
                 None, sent.packed(owner_id), arrived_at)
                for sent in fresh
            ]  # fmt: skip
            # Not ignoring: who was slower than another sender of the same looks again.
            raw.insert("log_records", LOG_RECORD_COLUMNS, rows)
            changed = sorted({sent.trace_id for sent in fresh})
            mark_dirty(raw, owner_id, changed, due_at)
            return changed

    return retrying(store)


def append_points(
    engine: Engine,
    owner_id: int,
    points: Iterable[Point],
    arrived_at: int | None = None,
    space: int | None = None,
) -> Appended:
    """Commits the newest point of each series. They are shown as what the client reports, and added to nothing; no id hangs on `space`."""
    arrived_at = clock.now_us() if arrived_at is None else arrived_at
    newest: dict[str, Point] = {}
    with one_at_a_time:
        for point in points:
            series = _series(point)
            if series not in newest or newest[series].at <= point.at:
                newest[series] = point
    if not newest:
        return Appended()
    return retrying(lambda: _store_points(engine, owner_id, newest, arrived_at))


def _series(point: Point) -> str:
    named = [
        point.resource.get("service.name"),
        point.name,
        point.unit,
        point.kind,
        sorted(point.attributes.items(), key=str),
    ]
    return blake2b(dump_bytes(named), digest_size=32).hexdigest()


def _store_points(engine: Engine, owner_id: int, newest: dict[str, Point], arrived_at: int) -> Appended:
    columns = (
        "userId,series,serviceName,name,unit,kind,cumulative,attributes,startedAt,at,count,value,receivedAt"
    )
    change = "UPDATE metric_points SET startedAt=?,at=?,count=?,value=?,receivedAt=? WHERE userId=? AND series=? AND at<?"
    with transaction(engine) as raw:
        statement = "SELECT series FROM metric_points WHERE userId=? AND series IN {}"
        known = {found for (found,) in raw.rows_in(statement, (owner_id,), sorted(newest))}
        fresh, newer = [], []
        for series, point in sorted(newest.items()):
            started_at = database_text(point.started_at) if point.started_at else None
            at, received = database_text(point.at or arrived_at), database_text(arrived_at)
            count = min(point.count, 2_000_000_000) if point.count is not None else None
            if series in known:
                newer.append((started_at, at, count, point.value, received, owner_id, series, at))
            else:
                fresh.append((
                    owner_id, series, clean_text(str(point.resource.get("service.name") or ""), 255), clean_text(point.name, 255),
                    clean_text(point.unit, 64) or None, point.kind, point.cumulative, dumps(point.attributes), started_at, at,
                    count, point.value, received,
                ))  # fmt: skip
        raw.insert("metric_points", columns, fresh, ignore=True)
        raw.many(change, newer)
    return Appended(len(newest))
