"""The spans of a run as a tree, whatever the wire made of it: parents that never came, cycles, several roots."""

from operator import attrgetter
from typing import Any


class Node:
    """A span's facts, and what the projection finds out about it. Times are µs; `more` is described in `ingest/facts.py`."""

    __slots__ = (
        "arrived_at",
        "cached_tokens",
        "call",
        "children",
        "cost",
        "counts",
        "delegates",
        "ended_at",
        "error_message",
        "error_type",
        "failed",
        "has_usage",
        "inner",
        "input_tokens",
        "invocation",
        "kind",
        "model",
        "more",
        "name",
        "order",
        "output_tokens",
        "packed",
        "parent",
        "parent_id",
        "provider",
        "repeated",
        "row_id",
        "scope",
        "span_id",
        "started_at",
        "status",
        "stored_agent",
        "stored_task",
        "trace_id",
        "usage_below",
    )  # fmt: skip

    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    name: str
    status: str
    started_at: int
    ended_at: int
    provider: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cost: float | None
    error_type: str | None
    error_message: str | None
    scope: str | None
    more: dict[str, Any]
    arrived_at: int
    stored_task: str | None
    stored_agent: str | None
    # Where it is stored, and what its payload column holds.
    row_id: int
    packed: bytes | None
    # By time: the earlier first, of two that begin together the longer.
    order: tuple[int, int, str, str]
    failed: bool
    has_usage: bool
    parent: "Node | None"
    children: list["Node"]
    # The invocation that it belongs to, and the one that its children belong to where that differs (a delegating tool).
    invocation: Any
    inner: Any
    # A tool call that is another agent's invocation.
    delegates: bool
    # Its usage is nobody else's too; it is one model call.
    counts: bool
    call: bool
    # What `usage.py` found below it.
    usage_below: bool
    repeated: int

    @property
    def ref(self) -> str | None:
        """Its span id where it is a stored span, and not one that stands in for what was said without spans."""
        return self.span_id if self.row_id else None


by_order = attrgetter("order")


def plant(nodes: list[Node]) -> list[Node]:
    """Sorts the nodes by time, links parents and children, and returns them with every parent before its children, siblings by time.

    In a cycle the earliest span is taken for the top.
    """
    for node in nodes:
        node.order = (node.started_at, -node.ended_at, node.trace_id, node.span_id)
        node.failed = node.status == "error"
        node.has_usage = node.input_tokens is not None or node.output_tokens is not None or "tot" in node.more
        node.children = []
        node.parent = node.invocation = node.inner = None
        node.delegates = False
    nodes.sort(key=by_order)
    by_id = {(node.trace_id, node.span_id): node for node in nodes}
    tops = []
    for node in nodes:
        parent = by_id.get((node.trace_id, node.parent_id)) if node.parent_id else None
        if parent is None or parent is node:
            tops.append(node)
        else:
            node.parent = parent
            parent.children.append(node)
    ordered = _downwards(tops)
    if len(ordered) < len(nodes):
        seen = {id(node) for node in ordered}
        for node in nodes:
            if id(node) not in seen:
                assert node.parent is not None
                node.parent.children.remove(node)
                node.parent = None
                branch = _downwards([node])
                seen.update(map(id, branch))
                ordered += branch
    return ordered


def take_apart(nodes: list[Node]) -> None:
    """Unlinks nodes that are done with, so that they are freed at once instead of by a search for cycles."""
    for node in nodes:
        node.parent = node.invocation = node.inner = None
        node.children = []


def _downwards(tops: list[Node]) -> list[Node]:
    ordered = []
    waiting = tops[::-1]
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        if node.children:
            waiting += node.children[::-1]
    return ordered
