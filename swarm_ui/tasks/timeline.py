"""Spans become a waterfall: a lane an agent, rows of nested steps, hand-off lines in pieces, an axis. No database, no markup."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from swarm_ui.formatting import duration
from swarm_ui.tasks.axis import Axis, Gap, Tick
from swarm_ui.tasks.flow import Exchange, Wait, attempts, critical_path, gaps, waits
from swarm_ui.tasks.tree import NO_AGENT, RUNNING, Mode, Span, Tree
from swarm_ui.tasks.usual import Usual

# Above this many rows the lanes without failures stay closed, and their rows load when they are opened.
ROOM = 100
# More hand-off lines than this hide each other, and what lies behind them; a line has a piece in the head and the body of every lane it passes.
LINES, PIECES = 40, 200
_BARS = 40
_DEEPEST = 6
_LEAST_WAIT = 0.4  # percent of the axis


class HandOff(NamedTuple):
    sender_id: str | None
    recipient_id: str | None
    at: int
    failed: bool


class Row(NamedTuple):
    """One step; `x` and `width` are percent of the axis, `side` says where its label has room."""

    key: str
    name: str
    kind: str
    failed: bool
    depth: int
    x: float
    width: float
    at_ms: float
    ms: float
    why: str
    side: Literal["right", "left", "in"]
    first_failing: str  # what it is called where it is the step that failed the run
    attempt: str = ""  # "2 of 3"
    unusual: str = ""  # "3.1× the usual time"
    has_ended: bool = True


class Piece(NamedTuple):
    """A vertical bit of a hand-off line inside one lane's head or body; `part` is where it runs in it."""

    x: float
    part: Literal["from", "to", "through"]
    down: bool
    failed: bool


class Moment(NamedTuple):
    """A step that a sentence speaks of."""

    key: str
    name: str
    lane: str
    agent_id: str | None
    at_ms: float


@dataclass(slots=True)
class Lane:
    key: str
    name: str
    type: str | None
    at_ms: float
    ms: float
    steps: int
    failures: int
    bars: list[tuple[float, float]]
    stops: list[float]
    waits: list[tuple[float, float]]
    waits_for: str  # "browser 1m 43s, retriever 2.0s"
    rows: list[Row]
    total: int
    skipped: int = 0
    is_open: bool = True
    head: list[Piece] = field(default_factory=list)
    body: list[Piece] = field(default_factory=list)

    @property
    def following(self) -> int:
        """How many rows come after those shown."""
        return self.total - self.skipped - len(self.rows) if self.rows else 0


@dataclass(slots=True)
class Timeline:
    lanes: list[Lane]
    ticks: list[Tick]
    started_us: int
    duration_ms: float
    steps: int
    folded: int
    kinds: set[str]
    hand_offs: int
    hand_offs_drawn: int
    first_failure: Moment | None
    suspect: Moment | None
    recovered: Moment | None
    first_error: Moment | None
    last: Moment | None
    mark: float | None
    agents: int
    failures: int
    gaps: list[Gap]  # drawn short
    idle: int  # gaps that could be
    critical_ms: float  # what the steps of the critical path took; of "critical" alone
    waits: bool

    def lane(self, key: str) -> Lane | None:
        return next((lane for lane in self.lanes if lane.key == key), None)


def build(
    spans: Sequence[Span],
    agents: Mapping[str, tuple[str, str | None]],
    hand_offs: Iterable[HandOff] = (),
    *,
    title: str = "No agent",
    mode: Mode = "brief",
    failed_span_id: str | None = None,
    selected: str | None = None,
    lane: str | None = None,
    start: int = 0,
    stop: int | None = None,
    since_us: int | None = None,
    until_us: int | None = None,
    exchanges: Sequence[Exchange] = (),
    short: bool = False,
    usual: Usual | None = None,
    suspect: str | None = None,
    tree: Tree | None = None,
) -> Timeline:
    """`agents` maps ids to (name, type); `title` names the lane of what no agent did. `selected` is a span's key: always shown.
    `lane` is a lane to open, with its rows from number `start` to `stop`. `since_us` and `until_us` may
    lengthen the axis, the latter is now where the run goes on. `short` draws idle gaps narrow, `usual` marks steps that took more than that.
    `suspect` is the key of the most suspect step, marked where none is known to have failed the run. `tree` is that of these spans, where
    it was made already."""
    tree = tree.blaming(failed_span_id) if tree else Tree(spans, failed_span_id)
    starts = [span.started_at for span in spans]
    began = min(starts if since_us is None else [*starts, since_us], default=0)
    ended = max((span.ended_at for span in spans), default=0)
    idle = gaps(tree)
    axis = Axis(began, max(ended, until_us or 0), idle if short else ())
    shown = tree.visible(mode, selected or suspect)
    path = critical_path(tree) if mode == "critical" else {}
    if mode == "critical":
        # What took nothing of the run's time is on the path only because something below it is.
        least = (ended - began) / 1000
        shown = [path.get(index, 0) > least or tree.key(index) == selected for index in range(len(spans))]
    rows, counts = _rows(tree, shown, axis, path, usual, suspect)
    waiting = waits(tree, exchanges, until_us)
    lanes = [
        _lane(key, rows.get(key, []), counts[key], tree, axis, agents, title, waiting.get(key, []), until_us)
        for key in tree.lane_order()
    ]
    if mode in ("failed", "critical"):
        lanes = [one for one in lanes if one.total]
    _fit(lanes, selected, lane, start, stop)
    drawn, total = _draw_hand_offs(lanes, hand_offs, axis)

    def moment(index: int | None) -> Moment | None:
        if index is None:
            return None
        span = spans[index]
        lane_name = _lane_name(span.agent_id, agents, title)
        return Moment(tree.key(index), span.name, lane_name, span.agent_id, axis.ms(span.started_at))

    first = tree.first_failing
    return Timeline(
        lanes=lanes,
        ticks=axis.ticks(),
        started_us=began,
        duration_ms=max(ended - began, 0) / 1000,
        steps=len(spans),
        folded=len(spans) - sum(shown),
        kinds={span.kind for span, is_shown in zip(spans, shown, strict=True) if is_shown},
        hand_offs=total,
        hand_offs_drawn=drawn,
        first_failure=moment(first),
        suspect=moment(
            next((index for index in tree.order if tree.key(index) == suspect), None) if suspect else None
        ),
        recovered=moment(tree.recovered()),
        first_error=moment(tree.first_error()),
        last=moment(tree.last()),
        mark=None if first is None else axis.x(spans[first].started_at),
        agents=sum(1 for key in tree.lane_order() if key != NO_AGENT),
        failures=sum(1 for span in spans if span.status == "error"),
        gaps=axis.gaps,
        idle=len(idle),
        critical_ms=sum(path[index] for index, is_shown in enumerate(shown) if is_shown and index in path)
        / 1000,
        waits=any(one.waits for one in lanes),
    )


def _lane_name(agent_id: str | None, agents: Mapping[str, tuple[str, str | None]], title: str) -> str:
    if not agent_id:
        return title
    return agents.get(agent_id, ("an agent that is gone", None))[0]


def _rows(
    tree: Tree,
    shown: list[bool],
    axis: Axis,
    path: Mapping[int, int],
    usual: Usual | None,
    suspect: str | None,
) -> tuple[dict[str, list[Row]], dict[str, list[int]]]:
    """Rows by lane in the order of the tree, and each lane's spans."""
    tried = attempts(tree)
    whole = sum(path.values())
    spans, parents, first = tree.spans, tree.parents, tree.first_failing
    called = "failed the run" if tree.recovered() is not None else "first failing step"
    depths = [0] * len(spans)
    rows: dict[str, list[Row]] = {}
    members: dict[str, list[int]] = {}
    for index in tree.order:
        span = spans[index]
        lane = span.agent_id or NO_AGENT
        members.setdefault(lane, []).append(index)
        parent = parents[index]
        depth = depths[parent] if parent is not None and (spans[parent].agent_id or NO_AGENT) == lane else 0
        if shown[index]:
            depth += 1
            key = tree.key(index)
            mark = called if index == first else ("most suspect" if first is None and key == suspect else "")
            words = ""
            if index in path and whole:
                share = path[index] / whole
                words = f"{share:.0%} of the run" if share >= 0.005 else "under 1% of the run"
            row = _row(span, key, min(depth, _DEEPEST), axis, mark, words)
            if index in tried or usual:
                row = row._replace(
                    attempt="{} of {}".format(*tried[index]) if index in tried else "",
                    unusual=usual.excess(span) if usual else "",
                )
            rows.setdefault(lane, []).append(row)
        depths[index] = depth
    return rows, members


def _row(span: Span, key: str, depth: int, axis: Axis, called: str, words: str = "") -> Row:
    x, end = axis.x(span.started_at), axis.x(max(span.ended_at, span.started_at))
    ms = max(span.ended_at - span.started_at, 0) / 1000
    failed = span.status == "error"
    cause = words or (_why(span) if failed else "")
    why, side = _label((" · ".join(filter(None, (called, cause))), cause), x, end)
    return Row(
        key, span.name, span.kind, failed, depth, x, end - x, axis.ms(span.started_at), ms, why, side, called,
        has_ended=span.status != RUNNING,
    )  # fmt: skip


Side = Literal["right", "left", "in"]
_CHARACTER = 1.3  # percent of a narrow axis, about
_DURATION = 9  # characters beside the words


def _label(wordings: tuple[str, ...], x: float, end: float) -> tuple[str, Side]:
    """The first wording that fits beside or inside the bar, and where; the last one is cut where the most room is."""
    rooms: dict[Side, float] = {"right": 100 - end, "left": x, "in": end - x}
    for words in wordings:
        for side, room in rooms.items():
            if (len(words) + _DURATION) * _CHARACTER <= room:
                return words, side
    side = max(rooms, key=lambda one: rooms[one])
    most = int(rooms[side] / _CHARACTER) - _DURATION
    return words if len(words) <= most else words[: most - 1] + "…", side


def _why(span: Span) -> str:
    """The failure in a few letters."""
    text = (span.error_type or "").rpartition(".")[2] or " ".join((span.error_message or "")[:60].split())
    return text if len(text) <= 26 else text[:25] + "…"


def _lane(
    key: str,
    rows: list[Row],
    members: list[int],
    tree: Tree,
    axis: Axis,
    agents: Mapping[str, tuple[str, str | None]],
    title: str,
    waiting: Sequence[Wait],
    until: int | None,
) -> Lane:
    spans = tree.spans
    began = min(spans[index].started_at for index in members)
    ended = max(began, *(spans[index].ended_at for index in members))
    invoked = [
        spans[index]
        for index in members
        if spans[index].kind == "agent" and not tree.repeats_its_agent(index)
    ]
    bars = _merge(
        [(axis.x(span.started_at), axis.x(max(span.ended_at, span.started_at))) for span in invoked]
    )
    if not bars or len(bars) > _BARS:
        bars = [(axis.x(began), axis.x(ended))]
    failed = [spans[index] for index in members if spans[index].status == "error"]
    stops = list(dict.fromkeys(round(axis.x(span.ended_at) * 2) / 2 for span in failed))
    waited: dict[str, int] = {}
    bare: list[tuple[float, float]] = []
    for wait in waiting:
        end = wait.ended if wait.ended is not None else max(until or 0, wait.began)
        waited[wait.whom] = waited.get(wait.whom, 0) + end - wait.began
        bare.append((axis.x(wait.began), axis.x(end)))
    bare = [(x, end - x) for x, end in _merge(bare) if end - x >= _LEAST_WAIT]
    return Lane(
        key=key,
        name=_lane_name(key, agents, title),
        type=agents.get(key, ("", None))[1],
        at_ms=axis.ms(began),
        ms=max(ended - began, 0) / 1000,
        steps=len(members),
        failures=len(failed),
        bars=[(x, end - x) for x, end in bars],
        stops=stops[:_BARS],
        waits=bare[:_BARS],
        waits_for=", ".join(
            f"{_lane_name(whom, agents, title)} {duration(took / 1000)}"
            for whom, took in sorted(waited.items(), key=lambda item: -item[1])[:4]
        )
        if bare
        else "",
        rows=rows,
        total=len(rows),
    )


def _merge(ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for x, end in sorted(ranges):
        if merged and x - merged[-1][1] < 0.4:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((x, end))
    return merged


def _fit(lanes: list[Lane], selected: str | None, wanted: str | None, start: int, stop: int | None) -> None:
    """Closes lanes and cuts rows until about ROOM are left: the lane asked for comes first, then what is selected, then
    what failed; lanes without failures stay closed, if there is another lane to see."""
    if sum(lane.total for lane in lanes) <= ROOM:
        return
    # The head of a lane takes more than a row does.
    left = max(ROOM + 1 - 3 * len(lanes) // 2, ROOM // 3)
    queue = sorted((_urgency(lane, selected, wanted), place) for place, lane in enumerate(lanes))
    to_open = 1 if len(lanes) == 1 else sum(1 for urgency, _place in queue if urgency <= 3)
    for turn, (urgency, place) in enumerate(queue, 1):
        lane = lanes[place]
        if turn > to_open or left <= 0:
            lane.is_open, lane.rows = False, []
            continue
        if urgency == 0:
            first, share = max(start, 0), max((stop or start + ROOM) - start, 0)
        else:
            # One long lane leaves room for the next one that failed.
            share = left if turn == to_open or lane.total <= left // 2 else max(left // 2, 40)
            focus = _focus(lane, selected)
            first = 0 if focus < share else focus - 5
        lane.skipped = min(first, max(lane.total - 1, 0))
        lane.rows = lane.rows[lane.skipped : lane.skipped + min(share, ROOM)]
        left -= len(lane.rows)


def _urgency(lane: Lane, selected: str | None, wanted: str | None) -> int:
    if lane.key == wanted:
        return 0
    if selected and any(row.key == selected for row in lane.rows):
        return 1
    if any(row.first_failing for row in lane.rows):
        return 2
    return 3 if lane.failures else 4


def _focus(lane: Lane, selected: str | None) -> int:
    """The row that has to be in view: the selected one, else the first failing, else the first that failed."""
    for wanted in (lambda row: row.key == selected, lambda row: row.first_failing, lambda row: row.failed):
        for index, row in enumerate(lane.rows):
            if wanted(row):
                return index
    return 0


def _draw_hand_offs(lanes: list[Lane], hand_offs: Iterable[HandOff], axis: Axis) -> tuple[int, int]:
    """Adds the pieces to the lanes, failed ones first in line; returns how many hand-offs are drawn, and how many there are."""
    place = {lane.key: index for index, lane in enumerate(lanes)}
    between = [
        (place[hand.sender_id], place[hand.recipient_id], round(axis.x(hand.at), 2), hand.failed)
        for hand in hand_offs
        if hand.sender_id in place and hand.recipient_id in place and hand.sender_id != hand.recipient_id
    ]
    heads: list[set[Piece]] = [set() for _ in lanes]
    bodies: list[set[Piece]] = [set() for _ in lanes]
    drawn: list[tuple[int, int, float, bool]] = []
    left = PIECES
    for hand in sorted(between, key=lambda hand: not hand[3])[:LINES]:
        left -= 2 * abs(hand[0] - hand[1]) + 1
        if drawn and left < 0:
            break
        drawn.append(hand)
    for sender, recipient, x, failed in drawn:
        top, bottom = min(sender, recipient), max(sender, recipient)
        down = sender < recipient
        heads[sender].add(Piece(x, "from", down, failed))
        heads[recipient].add(Piece(x, "to", down, failed))
        for index in range(top + 1, bottom):
            heads[index].add(Piece(x, "through", down, failed))
        for index in range(top, bottom):
            bodies[index].add(Piece(x, "through", True, failed))
    for lane, head, body in zip(lanes, heads, bodies, strict=True):
        lane.head, lane.body = sorted(head), sorted(body)
    return len(drawn), len(between)
