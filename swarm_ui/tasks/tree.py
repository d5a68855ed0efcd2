"""The spans of a run by parent, and which of them are worth a row."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Literal, NamedTuple

from swarm_ui import clock

Mode = Literal["brief", "all", "failed", "critical"]
NO_AGENT = ""
RUNNING = "running"  # the status of a step that has not ended


class Span(NamedTuple):
    """The columns a timeline is made of, in the order that `queries.spans_of` selects them; times are µs."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    agent_id: str | None
    kind: str
    name: str
    status: str
    started_at: int
    ended_at: int
    error_type: str | None
    error_message: str | None
    tokens: int | None = None
    facts: str | None = (
        None  # of calls alone: which tool, whether it hands over, how the model's answer ended
    )


def open_until(run_status: str, last_us: int) -> int:
    """Until when (µs) steps last that have not ended: now, and where the run is over, until the last that is known of it."""
    return clock.now_us() if run_status in ("running", "pending") else last_us


class Tree:
    """The spans by parent. Parents that never came make roots; a circle of parents is cut at its earliest span."""

    def __init__(self, spans: Sequence[Span], failed_span_id: str | None) -> None:
        self.spans = spans
        place = {(span.trace_id, span.span_id): index for index, span in enumerate(spans)}
        ids = Counter(span.span_id for span in spans)
        self._twice = {span_id for span_id, count in ids.items() if count > 1}
        self.parents: list[int | None] = []
        self.children: list[list[int]] = [[] for _ in spans]
        for index, span in enumerate(spans):
            parent = place.get((span.trace_id, span.parent_span_id)) if span.parent_span_id else None
            self.parents.append(parent if parent != index else None)
        self.by_start = sorted(
            range(len(spans)), key=lambda index: (spans[index].started_at, -spans[index].ended_at, index)
        )
        self.order = self._preorder()
        self.first_failing = self._find_failing(failed_span_id)

    def blaming(self, failed_span_id: str | None) -> "Tree":
        """The same tree with this span as the one that failed the run."""
        other = copy(self)
        other.first_failing = other._find_failing(failed_span_id)
        return other

    def key(self, index: int) -> str:
        """The span's id; with its trace's before it where that id stands in two traces of the run."""
        span = self.spans[index]
        return f"{span.trace_id}.{span.span_id}" if span.span_id in self._twice else span.span_id

    def _preorder(self) -> list[int]:
        roots: list[int] = []
        for index in self.by_start:
            parent = self.parents[index]
            (roots if parent is None else self.children[parent]).append(index)
        order: list[int] = []
        seen = bytearray(len(self.spans))
        # Roots first; what they do not reach hangs in circles.
        for start in (*roots, *self.by_start):
            if seen[start]:
                continue
            if self.parents[start] is not None:
                self.parents[start] = None
            stack = [start]
            while stack:
                index = stack.pop()
                if seen[index]:
                    continue
                seen[index] = 1
                order.append(index)
                stack.extend(reversed(self.children[index]))
        return order

    def _find_failing(self, span_id: str | None) -> int | None:
        if not span_id:
            return None
        found = [index for index in self.by_start if self.spans[index].span_id == span_id]
        return next(
            (index for index in found if self.spans[index].status == "error"), found[0] if found else None
        )

    def first_error(self) -> int | None:
        """The earliest error with none below it: errors repeat up the tree."""
        spans = self.spans
        errors = [index for index in self.by_start if spans[index].status == "error"]
        above = {self.parents[index] for index in errors}
        return min(
            (index for index in errors if index not in above),
            key=lambda index: spans[index].ended_at,
            default=None,
        )

    def recovered(self) -> int | None:
        """The earliest error, where it was over before the one that failed the run."""
        earliest = self.first_error()
        if self.first_failing is None or earliest is None or earliest == self.first_failing:
            return None
        before = self.spans[earliest].ended_at < self.spans[self.first_failing].started_at
        return earliest if before else None

    def last(self) -> int | None:
        """The step that ended last, and of those of one end the innermost."""
        spans = self.spans
        return max(
            self.by_start, key=lambda index: (spans[index].ended_at, spans[index].started_at), default=None
        )

    def visible(self, mode: Mode, selected: str | None) -> list[bool]:
        """Which spans get a row. In brief, steps that only wrap other steps are folded away."""
        if mode in ("all", "critical"):
            return [True] * len(self.spans)
        shown = [span.status == "error" for span in self.spans]
        if mode == "brief":
            spans, parents = self.spans, self.parents
            for index, span in enumerate(spans):
                if span.kind == "agent":
                    shown[index] = shown[index] or not self.repeats_its_agent(index)
                elif span.kind != "step":
                    shown[index] = True
            of_interest = [index for index, is_shown in enumerate(shown) if is_shown]
            for index in of_interest:
                parent = parents[index]
                if parent is not None and spans[parent].kind == "step":
                    shown[parent] = True
        if self.first_failing is not None:
            shown[self.first_failing] = True
        if selected:
            for index, span in enumerate(self.spans):
                if selected.endswith(span.span_id) and self.key(index) == selected:
                    shown[index] = True
        return shown

    def repeats_its_agent(self, index: int) -> bool:
        """Frameworks wrap one invocation in several agent spans of one name."""
        parent = self.parents[index]
        if parent is None:
            return False
        above, span = self.spans[parent], self.spans[index]
        return above.kind == "agent" and above.agent_id == span.agent_id

    def lane_order(self) -> list[str]:
        seen = dict.fromkeys(self.spans[index].agent_id or NO_AGENT for index in self.by_start)
        return [key for key in seen if key == NO_AGENT] + [key for key in seen if key != NO_AGENT]
