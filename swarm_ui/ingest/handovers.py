"""Tools that give the work to another agent, seen on the tool's span or in the answer of the model that asks for it."""

from typing import Any

from swarm_ui.ingest import conventions as c
from swarm_ui.ingest.values import dictionaries, named, parsed_json

# In the place of a hand-off's destination that was not recorded.
SOMEBODY = "?"


def handed_to(tool: str, arguments: Any) -> str:
    """Whom a tool gives the work to: "" for an ordinary tool, SOMEBODY where it hands over and does not say to whom."""
    found = c.HANDOFF.match(tool)
    if not found:
        return ""
    said = (found["to"] or found["asked"] or "").strip()
    if said and c.PERSON.match(said):
        return ""
    if said and not c.ANYBODY.match(said):
        return said
    parsed = parsed_json(arguments)
    if isinstance(parsed, dict):
        inner = parsed.get("kwargs")
        for holder in (parsed, inner if isinstance(inner, dict) else {}):
            for key in c.HANDOFF_ARGUMENTS:
                value = holder.get(key)
                if isinstance(value, str) and 0 < len(value) <= 200:
                    return value
    return SOMEBODY if said or c.HANDOFF_WORD.match(tool) else ""


def tool_calls(attributes: dict[str, Any]) -> list[str]:
    """Names of the tools that a model's answer asks for; a hand-off carries its destination: `tool>destination`."""
    names: list[str] = []
    for index in range(4):
        prefix = f"llm.output_messages.{index}.message."
        if prefix + "role" not in attributes:
            break
        for number in range(16):
            name = attributes.get(f"{prefix}tool_calls.{number}.tool_call.function.name")
            if not name:
                break
            names.append(
                _call(name, attributes.get(f"{prefix}tool_calls.{number}.tool_call.function.arguments"))
            )
    if names:
        return names[:16]
    output = attributes.get("gen_ai.output.messages")
    if output and (not isinstance(output, str) or "tool_call" in output):
        for message in dictionaries(parsed_json(output)):
            for part in dictionaries(message.get("parts")):
                if part.get("type") == "tool_call" and part.get("name"):
                    names.append(_call(part["name"], part.get("arguments")))
        return names[:16]
    if calls := attributes.get("ai.response.toolCalls"):
        for call in dictionaries(parsed_json(calls)):
            if call.get("toolName"):
                names.append(_call(call["toolName"], call.get("input", call.get("args"))))
        return names[:16]
    for number in range(16):
        name = attributes.get(f"gen_ai.completion.0.tool_calls.{number}.name")
        if not name:
            break
        names.append(_call(name, attributes.get(f"gen_ai.completion.0.tool_calls.{number}.arguments")))
    return names


def _call(name: Any, arguments: Any) -> str:
    tool = named(name)
    destination = handed_to(tool, arguments)
    return f"{tool}>{named(destination)}" if destination else tool
