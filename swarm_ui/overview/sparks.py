"""Recent history as lines and bars of an SVG 100 wide. In a line an hour without a value is skipped, not zero."""

from collections.abc import Sequence
from typing import NamedTuple

_TOP, _BOTTOM = 2.0, 22.0


class Spark(NamedTuple):
    line: str
    area: str
    ghost: str  # the period before, on the same scale


def spark(
    now: Sequence[float | None], before: Sequence[float | None] = (), *, floor: float | None = 0
) -> Spark | None:
    """None where fewer than two hours have a value. `floor` is the bottom of the scale, None for the lowest value."""
    known = [value for value in (*now, *before) if value is not None]
    if sum(value is not None for value in now) < 2:
        return None
    low = min(known) if floor is None else min(floor, *known)
    high = max(known)
    span = (high - low) or 1
    line = _points(now, low, span)
    first, last = line.split(" ", 1)[0].split(",")[0], line.rsplit(" ", 1)[-1].split(",")[0]
    return Spark(line, f"{first},24 {line} {last},24", _points(before, low, span))


def _points(values: Sequence[float | None], low: float, span: float) -> str:
    step = 100 / max(1, len(values) - 1)
    return " ".join(
        f"{index * step:.1f},{_BOTTOM - (value - low) / span * (_BOTTOM - _TOP):.1f}"
        for index, value in enumerate(values)
        if value is not None
    )


def bars(values: Sequence[float]) -> str:
    """A bar an hour as one path, 100 wide and 20 high; the highest fills the height, what is not zero can be seen."""
    highest = max(values, default=0)
    if not highest:
        return ""
    step = 100 / len(values)
    heights = ((index, max(3.0, 20 * value / highest)) for index, value in enumerate(values) if value)
    return "".join(
        f"M{index * step + 0.4:.1f},{20 - height:.1f}h3.4v{height:.1f}h-3.4z" for index, height in heights
    )
