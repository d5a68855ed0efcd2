"""The health score, 0 to 100, that explains itself: five parts, each with the points that it won and lost. Pure functions; docs/health.md has
the formula in words.

A part that nothing is known of gives its weight to the others. Without executions and without heartbeats there is no score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, sqrt

from swarm_ui.formatting import duration, percent, plural

WEIGHTS = {"success": 40, "latency": 20, "streak": 10, "heartbeat": 20, "alerts": 10}
NAMES = {
    "success": "Success rate",
    "latency": "Latency",
    "streak": "Failure streak",
    "heartbeat": "Heartbeat",
    "alerts": "Open alerts",
}
# The latest runs that are looked at, and those before them that they are compared with.
WINDOW, BASELINE = 50, 100
# A success rate is given the benefit of the doubt: what it may be with 90 % confidence (one-sided).
CONFIDENCE = 1.2816
GOOD_RATE, BAD_RATE = 0.98, 0.60
# p95 of the latest runs against that of those before: nothing lost up to the first, all at the second.
GOOD_RATIO, BAD_RATIO = 1.25, 10.0
FEWEST_TIMED, FEWEST_BEFORE = 5, 20
STREAK_ALLOWED, STREAK_WORST = 1, 5
# Share of a day without a heartbeat at which all of its points are lost.
WORST_DOWN = 0.15
LOST_BY_CRITICAL, LOST_BY_WARNING = 0.3, 0.1


@dataclass(frozen=True, slots=True)
class Known:
    """What a score is made of. Times are of the agent's own work in a run, in ms; runs newest first."""

    executions: int = 0
    failures: int = 0
    streak: int = 0
    times: Sequence[int] = ()
    times_before: Sequence[int] = ()
    # Of the last 24 hours, or since it is watched: how long it was to report, and how long it did not. None: it does not report.
    watched_ms: int | None = None
    down_ms: int = 0
    # Causes of open alerts.
    critical: int = 0
    warning: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """`share` is how much of its points it won (None: nothing known), `weight` how many it could. Shown are whole points: `points` of `most`."""

    name: str
    share: float | None
    weight: float
    now: str
    expected: str
    most: int = 0
    points: int = 0

    @property
    def label(self) -> str:
        return NAMES[self.name]

    @property
    def won(self) -> float:
        return self.weight * (self.share or 0.0)

    @property
    def lost(self) -> int:
        return self.most - self.points


@dataclass(frozen=True, slots=True)
class Score:
    total: int | None
    parts: tuple[Part, ...]


def score(known: Known) -> Score:
    found = (_success(known), _latency(known), _streak(known), _heartbeat(known), _alerts(known))
    if not known.executions and known.watched_ms is None:
        return Score(
            None, tuple(Part(name, None, 0.0, now, expected) for name, _share, now, expected in found)
        )
    weight = sum(WEIGHTS[name] for name, share, _now, _expected in found if share is not None)
    parts = tuple(
        Part(name, share, 0.0 if share is None else 100 * WEIGHTS[name] / weight, now, expected)
        for name, share, now, expected in found
    )
    total = round(sum(part.won for part in parts))
    most = _whole([part.weight for part in parts], 100)
    points = _whole([part.won for part in parts], total, most)
    return Score(
        total,
        tuple(
            replace(part, most=limit, points=won)
            for part, limit, won in zip(parts, most, points, strict=True)
        ),
    )


def _whole(values: Sequence[float], total: int, limits: Sequence[int] | None = None) -> list[int]:
    """The values as whole numbers that add up to `total`: the largest remainders are rounded up, of equal ones the first. None gets above its limit."""
    exact = [round(value, 9) for value in values]  # 40.0 may come as 39.999999999999996
    whole = [floor(value) for value in exact]
    for place in sorted(range(len(whole)), key=lambda place: (whole[place] - exact[place], place)):
        if sum(whole) < total and (limits is None or whole[place] < limits[place]):
            whole[place] += 1
    return whole


_Found = tuple[str, float | None, str, str]


def upper_bound(successes: int, tries: int, z: float = CONFIDENCE) -> float:
    """Wilson's upper bound of a share: of one failure in one try, 0.62; of a hundred in a hundred, 0.02."""
    share, squared = successes / tries, z * z
    middle = share + squared / (2 * tries)
    spread = z * sqrt(share * (1 - share) / tries + squared / (4 * tries * tries))
    return min(1.0, (middle + spread) / (1 + squared / tries))


def _success(known: Known) -> _Found:
    expected = f"{GOOD_RATE:.0%} or more"
    if not known.executions:
        return "success", None, "no executions", expected
    successes = known.executions - min(known.failures, known.executions)
    likely = upper_bound(successes, known.executions)
    said = f"{percent(100 * successes / known.executions)} of {plural(known.executions, 'invocation')}"
    if likely - successes / known.executions >= 0.01:
        said += f", at most {percent(100 * likely)} by so few"
    return "success", _between(likely, BAD_RATE, GOOD_RATE), said, expected


def _latency(known: Known) -> _Found:
    if len(known.times) < FEWEST_TIMED or len(known.times_before) < FEWEST_BEFORE:
        return "latency", None, "too few runs to compare", "as in the runs before"
    now, before = nearest_rank(known.times, 95), nearest_rank(known.times_before, 95)
    ratio = now / max(before, 1)
    return (
        "latency",
        _between(ratio, BAD_RATIO, GOOD_RATIO),
        f"p95 {duration(now)}",
        f"before: {duration(before)}",
    )


def _streak(known: Known) -> _Found:
    expected = f"fewer than {STREAK_ALLOWED + 1}"
    if not known.executions:
        return "streak", None, "no executions", expected
    said = f"{known.streak} in a row" if known.streak else "none"
    return "streak", _between(known.streak, STREAK_WORST, STREAK_ALLOWED), said, expected


def _heartbeat(known: Known) -> _Found:
    if known.watched_ms is None:
        return "heartbeat", None, "sends none", "optional"
    down = min(1.0, known.down_ms / max(known.watched_ms, 1))
    up = percent(100 * (1 - down))
    said = f"up {up} of the time" if known.down_ms == 0 else f"up {up}, {duration(known.down_ms)} without"
    return "heartbeat", _between(down, WORST_DOWN, 0.0), said, "all of 24 h"


def _alerts(known: Known) -> _Found:
    lost = LOST_BY_CRITICAL * known.critical + LOST_BY_WARNING * known.warning
    said = [
        f"{number} {word}"
        for number, word in ((known.critical, "critical"), (known.warning, "warning"))
        if number
    ]
    return "alerts", max(0.0, 1.0 - lost), ", ".join(said) or "none", "none"


def _between(value: float, worst: float, best: float) -> float:
    """0 at the worst, 1 at the best, straight between them."""
    return min(1.0, max(0.0, (value - worst) / (best - worst)))


def nearest_rank(values: Sequence[int], percentile: int) -> int:
    ranked = sorted(values)
    return ranked[ceil(len(ranked) * percentile / 100) - 1]
