"""What the runs of a workflow and their steps usually take: what took much more is marked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from swarm_ui.tasks.tree import Span

# Of fewer steps nothing is usual.
LEAST = 3
# From this many times the median on a step or a run is marked, if it is this much longer, larger or dearer besides.
TIMES = 2.0
LEAST_US = 200_000
LEAST_MS = LEAST_US / 1000
LEAST_TOKENS = 500
LEAST_COST = 0.01  # US dollars
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
            (_times(span.ended_at - span.started_at, self.took.get(kind), LEAST_US), "time"),
            (_times(span.tokens, self.tokens.get(kind), LEAST_TOKENS), "tokens"),
        ]
        times, words = max(found)
        return f"{times:.1f}× the usual {words}" if times else ""


def times_usual(value: float | None, median: float | None, least: float) -> str:
    """ "2.4×" where `value` is much more than the median and by `least` at least, else nothing."""
    times = _times(value, median, least)
    return f"{times:.1f}×" if times else ""


def _times(value: float | None, median: float | None, least: float) -> float:
    if value is None or not median or value < median * TIMES or value - median < least:
        return 0.0
    return value / median


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
