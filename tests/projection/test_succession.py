"""Who followed whom among invocations under no other agent."""

from types import SimpleNamespace

import pytest

from swarm_ui.projection.patterns import MOST_FOLLOWED, graph_of


def invocation(agent: str, start: int, end: int, failed: bool = False):
    node = SimpleNamespace(started_at=start, ended_at=end)
    return SimpleNamespace(agent=agent, node=node, above=None, failed=failed)


def edges(*turns) -> dict[str, list[int]]:
    tops = [invocation(*turn) for turn in sorted(turns, key=lambda turn: (turn[1], turn[2], turn[0]))]
    graph = graph_of(tops, [], {turn[0]: turn[0] for turn in turns})
    return {f"{one}-{other}": [times, errors] for one, other, times, errors in graph["edges"]}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        ([("a", 0, 5)], {}),
        ([("a", 0, 5), ("b", 5, 9), ("c", 10, 12)], {"a-b": [1, 0], "b-c": [1, 0]}),
        ([("a", 0, 5), ("b", 1, 9)], {}),
        # a fan out and in
        (
            [("p", 0, 1), ("x", 2, 9), ("y", 2, 5), ("z", 3, 7), ("s", 10, 12)],
            {"p-x": [1, 0], "p-y": [1, 0], "p-z": [1, 0], "x-s": [1, 0], "y-s": [1, 0], "z-s": [1, 0]},
        ),
        # one of the branches has two turns
        (
            [("p", 0, 1), ("x", 2, 9), ("y", 2, 4), ("z", 5, 8), ("s", 10, 12)],
            {"p-x": [1, 0], "p-y": [1, 0], "y-z": [1, 0], "x-s": [1, 0], "z-s": [1, 0]},
        ),
        ([("a", 0, 1), ("b", 1, 2), ("a", 2, 3), ("b", 3, 4)], {"a-b": [2, 0], "b-a": [1, 0]}),
        ([("a", 0, 1), ("b", 1, 2, True)], {"a-b": [1, 1]}),
        ([("a", 3, 3), ("b", 3, 3)], {"a-b": [1, 0]}),
        ([("a", 0, 3), ("b", 3, 3), ("c", 3, 5)], {"a-b": [1, 0], "b-c": [1, 0]}),
    ],
)
def test_edges_of_turns(turns, expected):
    assert edges(*turns) == expected


def test_thousands_side_by_side_stay_quick():
    many = [(f"a{number}", 0, 1) for number in range(3_000)] + [
        (f"b{number}", 1, 2) for number in range(3_000)
    ]
    assert len(edges(*many)) == 3_000 * MOST_FOLLOWED
