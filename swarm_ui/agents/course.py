"""Success and latency of an agent over its days, as lines to draw. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from swarm_ui.formatting import duration, percent
from swarm_ui.metrics.sums import Work

WIDTH, HEIGHT = 300, 80
_TOP = 6


class Lines(NamedTuple):
    """Paths in a box of WIDTH × HEIGHT, oldest day first; a day without runs leaves a gap. `said` is the finding in words."""

    success: str
    success_said: str
    lowest: float
    median: str
    p95: str
    slowest: int
    latency_said: str


def drawn(days: Mapping[str, Work]) -> Lines | None:
    """`days` newest first; None with fewer than two of them."""
    oldest_first = [days[day] for day in sorted(days)]
    rates = [day.success for day in oldest_first]
    known = [rate for rate in rates if rate is not None]
    times = [day.p95 for day in oldest_first if day.p95 is not None]
    if len(known) < 2:
        return None
    lowest = max(0.0, min(known) // 10 * 10 if min(known) < 90 else 90.0)
    slowest = max(times, default=1) or 1
    return Lines(
        _path([None if rate is None else (rate - lowest) / (100 - lowest) for rate in rates]),
        f"Success by day: between {percent(min(known))} and {percent(max(known))}, {percent(known[-1])} on the last day",
        lowest,
        _path([None if day.median is None else day.median / slowest for day in oldest_first]),
        _path([None if day.p95 is None else day.p95 / slowest for day in oldest_first]),
        slowest,
        f"p95 by day: up to {duration(max(times))}, {duration(times[-1])} on the last day"
        if times
        else "no times are known",
    )


def _path(shares: list[float | None]) -> str:
    step = WIDTH / max(1, len(shares) - 1)
    path, pen = [], "M"
    for place, share in enumerate(shares):
        if share is None:
            pen = "M"
            continue
        path.append(f"{pen}{place * step:.1f},{HEIGHT - share * (HEIGHT - _TOP):.1f}")
        pen = "L"
    return "".join(path)
