"""The shape of one run: who passed work to whom, and which orchestration pattern that is.

A caller with several callees is hierarchical, one agent or a path sequential, a cycle among equals a mesh, siblings that overlap under no
agent concurrent, a fixed turn order that repeats round_robin.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from swarm_ui.projection.exchanges import Exchange
from swarm_ui.projection.invocations import Invocation

# Where more than these ran side by side, the last of them stand for all.
MOST_FOLLOWED = 64


def graph_of(
    invocations: list[Invocation], exchanges: list[Exchange], agent_ids: dict[str, str]
) -> dict[str, Any] | None:
    """`{"flow": pattern, "edges": [[from, to, times, errors]]}` over agent ids; None without agents."""
    if not agent_ids:
        return None
    edges: dict[tuple[str, str], list[int]] = {}
    for exchange in exchanges:
        if exchange.kind == "request" and exchange.recipient:
            edge = edges.setdefault((exchange.sender, exchange.recipient), [0, 0])
            edge[0] += 1
            edge[1] += exchange.failed
    tops = [invocation for invocation in invocations if invocation.above is None]
    asked = {recipient for _, recipient in edges}
    followed: dict[tuple[str, str], list[int]] = {}
    for before, after in _succession(tops):
        if after.agent not in asked and before.agent != after.agent:
            edge = followed.setdefault((before.agent, after.agent), [0, 0])
            edge[0] += 1
            edge[1] += after.failed
    flow = _pattern(tops, edges)
    edges.update({pair: numbers for pair, numbers in followed.items() if pair not in edges})
    return {
        "flow": flow,
        "edges": [
            [agent_ids[one], agent_ids[other], times, errors]
            for (one, other), (times, errors) in sorted(edges.items())
        ],
    }


def _succession(tops: list[Invocation]) -> Iterator[tuple[Invocation, Invocation]]:
    """Who followed whom: pairs of which one ended before the other began, with nobody's whole turn between them.

    After several that ran side by side comes one that follows each of them.
    """
    by_end = sorted((top.node.ended_at, place) for place, top in enumerate(tops))
    latest_start = list(itertools.accumulate((tops[place].node.started_at for _, place in by_end), max))
    for place, after in enumerate(tops):
        over = bisect_left(by_end, (after.node.started_at, place))
        if not over:
            continue
        first = bisect_left(by_end, (latest_start[over - 1] + 1, 0))
        for _, before in by_end[max(min(first, over - 1), over - MOST_FOLLOWED) : over]:
            if before < place:
                yield tops[before], after


def _pattern(tops: list[Invocation], edges: dict[tuple[str, str], list[int]]) -> str:
    if not edges:
        if _overlap(tops):
            return "concurrent"
        turns = [top.agent for top in tops]
        return "round_robin" if _repeats_in_turn(turns) else "sequential"
    callees: dict[str, set[str]] = {}
    for one, other in edges:
        callees.setdefault(one, set()).add(other)
    # The way back to whoever handed over is part of a hierarchy, no cycle of equals.
    leaders = [agent for agent, others in callees.items() if len(others) > 1]
    if len(leaders) == 1 and all(
        others <= {leaders[0]} for agent, others in callees.items() if agent != leaders[0]
    ):
        return "hierarchical"
    turns = [top.agent for top in tops]
    if _repeats_in_turn(turns):
        return "round_robin"
    if _has_cycle(callees):
        return "mesh"
    return "hierarchical" if leaders else "sequential"


def _overlap(tops: list[Invocation]) -> bool:
    latest = None
    for top in tops:
        if latest is not None and top.node.started_at < latest and len({other.agent for other in tops}) > 1:
            return True
        latest = max(latest or 0, top.node.ended_at)
    return False


def _repeats_in_turn(turns: list[str]) -> bool:
    """a b c a b c …: at least two whole rounds of at least two agents."""
    size = len(set(turns))
    return (
        size > 1
        and len(turns) >= 2 * size
        and all(turn == turns[index % size] for index, turn in enumerate(turns))
    )


def _has_cycle(callees: dict[str, set[str]]) -> bool:
    done: set[str] = set()
    for start in sorted(callees):
        trail: list[tuple[str, list[str]]] = [(start, sorted(callees.get(start, ())))]
        on_trail = {start}
        while trail:
            agent, left = trail[-1]
            if not left:
                trail.pop()
                on_trail.discard(agent)
                done.add(agent)
                continue
            following = left.pop()
            if following in on_trail:
                return True
            if following not in done:
                trail.append((following, sorted(callees.get(following, ()))))
                on_trail.add(following)
    return False
