"""OTLP/HTTP: POST /v1/traces, /v1/logs, /v1/metrics. 200 means committed; what was refused is named in `partial_success`."""

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from swarm_ui import telemetry
from swarm_ui.access import by_key
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest import otlp
from swarm_ui.ingest.append import Appended, append_logs, append_points, append_spans, one_at_a_time
from swarm_ui.ingest.gate import look, take_out
from swarm_ui.ingest.intake import read_body, refuse_overload
from swarm_ui.jsontext import dump_bytes
from swarm_ui.rawsql import Busy
from swarm_ui.storage import StorageError
from swarm_ui.worker import doorbell

bp = Blueprint("ingest", __name__, url_prefix="/v1")
log = logging.getLogger(__name__)


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
    refuse_overload()
    # The key look-up was a transaction of its own; its connection must not wait for this one.
    db.session.commit()
    try:
        body = read_body()
        with one_at_a_time:
            batch = read(body, encoding)
    except otlp.Unreadable as error:
        telemetry.count_rejected(signal, "unreadable", 1)
        raise Refused(400, f"This is no OTLP {signal} request: {error}.") from error
    try:
        gate = look(db.engine, g.owner_id)
        wanted, unwanted = take_out(batch, gate.off)
        appended = append(db.engine, g.owner_id, wanted, space=gate.space)
    except (Busy, StorageError) as error:
        log.warning("not stored", extra={"signal": signal, "reason": str(error)[:200]})
        raise Refused(503, "The data could not be stored now. Send it again.", retry_after=2) from error
    if appended.traces:
        doorbell.ring(current_app.config["SETTINGS"].data_dir)
    if signal == "traces":
        telemetry.count_spans(batch.number - len(unwanted))
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
