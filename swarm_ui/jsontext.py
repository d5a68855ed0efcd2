"""JSON and text that every database takes: no NaN, no lone surrogate, no NUL."""

import math
from typing import Any

import orjson

# MariaDB takes JSON of 32 levels; what wraps a value needs some of them.
DEEPEST = 24
_OPTIONS = orjson.OPT_NON_STR_KEYS


def dumps(value: Any) -> str:
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except (orjson.JSONEncodeError, RecursionError):
        return dump_bytes(value).decode()


def dump_bytes(value: Any) -> bytes:
    """Compact UTF-8. NaN and infinities become null, lone surrogates U+FFFD, integers past 64 bits decimal strings."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except (orjson.JSONEncodeError, RecursionError):
        return orjson.dumps(clean(value), option=_OPTIONS)


loads = orjson.loads


def is_deep(value: Any, depth: int = 0) -> bool:
    """Nested deeper than JSON columns take everywhere."""
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth >= DEEPEST or any(is_deep(item, depth + 1) for item in inner)


def clean(value: Any, depth: int = 0) -> Any:
    """The nearest value that JSON can hold; what lies deeper than 64 levels is cut with a mark."""
    if isinstance(value, str):
        return clean_text(value, None)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > 64:
        return "… (nested too deeply)"
    if isinstance(value, dict):
        return {clean_text(str(key), None): clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    return clean_text(str(value), None)


def clean_text(text: str, limit: int | None) -> str:
    """Text for a column: lone surrogates and NUL become U+FFFD, cut to `limit` characters with an ellipsis."""
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
