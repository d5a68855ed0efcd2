"""The time axis of a run: where a moment lies, in percent, and the ticks."""

from collections.abc import Callable
from typing import NamedTuple


class Tick(NamedTuple):
    x: float
    label: str
    minor: bool


class Axis:
    """A little longer than the run, so that what happens at its end stands clear of the edge."""

    def __init__(self, began: int, ended: int) -> None:
        self.began = began
        self.length = max(int((ended - began) * 1.04), 1)

    def x(self, at: int) -> float:
        return min(max((at - self.began) / self.length * 100, 0.0), 100.0)

    def ms(self, at: int) -> float:
        return (at - self.began) / 1000

    def ticks(self) -> list[Tick]:
        seconds = self.length / 1_000_000
        step = next((step for step in _STEPS if seconds / step <= 9), None) or seconds / 8
        label = _tick_label(step, seconds)
        ticks = [
            Tick(index * step / seconds * 100, label(index * step), index % 2 == 1)
            for index in range(int(seconds / step) + 1)
        ]
        # A label stands right of its line, and the last one must have room.
        return [tick for tick in ticks if tick.x + len(tick.label) * 1.3 < 100]


_STEPS = (
    *(unit * factor for unit in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1) for factor in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200),
    *(86400 * days for days in (1, 2, 7, 30, 90, 365, 3650)),
)  # fmt: skip


def _tick_label(step: float, seconds: float) -> Callable[[float], str]:
    if step < 1e-3:
        return lambda at: f"{at * 1e6:.0f}µs" if at else "0"
    if step < 1:
        return lambda at: f"{at * 1e3:.0f}ms" if at else "0"
    if seconds <= 60:
        return lambda at: f"{at:.0f}s" if at else "0"
    if seconds < 3600:
        return lambda at: f"{at // 60:.0f}:{at % 60:02.0f}" if at else "0"
    if seconds < 172800:
        return _hours
    return lambda at: f"{at / 86400:.0f}d" if at else "0"


def _hours(at: float) -> str:
    hours, minutes = divmod(round(at / 60), 60)
    return " ".join(filter(None, (f"{hours}h" if hours else "", f"{minutes}m" if minutes else ""))) or "0"
