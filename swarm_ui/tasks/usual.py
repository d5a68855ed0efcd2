"""What the steps of a workflow usually take: a step that took much more is marked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from swarm_ui.tasks.tree import Span

# Of fewer steps nothing is usual.
LEAST = 3
# From this many times the median on a step is marked, if it is this much longer or larger besides.
TIMES = 2.0
LEAST_US = 200_000
LEAST_TOKENS = 500
Kind = tuple[str, str]  # kind and name


@dataclass(slots=True)
class Usual:
    """Medians of the steps of one kind and name; `runs` is of how many runs."""

    runs: int
    took: dict[Kind, float] = field(default_factory=dict)  # µs
    tokens: dict[Kind, float] = field(default_factory=dict)

    def excess(self, span: Span) -> str:
        """ "3.1× the usual time", "2.4× the usual tokens" or nothing; for a model call the worse of both."""
        kind = (span.kind, span.name)
        found = [
            _times(span.ended_at - span.started_at, self.took.get(kind), LEAST_US, "time"),
            _times(span.tokens, self.tokens.get(kind), LEAST_TOKENS, "tokens"),
        ]
        times, words = max(found)
        return f"{times:.1f}× the usual {words}" if times else ""


def _times(value: int | None, median: float | None, least: float, words: str) -> tuple[float, str]:
    if value is None or not median or value < median * TIMES or value - median < least:
        return 0.0, words
    return value / median, words


def usual(rows: Iterable[Any], runs: int) -> Usual:
    """`rows` are (kind, name, µs, tokens or None) of the steps of `runs` other runs."""
    took: dict[Kind, list[float]] = {}
    tokens: dict[Kind, list[float]] = {}
    for kind, name, us, used in rows:
        took.setdefault((kind, name), []).append(us)
        if used is not None:
            tokens.setdefault((kind, name), []).append(used)
    return Usual(runs, _medians(took), _medians(tokens))


def _medians(found: dict[Kind, list[float]]) -> dict[Kind, float]:
    return {kind: sorted(values)[len(values) // 2] for kind, values in found.items() if len(values) >= LEAST}
