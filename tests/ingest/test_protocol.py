"""OTLP/HTTP as its specification says: encodings, compression, limits, partial success, errors that clients understand."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from sqlalchemy import func, select

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest import append, intake
from swarm_ui.ingest.models import LogRecord, Span, TraceDirty
from swarm_ui.metrics.models import MetricPoint
from swarm_ui.rawsql import Busy
from swarm_ui.storage import StorageError
from swarm_ui.tenancy import bind_owner
from tests.captures import HEADERS, KEY, project
from tests.otlp import JSON, PROTOBUF, Draft, document, encoded, logs, metric, post, send, span_id, trace_id

ENCODINGS = pytest.mark.parametrize("encoding", [JSON, PROTOBUF], ids=["json", "protobuf"])
SIGNALS = pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])


@pytest.fixture(autouse=True)
def _owner(alice):
    bind_owner(db.session, alice.id)


def count(model) -> int:
    db.session.commit()
    return db.session.scalar(select(func.count()).select_from(model))


def contents() -> dict[str, dict]:
    return {
        "traces": document(Draft(1)),
        "logs": logs({"body": {"stringValue": "hello"}, "traceId": trace_id(1), "severityNumber": 9}),
        "metrics": metric(
            "gen_ai.client.token.usage", [{"timeUnixNano": str(clock.now_us() * 1000), "asInt": "7"}]
        ),
    }


def rpc_status(response) -> tuple[int, str]:
    """(code, message) of a google.rpc.Status in the encoding that the answer names."""
    if response.mimetype == JSON:
        body = json.loads(response.get_data())
        assert set(body) == {"code", "message"}
        return body["code"], body["message"]
    assert response.mimetype == PROTOBUF
    # ExportTracePartialSuccess has the same wire form: a varint in field 1, a string in field 2.
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess

    read = ExportTracePartialSuccess.FromString(response.get_data())
    return read.rejected_spans, read.error_message


# ── success ──


@SIGNALS
@ENCODINGS
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_every_signal_is_taken_in_both_encodings_with_and_without_gzip(sender, signal, encoding, zipped):
    response = post(sender, contents()[signal], signal=signal, encoding=encoding, gzip=zipped)
    assert response.status_code == 200
    assert response.mimetype == encoding
    if encoding == JSON:
        assert response.get_json() == {}
    else:
        assert response.get_data() == b""
    assert count({"traces": Span, "logs": LogRecord, "metrics": MetricPoint}[signal]) == 1


@SIGNALS
def test_a_path_may_end_in_a_slash(sender, signal):
    assert post(sender, contents()[signal], signal=signal, path=f"/v1/{signal}/").status_code == 200


@SIGNALS
@ENCODINGS
def test_an_empty_request_is_a_success(sender, signal, encoding):
    response = post(sender, b"{}" if encoding == JSON else b"", signal=signal, encoding=encoding)
    assert response.status_code == 200
    assert response.get_data() == (b"{}" if encoding == JSON else b"")


def test_a_content_type_may_carry_a_charset(sender):
    response = post(sender, [Draft(1)], headers={"Content-Type": "application/json; charset=utf-8"})
    assert response.status_code == 200
    assert count(Span) == 1


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_chunked_body_without_a_length_is_read_to_its_end(sender, zipped):
    drafts = [Draft(number, name="x" * 200) for number in range(1, 900)]
    body = encoded(document(*drafts))
    headers = {"Content-Type": JSON, "Transfer-Encoding": "chunked"} | HEADERS
    if zipped:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    response = sender.post(
        "/v1/traces",
        input_stream=BytesIO(body),
        headers=headers,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 200
    assert count(Span) == len(drafts)


def test_both_ways_to_send_the_key_are_taken(sender):
    body = encoded(document(Draft(1)))
    for headers in ({"x-api-key": KEY}, {"Authorization": f"bearer {KEY}"}):
        assert (
            sender.post("/v1/traces", data=body, headers={"Content-Type": JSON} | headers).status_code == 200
        )


def test_json_may_write_numbers_as_strings_and_ids_in_capitals(sender):
    content = document(Draft(0xABC, trace=0xDEF, attributes={"gen_ai.usage.input_tokens": 62}))
    span = content["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["traceId"], span["spanId"] = span["traceId"].upper(), span["spanId"].upper()
    span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
    span["status"], span["kind"] = {}, 1
    span["attributes"].append({"key": "gen_ai.usage.output_tokens", "value": {"intValue": 7}})
    assert post(sender, content).status_code == 200
    stored = db.session.scalars(select(Span)).one()
    assert (stored.trace_id, stored.span_id) == (trace_id(0xDEF), span_id(0xABC))
    assert (stored.input_tokens, stored.output_tokens) == (62, 7)


def test_the_old_name_of_a_scope_is_understood(sender):
    content = document(Draft(1))
    group = content["resourceSpans"][0]
    scoped = group.pop("scopeSpans")[0]
    group["instrumentationLibrarySpans"] = [
        {"instrumentationLibrary": scoped["scope"], "spans": scoped["spans"]}
    ]
    assert post(sender, content).status_code == 200
    assert db.session.scalars(select(Span.scope)).one() == "tests@1.0"


def test_both_encodings_of_a_span_are_the_same_span(sender):
    attributes = {
        "text": "ü 漢 \U0001f600", "empty": "", "whole": 2**53 + 1, "part": 0.1, "yes": True, "list": ["a", 1, [True, 2.5]],
        "map": {"inner": {"deep": ""}}, "nothing": None,
    }  # fmt: skip
    draft = Draft(
        1, "a", parent=9, attributes=attributes, events=(("exception", attributes),), links=((2, 3),), status="error",
        message="no", remote=True,
    )  # fmt: skip
    send(sender, draft, encoding=JSON)
    (generation,) = db.session.scalars(select(TraceDirty.generation)).all()
    send(sender, draft, encoding=PROTOBUF)
    assert count(Span) == 1
    assert db.session.scalars(select(TraceDirty.generation)).all() == [generation]


# ── partial success ──


@ENCODINGS
def test_a_bad_span_is_refused_alone_and_named(sender, encoding):
    content = document(*(Draft(number) for number in range(1, 4)))
    spans = content["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[0]["spanId"] = "0" * 16
    spans[2]["traceId"] = "0" * 32
    response = post(sender, content, encoding=encoding)
    assert response.status_code == 200
    if encoding == JSON:
        assert response.get_json() == {
            "partialSuccess": {"rejectedSpans": "2", "errorMessage": "an id of zeros is invalid (×2)"}
        }
    else:
        partial = ExportTraceServiceResponse.FromString(response.get_data()).partial_success
        assert (partial.rejected_spans, partial.error_message) == (2, "an id of zeros is invalid (×2)")
    assert db.session.scalars(select(Span.span_id)).all() == [span_id(2)]


def test_bad_log_records_and_data_points_are_counted_in_their_own_field(sender):
    content = logs({"body": {"stringValue": "good"}}, {"timeUnixNano": "soon"})
    assert post(sender, content, signal="logs").get_json()["partialSuccess"]["rejectedLogRecords"] == "1"
    at = str(clock.now_us() * 1000)
    points = [
        {"asInt": "5", "timeUnixNano": at},
        {"asInt": "many", "timeUnixNano": at},
        {"asDouble": [], "timeUnixNano": at},
    ]
    response = post(sender, metric("m", points), signal="metrics")
    assert response.get_json()["partialSuccess"]["rejectedDataPoints"] == "2"
    assert (count(LogRecord), count(MetricPoint)) == (1, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"traceId": "abc"}, "a trace id must be 16 bytes (32 hex digits)"),
        ({"spanId": "zz" * 8}, "a span id must be 8 bytes (16 hex digits)"),
        ({"startTimeUnixNano": None}, "startTimeUnixNano is missing or no time between 1970 and 2200"),
        ({"startTimeUnixNano": "-5"}, "startTimeUnixNano is missing or no time between 1970 and 2200"),
        ({"endTimeUnixNano": "9" * 30}, "endTimeUnixNano lies after the year 2200"),
        ({"attributes": 7}, "a field has a value of the wrong type"),
        ({"events": [None]}, "a field has a value of the wrong type"),
    ],
)
def test_the_answer_says_why_a_span_was_refused(sender, change, reason):
    content = document(Draft(1), Draft(2))
    content["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(change)
    response = post(sender, content)
    assert response.status_code == 200
    assert response.get_json()["partialSuccess"] == {"rejectedSpans": "1", "errorMessage": reason}
    assert count(Span) == 1


# ── errors ──


@SIGNALS
@ENCODINGS
def test_a_body_that_cannot_be_read_is_a_400_in_its_own_encoding(sender, signal, encoding):
    response = post(sender, b"\xff\xff not this", signal=signal, encoding=encoding)
    assert response.status_code == 400
    assert response.mimetype == encoding
    code, message = rpc_status(response)
    assert code == 3
    assert message.startswith(f"This is no OTLP {signal} request: ")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/grpc", ""]
)
def test_another_content_type_is_a_415(sender, kind):
    response = post(sender, encoded(document(Draft(1))), headers={"Content-Type": kind})
    assert response.status_code == 415
    assert rpc_status(response)[0] == 3
    assert count(Span) == 0


def test_an_unknown_compression_is_a_415(sender):
    response = post(sender, b"{}", headers={"Content-Encoding": "br"})
    assert response.status_code == 415
    assert rpc_status(response) == (3, "Content-Encoding 'br' is not supported: send gzip or none.")


@ENCODINGS
def test_a_body_over_the_limit_is_a_413(sender, small_limit, encoding):
    response = post(sender, [Draft(1, name="x" * 60_000)], encoding=encoding)
    assert response.status_code == 413
    assert rpc_status(response)[0] == 3
    assert count(Span) == 0


def test_the_limit_holds_for_a_chunked_body(sender, small_limit):
    response = sender.post(
        "/v1/traces",
        input_stream=BytesIO(b" " * 100_000),
        headers={"Content-Type": JSON, "Transfer-Encoding": "chunked"} | HEADERS,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413


@ENCODINGS
def test_without_a_key_it_is_a_401(app, encoding):
    response = app.test_client().post("/v1/traces", data=b"", headers={"Content-Type": encoding})
    assert response.status_code == 401
    assert rpc_status(response) == (16, "Send an API key as `Authorization: Bearer KEY` or `x-api-key: KEY`.")


@pytest.mark.parametrize("presented", ["", "swk_unknown", "\u00fc", "x" * 5_000, "a b"])
def test_an_unknown_key_is_a_401(app, key, presented):
    response = app.test_client().post(
        "/v1/traces",
        data=b"{}",
        headers={"Content-Type": JSON, "x-api-key": presented.encode().decode("latin-1")},
    )
    assert response.status_code == 401
    assert rpc_status(response)[0] == 16


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_a_revoked_or_expired_key_is_a_401(app, alice, make, field):
    from hashlib import sha256

    presented = "swk_" + "gone" * 10
    make.api_key(
        alice, hash=sha256(presented.encode()).hexdigest(), **{field: clock.now() - timedelta(seconds=1)}
    )
    response = app.test_client().post(
        "/v1/traces", data=encoded(document(Draft(1))), headers={"Content-Type": JSON, "x-api-key": presented}
    )
    assert response.status_code == 401
    assert count(Span) == 0


def test_a_key_without_the_scope_is_a_403(app, alice, make):
    from hashlib import sha256

    presented = "swk_" + "read" * 10
    make.api_key(alice, hash=sha256(presented.encode()).hexdigest(), scopes=["read", "write"])
    response = app.test_client().post(
        "/v1/traces", data=b"{}", headers={"Content-Type": JSON, "x-api-key": presented}
    )
    assert response.status_code == 403
    assert rpc_status(response) == (7, "This API key has no scope 'ingest'.")


def test_a_signed_in_person_is_no_key(client):
    response = client.post("/v1/traces", data=b"{}", headers={"Content-Type": JSON})
    assert response.status_code == 401


def test_a_key_sends_into_its_owners_space_alone(app, sender, bob, page, client_of):
    send(sender, Draft(1, "mine"))
    project()
    assert "mine" in page("/tasks").text
    assert "mine" not in page("/tasks", client=client_of(bob)).text


def test_reading_an_ingest_path_is_a_405_that_says_what_is_allowed(sender):
    response = sender.get("/v1/traces", headers=HEADERS)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert rpc_status(response)[0] == 12


def test_a_path_that_is_none_of_otlp_answers_in_its_error_shape(sender):
    response = sender.post("/v1/profiles", data=b"{}", headers={"Content-Type": JSON} | HEADERS)
    assert response.status_code == 404
    assert rpc_status(response)[0] == 5


@pytest.fixture
def no_backlog():
    """The look-up of the backlog is kept for a second of real time; tests do not wait."""

    def forget() -> None:
        intake.backlog.update(at=0.0, traces=0)

    forget()
    yield forget
    forget()


def test_when_the_worker_is_far_behind_it_is_a_429(sender, app, no_backlog):
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_backlog=2)
    send(sender, *(Draft(number, trace=number) for number in range(1, 4)))
    no_backlog()
    response = post(sender, [Draft(9, trace=9)])
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "5"
    assert rpc_status(response)[0] == 8
    project()
    no_backlog()
    assert post(sender, [Draft(9, trace=9)]).status_code == 200


def test_traces_that_were_set_aside_do_not_count_as_backlog(sender, app, no_backlog):
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_backlog=2)
    send(sender, *(Draft(number, trace=number) for number in range(1, 6)))
    for mark in db.session.scalars(select(TraceDirty)):
        mark.error = "it throws"
    db.session.commit()
    no_backlog()
    assert post(sender, [Draft(9, trace=9)]).status_code == 200


@pytest.mark.parametrize("error", [Busy("locked"), StorageError("no bucket")], ids=["database", "storage"])
def test_what_cannot_be_stored_now_is_a_503(sender, monkeypatch, error):
    def fail(*_arguments):
        raise error

    monkeypatch.setattr(append, "_store_spans", fail)
    response = post(sender, [Draft(1)])
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert rpc_status(response) == (14, "The data could not be stored now. Send it again.")
    assert count(Span) == 0
