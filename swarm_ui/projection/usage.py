"""Tokens, once.

Libraries repeat a call's usage on the agent above it, on the run, and where two of them trace the same client. What counts is the usage of a
span that has no span with usage below it; of a model call, none before the next tool or agent (a call that starts another agent is a call of
its own).
"""

from swarm_ui.projection.tree import Node

_OTHERS = frozenset({"tool", "agent"})


def count_once(ordered: list[Node]) -> None:
    """Sets `counts` (its usage is counted) and `call` (it is one model call) on each node."""
    for node in reversed(ordered):
        usage_below = False
        repeated = 0  # 1: a model call inside is the same call, 2: and carries the usage
        for child in node.children:
            usage_below = usage_below or child.has_usage or child.usage_below
            if child.kind == "llm":
                repeated = max(repeated, 2 if child.has_usage else 1, child.repeated)
            elif child.kind not in _OTHERS:
                repeated = max(repeated, child.repeated)
        node.usage_below, node.repeated = usage_below, repeated
        if node.kind == "llm":
            node.call = repeated == 0 or (node.has_usage and repeated < 2)
            node.counts = node.has_usage and repeated < 2
        else:
            node.call = False
            node.counts = node.has_usage and not usage_below
    for node in ordered:
        if node.call and node.children:
            _drop_repeated_inside(node)


def _drop_repeated_inside(node: Node) -> None:
    """Where the outer span of one call carries the usage, the inner ones are no calls of their own."""
    if not node.counts:
        return
    waiting = [child for child in node.children if child.kind not in _OTHERS]
    while waiting:
        inner = waiting.pop()
        if inner.kind == "llm":
            inner.call = False
        waiting.extend(child for child in inner.children if child.kind not in _OTHERS)
