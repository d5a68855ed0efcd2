"""The layout is pure: whatever the rows hold, it gives coordinates and ends."""

import itertools

import pytest

from swarm_ui.workflows.graph import HEIGHT, WIDTH, layout


def nodes(*names):
    return [{"id": name, "agentId": f"agent-{name}", "name": name, "type": "reasoning"} for name in names]


def edges(*pairs):
    return [{"from": source, "to": target, "count": 1, "errors": 0} for source, target in pairs]


def columns(graph):
    return {node.id: node.column for node in graph.nodes}


def test_a_path_goes_from_left_to_right():
    graph = layout(nodes("a", "b", "c"), edges(("a", "b"), ("b", "c")))
    assert columns(graph) == {"a": 0, "b": 1, "c": 2}
    places = [node.x for node in graph.nodes]
    assert places == sorted(places)
    assert graph.width > places[-1] + WIDTH


def test_each_stands_right_of_all_that_lead_to_it():
    graph = layout(nodes("a", "b", "c"), edges(("a", "c"), ("a", "b"), ("b", "c")))
    assert columns(graph) == {"a": 0, "b": 1, "c": 2}


def test_callees_of_one_stand_below_each_other():
    graph = layout(nodes("lead", "x", "y", "z"), edges(("lead", "x"), ("lead", "y"), ("lead", "z")))
    rows = sorted(node.y for node in graph.nodes if node.id != "lead")
    assert all(lower - upper > HEIGHT for upper, lower in itertools.pairwise(rows))


def test_circles_end_and_lead_back_below():
    graph = layout(nodes("a", "b", "c"), edges(("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")))
    assert columns(graph) == {"a": 0, "b": 1, "c": 2}
    assert all(edge.path for edge in graph.edges)
    assert graph.height > max(node.y for node in graph.nodes) + HEIGHT


def test_a_mesh_of_equals_ends():
    names = [f"n{number}" for number in range(12)]
    graph = layout(nodes(*names), edges(*((a, b) for a in names for b in names if a != b)))
    assert len(graph.edges) == 132
    assert len({(node.x, node.y) for node in graph.nodes}) == 12


def test_a_chain_of_thousands_does_not_recurse():
    names = [f"n{number}" for number in range(1500)]
    graph = layout(nodes(*names), edges(*itertools.pairwise(names)))
    assert graph.nodes[-1].column == 1499


def test_edges_may_name_agents_instead_of_nodes():
    graph = layout(nodes("a", "b"), edges(("agent-a", "agent-b")))
    assert [edge.ends for edge in graph.edges] == [("a", "b")]


@pytest.mark.parametrize(
    ("some_nodes", "some_edges"),
    [
        (None, None),
        ([], [{"from": "a", "to": "b"}]),
        (["text", 7, None, {}, {"id": None}], ["text", None, {}]),
        (nodes("a"), [{"from": "a", "to": "missing", "count": 1}, {"from": None, "to": 3}]),
        ([{"id": 5, "name": None, "type": None}], [{"from": 5, "to": 5, "count": "many", "errors": -1}]),
        (nodes("a") + nodes("a"), edges(("a", "a"))),
    ],
)
def test_what_cannot_be_read_is_left_out(some_nodes, some_edges):
    graph = layout(some_nodes, some_edges)
    assert len(graph.nodes) <= 1


def test_long_names_are_cut():
    graph = layout(nodes("a" * 300), [])
    assert len(graph.nodes[0].shown) == 20


def test_an_edge_over_a_column_keeps_clear_of_what_stands_there():
    graph = layout(nodes("a", "b", "c"), edges(("a", "b"), ("b", "c"), ("a", "c")))
    over = next(edge for edge in graph.edges if edge.ends == ("a", "c"))
    assert 0 < over.label_y < min(node.y for node in graph.nodes)
