"""What the comparison of two runs shows: figures, what changed, the steps side by side, the words that differ. Bounded however long the runs are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swarm_ui.agents.revisions import Line, compared
from swarm_ui.comparison import alignment, differences, reading
from swarm_ui.comparison.alignment import Alignment, Pair, PairedLane
from swarm_ui.comparison.figures import figures
from swarm_ui.comparison.reading import Known, Run
from swarm_ui.tasks import pretty
from swarm_ui.tasks.models import Task, TaskAgent

# Rows of steps on one page, equal ones that stand together counted as one.
MOST_ROWS = 400
# Of texts so much is compared.
MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class ShownLane:
    """`rows` are pairs, or how many equal steps are folded at this place; `was` and `now` are the agent's contributions."""

    lane: PairedLane
    rows: list[Pair | int]
    was: TaskAgent | None
    now: TaskAgent | None


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Run
    right: Run
    agents: Mapping[str, Known]
    steps: Alignment
    changed: differences.Changed

    @property
    def left_out(self) -> str | None:
        """What was not compared, in words."""
        long = [run for run in (self.left, self.right) if run.left_out]
        if not long:
            return None
        of = "both runs" if len(long) == 2 else "the good run" if long[0] is self.left else "this run"
        return f"Of {of} the first {reading.MOST_SPANS:,} steps are compared."


def compare(left: Any, right: Any) -> Comparison:
    """`left` and `right` as `tasks.queries.task_with_workflow` gives them; `right` is the one asked about."""
    was, now, agents = reading.both(left, right)
    return Comparison(
        was, now, agents, alignment.align(was.lanes, now.lanes), differences.between(was, now, agents)
    )


def changed(left: Any, right: Any) -> differences.Changed:
    """The part of `compare` that says what changed."""
    return differences.between(*reading.both(left, right))


def context_of(found: Comparison, everything: bool) -> dict[str, Any]:
    lanes, hidden = shown_lanes(found, everything)
    left, right = found.left.task, found.right.task
    words = _words(left, right)
    return {
        "comparison": found,
        "left": left,
        "right": right,
        "figures": figures(left, right),
        "changed": found.changed,
        "lanes": lanes,
        "hidden_rows": hidden,
        "everything": everything,
        "words": [(name, lines) for name, lines in words if lines],
        "same_words": [name.lower() for name, lines in words if not lines],
    }


def shown_lanes(found: Comparison, everything: bool) -> tuple[list[ShownLane], int]:
    """The lanes with at most MOST_ROWS rows, and how many rows are left out."""
    left_rows, hidden = MOST_ROWS, 0
    shown = []
    for lane in found.steps.lanes:
        rows: list[Pair | int] = [*lane.pairs] if everything else folded(lane.pairs)
        hidden += max(len(rows) - left_rows, 0)
        rows = rows[:left_rows]
        left_rows -= len(rows)
        shown.append(
            ShownLane(
                lane, rows, found.left.contributions.get(lane.key), found.right.contributions.get(lane.key)
            )
        )
    return shown, hidden


def folded(pairs: list[Pair]) -> list[Pair | int]:
    """Equal steps that stand together as their number; a single one stays."""
    rows: list[Pair | int] = []
    equal: list[Pair] = []
    for pair in (*pairs, None):
        if pair is not None and not pair.differs:
            equal.append(pair)
            continue
        if len(equal) > 1:
            rows.append(len(equal))
        else:
            rows += equal
        equal = []
        if pair is not None:
            rows.append(pair)
    return rows


def _words(left: Task, right: Task) -> list[tuple[str, list[Line]]]:
    """Input and result line by line; no lines where they are the same."""
    found = []
    for name, was, now in (
        ("Input", left.input, right.input),
        ("Result", left.result, right.result),
        ("Error", left.error_message, right.error_message),
    ):
        before, after = _lines(was), _lines(now)
        if before or after:
            found.append((name, compared(before, after) if before != after else []))
    return found


def _lines(content: Any) -> list[str]:
    text = pretty.plain(content)[0] or ""
    cut = len(text) > MOST_TEXT
    lines = text[:MOST_TEXT].replace("\x00", "\ufffd").splitlines()
    return [*lines, f"({len(text) - MOST_TEXT:,} more characters, not compared)"] if cut else lines
