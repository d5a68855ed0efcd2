"""Synthetic traffic: OTLP/protobuf requests of 20 traces × 13 spans, about 1.6 KB a span before gzip, every id fresh.

One trace is a support swarm: a root, a supervisor that delegates to two specialists, five model calls, two tool calls and two delegating
tools, with prompts and answers of real length.
"""

import gzip
import random
import time
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACES, SPANS = 20, 13
WORDS = (  # noqa: SIM905
    "refund policy order customer within thirty days amount paid shipping warehouse region invoice ledger approval specialist please check "
    "whether the requested change is allowed by contract and summarise what you found for the account team including dates sums and names "
    "of people who signed it then propose next steps with reasons and list every source that was used so that somebody can verify them later"
).split()


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


class Traffic:
    """`request()` gives a body with traces that nobody has sent before; `fail` is the share of runs that fail."""

    def __init__(
        self, seed: int, *, service: str = "bench-swarm", agents: int = 3, fail: float = 0.04
    ) -> None:
        self.rng = random.Random(seed)
        self.service = service
        self.fail = fail
        self.swarms = max(1, agents // 3)

    def request(self, traces: int = TRACES, at_ns: int | None = None) -> ExportTraceServiceRequest:
        message = ExportTraceServiceRequest()
        group = message.resource_spans.add()
        for key, value in (
            ("service.name", self.service),
            ("telemetry.sdk.language", "python"),
            ("telemetry.sdk.version", "1.45.2"),
        ):
            pair = group.resource.attributes.add()
            pair.key, pair.value.string_value = key, value
        scoped = group.scope_spans.add()
        scoped.scope.name, scoped.scope.version = "pydantic-ai", "2.68.0"
        for _ in range(traces):
            self._trace(scoped.spans, at_ns or time.time_ns())
        return message

    def long_run(self, spans: int) -> ExportTraceServiceRequest:
        """One run of this many spans: the swarm of `request` over and over, below one root."""
        message = self.request(traces=-(-spans // SPANS))
        scoped = message.resource_spans[0].scope_spans[0]
        root = scoped.spans[0]
        del scoped.spans[spans:]
        for span in scoped.spans:
            span.trace_id = root.trace_id
            if span is not root and not span.parent_span_id:
                span.parent_span_id = root.span_id
        return message

    def bodies(self, number: int) -> Iterator[bytes]:
        for _ in range(number):
            yield gzip.compress(self.request().SerializeToString(), 1)

    def _trace(self, spans, end_ns: int) -> None:
        rng = self.rng
        trace_id = rng.randbytes(16)
        swarm = rng.randrange(self.swarms)
        names = [f"{name}{swarm or ''}" for name in ("triage", "research", "billing")]
        failing = rng.random() < self.fail
        start = end_ns - 9_000_000_000
        root = self._span(
            spans,
            trace_id,
            b"",
            "invoke_workflow support",
            start,
            8.5,
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": f"support{swarm or ''}"},
            error=failing,
            words=90,
        )
        lead = self._agent(spans, trace_id, root, names[0], start, 8.4, failing)
        self._llm(spans, trace_id, lead, names[0], start + 10_000_000, 1.2)
        for place, (name, tool) in enumerate(((names[1], "search_kb"), (names[2], "compute_refund"))):
            at = start + int((1.3 + 3.2 * place) * 1e9)
            bad = failing and place == 1
            via = self._tool(spans, trace_id, lead, names[0], f"ask_{name}", at, 3.0, error=False)
            agent = self._agent(spans, trace_id, via, name, at + 1_000_000, 2.9, bad)
            self._llm(spans, trace_id, agent, name, at + 2_000_000, 1.1, error=bad)
            self._tool(spans, trace_id, agent, name, tool, at + 1_200_000_000, 0.3)
            if place == 0:
                self._llm(spans, trace_id, agent, name, at + 1_600_000_000, 1.2)
        self._llm(spans, trace_id, lead, names[0], start + 7_700_000_000, 0.7)

    def _agent(self, spans, trace_id, parent, name, at, seconds, failed):
        return self._span(
            spans,
            trace_id,
            parent,
            f"invoke_agent {name}",
            at,
            seconds,
            {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": name,
                "gen_ai.conversation.id": trace_id.hex()[:12],
            },
            error=failed,
            words=110,
        )

    def _tool(self, spans, trace_id, parent, agent, tool, at, seconds, error=False):
        rng = self.rng
        attributes = {
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.agent.name": agent,
            "gen_ai.tool.call.id": f"call_{rng.getrandbits(64):016x}", "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": '{"query": "' + _text(rng, 12) + '"}', "gen_ai.tool.call.result": _text(rng, 110),
        }  # fmt: skip
        return self._span(
            spans, trace_id, parent, f"execute_tool {tool}", at, seconds, attributes, error=error
        )

    def _llm(self, spans, trace_id, parent, agent, at, seconds, error=False):
        rng = self.rng
        attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.agent.name": agent, "server.address": "api.openai.com",
            "server.port": 443, "gen_ai.request.temperature": 0.2, "gen_ai.response.id": f"chatcmpl-{rng.getrandbits(96):024x}",
            "gen_ai.input.messages": '[{"role": "user", "parts": [{"type": "text", "content": "' + _text(rng, 130) + '"}]}]',
        }  # fmt: skip
        if not error:
            attributes |= {
                "gen_ai.usage.input_tokens": rng.randrange(80, 3000), "gen_ai.usage.output_tokens": rng.randrange(10, 400),
                "gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "' + _text(rng, 60) + '"}], "finish_reason": "stop"}]',
            }  # fmt: skip
        return self._span(spans, trace_id, parent, "chat gpt-4o-mini", at, seconds, attributes, error=error)

    def _span(self, spans, trace_id, parent, name, at, seconds, attributes, *, error=False, words=0):
        span = spans.add()
        span.trace_id, span.span_id = trace_id, self.rng.randbytes(8)
        span.parent_span_id = parent
        span.name, span.kind = name, 1
        span.start_time_unix_nano, span.end_time_unix_nano = at, at + int(seconds * 1e9)
        if words:
            attributes = attributes | {
                "input.value": _text(self.rng, words),
                "output.value": _text(self.rng, words),
            }
        for key, value in attributes.items():
            pair = span.attributes.add()
            pair.key = key
            if isinstance(value, str):
                pair.value.string_value = value
            elif isinstance(value, int):
                pair.value.int_value = value
            else:
                pair.value.double_value = value
        if error:
            span.status.code, span.status.message = 2, "the model server answered 500"
            event = span.events.add()
            event.name, event.time_unix_nano = "exception", span.end_time_unix_nano
            for key, value in (
                ("exception.type", "openai.InternalServerError"),
                ("exception.message", "the model server answered 500"),
            ):
                pair = event.attributes.add()
                pair.key, pair.value.string_value = key, value
        return span.span_id
