"""The five numbers on top, each beside the same number of the 24 hours before. No number before: no change is claimed."""

from dataclasses import dataclass

from swarm_ui.formatting import MISSING, cost, duration, number, percent, tokens
from swarm_ui.metrics.sums import Runs
from swarm_ui.overview.queries import Pulse
from swarm_ui.overview.sparks import Spark, spark

# Below these changes direction is noise, and gets no colour.
POINTS_WORTH_COLOUR = 1.0
SHARE_WORTH_COLOUR = 0.2


@dataclass(frozen=True)
class Stat:
    name: str
    value: str
    note: str
    change: str = ""
    mood: str = ""  # worse, better or nothing
    spark: Spark | None = None


def stats_of(pulse: Pulse) -> list[Stat]:
    return [_success(pulse), _runs(pulse), _p95(pulse), _cost(pulse), _tokens(pulse)]


def _success(pulse: Pulse) -> Stat:
    now, before = pulse.now.success, pulse.before.success
    line = _line(pulse, "success", floor=None)
    if now is None or before is None:
        return Stat("Success rate", percent(now), _ended(pulse.now), spark=line)
    points = now - before
    mood = "" if abs(points) < POINTS_WORTH_COLOUR else "better" if points > 0 else "worse"
    change = f"{_arrow(points)} {abs(points):.1f} pt" if abs(points) >= 0.05 else ""
    return Stat("Success rate", percent(now), f"from {percent(before)}", change, mood, line)


def _ended(period: Runs) -> str:
    return f"of {period.completed + period.ended_badly:,} that ended"


def _runs(pulse: Pulse) -> Stat:
    now, before = pulse.now.runs, pulse.before.runs
    failed = [f"{pulse.now.ended_badly:,} {pulse.ended_how}"] if pulse.now.ended_badly else []
    note = " · ".join([f"from {before:,}" if before else "none the day before", *failed])
    return Stat("Runs", number(now), note, _share(now, before), "", _line(pulse, "runs"))


def _p95(pulse: Pulse) -> Stat:
    now, before = pulse.now.p95, pulse.before.p95
    line = _line(pulse, "p95")
    if now is None or before is None:
        return Stat("Duration p95", duration(now), "19 of 20 runs are quicker", spark=line)
    return Stat("Duration p95", duration(now), f"from {duration(before)}", *_judged(now, before), line)


def _cost(pulse: Pulse) -> Stat:
    now, before = pulse.now.cost, pulse.before.cost
    line = _line(pulse, "cost")
    if now is None:
        return Stat("Cost", MISSING, "no price is known", spark=line)
    if before is None:
        return Stat("Cost", cost(now), "no cost the day before", spark=line)
    return Stat("Cost", cost(now), f"from {cost(before)}", _share(now, before), "", line)


def _tokens(pulse: Pulse) -> Stat:
    now, before = pulse.now.tokens, pulse.before.tokens
    line = _line(pulse, "tokens")
    if now is None:
        return Stat("Tokens", MISSING, "no usage was reported", spark=line)
    if before is None:
        return Stat("Tokens", tokens(now), "none the day before", spark=line)
    return Stat("Tokens", tokens(now), f"from {tokens(before)}", _share(now, before), "", line)


def _line(pulse: Pulse, name: str, floor: float | None = 0) -> Spark | None:
    now = [getattr(hour, name) for hour in pulse.hours]
    return spark(now, [getattr(hour, name) for hour in pulse.hours_before], floor=floor)


def _judged(now: float, before: float) -> tuple[str, str]:
    """The change of something that should be small, and whether it is worth a colour."""
    difference = now - before
    if not difference or not before:
        return "", ""
    mood = "" if abs(difference) / before < SHARE_WORTH_COLOUR else "worse" if difference > 0 else "better"
    return f"{_arrow(difference)} {duration(abs(difference))}", mood


def _share(now: float, before: float) -> str:
    if not before:
        return ""
    share = 100 * (now - before) / before
    return f"{_arrow(share)} {abs(share):,.0f}%" if abs(share) >= 0.5 else ""


def _arrow(change: float) -> str:
    return "▲" if change > 0 else "▼"
