"""Hand-made OTLP: spans and log records in a few words, as bodies in either encoding."""

import gzip as gzip_module
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, fields, replace
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from swarm_ui import clock
from tests.captures import HEADERS
from tests.conftest import NOW

JSON, PROTOBUF = "application/json", "application/x-protobuf"
MESSAGES = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
STATUS = {"unset": 0, "ok": 1, "error": 2}


def trace_id(number: int) -> str:
    return f"{number:032x}"


def span_id(number: int) -> str:
    return f"{number:016x}"


@dataclass(frozen=True, repr=False)
class Draft:
    """A span to send. `at` and `seconds` count from ten minutes before the test began; ids are numbers, 0 is no parent."""

    id: int
    name: str = "step"
    parent: int = 0
    trace: int = 1
    at: float = 0.0
    seconds: float = 1.0
    status: str = "unset"
    message: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    events: tuple[tuple[str, dict[str, Any]], ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    service: str = "demo"
    scope: tuple[str, str] = ("tests", "1.0")
    remote: bool = False

    def __repr__(self) -> str:
        """Only what was given: hypothesis prints runs of these."""
        given = (
            f"{item.name}={value!r}"
            for item in fields(self)
            if (value := getattr(self, item.name)) != item.default and value not in ({}, ())
        )
        return f"Draft({', '.join(given)})"

    def but(self, **changed: Any) -> "Draft":
        return replace(self, **changed)

    @property
    def started_ns(self) -> int:
        return (clock.to_us(NOW) - 600_000_000 + int(self.at * 1_000_000)) * 1000

    @property
    def ended_ns(self) -> int:
        return self.started_ns + int(self.seconds * 1_000_000) * 1000

    def as_json(self) -> dict[str, Any]:
        span: dict[str, Any] = {
            "traceId": trace_id(self.trace),
            "spanId": span_id(self.id),
            "name": self.name,
            "kind": 1,
            "startTimeUnixNano": str(self.started_ns),
            "endTimeUnixNano": str(self.ended_ns),
            "attributes": pairs(self.attributes),
        }
        if self.parent:
            span["parentSpanId"] = span_id(self.parent)
        if self.status != "unset" or self.message:
            span["status"] = {"code": STATUS[self.status], "message": self.message}
        if self.events:
            span["events"] = [
                {"name": name, "timeUnixNano": str(self.ended_ns), "attributes": pairs(attributes)}
                for name, attributes in self.events
            ]
        if self.links:
            span["links"] = [
                {"traceId": trace_id(trace), "spanId": span_id(span)} for trace, span in self.links
            ]
        if self.remote:
            span["flags"] = 0x300
        return span


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(item)} for key, item in attributes.items()]


def value(item: Any) -> dict[str, Any]:
    if isinstance(item, bool):
        return {"boolValue": item}
    if isinstance(item, int):
        return {"intValue": str(item)}
    if isinstance(item, float):
        return {"doubleValue": item}
    if isinstance(item, str):
        return {"stringValue": item}
    if isinstance(item, (list, tuple)):
        return {"arrayValue": {"values": [value(inner) for inner in item]}}
    if isinstance(item, dict):
        return {"kvlistValue": {"values": pairs(item)}}
    return {}


def document(*drafts: Draft) -> dict[str, Any]:
    """An ExportTraceServiceRequest in its JSON form."""
    groups: dict[tuple[str, tuple[str, str]], list[dict[str, Any]]] = {}
    for draft in drafts:
        groups.setdefault((draft.service, draft.scope), []).append(draft.as_json())
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": pairs({"service.name": service} if service else {})},
                "scopeSpans": [{"scope": {"name": scope[0], "version": scope[1]}, "spans": spans}],
            }
            for (service, scope), spans in groups.items()
        ]
    }


def logs(*records: dict[str, Any], service: str = "demo") -> dict[str, Any]:
    """An ExportLogsServiceRequest of records in their JSON form; times default to five minutes ago."""
    at = str((clock.to_us(NOW) - 300_000_000) * 1000)
    return {
        "resourceLogs": [
            {
                "resource": {"attributes": pairs({"service.name": service})},
                "scopeLogs": [
                    {
                        "scope": {"name": "tests"},
                        "logRecords": [{"timeUnixNano": at} | record for record in records],
                    }
                ],
            }
        ]
    }


def metric(name: str, points: list[Any], kind: str = "sum", **rest: Any) -> dict[str, Any]:
    """An ExportMetricsServiceRequest with one metric."""
    found = {
        "name": name,
        "unit": "{token}",
        kind: {"dataPoints": points, "aggregationTemporality": 2} | rest,
    }
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": pairs({"service.name": "demo"})},
                "scopeMetrics": [{"scope": {"name": "tests"}, "metrics": [found]}],
            }
        ]
    }


def encoded(content: dict[str, Any], encoding: str = JSON, signal: str = "traces") -> bytes:
    """The JSON form as bytes of that encoding. Protobuf's own JSON writes ids in base64, OTLP in hex."""
    if encoding == JSON:
        return json.dumps(content).encode()
    return json_format.ParseDict(_with_base64_ids(content), MESSAGES[signal]()).SerializeToString()


def _with_base64_ids(content: Any) -> Any:
    if isinstance(content, list):
        return [_with_base64_ids(item) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        key: _base64(item) if key in ("traceId", "spanId", "parentSpanId") else _with_base64_ids(item)
        for key, item in content.items()
    }


def documents(body: bytes, encoding: str, signal: str = "traces") -> dict[str, Any]:
    """A body's JSON form, whatever it is encoded in."""
    if encoding == JSON:
        return json.loads(body)
    message = MESSAGES[signal].FromString(body)
    return _with_hex_ids(json_format.MessageToDict(message, use_integers_for_enums=True))


def one_by_one(content: dict[str, Any], signal: str = "traces") -> list[dict[str, Any]]:
    """A request of its own for every span or log record."""
    resources, scopes, items = {
        "traces": ("resourceSpans", "scopeSpans", "spans"),
        "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    }[signal]
    return [
        {resources: [group | {scopes: [scoped | {items: [item]}]}]}
        for group in content.get(resources, ())
        for scoped in group.get(scopes, ())
        for item in scoped.get(items, ())
    ]


def _with_hex_ids(content: Any) -> Any:
    if isinstance(content, list):
        return [_with_hex_ids(item) for item in content]
    if not isinstance(content, dict):
        return content
    return {
        key: b64decode(item).hex() if key in ("traceId", "spanId", "parentSpanId") else _with_hex_ids(item)
        for key, item in content.items()
    }


def _base64(text: str) -> str:
    return b64encode(bytes.fromhex(text)).decode()


def post(
    client,
    content: Any,
    *,
    signal: str = "traces",
    encoding: str = JSON,
    gzip: bool = False,
    headers=None,
    path=None,
):
    """Sends with the test's key: drafts, a document, or bytes as they are."""
    if isinstance(content, (list, tuple)):
        content = document(*content)
    body = content if isinstance(content, bytes) else encoded(content, encoding, signal)
    sent = dict(HEADERS) | {"Content-Type": encoding}
    if gzip:
        body, sent["Content-Encoding"] = gzip_module.compress(body), "gzip"
    return client.post(path or f"/v1/{signal}", data=body, headers=sent | (headers or {}))


def send(client, *drafts: Draft, **options):
    """Sends, and expects that all of it is taken."""
    response = post(client, drafts, **options)
    assert response.status_code == 200, response.get_data()
    assert response.get_data() in (b"", b"{}"), response.get_data()
    return response


# ── what libraries send, shortened ──


def agent(id: int, name: str, parent: int = 0, **fields: Any) -> Draft:
    more = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name} | fields.pop("attributes", {})
    return Draft(id, f"invoke_agent {name}", parent, attributes=more, **fields)


def llm(id: int, parent: int = 0, tokens: tuple[int, int] | None = (10, 5), **fields: Any) -> Draft:
    more: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
    }
    if tokens:
        more |= {"gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1]}
    return Draft(id, "chat gpt-4o-mini", parent, attributes=more | fields.pop("attributes", {}), **fields)


def tool(id: int, name: str, parent: int = 0, **fields: Any) -> Draft:
    more = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name} | fields.pop("attributes", {})
    return Draft(id, f"execute_tool {name}", parent, attributes=more, **fields)


def workflow(id: int, name: str, parent: int = 0, **fields: Any) -> Draft:
    more = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name} | fields.pop(
        "attributes", {}
    )
    return Draft(id, f"invoke_workflow {name}", parent, attributes=more, **fields)


def failing(kind: str = "ValueError", message: str = "it broke") -> dict[str, Any]:
    """Fields of a span that failed: `llm(3, 2, **failing())`."""
    return {
        "status": "error",
        "message": message,
        "events": (("exception", {"exception.type": kind, "exception.message": message}),),
    }
