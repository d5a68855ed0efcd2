"""How a model's answer ended, where that is worth knowing: cut off by a limit or a filter, or without a word."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from swarm_ui.ingest import conventions as c
from swarm_ui.ingest.values import count, dictionaries, named, parsed_json

_CUT = re.compile(
    r"length|max_?(?:output_?|completion_?|new_?)?(?:tokens?|length)|token_?limit(?:_?(?:reached|exceeded))?|incomplete"
    r"|model_(?:length|context_window_exceeded)|content_?filter(?:ed)?|safety|recitation|blocklist|prohibited_content|guardrail_?intervened"
)
_LAST_REASON = re.compile(r'"finish_?[rR]eason": ?"([\w.-]{1,64})"\}\]$')
_CAME_TO_ITS_END = ('"finish_reason":"stop"}]', '"finish_reason": "stop"}]')
# A longer list of messages holds more than empty ones.
_EMPTY_AT_MOST = 400
_SAYS_NOTHING = frozenset({"reasoning", "thinking"})


def cut_by(said: dict[str, Any], attributes: dict[str, Any], events: Iterable[dict[str, Any]]) -> str | None:
    """The reason for which the model stopped where it had more to say."""
    messages = attributes.get("gen_ai.output.messages")
    if "finish" not in said and isinstance(messages, str) and messages.endswith(_CAME_TO_ITS_END):
        return None  # as most answers do
    reasons = list(_reasons(said, attributes, events))
    for reason in reasons:
        if is_cut(reason):
            return named(reason)
    limit, used = count(said.get("limit")), count(said.get("output_tokens"))
    return c.LIMIT_REACHED if not reasons and limit and used and used >= limit else None


def is_cut(reason: Any) -> bool:
    return isinstance(reason, str) and _is_cut(reason[:255])


@lru_cache(maxsize=256)
def _is_cut(reason: str) -> bool:
    word = named(reason).rpartition(".")[2].replace("-", "_").lower()
    return _CUT.fullmatch(word) is not None


def _reasons(
    said: dict[str, Any], attributes: dict[str, Any], events: Iterable[dict[str, Any]]
) -> Iterable[str]:
    given = said.get("finish")
    if given is None:
        for event in events:
            if event["name"] in c.OUTPUT_EVENTS and (given := event["attributes"].get("finish_reason")):
                break
    if given is None:
        messages = attributes.get("gen_ai.output.messages")
        found = _LAST_REASON.search(messages[-100:]) if isinstance(messages, str) else None
        given = found[1] if found else None
    parsed = parsed_json(given)
    for reason in parsed if isinstance(parsed, list) else (given,):
        if isinstance(reason, str) and reason:
            yield reason


def is_mute(said: dict[str, Any], attributes: dict[str, Any]) -> bool:
    """The answer was recorded, and there is neither a word nor a call in it. Contents that were not recorded say nothing about that."""
    return _has_no_words(said, attributes) and not any("function_call" in key for key in attributes)


def _has_no_words(said: dict[str, Any], attributes: dict[str, Any]) -> bool:
    if count(said.get("output_tokens")) == 0 and count(said.get("input_tokens")):
        return True
    if attributes.get("ai.response.text") == "":
        return not attributes.get("ai.response.object")
    output = attributes.get("gen_ai.output.messages")
    if output is not None:
        short = not isinstance(output, str) or len(output) <= _EMPTY_AT_MOST
        messages = dictionaries(parsed_json(output)) if short else []
        return bool(messages) and all(_is_empty(message) for message in messages)
    if attributes.get("gen_ai.completion.0.content") == "":
        return True
    prefix = "llm.output_messages.0.message."
    return attributes.get(prefix + "content") == "" and not any(
        key.startswith(prefix + "contents.") for key in attributes
    )


def _is_empty(message: dict[str, Any]) -> bool:
    parts = message.get("parts")
    return isinstance(parts, list) and all(
        isinstance(part, dict)
        and (part.get("type") in _SAYS_NOTHING or (part.get("type") == "text" and part.get("content") == ""))
        for part in parts
    )
