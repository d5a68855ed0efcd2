"""What may come next in a search box: keys, or the values of the key at its end. One look at the database at most."""

import re
from typing import NamedTuple

from swarm_ui.search.fields import OFFERED
from swarm_ui.search.reading import Fields
from swarm_ui.search.tokens import cut, written


class Offer(NamedTuple):
    """`text` takes the place of what was typed from the beginning of the last part on."""

    text: str
    about: str


def complete(text: str, fields: Fields) -> tuple[int, list[Offer]]:
    """(where the last part begins, what it may become)."""
    last = _last(text)
    begins = len(text) - len(last)
    sign = "-" if last.startswith("-") else ""
    key, colon, value = last[len(sign) :].partition(":")
    if not colon:
        keys = [name for name in fields if name.startswith(key.lower())]
        return begins, [Offer(f"{sign}{name}:", fields[name].about) for name in keys]
    field = fields.get(key.lower())
    if field is None:
        return begins, []
    head, comma, typed = value.rpartition(",")
    plain = "".join(cut(typed)[0].values) if typed else ""
    offered = field.offers(plain.lower().strip('"'))[:OFFERED]
    before = f"{sign}{key}:{head}{comma}"
    return begins, [Offer(before + _as_typed(offer), "") for offer in offered]


def _last(text: str) -> str:
    """From the last blank that no quote holds."""
    last, quoted = "", False
    for letter in text:
        quoted ^= letter == '"'
        last = "" if letter.isspace() and not quoted else last + letter
    return last


def _as_typed(offer: str) -> str:
    """Comparisons and examples are written already."""
    return offer if re.match(r'[<>"*]|.*\*$', offer) else written(offer)
