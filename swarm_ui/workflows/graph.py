"""The observed graph of a workflow, laid out in columns by who comes first. Pure: nodes and edges in, coordinates out.

Cycles are allowed: an edge that leads back is drawn below its columns instead of between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH, HEIGHT = 152, 44
GAP_X, GAP_Y = 100, 22
MARGIN = 12
LIFT = 60  # of an edge that passes over a column
LONGEST_NAME = 20


@dataclass
class Node:
    id: str
    agent_id: str | None
    name: str
    type: str
    column: int = 0
    x: float = 0
    y: float = 0

    @property
    def shown(self) -> str:
        return self.name if len(self.name) <= LONGEST_NAME else self.name[: LONGEST_NAME - 1] + "…"


@dataclass
class Edge:
    source: Node
    target: Node
    count: int
    errors: int
    path: str = ""
    label_x: float = 0
    label_y: float = 0

    @property
    def span(self) -> int:
        return self.target.column - self.source.column

    @property
    def ends(self) -> tuple[str, str]:
        return self.source.id, self.target.id


@dataclass
class Graph:
    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    width: float = 0
    height: float = 0


def layout(nodes: Sequence[Any] | None, edges: Sequence[Any] | None) -> Graph:
    """`nodes` and `edges` as a workflow row keeps them; what cannot be read is left out."""
    known: dict[str, Node] = {}
    for item in nodes or ():
        node = _node(item)
        if node:
            known.setdefault(node.id, node)
    by_agent = {node.agent_id: node.id for node in known.values() if node.agent_id}
    found = [edge for item in edges or () if (edge := _edge(item, known, by_agent))]
    forward = _without_cycles(list(known), [edge.ends for edge in found])
    _set_columns(known, forward)
    columns = _ordered(known, forward)
    passes_over = any(edge.ends in forward and edge.span > 1 for edge in found)
    height = _place(columns, top=MARGIN + (LIFT * 0.75 if passes_over else 0))
    below = _draw(found, forward, height)
    width = max((node.x + WIDTH for node in known.values()), default=0) + MARGIN
    return Graph(list(known.values()), found, width, max(height, below) + MARGIN)


def _node(item: Any) -> Node | None:
    if not isinstance(item, dict) or not item.get("id"):
        return None
    agent_id = item.get("agentId")
    return Node(
        str(item["id"]),
        str(agent_id) if agent_id else None,
        str(item.get("name") or "unnamed"),
        str(item.get("type") or ""),
    )


def _edge(item: Any, known: dict[str, Node], by_agent: dict[str, str]) -> Edge | None:
    if not isinstance(item, dict):
        return None
    ends = [str(item.get(end) or "") for end in ("from", "to")]
    source, target = (end if end in known else by_agent.get(end, "") for end in ends)
    if source not in known or target not in known:
        return None
    return Edge(known[source], known[target], _number(item.get("count")), _number(item.get("errors")))


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _without_cycles(names: list[str], pairs: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges that lead forward: a walk in depth that starts where nothing leads in; what closes a circle is left out."""
    leads_to: dict[str, list[str]] = {name: [] for name in names}
    entered: dict[str, int] = dict.fromkeys(names, 0)
    for source, target in pairs:
        if source != target:
            leads_to[source].append(target)
            entered[target] += 1
    forward: set[tuple[str, str]] = set()
    state: dict[str, int] = {}  # 1 on the way, 2 done
    for start in sorted(names, key=lambda name: entered[name]):
        if start in state:
            continue
        state[start] = 1
        stack = [(start, iter(leads_to[start]))]
        while stack:
            name, targets = stack[-1]
            target = next(targets, "")
            if not target:
                state[name] = 2
                stack.pop()
                continue
            if state.get(target) == 1:
                continue
            forward.add((name, target))
            if target not in state:
                state[target] = 1
                stack.append((target, iter(leads_to[target])))
    return forward


def _set_columns(known: dict[str, Node], forward: set[tuple[str, str]]) -> None:
    """Each node right of everything that leads to it (longest path)."""
    leads_to: dict[str, list[str]] = {name: [] for name in known}
    waiting = dict.fromkeys(known, 0)
    for source, target in forward:
        leads_to[source].append(target)
        waiting[target] += 1
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        for target in leads_to[name]:
            known[target].column = max(known[target].column, known[name].column + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)


def _ordered(known: dict[str, Node], forward: set[tuple[str, str]]) -> list[list[Node]]:
    """Columns, each sorted by the middle of what leads into its nodes, so that few edges cross."""
    columns: list[list[Node]] = [
        [] for _ in range(max((node.column for node in known.values()), default=-1) + 1)
    ]
    for node in known.values():
        columns[node.column].append(node)
    comes_from: dict[str, list[str]] = {name: [] for name in known}
    for source, target in forward:
        comes_from[target].append(source)
    row: dict[str, float] = {}
    for column in columns:
        for place, node in enumerate(column):
            before = [row[source] for source in comes_from[node.id]]
            row[node.id] = sum(before) / len(before) if before else place
        column.sort(key=lambda node: (row[node.id], node.name))
        middle = (len(column) - 1) / 2
        for place, node in enumerate(column):
            row[node.id] = place - middle
    return columns


def _place(columns: list[list[Node]], top: float) -> float:
    """Sets the coordinates; returns the lowest edge."""
    tallest = max((len(column) for column in columns), default=0)
    height = tallest * (HEIGHT + GAP_Y) - GAP_Y
    for number, column in enumerate(columns):
        first = top + (height - (len(column) * (HEIGHT + GAP_Y) - GAP_Y)) / 2
        for place, node in enumerate(column):
            node.x, node.y = MARGIN + number * (WIDTH + GAP_X), first + place * (HEIGHT + GAP_Y)
    return top + height


def _draw(edges: list[Edge], forward: set[tuple[str, str]], bottom: float) -> float:
    """Sets the paths; returns how low they reach."""
    lowest, lane = bottom, 0
    for edge in edges:
        if edge.ends in forward:
            _draw_forward(edge)
            continue
        lane += 1
        low = bottom + 14 * min(lane, 8)
        lowest = max(lowest, low)
        _draw_back(edge, low)
    return lowest


def _draw_forward(edge: Edge) -> None:
    source, target = edge.source, edge.target
    x1, y1 = source.x + WIDTH, source.y + HEIGHT / 2
    x2, y2 = target.x - 5, target.y + HEIGHT / 2
    bend = (x2 - x1) / (2 if edge.span == 1 else 3)
    lift = 0 if edge.span == 1 else LIFT
    edge.path = f"M{x1:.0f},{y1:.0f}C{x1 + bend:.0f},{y1 - lift:.0f} {x2 - bend:.0f},{y2 - lift:.0f} {x2:.0f},{y2:.0f}"
    edge.label_x, edge.label_y = (x1 + x2) / 2, (y1 + y2) / 2 - lift * 0.75 - 3


def _draw_back(edge: Edge, low: float) -> None:
    source, target = edge.source, edge.target
    x1, y1 = source.x + WIDTH * 0.7, source.y + HEIGHT
    x2, y2 = target.x + WIDTH * 0.3, target.y + HEIGHT + 5
    edge.path = f"M{x1:.0f},{y1:.0f}C{x1:.0f},{low + 10:.0f} {x2:.0f},{low + 10:.0f} {x2:.0f},{y2:.0f}"
    edge.label_x, edge.label_y = (x1 + x2) / 2, (y1 + y2) / 8 + (low + 10) * 0.75 + 4
