"""What an answer claims, beside what a tool had said: success after a failure, or another figure. Rules that rather say nothing than
something wrong: one word that admits a trouble, one figure that may have been worked out, and they are silent.
"""

import re
from collections.abc import Iterable
from itertools import permutations

from swarm_ui.jsontext import loads

# Of a result so many characters are read, of an answer so many; a longer one tells more than a result.
HEAD, ANSWER, BRIEF = 1_500, 4_000, 400
# Of the figures said before the last ones are tried in sums.
TRIED = 40

_FAILED = re.compile(
    r"[\s\"'`\[(<*]*(?:\w*(?:error|exception)\b\s*[:(]|failed to\b|failure\s*:|failed\s*:|fatal\s*:|traceback \(most recent call last\)"
    r"|(?:http/[\d.]+ |http |status(?: code)?:? )?[45]\d\d (?:client|server|bad|unauthorized|forbidden|not found|conflict|too many|internal|service)"
    r"|command not found|permission denied|access denied|no such file)|exit ?code:? [1-9-]",
    re.IGNORECASE,
)
_BAD_FLAGS, _GOOD_FLAGS = ("isError", "is_error"), ("success", "ok", "succeeded", "successful")
_BAD_STATES = frozenset({"error", "failed", "failure", "denied", "rejected"})
_SUCCEEDED = re.compile(
    r"\bsuccess(?:ful|fully)?\b|\b(?:has|have) (?:now |all )?been (?:\w+ly )?(?:\w+ed|sent|made|paid|put|set|written|built|done)\b"
    r"|\b(?:is|are) now (?:\w+ed|done|set|live|complete)\b|\ball (?:done|set)\b|^\W*done\b|\bI(?:'ve| have)? (?:just )?(?:booked|sent|saved|created"
    r"|updated|deleted|cancelled|canceled|deployed|ordered|paid|written|stored|removed|added|submitted|finished|completed)\b",
    re.IGNORECASE,
)
_ADMITS = re.compile(
    r"\b(?:errors?|exceptions?|fail\w*|unable|unsuccessful\w*|not?|nor|never|none|nothing|without|cannot|unfortunately|sorry|apolog\w*|issues?|problems?"
    r"|trouble|difficult\w*|unavailable|invalid|denied|refused|reject\w*|timed?[ -]?out|missing|retry\w*|try|tried|trying|attempt\w*|again|instead"
    r"|however|but|although|though|despite|except|still|only|manual\w*|wrong|warning|incomplete|partial\w*|would|will|should|once|if|let me|let's)\b"
    r"|n[o']t\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,/:-])[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w/:]|[.,-]\d)")
_ABOUT = re.compile(
    r"\b(?:about|around|approximately|roughly|nearly|almost|over|under|more|less|at least|at most|up to|between|~)|≈|~",
    re.IGNORECASE,
)
_ITEM = re.compile(r"^\s*(?:\d+[.)]|[-*#])\s", re.MULTILINE)
_OUTPUT_HEAD = re.compile(
    r"^[ \t]*exit ?code: 0[^\n]*\n|^[ \t]*(?:(?:std|code )?out(?:put)?|result)\s*[:=]\s*",
    re.IGNORECASE | re.MULTILINE,
)
_SCALES = (
    *(10.0**power for power in range(-9, 10)),
    60.0,
    1 / 60,
    3600.0,
    1 / 3600,
    24.0,
    1 / 24,
    1024.0,
    1 / 1024,
)


def failure_in(result: str) -> str | None:
    """The words by which a tool's result says that it failed."""
    text = result[:HEAD]
    if text.lstrip()[:1] == "{":
        try:
            said = loads(result)
        except ValueError:
            said = None
        if isinstance(said, dict):
            return _bad(said)
    found = _FAILED.match(text)
    return text.strip() if found else None


def _bad(said: dict[str, object]) -> str | None:
    error = said.get("error") or said.get("errors")
    if (
        error
        or any(said.get(flag) is True for flag in _BAD_FLAGS)
        or any(said.get(flag) is False for flag in _GOOD_FLAGS)
        or str(said.get("status")).lower() in _BAD_STATES
    ):
        return str(error if isinstance(error, str) else said.get("message") or said)
    return None


def success_in(answer: str) -> str | None:
    """The words by which an answer claims that all went well, where it admits nothing else and asks nothing."""
    text = answer[:ANSWER]
    found = _SUCCEEDED.search(text)
    return (
        found[0].strip()
        if found and "?" not in text and "```" not in text and not _ADMITS.search(text)
        else None
    )


def other_figure(result: str, answer: str, before: Iterable[str]) -> tuple[str, str] | None:
    """(the figure that a tool gave and nothing besides, the one that the answer gives in its place). None where the answer gives several, or
    where its one was said `before` or follows by a simple calculation."""
    given = _only_figure(result)
    if (
        given is None
        or len(answer) > BRIEF
        or "```" in answer
        or _ABOUT.search(answer)
        or _ITEM.search(answer)
    ):
        return None
    stated = set(_NUMBER.findall(answer))
    if len(stated) != 1:
        return None
    number = stated.pop()
    known = [value for text in before for value in map(_value, _NUMBER.findall(text))]
    return None if _follows(number, [*known, _value(given)]) else (given, number)


def _only_figure(result: str) -> str | None:
    text = _OUTPUT_HEAD.sub("", result[:HEAD]).strip()
    if text[:1] == "{":
        try:
            said = loads(text)
        except ValueError:
            return None
        values = list(said.values()) if isinstance(said, dict) else []
        if len(values) != 1 or isinstance(values[0], bool) or not isinstance(values[0], (int, float)):
            return None
        text = str(values[0])
    found = _NUMBER.findall(text)
    return found[0] if len(found) == 1 and len(text) <= 40 and not re.search(r"[{\[]", text) else None


def _value(number: str) -> float:
    return float(number.replace(",", ""))


def _is(number: str, value: float) -> bool:
    """The same, as far as the digits that were written tell."""
    digits = len(number.partition(".")[2])
    # Half a unit of the last digit, and a whole one where figures were cut and not rounded.
    return abs(_value(number) - value) <= 10.0**-digits * 0.999


def _follows(number: str, known: list[float]) -> bool:
    if any(_is(number, value * scale) for value in known for scale in _SCALES):
        return True
    last = list(dict.fromkeys(reversed(known)))[:TRIED]
    for one, other in permutations(last, 2):
        results = [one + other, one - other, one * other]
        if other:
            results += [one / other, 100 * one / other, 100 * (one - other) / other]
        if any(_is(number, value) for value in results):
            return True
    return _is(number, sum(known)) or _is(number, float(len(known)))
