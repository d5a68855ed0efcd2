"""What a model call was set to, read from its payload: instructions, parameters, tools. Pure: no database.

Only attributes that say how a call is made are parameters; what was said, counted or numbered in it differs from run to run by itself.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from swarm_ui.ingest.contents import parsed
from swarm_ui.jsontext import dumps

_REQUEST = re.compile(r"^(?:gen_ai\.request\.|ai\.settings\.|llm\.request\.)(?P<name>[\w.]+)$")
_ALONE = {
    "server.address": "server",
    "gen_ai.openai.api_base": "server",
    "gen_ai.output.type": "output type",
    "gen_ai.agent.version": "agent version",
    "ai.prompt.toolChoice": "tool_choice",
}
# Of a library's own object with everything that it sent these are settings.
_INVOCATION = frozenset({
    "temperature", "top_p", "top_k", "max_tokens", "max_output_tokens", "max_completion_tokens", "n", "seed", "stop", "frequency_penalty",
    "presence_penalty", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "response_format", "text", "truncation",
    "service_tier",
})  # fmt: skip
_NOT_SETTINGS = frozenset({"model", "type", "id", "model_name", "is_stream", "streaming"})
_TOOLS = ("gen_ai.tool.definitions", "ai.prompt.tools", "gen_ai.agent.tools", "agno.tools")
_FLAT_TOOL = re.compile(r"^llm\.(?:tools\.\d+\.tool\.json_schema|request\.functions\.\d+\.name)$")
_SYSTEM = ("system", "developer")
LONGEST = 20_000

# Attributes of a run that differ by themselves.
_NOISE = re.compile(
    r"(?:^|[._])(?:u?u?id|key|hash|time|timestamp|start_time|end_time|created_at|pid|parent|tokens?|usage|cost|count|content|messages?|input|output|"
    r"prompt|completion|response|result|value|text|msg|finish_reasons?|stacktrace|arguments|args|query|json_schema|instance)(?:$|[._])|"
    r"(?:_id|Id|_key|_at|Tokens)$|^(?:process\.|exception\.|error\.|logfire\.|graph\.node\.)",
)
_SHORT = 200


@dataclass(slots=True)
class Settings:
    """None where the client did not say."""

    instructions: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    tools: list[str] | None = None


def settings_of(payload: Mapping[str, Any]) -> Settings:
    attributes = payload.get("attributes") or {}
    found = Settings(_instructions(payload, attributes), tools=_tools(attributes))
    for key, value in attributes.items():
        match = _REQUEST.match(str(key))
        name = match["name"] if match else _ALONE.get(str(key))
        if name and name.rpartition(".")[2] not in _NOT_SETTINGS:
            found.parameters[name] = _plain(value)
    invocation = parsed(attributes.get("llm.invocation_parameters"))
    if isinstance(invocation, dict):
        for name in _INVOCATION & invocation.keys():
            if invocation[name] is not None:
                found.parameters.setdefault(name, _plain(invocation[name]))
    return found


def attributes_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Those of a run or a process that may be configuration: short, and not made anew for each run."""
    return {
        str(name): text
        for name, value in attributes.items()
        if not _NOISE.search(str(name)) and len(text := _plain(value)) <= _SHORT
    }


def versions_of(scopes: Mapping[str, Any]) -> dict[str, str]:
    """Version by instrumentation, of scopes as `name@version`."""
    found: dict[str, set[str]] = {}
    for scope in scopes:
        name, _, version = scope.rpartition("@")
        if name and version:
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _instructions(payload: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    for text in _said(payload, attributes):
        if text and text.strip():
            return text.strip()[:LONGEST]
    return None


def _said(payload: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[str | None]:
    """Where libraries put the system instructions, the plainest place first."""
    yield _text(parsed(attributes.get("gen_ai.system_instructions")))
    for prefix, inner in (("llm.input_messages", ".message"), ("gen_ai.prompt", "")):
        for index in range(3):
            if attributes.get(f"{prefix}.{index}{inner}.role") in _SYSTEM:
                yield _text(attributes.get(f"{prefix}.{index}{inner}.content"))
    for key in ("gen_ai.input.messages", "ai.prompt.messages", "input.value", "ai.prompt", "llm.invocation_parameters", "gcp.vertex.agent.llm_request"):  # fmt: skip
        yield _in_messages(parsed(attributes.get(key)))
    for event in payload.get("events") or ():
        if event.get("name") == "gen_ai.system.message":
            yield _text(parsed((event.get("attributes") or {}).get("content")))


def _in_messages(value: Any) -> str | None:
    if isinstance(value, dict):
        for key in ("instructions", "system", "system_instruction"):
            if text := _text(value.get(key)):
                return text
        config = value.get("config")
        if isinstance(config, dict) and (text := _text(config.get("system_instruction"))):
            return text
        value = value.get("messages")
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            value = value[0]
        for message in value[:3]:
            if isinstance(message, dict) and (message.get("role") or message.get("type")) in _SYSTEM:
                data = message.get("data")
                inner: dict[str, Any] = data if isinstance(data, dict) else message
                return _text(inner.get("content") if "content" in inner else inner.get("parts"))
    return None


def _text(value: Any) -> str | None:
    """The words of a text or of the parts of a message."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return _text(value.get("content") or value.get("text") or value.get("parts"))
    if isinstance(value, list):
        texts = [text for item in value[:100] if (text := _text(item))]
        return "\n".join(texts) or None
    return None


def _tools(attributes: Mapping[str, Any]) -> list[str] | None:
    """Names of the tools that were on offer."""
    offered: list[Any] = []
    for key in _TOOLS:
        value = parsed(attributes.get(key))
        offered += value if isinstance(value, list) else []
    offered += [value for key, value in attributes.items() if _FLAT_TOOL.match(str(key))]
    names = {name for tool in offered if (name := _tool_name(parsed(tool)))}
    return sorted(names) or None


def _tool_name(tool: Any) -> str | None:
    if isinstance(tool, str):
        return tool[:200]
    if isinstance(tool, dict):
        function = tool.get("function")
        name = (function if isinstance(function, dict) else tool).get("name")
        return name[:200] if isinstance(name, str) else None
    return None
