"""One kind of evidence."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """`says` gets what is known of the run and the place of a step or message: the evidence in words, or None. `means` explains the rule."""

    kind: str
    points: int
    means: str
    says: Callable[[Any, int], str | None]
