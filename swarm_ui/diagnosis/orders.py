"""Instructions that can be checked by looking: a form, a length, a tool that must not be called. A sentence that makes conditions is left
out, and so is every order that is not plainly broken.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from swarm_ui.formatting import clip
from swarm_ui.jsontext import loads

# Of an instruction so many characters are read: its first ones and its last ones.
READ = 12_000
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_CONDITION = re.compile(
    r"\b(?:if|unless|when|whenever|except|until|before|after|once|while|where|in case|either|example|e\.g|otherwise|may|can|or(?! no\b))\b",
    re.IGNORECASE,
)
_ANSWER = r"\b(?:answer|reply|replies|respond|response|return|output|write|produce)\b"
_ONLY = r"\b(?:only|just|nothing but|nothing else|exclusively|strictly|exactly|solely)\b"
_NOT = r"\b(?:do not|don't|never|must not|mustn't|may not|you are not allowed to)\b"
_YES = re.compile(r"\W*(?:yes|no)\b", re.IGNORECASE)
_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)
_FORBIDDEN = re.compile(
    rf"{_NOT} (?:ever )?(?:call|use|invoke|run|execute)(?: the)?(?: tool| function)? [`\"']?(\w+)[`\"']?",
    re.IGNORECASE,
)
# Room for what counts differently: hyphens, numbers, marks.
_SLACK = 1.3


class Order(NamedTuple):
    """`breaks` gets the found order and the answer, and says what is wrong with the answer."""

    asks: re.Pattern[str]
    breaks: Callable[[re.Match[str], str], str | None]


def _no_json(_order: re.Match[str], answer: str) -> str | None:
    fenced = _FENCED.fullmatch(answer)
    try:
        loads((fenced[1] if fenced else answer).strip())
    except ValueError:
        # What opens like JSON may be cut, or be JSON with a flaw: no plain disobedience.
        return None if answer.lstrip()[:1] in ('{"[`') else "the answer is no JSON"
    return None


def _more_than_a_number(_order: re.Match[str], answer: str) -> str | None:
    words = _words(answer)
    return f"the answer has {words} words" if words > 5 else None


def _more_than_a_word(_order: re.Match[str], answer: str) -> str | None:
    words = _words(answer)
    return f"the answer has {words} words" if words > 3 else None


def _not_yes_or_no(_order: re.Match[str], answer: str) -> str | None:
    words = _words(answer)
    return f"the answer is neither and has {words} words" if words > 3 and not _YES.match(answer) else None


def _too_long(order: re.Match[str], answer: str) -> str | None:
    most, is_words = int(order["most"].replace(",", "")), order["unit"].lower().startswith("word")
    there = _words(answer) if is_words else len(answer)
    return f"the answer has {there:,} {order['unit'].lower()}" if most and there > most * _SLACK + 3 else None


def _has_code(_order: re.Match[str], answer: str) -> str | None:
    return "the answer holds a block of code" if answer.count("```") > 1 else None


def _has_markdown(_order: re.Match[str], answer: str) -> str | None:
    return (
        "the answer holds Markdown"
        if re.search(r"^#{1,6} \S|\*\*\w[^*\n]*\*\*|```", answer, re.MULTILINE)
        else None
    )


ORDERS = (
    Order(re.compile(rf"{_ANSWER}[^.]{{0,40}}{_ONLY}[^.]{{0,30}}\bJSON\b|{_ANSWER}[^.]{{0,40}}\bJSON\b[^.]{{0,20}}{_ONLY}", re.IGNORECASE), _no_json),
    Order(re.compile(rf"{_ANSWER}[^.]{{0,30}}{_ONLY}[^.]{{0,15}}\b(?:a|one|the)(?: single)? (?:number|integer)\b\W*$", re.IGNORECASE), _more_than_a_number),
    Order(re.compile(rf"{_ANSWER}[^.]{{0,25}}\b(?:with|in|by)\b[^.]{{0,12}}\b(?:one|a single|exactly one) word\b\W*$", re.IGNORECASE), _more_than_a_word),
    Order(re.compile(rf"{_ANSWER}[^.]{{0,25}}{_ONLY}[^.]{{0,12}}\byes\b\W*(?:or)\W*no\b\W*$", re.IGNORECASE), _not_yes_or_no),
    Order(
        re.compile(
            rf"{_ANSWER}[^.]{{0,40}}\b(?:at most|no more than|not more than|under|within|up to|fewer than|less than|a maximum of) (?P<most>\d[\d,]*)"
            r" (?P<unit>words|characters)\b",
            re.IGNORECASE,
        ),
        _too_long,
    ),
    Order(re.compile(rf"{_NOT} (?:include|write|add|use|show|send|output)(?: any)? (?:code|code blocks?)\b\W*$", re.IGNORECASE), _has_code),
    Order(re.compile(rf"{_NOT} (?:include|write|add|use|output)(?: any)? markdown\b", re.IGNORECASE), _has_markdown),
)  # fmt: skip


def broken(instructions: str, answer: str) -> str | None:
    """The first order that the answer plainly breaks, in words."""
    if not answer.strip():
        return None
    for sentence in sentences(instructions):
        for order in ORDERS:
            found = order.asks.search(sentence)
            # "Yes or no" is the order itself, no condition.
            if (
                found
                and not _CONDITION.search(sentence.replace(found[0], ""))
                and (wrong := order.breaks(found, answer))
            ):
                return f"It was told “{clip(sentence, 80)}”, and {wrong}"
    return None


def forbidden(instructions: str) -> dict[str, str]:
    """Names of tools that must not be called, each with the sentence that says so."""
    return {
        found[1]: clip(sentence, 80) or ""
        for sentence in sentences(instructions)
        if (found := _FORBIDDEN.search(sentence)) and not _CONDITION.search(sentence)
        and not re.search(r"\b(?:more than|twice|again|too|without|for|with|to)\b", sentence[found.end() :], re.IGNORECASE)
    }  # fmt: skip


def sentences(text: str) -> list[str]:
    if len(text) > READ:
        text = f"{text[: READ // 2]}\n{text[-READ // 2 :]}"
    return [sentence.strip() for sentence in _SENTENCE.split(text) if 4 < len(sentence) < 400]


def _words(text: str) -> int:
    return len(text.split())
