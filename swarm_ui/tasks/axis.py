"""The time axis of a run: where a moment lies, in percent, and the ticks."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from swarm_ui.formatting import duration


class Tick(NamedTuple):
    x: float
    label: str
    minor: bool


class Gap(NamedTuple):
    """A time that takes less room than it lasts; `x` and `width` are percent."""

    x: float
    width: float
    ms: float


_GAP_WIDTH = 0.03  # of what is not shortened


class Axis:
    """A little longer than the run, so that what happens at its end stands clear of the edge.

    `short` are times, in order and apart from each other, that are drawn narrow.
    """

    def __init__(self, began: int, ended: int, short: Sequence[tuple[int, int]] = ()) -> None:
        self.began = began
        self._short = short
        kept = ended - began - sum(end - start for start, end in short)
        narrow = max(kept * _GAP_WIDTH, 1)
        # Where the scale changes: the moments, and for each (place, how much room a µs takes from there on).
        self._moments, self._scales = [began], [(0.0, 1.0)]
        for start, end in short:
            self._bend(start, narrow / (end - start))
            self._bend(end, 1.0)
        self.length = max(int(self._place(ended) * 1.04), 1)

    def _bend(self, at: int, scale: float) -> None:
        place = self._place(at)
        self._moments.append(at)
        self._scales.append((place, scale))

    def _place(self, at: int) -> float:
        if not self._short:
            return at - self.began
        index = max(bisect_right(self._moments, at) - 1, 0)
        place, scale = self._scales[index]
        return place + (at - self._moments[index]) * scale

    def x(self, at: int) -> float:
        return min(max(self._place(at) / self.length * 100, 0.0), 100.0)

    def ms(self, at: int) -> float:
        return (at - self.began) / 1000

    @property
    def gaps(self) -> list[Gap]:
        return [
            Gap(self.x(start), self.x(end) - self.x(start), (end - start) / 1000)
            for start, end in self._short
        ]

    def ticks(self) -> list[Tick]:
        seconds = self.length / 1_000_000
        step = next((step for step in _STEPS if seconds / step <= 9), None) or seconds / 8
        if self._short:
            return self._ticks_beside_gaps(step)
        label = _tick_label(step, seconds)
        ticks = [
            Tick(index * step / seconds * 100, label(index * step), index % 2 == 1)
            for index in range(int(seconds / step) + 1)
        ]
        # A label stands right of its line, and the last one must have room.
        return [tick for tick in ticks if tick.x + len(tick.label) * 1.3 < 100]

    def _ticks_beside_gaps(self, step: float) -> list[Tick]:
        """One where each stretch begins, and then as usual, as long as they have room."""
        ticks: list[Tick] = []
        edges = [self.began, *(moment for gap in self._short for moment in gap), None]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            assert start is not None
            first = (start - self.began) / 1_000_000
            last = (end - self.began) / 1_000_000 if end is not None else first + self.length / 1_000_000
            number = int(first / step) + 1
            times = [
                first,
                *((number + index) * step for index in range(max(int(last / step) - number + 1, 0))),
            ]
            for at in times:
                x = self.x(self.began + round(at * 1_000_000))
                label = duration(at * 1000) if at else "0"
                if x + len(label) * 1.3 < 100 and (
                    not ticks or x - ticks[-1].x > len(ticks[-1].label) * 1.3 + 1
                ):
                    ticks.append(Tick(x, label, False))
        return ticks


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
