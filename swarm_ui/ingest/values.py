"""Single values out of attributes, whatever type a library gave them, and the names that span names carry."""

import re
from functools import lru_cache
from typing import Any

from swarm_ui.ingest import conventions as c
from swarm_ui.jsontext import clean_text, loads

_LARGEST_COUNT = 2_000_000_000
_LONGEST_NAME = 255


def first(attributes: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "":
            return value
    return None


def answers(attributes: dict[str, Any]) -> dict[str, Any]:
    """`first` for each of `conventions.QUESTIONS` in one pass; what has no answer is missing."""
    found: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for key, value in attributes.items():
        if key in _ANSWERS and value is not None and value != "":
            for question, rank in _ANSWERS[key]:
                if question not in ranks or rank < ranks[question]:
                    ranks[question], found[question] = rank, value
    return found


# Each key with the questions that it answers, and its rank among the keys that do.
_ANSWERS: dict[str, list[tuple[str, int]]] = {}
for _question, _keys in c.QUESTIONS.items():
    for _rank, _key in enumerate(_keys):
        _ANSWERS.setdefault(_key, []).append((_question, _rank))


def string(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else str(value)


def named(value: Any) -> str:
    """A name, cut before any pattern looks at it: patterns may take quadratic time. Blanks at its ends go: MySQL takes "a" and "a " for
    the same key."""
    if not value:
        return ""
    text = value if isinstance(value, str) else str(value)
    return _name(text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME + 1])


@lru_cache(maxsize=4_096)
def _name(text: str) -> str:
    return clean_text(text.strip(), _LONGEST_NAME)


def count(value: Any) -> int | None:
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int):
        try:
            value = int(float(value))
        except (TypeError, ValueError, OverflowError):
            return None
    return value if 0 <= value <= _LARGEST_COUNT else None


def number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == number and abs(number) != float("inf") else None


def parsed_json(value: Any) -> Any:
    """A JSON string's value, or the value itself."""
    if not isinstance(value, str):
        return value
    text = value.lstrip()
    if text[:1] not in ("{", "["):
        return None
    try:
        return loads(text)
    except ValueError:
        return None


def dictionaries(value: Any) -> list[dict[str, Any]]:
    """Those in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def readable(span_name: str) -> str:
    """The name that a span's name carries: "agent_run [hello_agent]", "Researcher._execute_core", "invoke_agent triage"; "" if none."""
    name = span_name.strip()
    if found := c.BRACKETED.search(name):
        return without_uuid(found[1].strip())
    name = c.SPAN_NAME_PREFIX.sub("", name)
    name = c.SPAN_NAME_SUFFIX.sub("", name)
    if c.COUNTER.search(name):
        return ""  # "iteration-3", "agent.react.update-18": one of a series, not a name
    return without_uuid(name)


def without_uuid(name: str) -> str:
    return c.UUID.sub("", name).strip() if len(name) >= 32 else name


@lru_cache(maxsize=4_096)
def opaque(name: str) -> bool:
    """An id where a name should be: it is new in every process, or says nothing to a reader."""
    return bool(_OPAQUE.match(name))


@lru_cache(maxsize=4_096)
def is_generic(name: str) -> bool:
    """A word for a part of a framework, not for an agent."""
    return bool(c.GENERIC_NAME.match(name))


@lru_cache(maxsize=4_096)
def is_no_name(name: str) -> bool:
    """What stands where an application could have named its agent and did not."""
    return bool(c.NO_NAME.match(name))


_OPAQUE = re.compile(r"^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$|^[0-9a-f]{12,64}$", re.IGNORECASE)
