"""The same steps in the words of different tracing libraries. Each method gives a span's name and attributes, or adds to them."""

import random
from typing import Any

from swarm_ui.jsontext import dumps
from swarm_ui.sample.swarm import Model

Named = tuple[str, dict[str, Any]]
Calls = tuple[str, dict[str, Any]] | None
_PASSAGES = 8


def _text(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


class Library:
    """OpenTelemetry's GenAI conventions."""

    def __init__(self, scope: str, version: str) -> None:
        self.scope = (scope, version)

    def workflow(self, name: str, asked: str, session: str) -> Named:
        return f"invoke_workflow {name}", {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": name,
            "gen_ai.conversation.id": session,
            "input.value": asked,
        }

    def admission(self, name: str) -> Named:
        """The first step of a run. It ends at once, so that the workflow has a name while the run goes on."""
        return "load definition", {"gen_ai.workflow.name": name}

    def agent(self, name: str, asked: str, session: str) -> Named:
        return f"invoke_agent {name}", {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.conversation.id": session,
            "gen_ai.input.messages": dumps([_text("user", asked)]),
        }

    def answered(self, attributes: dict[str, Any], said: str) -> None:
        """What an agent, or the whole run, came to."""
        attributes["gen_ai.output.messages"] = dumps([_text("assistant", said) | {"finish_reason": "stop"}])

    def call(self, turn: Any, model: Model) -> Named:
        messages = [_text("system", turn.prompt), _text("user", turn.asked)]
        if turn.last:
            messages.append(_text("assistant", turn.last))
        return f"chat {model.asked}", {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.asked,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.agent.name": turn.name,
            "gen_ai.input.messages": dumps(messages),
        }

    def answer(
        self,
        attributes: dict[str, Any],
        turn: Any,
        model: Model,
        said: str,
        calls: Calls,
        written: int,
        chance: random.Random,
    ) -> None:
        parts: list[dict[str, Any]] = [{"type": "text", "content": said}]
        if calls:
            parts = [{"type": "tool_call", "id": f"call_{written}", "name": calls[0], "arguments": calls[1]}]
        reason = "tool_call" if calls else "stop"
        attributes |= {
            "gen_ai.response.model": model.name,
            "gen_ai.response.id": f"resp_{chance.getrandbits(64):016x}",
            "gen_ai.response.finish_reasons": [reason],
            "gen_ai.output.messages": dumps([{"role": "assistant", "parts": parts, "finish_reason": reason}]),
            "gen_ai.usage.input_tokens": turn.context,
            "gen_ai.usage.output_tokens": written,
        }
        if turn.last and model.provider in ("anthropic", "openai"):
            attributes["gen_ai.usage.cache_read.input_tokens"] = int(turn.context * chance.uniform(0.45, 0.8))
        if model.price:
            attributes["gen_ai.usage.cost"] = round(
                (turn.context * model.price[0] + written * model.price[1]) / 1e6, 8
            )

    def tool(self, name: str, call: str, arguments: dict[str, Any], turn: Any) -> Named:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call,
            "gen_ai.tool.call.arguments": dumps(arguments),
        }
        if turn:
            attributes["gen_ai.agent.name"] = turn.name
        return f"execute_tool {name}", attributes

    def returned(self, attributes: dict[str, Any], result: Any) -> None:
        attributes["gen_ai.tool.call.result"] = result if isinstance(result, str) else dumps(result)

    def retrieval(self, source: str, query: str) -> Named:
        return f"retrieval {source}", {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": source,
            "input.value": query,
        }

    def found(self, attributes: dict[str, Any], passages: list[str]) -> None:
        attributes["output.value"] = dumps(
            [
                {"score": round(0.93 - 0.07 * rank, 2), "text": text}
                for rank, text in enumerate(passages[:_PASSAGES])
            ]
        )

    def embedding(self, texts: int, chance: random.Random) -> tuple[str, dict[str, Any], int]:
        tokens = sum(chance.randrange(180, 420) for _ in range(min(texts, 400)))
        return (
            "embeddings text-embedding-3-small",
            {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "text-embedding-3-small",
                "gen_ai.usage.input_tokens": tokens,
                "gen_ai.usage.output_tokens": 0,
            },
            tokens,
        )

    def message(self, sender: str, recipient: str, kind: str, message: str, said: str) -> Named:
        return f"publish {kind}", {
            "messaging.system": "atlas-bus",
            "messaging.sender": sender,
            "messaging.recipient": recipient,
            "messaging.message.type": kind,
            "message_context": dumps({"message_id": message}),
            "message": said,
        }

    def step(self, name: str) -> Named:
        return name, {}


class OpenInference(Library):
    """OpenInference's, which wrap LangChain and many others."""

    def workflow(self, name: str, asked: str, session: str) -> Named:
        return name, {
            "openinference.span.kind": "CHAIN",
            "workflow.name": name,
            "session.id": session,
            "input.value": asked,
        }

    def agent(self, name: str, asked: str, session: str) -> Named:
        return name, {
            "openinference.span.kind": "AGENT",
            "agent.name": name,
            "session.id": session,
            "input.value": asked,
        }

    def answered(self, attributes: dict[str, Any], said: str) -> None:
        attributes["output.value"] = said

    def call(self, turn: Any, model: Model) -> Named:
        attributes = {
            "openinference.span.kind": "LLM",
            "llm.provider": model.provider,
            "llm.model_name": model.name,
            "agent.name": turn.name,
        }
        history = [("system", turn.prompt), ("user", turn.asked)] + (
            [("assistant", turn.last)] if turn.last else []
        )
        for number, (role, text) in enumerate(history):
            attributes[f"llm.input_messages.{number}.message.role"] = role
            attributes[f"llm.input_messages.{number}.message.content"] = text
        return f"Chat{model.vendor}", attributes

    def answer(
        self,
        attributes: dict[str, Any],
        turn: Any,
        model: Model,
        said: str,
        calls: Calls,
        written: int,
        chance: random.Random,
    ) -> None:
        attributes |= {
            "llm.output_messages.0.message.role": "assistant",
            "llm.token_count.prompt": turn.context,
            "llm.token_count.completion": written,
            "llm.token_count.total": turn.context + written,
        }
        if calls:
            function = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
            attributes |= {f"{function}.name": calls[0], f"{function}.arguments": dumps(calls[1])}
        else:
            attributes["llm.output_messages.0.message.content"] = said
        if model.price:
            attributes["llm.cost.total"] = round(
                (turn.context * model.price[0] + written * model.price[1]) / 1e6, 8
            )

    def tool(self, name: str, call: str, arguments: dict[str, Any], turn: Any) -> Named:
        attributes = {
            "openinference.span.kind": "TOOL",
            "tool.name": name,
            "tool.id": call,
            "input.value": dumps(arguments),
            "input.mime_type": "application/json",
        }
        if turn:
            attributes["agent.name"] = turn.name
        return name, attributes

    def returned(self, attributes: dict[str, Any], result: Any) -> None:
        attributes["output.value"] = result if isinstance(result, str) else dumps(result)

    def retrieval(self, source: str, query: str) -> Named:
        return source, {"openinference.span.kind": "RETRIEVER", "input.value": query}

    def embedding(self, texts: int, chance: random.Random) -> tuple[str, dict[str, Any], int]:
        tokens = sum(chance.randrange(180, 420) for _ in range(min(texts, 400)))
        return (
            "OpenAIEmbeddings",
            {
                "openinference.span.kind": "EMBEDDING",
                "embedding.model_name": "text-embedding-3-small",
                "llm.provider": "openai",
                "llm.model_name": "text-embedding-3-small",
                "llm.token_count.prompt": tokens,
                "llm.token_count.completion": 0,
            },
            tokens,
        )

    def step(self, name: str) -> Named:
        return name, {"openinference.span.kind": "CHAIN"}


LIBRARIES = {
    "competitor-brief": Library("pydantic-ai", "1.39.0"),
    "support-desk": Library("pydantic-ai", "1.39.0"),
    "deep-research": OpenInference("openinference.instrumentation.langchain", "0.1.58"),
    "index-refresh": OpenInference("openinference.instrumentation.langchain", "0.1.58"),
    "code-review": Library("opentelemetry.instrumentation.openai_agents", "0.49.6"),
    "bug-triage": Library("opentelemetry.instrumentation.openai_agents", "0.49.6"),
}
