"""What one span says of itself: the facts that the projection works on. No database, no other span.

`Facts` becomes a row of `spans`; what has no column there goes into its JSON column `facts` under the short keys below.

    svc service · ag agent that it names · inv 1 if it is an invocation of that agent · gen 1 if that name is a framework's word ·
    imp 1 if only the span's name gives it ·
    wf workflow · ses session · tl tool · call tool call id · to whom it hands over · may to whom, if that is an agent of the run ·
    pa agent that called this one ·
    snd, rcp, mt, mid a message's sender, recipient, type and id · calls names of the tools that the model chose ·
    tot total tokens where only they are known · ev 1 for an evaluation · rem 1 if the parent is remote · smp 1 for sample data ·
    lk linked trace ids · cr 1 for create_agent · said 1 where its sender gave its agent in our own words (REST) · opn 1 for a step that goes on (REST) ·
    cut why a model's answer was cut off · mute 1 for an answer without a word or a call
"""

import re
from functools import lru_cache
from typing import Any

from swarm_ui.ingest import conventions as c
from swarm_ui.ingest.answered import cut_by, is_mute
from swarm_ui.ingest.fastzlib import zlib
from swarm_ui.ingest.handovers import SOMEBODY, handed_to, tool_calls
from swarm_ui.ingest.records import SpanRecord, optional_id
from swarm_ui.ingest.values import (
    answers,
    count,
    first,
    is_generic,
    is_no_name,
    named,
    number,
    opaque,
    parsed_json,
    readable,
    string,
    without_uuid,
)
from swarm_ui.jsontext import clean_text, dump_bytes, dumps

_STATUS = ("unset", "ok", "error")


class Facts:
    __slots__ = (
        "cached_tokens",
        "cost",
        "ended_at",
        "error_message",
        "error_type",
        "input_tokens",
        "kind",
        "links",
        "model",
        "more",
        "name",
        "output_tokens",
        "parent_id",
        "provider",
        "scope",
        "span_id",
        "started_at",
        "status",
        "trace_id",
    )  # fmt: skip

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    started_at: int
    ended_at: int
    provider: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cost: float | None
    error_type: str | None
    error_message: str | None
    scope: str | None
    links: list[str]
    more: dict[str, Any]


class GivenSpan(SpanRecord):
    """A span whose sender said in our own words what it is: nothing has to be read out of conventions."""

    __slots__ = ("facts",)

    facts: Facts


def facts_of(record: SpanRecord) -> Facts:
    attributes = record.attributes
    said = answers(attributes)
    facts = Facts()
    facts.trace_id, facts.span_id, facts.parent_id = record.trace_id, record.span_id, record.parent_id
    facts.started_at, facts.ended_at = record.started_at, record.ended_at
    facts.name = named(record.name) or "(no name)"
    facts.status = _STATUS[record.status]
    if "{" in facts.name and (shown := attributes.get(c.SHOWN_NAME)):
        facts.name = named(shown) or facts.name
    more: dict[str, Any] = {}
    facts.more = more
    if service := named(record.resource.get("service.name")):
        more["svc"] = service
    if record.resource.get(c.SAMPLE):
        more["smp"] = 1
    operation = named(attributes.get("gen_ai.operation.name"))
    kind = _kind(attributes, operation, said)
    if (
        kind == "llm"
        and c.PRIVATE_METHOD.search(facts.name)
        and not ("input_tokens" in said or "output_tokens" in said)
    ):
        kind = "step"
    facts.kind = kind
    scope_name, scope_version = named(record.scope[0]), named(record.scope[1])
    facts.scope = _scope(scope_name, scope_version)

    _read_usage(facts, said, attributes)
    _read_error(facts, record, said)
    _read_agent(facts, said, attributes, operation)
    if kind == "tool":
        _read_tool(facts, said, attributes, operation)
    elif kind == "llm":
        _read_model(facts, said, attributes)
        _read_answer(facts, record, said, operation)
    if "sender" in said:
        _read_message(more, said, attributes)
    if "session" in said and (session := named(said["session"])):
        more["ses"] = session
    if string(attributes.get("openinference.span.kind")) in c.EVALUATION or operation in c.EVALUATION:
        more["ev"] = 1
    if record.remote_parent:
        more["rem"] = 1
    facts.links = []
    if record.links:
        facts.links = sorted({
            linked for link in record.links if (linked := optional_id(link["traceId"], 32)) and linked != record.trace_id
        })  # fmt: skip
        if facts.links:
            more["lk"] = facts.links
    return facts


def document_of(record: SpanRecord, resource: str) -> bytes:
    """What is packed, as JSON: all that the span carried. `resource` is the hash under which its resource is kept."""
    document: dict[str, Any] = {"attributes": record.attributes, "resource": resource}
    if record.events:
        document["events"] = record.events
    if record.links:
        document["links"] = record.links
    if record.status_message:
        document["status_message"] = record.status_message
    if record.dropped:
        document["dropped"] = record.dropped
    return dump_bytes(document)


def content_hash(facts: Facts, document: bytes) -> int:
    """63 bits of everything that the span says, equal for equal content however it was encoded. Two checksums: it tells contents of one span
    from each other and puts them in an order, which needs no secret, and takes a tenth of the time."""
    besides = f"\x1f{facts.status}\x1f{facts.name}\x1f{facts.parent_id}\x1f{facts.started_at}\x1f{facts.ended_at}\x1f{facts.scope}".encode()
    crc = zlib.crc32(besides, zlib.crc32(document))
    return crc << 31 | zlib.adler32(besides, zlib.adler32(document)) & 0x7FFFFFFF


def _kind(attributes: dict[str, Any], operation: str, said: dict[str, Any]) -> str:
    if found := attributes.get("openinference.span.kind"):
        kind = c.OPENINFERENCE_KIND.get(str(found).upper(), "step")
        # OpenTelemetry's own word is the more exact one where a library sends both.
        return kind if kind != "step" else c.GENAI_OPERATION.get(operation, kind)
    if found := attributes.get("traceloop.span.kind"):
        kind = c.TRACELOOP_KIND.get(str(found), "step")
        return kind if kind != "step" else c.GENAI_OPERATION.get(operation, kind)
    if operation:
        if operation in c.GENAI_OPERATION:
            return c.GENAI_OPERATION[operation]
        for stem, kind in c.OPERATION_STEMS:
            if stem.search(operation):
                # "execute_event_loop_cycle" and the like: an LLM call has a model or usage to show.
                return kind
        return "llm" if "input_tokens" in said and "model" in said else "step"
    if vercel := string(attributes.get("ai.operationId")):
        if vercel == "ai.toolCall":
            return "tool"
        if c.VERCEL_LLM.match(vercel):
            return "llm"
        if c.VERCEL_AGENT.match(vercel):
            return "agent" if said.get("caller") else "step"
        return "step"
    if attributes.get("llm.request.type"):
        return "llm"
    if first(attributes, ("gen_ai.tool.name", "ai.toolCall.name")):
        return "tool"
    if attributes.get("workflow.name") or attributes.get("gen_ai.workflow.name"):
        return "workflow"
    if first(attributes, ("gen_ai.system", "gen_ai.provider.name")) and first(attributes, MODEL_OR_USAGE):
        return "llm"
    return "step"


MODEL_OR_USAGE = ("gen_ai.request.model", "gen_ai.response.model", *c.INPUT_TOKENS)


def _read_usage(facts: Facts, said: dict[str, Any], attributes: dict[str, Any]) -> None:
    input_tokens, output_tokens = count(said.get("input_tokens")), count(said.get("output_tokens"))
    total = count(said.get("total_tokens"))
    if facts.status == "error" and not input_tokens and not output_tokens and not total:
        # A failed call that reports zeros has measured nothing.
        input_tokens = output_tokens = total = None
    facts.input_tokens, facts.output_tokens = input_tokens, output_tokens
    facts.cached_tokens = count(said.get("cached_tokens")) if input_tokens is not None else None
    if total is not None and input_tokens is None and output_tokens is None:
        facts.more["tot"] = total
    facts.model = facts.provider = None
    cost = number(said.get("cost"))
    if cost is None and "part_of_cost" in said:
        for pair in c.COST_PARTS:
            parts = [number(attributes.get(key)) for key in pair]
            if parts != [None, None]:
                cost = (parts[0] or 0.0) + (parts[1] or 0.0)
                break
    facts.cost = round(cost, 8) if cost is not None and 0 <= cost < 10_000_000 else None
    if facts.kind != "llm" and (input_tokens is not None or output_tokens is not None):
        _read_model(facts, said, attributes)


def _read_model(facts: Facts, said: dict[str, Any], attributes: dict[str, Any]) -> None:
    model = named(said.get("model"))
    if not model and (parameters := attributes.get("llm.invocation_parameters")):
        # Failed calls of some libraries name the model only here.
        found = parsed_json(parameters)
        model = named(found.get("model") or found.get("model_name")) if isinstance(found, dict) else ""
    facts.model = model if model != "unknown" and model else None
    facts.provider = named(said.get("provider")).lower() or None


@lru_cache(maxsize=1_024)
def _scope(name: str, version: str) -> str | None:
    return clean_text(f"{name}@{version}", 255) if name or version else None


def _read_answer(facts: Facts, record: SpanRecord, said: dict[str, Any], operation: str) -> None:
    attributes, more = record.attributes, facts.more
    if calls := tool_calls(attributes):
        more["calls"] = calls
    if facts.status == "error":
        return
    reason, mute = cut_by(said, attributes, record.events), not calls and is_mute(said, attributes)
    if not (reason or mute):
        return
    said_kind = first(attributes, ("openinference.span.kind", "llm.request.type"))
    if _speaks_not(operation, facts.name, facts.model, string(said_kind)):
        return
    if reason:
        more["cut"] = reason
    if mute:
        more["mute"] = 1


@lru_cache(maxsize=1_024)
def _speaks_not(*words: str | None) -> bool:
    return c.EMBEDDING.search(" ".join(word for word in words if word)) is not None


def _read_error(facts: Facts, record: SpanRecord, said: dict[str, Any]) -> None:
    facts.error_type = facts.error_message = None
    if record.status != 2:
        return
    given = named(said.get("error"))
    kind, message = _thrown(record, given)
    kind = kind or given
    message = message or record.status_message or string(said.get("error_message"))
    if kind and c.CONTROL_FLOW.search(kind):
        facts.status = "ok"  # raised to steer the graph, not because something went wrong
        return
    facts.error_type = kind or None
    facts.error_message = clean_text(message, 8_000) if message else None


def _thrown(record: SpanRecord, given: str) -> tuple[str, str]:
    """(type, message) of the exception that the span failed with: of several, as tries leave them, the last one that its status or error
    type repeats, else the last. Those that steer count where there are no others."""
    found = [
        (
            named(event["attributes"].get("exception.type")),
            string(event["attributes"].get("exception.message")),
        )
        for event in record.events
        if event["name"] == "exception"
    ]
    if len(found) < 2:
        return found[0] if found else ("", "")
    real = [thrown for thrown in found if not c.CONTROL_FLOW.search(thrown[0])] or found
    status = record.status_message
    for kind, message in reversed(real):
        if (kind and kind == given) or (message and message in status):
            return kind, message
    return real[-1]


def _read_agent(facts: Facts, said: dict[str, Any], attributes: dict[str, Any], operation: str) -> None:
    more, kind = facts.more, facts.kind
    name = named(said.get("agent"))
    if kind == "workflow" or operation == "invoke_workflow":
        # A whole run. In the newest convention its name stands where an agent's stands otherwise.
        workflow = said.get("workflow") or (operation == "invoke_workflow" and name) or said.get("entity")
        more["wf"] = named(workflow) or readable(facts.name) or facts.name
        return
    if operation == "create_agent":
        more["cr"] = 1
        return
    graph_node = _graph_node(attributes)
    # Only what was guessed from a span or a graph can be a framework's word; a name that was given is the application's.
    is_none = is_no_name if name and attributes.get(c.NODE_NAME) != said["agent"] else is_generic
    if kind == "agent":
        more["inv"] = 1
        if not name and attributes.get("traceloop.span.kind"):
            name = named(said.get("entity"))
        if not name:
            node = named(said.get("node"))
            name = node if node and not opaque(node) else ""
        if not name:
            name = named(said.get("caller")) if "ai.operationId" in attributes else ""
        if not name and graph_node:
            name = graph_node
        if not name:
            name = readable(facts.name)
            more["imp"] = 1
        if opaque(name):
            name = ""
        if not name or is_none(name):
            more["gen"] = 1
        if (parent := named(said.get("parent"))) and not opaque(parent):
            more["pa"] = parent
    else:
        if not name and "ai.operationId" in attributes:
            name = named(said.get("caller"))
        name = name or graph_node
        if name and (opaque(name) or is_none(name)):
            name = ""
    if name:
        more["ag"] = name


def _graph_node(attributes: dict[str, Any]) -> str:
    """The node of the outermost graph in LangGraph's name space: `research_specialist:<uuid>|agent:<uuid>`."""
    metadata = attributes.get("metadata")
    if not isinstance(metadata, str) or "checkpoint_ns" not in metadata:
        return ""
    found = _NAMESPACE.search(metadata)
    return named(found[1]) if found else ""


_NAMESPACE = re.compile(r'"langgraph_checkpoint_ns": ?"([^":|]+):')
_DESTINATION = re.compile(r'"__handoff_destination": ?"([^"]+)"')


def _read_tool(facts: Facts, said: dict[str, Any], attributes: dict[str, Any], operation: str) -> None:
    more = facts.more
    tool = named(said.get("tool"))
    if not tool and attributes.get("traceloop.span.kind"):
        tool = named(said.get("entity"))
    tool = more["tl"] = tool or readable(facts.name) or facts.name
    if call := named(said.get("call")):
        more["call"] = call
    metadata = attributes.get("metadata")
    if isinstance(metadata, str) and (found := _DESTINATION.search(metadata)):
        more["to"] = named(found[1])
    elif destination := handed_to(tool, said.get("arguments")):
        may = destination != SOMEBODY and c.MAYBE_HANDOFF.match(tool)
        more["may" if may else "to"] = named(destination)
    elif c.HANDOFF_WORD.search(operation):
        more["to"] = SOMEBODY


def _read_message(more: dict[str, Any], said: dict[str, Any], attributes: dict[str, Any]) -> None:
    sender, recipient = said["sender"], said.get("recipient")
    if not sender or not isinstance(sender, str):
        return
    more["snd"] = without_uuid(named(sender))
    if isinstance(recipient, str) and recipient:
        more["rcp"] = without_uuid(named(recipient))
    if kind := named(said.get("message")):
        more["mt"] = kind
    context = attributes.get("message_context")
    if isinstance(context, str) and (found := _MESSAGE_ID.search(context)):
        more["mid"] = found[1]


_MESSAGE_ID = re.compile(r'"message_id": ?"([^"]{1,64})"')


def framework_in(scope: str | None, kind: str) -> str:
    """The framework that a stored scope, name@version, stands for; "" where there is none, as with plain steps of any library."""
    return framework_of(scope.rpartition("@")[0]) if scope and kind != "step" else ""


@lru_cache(maxsize=1_024)
def framework_of(scope: str) -> str:
    if scope in c.SCOPE_NAMES:
        return c.SCOPE_NAMES[scope]
    return c.SCOPE_SUFFIX.sub("", c.SCOPE_PREFIX.sub("", scope)) or scope


def more_json(facts: Facts) -> str:
    return dumps(facts.more)
