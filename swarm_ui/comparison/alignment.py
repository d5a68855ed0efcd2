"""Lays the steps of two runs side by side. Pure: no database, no markup.

Lanes are agents: the same agent in both, else one of the same name. Within a lane two steps are the same step where kind and name are the same
(ids and a model's name in it aside), and the longest common sequence of them is what both runs did in the same order. What is left over of both under one
name was done at another place ("moved"); the rest was done in one run only. Lanes too long for that, after their equal beginnings and ends are taken
off, pair the first `search` with the first `search`, the second with the second, and keep the longest sequence of such pairs that is in order in both.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from swarm_ui.ingest.conventions import UUID

How = Literal["same", "changed", "moved", "gone", "new"]
# So many comparisons take about 50 ms.
MOST_CELLS = 250_000
# What counts as slower, dearer, longer: twice as much, and by more than this.
TWICE = 2.0
_DATED = re.compile(r"-\d[\d-]*$")

Word = tuple[str, str]
Pairing = list[tuple[int, int]]


class Step(NamedTuple):
    """One step of a run. `at_ms` counts from the run's beginning; what is not known is None."""

    key: str
    kind: str
    name: str
    failed: bool
    at_ms: float
    ms: float
    model: str | None = None
    tokens: int | None = None
    cost: float | None = None
    error: str | None = None

    @property
    def word(self) -> Word:
        """What makes it the same step in another run."""
        name = self.name
        if self.kind == "llm" and self.model:
            name = name.replace(self.model, "").replace(undated(self.model), "")
        return self.kind, " ".join(UUID.sub("", name).split())


class Lane(NamedTuple):
    """The steps of one agent in the order in which they began. `key` is the agent's id, "" where no agent did them."""

    key: str
    name: str
    steps: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Pair:
    """One step in both runs, or in one of them; `notes` say what differs."""

    how: How
    left: Step | None
    right: Step | None
    notes: tuple[str, ...] = ()

    @property
    def step(self) -> Step:
        step = self.right or self.left
        assert step is not None
        return step

    @property
    def fails_here(self) -> bool:
        """Failed in the right run, and not in the left."""
        return (
            self.right is not None and self.right.failed and not (self.left is not None and self.left.failed)
        )

    @property
    def differs(self) -> bool:
        return self.how != "same" or bool(self.notes)


@dataclass(frozen=True, slots=True)
class PairedLane:
    key: str
    name: str
    pairs: list[Pair]
    side: Literal["both", "left", "right"]

    def count(self, how: How) -> int:
        return sum(pair.how == how for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class Alignment:
    """`parting` is where the two went apart: the first step that failed in the right run alone, else the first difference; see `_told_apart`."""

    lanes: list[PairedLane] = field(default_factory=list)
    parting: tuple[PairedLane, Pair] | None = None

    def count(self, how: How) -> int:
        return sum(lane.count(how) for lane in self.lanes)


def undated(model: str) -> str:
    """gpt-4o-mini-2024-07-18 → gpt-4o-mini: a failed call knows only what it asked for."""
    return _DATED.sub("", model)


def same_model(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other or (undated(one) == other or one == undated(other))


def align(left: Sequence[Lane], right: Sequence[Lane]) -> Alignment:
    lanes = [_paired(mine, other) for mine, other in _lanes(left, right)]
    apart = [(when, lane, pair) for lane in lanes for when, pair in _told_apart(lane)]
    first = min(apart, key=lambda found: found[0], default=None)
    parting = (first[1], first[2]) if first else None
    return Alignment(lanes, parting)


def _lanes(left: Sequence[Lane], right: Sequence[Lane]) -> list[tuple[Lane | None, Lane | None]]:
    """In the order of the right run, and those that only the left has after them."""
    by_key = {lane.key: lane for lane in left}
    known = {lane.key for lane in right}
    by_name: dict[str, list[Lane]] = defaultdict(list)
    for lane in left:
        if lane.key not in known:
            by_name[lane.name].append(lane)
    found: list[tuple[Lane | None, Lane | None]] = []
    taken: set[str] = set()
    for lane in right:
        other = by_key.get(lane.key)
        if other is None and by_name[lane.name]:
            other = by_name[lane.name].pop(0)
        if other is not None:
            taken.add(other.key)
        found.append((other, lane))
    return found + [(lane, None) for lane in left if lane.key not in taken]


def _told_apart(lane: PairedLane) -> list[tuple[tuple[bool, float, float], Pair]]:
    """Each difference of a lane with its rank as where the runs parted. What failed in the right run alone comes first: what is missing after it follows
    from it. A step fails at its end, and of those that it takes along the innermost is the first. What only the left did is missed from the step before it on.
    """
    found: list[tuple[tuple[bool, float, float], Pair]] = []
    reached: float | None = None
    for pair in lane.pairs:
        step = pair.step
        if pair.right is None:
            at = step.at_ms if reached is None else reached
        else:
            at = step.at_ms + step.ms if pair.fails_here else step.at_ms
            reached = max(reached or 0, at)
        if pair.how != "same":
            found.append(((not pair.fails_here, at, -step.at_ms), pair))
    return found


def _paired(left: Lane | None, right: Lane | None) -> PairedLane:
    lane = right or left
    assert lane is not None
    ours, theirs = left.steps if left else (), right.steps if right else ()
    matches = matching([step.word for step in ours], [step.word for step in theirs])
    side: Literal["both", "left", "right"] = "both" if left and right else "right" if right else "left"
    return PairedLane(lane.key, lane.name, _rows(ours, theirs, matches), side)


def _rows(left: Sequence[Step], right: Sequence[Step], matches: Pairing) -> list[Pair]:
    moved = _moved(left, right, matches)
    moved_from = set(moved.values())
    rows: list[Pair] = []
    at, other_at = 0, 0
    for place, other_place in (*matches, (len(left), len(right))):
        rows += [Pair("gone", left[i], None) for i in range(at, place) if i not in moved_from]
        for j in range(other_at, other_place):
            if j in moved:
                was = left[moved[j]]
                said = "earlier here" if moved[j] > place else "later here"
                rows.append(Pair("moved", was, right[j], (said, *_notes(was, right[j]))))
            else:
                rows.append(Pair("new", None, right[j]))
        if place < len(left):
            was, now = left[place], right[other_place]
            rows.append(Pair("changed" if _is_changed(was, now) else "same", was, now, _notes(was, now)))
        at, other_at = place + 1, other_place + 1
    return rows


def _moved(left: Sequence[Step], right: Sequence[Step], matches: Pairing) -> dict[int, int]:
    """Places in the right run of steps that the left did at another place."""
    used, other_used = {i for i, _ in matches}, {j for _, j in matches}
    left_over: dict[Word, list[int]] = defaultdict(list)
    for i, step in enumerate(left):
        if i not in used:
            left_over[step.word].append(i)
    return {
        j: left_over[step.word].pop(0)
        for j, step in enumerate(right)
        if j not in other_used and left_over.get(step.word)
    }


def _is_changed(left: Step, right: Step) -> bool:
    return left.failed != right.failed or left.error != right.error or not same_model(left.model, right.model)


def _notes(left: Step, right: Step) -> tuple[str, ...]:
    found: list[str] = []
    if right.failed and not left.failed:
        found.append("failed here")
    elif left.failed and not right.failed:
        found.append("failed there")
    elif left.error != right.error:
        found.append("another error")
    if not same_model(left.model, right.model):
        found.append(f"{left.model} → {right.model}")
    found += _more(left.ms, right.ms, 1000, "slower", "quicker")
    found += _more(left.tokens, right.tokens, 500, "more tokens", "fewer tokens")
    return (*found, *_more(left.cost, right.cost, 0.01, "dearer", "cheaper"))


def _more(left: float | None, right: float | None, least: float, more: str, less: str) -> list[str]:
    if left is None or right is None or abs(left - right) < least:
        return []
    if right >= left * TWICE:
        return [f"{right / left:.1f}× {more}" if left else more]
    if left >= right * TWICE:
        return [f"{left / right:.1f}× {less}" if right else less]
    return []


def matching(left: Sequence[Word], right: Sequence[Word]) -> Pairing:
    """Places of equal words, ascending on both sides."""
    shorter = min(len(left), len(right))
    start = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    rest = shorter - start
    end = next((i for i in range(rest) if left[-1 - i] != right[-1 - i]), rest)
    inner = left[start : len(left) - end], right[start : len(right) - end]
    cells = len(inner[0]) * len(inner[1])
    middle = _common(*inner) if cells <= MOST_CELLS else _in_order(*inner)
    return [
        *((i, i) for i in range(start)),
        *((start + i, start + j) for i, j in middle),
        *((len(left) - i, len(right) - i) for i in range(end, 0, -1)),
    ]


def _common(left: Sequence[Word], right: Sequence[Word]) -> Pairing:
    """The longest common subsequence."""
    width = len(right)
    lengths = [[0] * (width + 1)]
    for word in reversed(left):
        below = lengths[-1]
        row = [0] * (width + 1)
        for j in range(width - 1, -1, -1):
            row[j] = below[j + 1] + 1 if word == right[j] else max(below[j], row[j + 1])
        lengths.append(row)
    lengths.reverse()
    found: Pairing = []
    i = j = 0
    while i < len(left) and j < width:
        if left[i] == right[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def _in_order(left: Sequence[Word], right: Sequence[Word]) -> Pairing:
    """Of the pairs of n-th occurrences the longest sequence that ascends in both: n log n."""
    places: dict[Word, list[int]] = defaultdict(list)
    for j, word in enumerate(right):
        places[word].append(j)
    seen: dict[Word, int] = defaultdict(int)
    tails: list[int] = []
    ends: list[int] = []
    before: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    for i, word in enumerate(left):
        number = seen[word]
        seen[word] += 1
        if number >= len(places[word]):
            continue
        j = places[word][number]
        length = bisect_left(tails, j)
        pairs.append((i, j))
        this = len(pairs) - 1
        if length:
            before[this] = ends[length - 1]
        if length == len(tails):
            tails.append(j)
            ends.append(this)
        else:
            tails[length], ends[length] = j, this
    found: Pairing = []
    place = ends[-1] if ends else None
    while place is not None:
        found.append(pairs[place])
        place = before.get(place)
    return found[::-1]
