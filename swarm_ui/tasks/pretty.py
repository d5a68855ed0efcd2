"""Content from outside as markup: text, or JSON with syntax classes; always escaped, and cut to what a page can hold."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from markupsafe import Markup, escape

from swarm_ui.jsontext import clean, clean_text, loads

LIMIT = 8_000
# Up to this the markup is remembered: a page measures its messages before it shows them, and shows them again while a run goes on.
BRIEF = 2_000
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|\btrue\b|\bfalse\b|\bnull\b)')


class Shown(NamedTuple):
    """`length` counts the characters of the whole."""

    markup: Markup
    is_json: bool
    length: int
    is_cut: bool


def show(content: Any, limit: int = LIMIT) -> Shown | None:
    """What a step or message holds: its text, else its JSON. None where it holds nothing."""
    text, is_json = plain(content)
    if text is None:
        return None
    kept = text[:limit]
    is_cut = len(text) > limit
    return Shown(
        _highlighted(kept) if is_json else escape(clean_text(kept, None)), is_json, len(text), is_cut
    )


def plain(content: Any) -> tuple[str | None, bool]:
    """The whole as text, and whether that is JSON. The columns' `{"text": …}` and `{"data": …}` are opened."""
    if isinstance(content, dict):
        keys = content.keys() - {"truncated"}
        if keys == {"text"} and isinstance(content["text"], str):
            content = content["text"]
        elif keys == {"data"}:
            content = content["data"]
    if content is None or content == "":
        return None, False
    if isinstance(content, str):
        if content.lstrip()[:1] not in ("{", "["):
            return content, False
        try:
            content = loads(content)
        except ValueError:
            return content, False
    return json_text(content), True


def json_text(value: Any) -> str:
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, option=options).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return orjson.dumps(clean(value), option=options).decode()


def _highlighted(text: str) -> Markup:
    return _remembered(text) if len(text) <= BRIEF else _marked_up(text)


@lru_cache(maxsize=512)
def _remembered(text: str) -> Markup:
    return _marked_up(text)


def _marked_up(text: str) -> Markup:
    parts: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        parts.append(escape(text[end : token.start()]))
        string, colon, other = token.groups()
        if string is None:
            parts.append(f'<span class="n">{escape(other)}</span>')
        else:
            kind = "k" if colon else "s"
            parts.append(f'<span class="{kind}">{escape(string)}</span>{colon or ""}')
        end = token.end()
    parts.append(escape(text[end:]))
    return Markup("".join(parts))  # noqa: S704  # every piece was escaped
