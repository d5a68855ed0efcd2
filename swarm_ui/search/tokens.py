"""The text of a search box, cut into its words: `status:failed -agent:coder cost:>0.5 "free text"`. Knows no list and no column.

Whatever is typed can be read: an unclosed quote ends with the text, and what looks like an address or a pasted message is free text.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from swarm_ui.jsontext import clean_text

LONGEST = 400
MOST_TOKENS = 24
_KEYED = re.compile(r"(-?)([A-Za-z][A-Za-z_]{0,31}):(?!//)(<=|>=|<|>|=)?(.*)", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is what was typed. A free word has no key and one value; `values` are alternatives."""

    text: str
    key: str
    values: tuple[str, ...]
    compare: str = ""
    negated: bool = False


def cut(text: str) -> list[Token]:
    return [_token(piece) for piece in _split(clean(text), str.isspace)]


def _split(text: str, at: Callable[[str], bool]) -> Iterator[str]:
    """At these letters, but not inside quotes, where a backslash takes the next letter as it is. What is not closed is closed."""
    piece, quoted, taken = "", False, False
    for letter in text:
        if not quoted and at(letter):
            if piece:
                yield piece
            piece = ""
            continue
        piece += letter
        if taken:
            taken = False
        elif letter == '"':
            quoted = not quoted
        else:
            taken = quoted and letter == "\\"
    if quoted:
        piece = (piece[:-1] if taken else piece) + '"'
    if piece:
        yield piece


def clean(text: str) -> str:
    """As it goes into addresses: one line, without what a database refuses."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", clean_text(text.replace("\x00", ""), None)).strip()


def _token(piece: str) -> Token:
    found = _KEYED.fullmatch(piece)
    if found:
        values = tuple(value for part in _split(found[4], ",".__eq__) if (value := _plain(part).strip()))
        return Token(piece, found[2].lower(), values, found[3] or "", bool(found[1]))
    negated = piece.startswith("-") and len(piece) > 1
    return Token(piece, "", (_plain(piece[negated:]),), negated=negated)


def _plain(text: str) -> str:
    """Without its quotes."""
    return _QUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), text)


def written(value: str) -> str:
    """A value as it is typed, in quotes where it needs them."""
    if value and re.fullmatch(r"[^\s\",\\<>=-][^\s\",\\]*", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def joined(tokens: Iterable[Token]) -> str:
    return " ".join(token.text for token in tokens)


def with_value(text: str, key: str, value: str | None) -> str:
    """The text saying `key:value` once, in place of what it says of this key; `value` is as typed, None takes the key out.

    What is negated stays: `-status:failed` is no choice of a status.
    """
    kept: list[str] = []
    said = value is None
    for token in cut(text):
        if token.key != key or token.negated:
            kept.append(token.text)
        elif not said:
            kept.append(f"{key}:{value}")
            said = True
    return " ".join([*kept, *([] if said else [f"{key}:{value}"])])


def value_in(text: str, key: str) -> str | None:
    """What the text says of this key, as typed, where it says it once and does not negate it."""
    found = [token for token in cut(text) if token.key == key and not token.negated]
    return found[0].text.partition(":")[2] if len(found) == 1 else None


def free_words(tokens: Iterable[Token]) -> Iterator[Token]:
    return (token for token in tokens if not token.key)
