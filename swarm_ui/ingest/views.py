"""OTLP/HTTP: POST /v1/traces, /v1/logs, /v1/metrics. 200 means committed; what was refused is named in `partial_success`."""

import logging
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from sqlalchemy import text
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from swarm_ui import telemetry
from swarm_ui.access import by_key
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import otlp
from swarm_ui.ingest.append import Appended, append_logs, append_points, append_spans, one_at_a_time
from swarm_ui.ingest.gate import look, take_out
from swarm_ui.jsontext import dump_bytes
from swarm_ui.rawsql import Busy
from swarm_ui.storage import StorageError
from swarm_ui.worker import doorbell

bp = Blueprint("ingest", __name__, url_prefix="/v1")
log = logging.getLogger(__name__)
_CHUNK = 64 * 1024


@bp.post("/traces")
@bp.post("/traces/", endpoint="traces_slash")
@by_key("ingest")
def traces() -> Response:
    return _export("traces", otlp.read_traces, append_spans, ExportTraceServiceResponse, "rejected_spans")


@bp.post("/logs")
@bp.post("/logs/", endpoint="logs_slash")
@by_key("ingest")
def logs() -> Response:
    return _export("logs", otlp.read_logs, append_logs, ExportLogsServiceResponse, "rejected_log_records")


@bp.post("/metrics")
@bp.post("/metrics/", endpoint="metrics_slash")
@by_key("ingest")
def metrics() -> Response:
    return _export(
        "metrics", otlp.read_metrics, append_points, ExportMetricsServiceResponse, "rejected_data_points"
    )


def _export(
    signal: str,
    read: Callable[[bytes, str], otlp.Batch],
    append: Callable[..., Appended],
    answer: type,
    rejected_field: str,
) -> Response:
    encoding = _encoding()
    _refuse_overload()
    # The key look-up was a transaction of its own; its connection must not wait for this one.
    db.session.commit()
    try:
        body = _body()
        with one_at_a_time:
            batch = read(body, encoding)
    except otlp.Unreadable as error:
        telemetry.count_rejected(signal, "unreadable", 1)
        raise Refused(400, f"This is no OTLP {signal} request: {error}.") from error
    try:
        gate = look(db.engine, g.owner_id)
        records, unwanted = take_out(batch.records, gate.off)
        appended = append(db.engine, g.owner_id, records, space=gate.space)
    except (Busy, StorageError) as error:
        log.warning("not stored", extra={"signal": signal, "reason": str(error)[:200]})
        raise Refused(503, "The data could not be stored now. Send it again.", retry_after=2) from error
    if appended.traces:
        doorbell.ring(current_app.config["SETTINGS"].data_dir)
    if signal == "traces":
        telemetry.count_spans(len(records))
    if batch.refused:
        telemetry.count_rejected(signal, "invalid", len(batch.refused))
    if unwanted:
        telemetry.count_rejected(signal, "switched_off", len(unwanted))
    return _answer(encoding, answer, rejected_field, [*unwanted, *batch.refused])


def _encoding() -> str:
    mimetype = request.mimetype
    if mimetype == otlp.JSON:
        return otlp.JSON
    if mimetype in (otlp.PROTOBUF, "application/protobuf"):
        return otlp.PROTOBUF
    raise Refused(415, f"Send {otlp.PROTOBUF} or {otlp.JSON}, not '{mimetype or 'nothing'}'.")


def _body() -> bytes:
    """The whole body, unpacked; the limit counts what comes out, so that a small bomb is no way round it."""
    limit = current_app.config["SETTINGS"].max_body_bytes
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity"):
        read = _pieces(None)
    elif coding in ("gzip", "x-gzip", "deflate"):
        read = _pieces(zlib.decompressobj(47))
    else:
        raise Refused(415, f"Content-Encoding '{coding}' is not supported: send gzip or none.")
    body = bytearray()
    try:
        for piece in read:
            body += piece
            if len(body) > limit:
                raise Refused(413, f"A body may have {limit} bytes after decompression.")
    except zlib.error as error:
        raise Refused(400, f"The body is not {coding}: {error}.") from error
    except RequestEntityTooLarge as error:
        raise Refused(413, f"A body may have {limit} bytes.") from error
    except (ClientDisconnected, OSError) as error:
        raise Refused(400, "The body ended before it was complete.") from error
    return bytes(body)


def _pieces(unpacker: Any) -> Any:
    """Chunks of the request, without trusting a Content-Length: chunked senders have none."""
    stream = request.stream
    whole = unpacker is None
    while chunk := stream.read(_CHUNK):
        if unpacker is None:
            yield chunk
            continue
        whole = False
        while chunk:
            yield unpacker.decompress(chunk, 1 << 20)
            if unpacker.eof:
                # gzip allows several members in a row.
                chunk = unpacker.unused_data
                whole = True
                unpacker = zlib.decompressobj(47)
            else:
                chunk = unpacker.unconsumed_tail
                whole = False
    if not whole:
        raise zlib.error("it is truncated")


def _answer(encoding: str, answer: type, rejected_field: str, refused: list[str]) -> Response:
    message = _why(refused)
    if encoding == otlp.JSON:
        body: dict[str, Any] = {}
        if refused:
            name, *rest = rejected_field.split("_")
            camel = name + "".join(word.title() for word in rest)
            body = {"partialSuccess": {camel: str(len(refused)), "errorMessage": message}}
        return current_app.response_class(dump_bytes(body), 200, mimetype=otlp.JSON)
    response = answer()
    if refused:
        setattr(response.partial_success, rejected_field, len(refused))
        response.partial_success.error_message = message
    return current_app.response_class(response.SerializeToString(), 200, mimetype=otlp.PROTOBUF)


def _why(refused: list[str]) -> str:
    counted = Counter(refused).most_common(5)
    return "; ".join(f"{reason} (×{times})" if times > 1 else reason for reason, times in counted)


# How far the projection is behind, looked up at most once a second and process.
_backlog = {"at": 0.0, "traces": 0}
_backlog_lock = threading.Lock()


def _refuse_overload() -> None:
    """429 while the worker is so far behind that more would only wait: clients keep the data and come back."""
    limit = current_app.config["SETTINGS"].max_backlog
    now = time.monotonic()
    if now - _backlog["at"] > 1.0 and _backlog_lock.acquire(blocking=False):
        try:
            statement = text(
                "SELECT COUNT(*) FROM (SELECT 1 FROM trace_dirty WHERE error IS NULL LIMIT :most) AS waiting /* userId: all */"
            )
            _backlog["traces"] = db.session.execute(statement, {"most": limit + 1}).scalar_one()
            _backlog["at"] = now
        finally:
            _backlog_lock.release()
    if _backlog["traces"] > limit:
        raise Refused(
            429, "More traces are waiting to be read than allowed. Send this again later.", retry_after=5
        )
