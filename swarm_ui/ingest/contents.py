"""A step's input and output, wherever its library put them, and the readable gist of messages."""

from typing import Any

from swarm_ui.ingest import conventions as c
from swarm_ui.jsontext import dumps, is_deep, loads

Content = str | dict[str, Any] | list[Any] | int | float | bool | None


def input_of(payload: dict[str, Any]) -> Content:
    return _content(payload, c.INPUT, c.FLAT_INPUT, c.INPUT_EVENTS)


def output_of(payload: dict[str, Any]) -> Content:
    return _content(payload, c.OUTPUT, c.FLAT_OUTPUT, c.OUTPUT_EVENTS)


def _content(
    payload: dict[str, Any], keys: tuple[str, ...], flat: tuple[str, ...], events: frozenset[str]
) -> Content:
    attributes = payload["attributes"]
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "":
            return parsed(value)
    for prefix in flat:
        if messages := _unflattened(attributes, prefix):
            return messages
    for event in payload["events"]:
        if event["name"] == c.DETAILS_EVENT:
            for key in keys:
                if (value := event["attributes"].get(key)) not in (None, ""):
                    return parsed(value)
    found = [
        event["attributes"]
        for event in payload["events"]
        if event["name"] in events and event.get("attributes")
    ]
    if not found:
        return None
    values = [_event_content(attributes) for attributes in found]
    return values[-1]


def _event_content(attributes: dict[str, Any]) -> Content:
    for key in ("message", "content", "gen_ai.prompt", "gen_ai.completion", "body"):
        if attributes.get(key) not in (None, ""):
            return parsed(attributes[key])
    return attributes


def _unflattened(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """`llm.input_messages.0.message.role` and its like as a list of messages."""
    messages: list[dict[str, Any]] = []
    for index in range(1000):
        inner = f"{prefix}.{index}.message." if prefix.startswith("llm.") else f"{prefix}.{index}."
        message = {}
        for field in ("role", "content", "name", "tool_call_id", "finish_reason"):
            if (value := attributes.get(inner + field)) is not None:
                message[field] = value
        calls = []
        for number in range(64):
            for middle in (f"tool_calls.{number}.tool_call.function.", f"tool_calls.{number}."):
                if name := attributes.get(f"{inner}{middle}name"):
                    calls.append(
                        {"name": name, "arguments": parsed(attributes.get(f"{inner}{middle}arguments"))}
                    )
                    break
            else:
                break
        if calls:
            message["tool_calls"] = calls
        if not message:
            break
        messages.append(message)
    return messages


def parsed(value: Any) -> Content:
    """A JSON text's value, else the value itself."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return loads(value)
        except ValueError:
            return value
    return value


def stored(content: Content, limit: int = 64 * 1024) -> dict[str, Any] | None:
    """For a JSON column: `{"text": …}` where people can read it as text, else `{"data": …}`; cut above `limit` with a mark."""
    if content is None or content == "":
        return None
    text = gist(content)
    if text is not None:
        if len(text) > limit:
            return {"text": text[:limit], "truncated": True}
        return {"text": text}
    if isinstance(content, (dict, list)):
        whole = dumps(content)
        if len(whole) > limit:
            return {"text": whole[:limit], "truncated": True}
        if is_deep(content):
            return {"text": whole}
    return {"data": content}


def gist(content: Content) -> str | None:
    """The words of a text or of the last message of a conversation; None where it is plain data."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content and all(isinstance(item, dict) for item in content):
        return next((text for item in reversed(content) if (text := _words(item))), None)
    if isinstance(content, dict):
        return _words(content)
    return None


def _words(message: dict[str, Any], depth: int = 0) -> str | None:
    """What a message says, in the shapes that libraries give it."""
    if depth > 6:
        return None
    for key in ("messages", "message", "data", "generations", "choices", "parts", "kwargs", "update"):
        inner = message.get(key)
        if isinstance(inner, list) and inner:
            for item in reversed(inner):
                if isinstance(item, list) and item:
                    item = item[-1]
                if isinstance(item, dict) and (text := _words(item, depth + 1)):
                    return text
        elif isinstance(inner, dict) and (text := _words(inner, depth + 1)):
            return text
    for key in ("content", "text", "raw", "final_output"):
        inner = message.get(key)
        if isinstance(inner, str) and inner:
            return inner
        if isinstance(inner, list):
            texts = [item.get("text") or item.get("content") for item in inner if isinstance(item, dict)]
            if joined := "\n".join(text for text in texts if isinstance(text, str) and text):
                return joined
        if isinstance(inner, dict) and (text := _words(inner, depth + 1)):
            return text
    return None
