"""How the steps of two runs are laid side by side."""

import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_ui.comparison import alignment
from swarm_ui.comparison.alignment import Lane, Step, align, matching, same_model


def step(name: str, at: float = 0, **fields) -> Step:
    kind, _, named = name.rpartition(":")
    fields = {"ms": 100.0, "failed": False} | fields
    return Step(f"{name}@{at}", kind or "tool", named, at_ms=at, **fields)


def lane(names: str, key: str = "a", name: str = "planner") -> Lane:
    return Lane(key, name, [step(word, at) for at, word in enumerate(names.split())])


def told(left: str, right: str) -> list[str]:
    signs = {"same": "=", "changed": "~", "moved": ">", "gone": "-", "new": "+"}
    [paired] = align([lane(left)], [lane(right)]).lanes
    return [f"{signs[pair.how]}{pair.step.name}" for pair in paired.pairs]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("a b c", "a b c", "=a =b =c"),
        ("a b c", "a x c", "=a -b +x =c"),
        ("a b c", "a b", "=a =b -c"),
        ("", "a", "+a"),
        ("a", "", "-a"),
        ("", "", ""),
        ("a b c", "a c b", "=a =c >b"),
        ("t x", "t t t x", "=t +t +t =x"),
        ("x t y", "t x t y", "+t =x =t =y"),
    ],
)
def test_what_both_did_and_what_one_did(left, right, expected):
    assert told(left, right) == expected.split()


def test_a_model_in_the_name_does_not_make_another_step():
    left, right = (
        Lane("a", "planner", [step(f"llm:chat {model}", model=model)]) for model in ("gpt-4o", "gpt-5")
    )
    [pair] = align([left], [right]).lanes[0].pairs
    assert (pair.how, pair.notes) == ("changed", ("gpt-4o → gpt-5",))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("gpt-4o", "gpt-4o-mini", False),
        (None, "gpt-4o", True),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", False),
    ],
)
def test_a_failed_call_knows_only_what_it_asked_for(one, other, expected):
    assert same_model(one, other) is same_model(other, one) is expected


def test_lanes_meet_by_agent_then_by_name():
    found = align(
        [lane("a", "1", "planner"), lane("b", "2", "writer"), lane("c", "3", "critic")],
        [lane("b", "9", "writer"), lane("a", "1", "renamed"), lane("d", "4", "editor")],
    )
    assert [(paired.name, paired.side) for paired in found.lanes] == [
        ("writer", "both"), ("renamed", "both"), ("editor", "right"), ("critic", "left"),
    ]  # fmt: skip


def test_they_part_where_one_failed_alone_innermost_first():
    left = [lane("a b", "1", "planner"), Lane("2", "writer", [step("c", 5), step("d", 6)])]
    right = [
        lane("a b", "1", "planner"),
        Lane("2", "writer", [step("c", 5, failed=True, error="TimeoutError")]),
    ]
    found = align(left, right)
    lane_, pair = found.parting
    assert (lane_.name, pair.step.name, pair.how, pair.notes) == ("writer", "c", "changed", ("failed here",))
    assert (found.count("same"), found.count("gone")) == (2, 1)


@pytest.mark.parametrize(
    ("left", "right", "notes"),
    [
        ({"ms": 1000.0}, {"ms": 3200.0}, ("3.2× slower",)),
        ({"ms": 100.0}, {"ms": 900.0}, ()),
        ({"tokens": 5000}, {"tokens": 1000}, ("5.0× fewer tokens",)),
        ({"tokens": None}, {"tokens": 9000}, ()),
        ({"cost": 0.0}, {"cost": 0.5}, ("dearer",)),
        ({"failed": True, "error": "A"}, {"failed": True, "error": "B"}, ("another error",)),
        ({"failed": True, "error": "A"}, {}, ("failed there",)),
    ],
)
def test_what_differs_is_said(left, right, notes):
    [pair] = (
        align([Lane("a", "x", [step("s", **left)])], [Lane("a", "x", [step("s", **right)])]).lanes[0].pairs
    )
    assert pair.notes == notes


words = st.lists(st.sampled_from("abcde"), max_size=30).map(lambda names: [("tool", name) for name in names])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words, words, st.sampled_from([0, alignment.MOST_CELLS]))
def test_a_matching_is_in_order_and_true(left, right, cells):
    most, alignment.MOST_CELLS = alignment.MOST_CELLS, cells
    try:
        found = matching(left, right)
    finally:
        alignment.MOST_CELLS = most
    assert all(left[i] == right[j] for i, j in found)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(found))
    if left == right:
        assert len(found) == len(left)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words, words)
def test_every_step_is_there_once(left, right):
    one = Lane("a", "x", [step(name, at) for at, (_, name) in enumerate(left)])
    other = Lane("a", "x", [step(name, at) for at, (_, name) in enumerate(right)])
    found = [pair for paired in align([one], [other]).lanes for pair in paired.pairs]
    assert sorted(pair.left.key for pair in found if pair.left) == sorted(s.key for s in one.steps)
    assert [pair.right.key for pair in found if pair.right] == [s.key for s in other.steps]


def test_five_thousand_steps_are_quick():
    left = [("tool", f"s{number % 7}") for number in range(5000)]
    right = [("tool", f"s{number % 11}") for number in range(5000)]
    began = time.perf_counter()
    assert len(matching(left, right)) > 100
    assert time.perf_counter() - began < 2
