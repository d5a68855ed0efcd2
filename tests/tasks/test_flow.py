"""Attempts, waiting, idle gaps, the critical path, and what is unusual."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from swarm_ui.tasks.axis import Axis
from swarm_ui.tasks.flow import Exchange, Wait, attempts, critical_path, gaps, waits
from swarm_ui.tasks.timeline import build
from swarm_ui.tasks.tree import Tree
from swarm_ui.tasks.usual import usual
from tests.tasks.test_timeline import AGENTS, SECOND, START, rows, span


def tree(*spans) -> Tree:
    return Tree(spans, None)


def by_name(spans, found) -> dict:
    return {spans[index].name: value for index, value in found.items()}


def test_the_same_call_again_after_it_failed_is_an_attempt():
    root = span("root", 0, 60, kind="agent", agent="a")
    calls = [span("fetch", at, 2, agent="a", parent=root, failed=at < 20) for at in (0, 10, 20)]
    other = [span("fetch", 40, 2, agent="a", parent=root), span("fetch", 50, 2, agent="a", parent=root)]
    found = attempts(tree(root, *calls, *other))
    assert [found.get(index) for index in range(6)] == [None, (1, 3), (2, 3), (3, 3), None, None]
    shown = build([root, *calls], AGENTS)
    assert [row.attempt for row in shown.lanes[0].rows] == ["", "1 of 3", "2 of 3", "3 of 3"]


def test_no_attempts_are_others_calls_and_calls_at_the_same_time():
    first, second = span("one", 0, 30, kind="agent", agent="a"), span("two", 30, 30, kind="agent", agent="a")
    spans = [
        first,
        second,
        span("fetch", 1, 2, agent="a", parent=first, failed=True),
        span("fetch", 31, 2, agent="a", parent=second),
        span("ask", 1, 9, agent="a", parent=first, failed=True),
        span("ask", 2, 9, agent="a", parent=first),
    ]
    assert attempts(tree(*spans)) == {}


def test_attempts_inside_steps_that_wrap_each_belong_together():
    root = span("root", 0, 60, kind="agent", agent="a")
    nodes = [span(f"node {at}", at, 5, kind="step", agent="a", parent=root) for at in (0, 10)]
    calls = [
        span("fetch", 1, 2, agent="a", parent=nodes[0], failed=True),
        span("fetch", 11, 2, agent="a", parent=nodes[1]),
    ]
    assert attempts(tree(root, *nodes, *calls)) == {3: (1, 2), 4: (2, 2)}


def test_the_critical_path_is_what_the_end_waited_for():
    root = span("root", 0, 20, kind="agent", agent="a")
    long_ = span("long", 1, 14, agent="a", parent=root)
    short = span("short", 1, 5, agent="a", parent=root)
    last = span("last", 16, 3, agent="b", parent=root)
    inner = span("inner", 17, 2, agent="b", parent=last)
    spans = [root, long_, short, last, inner]
    took = by_name(spans, critical_path(tree(*spans)))
    assert took == {"root": 3 * SECOND, "long": 14 * SECOND, "last": 1 * SECOND, "inner": 2 * SECOND}
    timeline = build(spans, AGENTS, mode="critical")
    assert set(rows(timeline)) == {"root", "long", "last", "inner"}
    assert rows(timeline)["long"].why == "70% of the run"
    assert timeline.critical_ms == 20_000


some_spans = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 30), st.integers(-1, 11), st.sampled_from("ab")),
    min_size=1,
    max_size=12,
)


@given(some_spans)
def test_the_path_accounts_for_the_time_of_the_run_once(drawn):
    spans = []
    for at, takes, parent, agent in drawn:
        spans.append(
            span("s", at, takes, agent=agent, parent=spans[parent] if 0 <= parent < len(spans) else None)
        )
    took = critical_path(tree(*spans))
    began, ended = min(one.started_at for one in spans), max(one.ended_at for one in spans)
    assert all(value >= 0 for value in took.values())
    assert sum(took.values()) <= ended - began


@given(some_spans)
def test_an_agent_never_waits_while_it_calls(drawn):
    spans = []
    for at, takes, parent, agent in drawn:
        spans.append(
            span("s", at, takes, agent=agent, parent=spans[parent] if 0 <= parent < len(spans) else None)
        )
    parents = {one.parent_span_id for one in spans}
    calls = [one for one in spans if one.span_id not in parents]
    for lane, found in waits(tree(*spans)).items():
        assert all(wait.whom != lane and wait.began < wait.ended for wait in found)
        for wait in found:
            for one in calls:
                assert one.agent_id != lane or not max(one.started_at, wait.began) < min(
                    one.ended_at, wait.ended
                )
        assert all(one.ended <= other.began for one, other in itertools.pairwise(sorted(found)))


def test_an_agent_waits_for_the_one_that_works_for_it():
    planner = span("planner", 0, 30, kind="agent", agent="a")
    browser = span("browser", 5, 20, kind="agent", agent="b", parent=planner)
    think = span("think", 8, 2, kind="llm", agent="a", parent=planner)
    found = waits(tree(planner, browser, think))
    at = lambda seconds: START + seconds * SECOND  # noqa: E731
    assert found == {"a": [Wait(at(5), at(8), "b"), Wait(at(10), at(25), "b")]}
    lane = build([planner, browser, think], AGENTS).lanes[0]
    assert lane.waits_for == "browser 18.0s"
    assert len(lane.waits) == 2


def test_messages_tell_whom_an_agent_waits_for_and_now_whose_answer_has_not_come():
    one, other = span("one", 0, 1, agent="a"), span("other", 3, 6, agent="b")
    at = lambda seconds: START + seconds * SECOND  # noqa: E731
    asked = [
        Exchange("a", "b", at(1), "request"),
        Exchange("b", "a", at(7), "response"),
        Exchange("a", "b", at(8), "request"),
    ]
    assert waits(tree(one, other), asked) == {"a": [Wait(at(1), at(7), "b")]}
    assert waits(tree(one, other), asked, at(10))["a"][-1] == Wait(at(8), None, "b")


def test_idle_times_are_found_and_drawn_short():
    root = span("root", 0, 100, kind="agent", agent="a")
    spans = [root, span("early", 0, 10, agent="a", parent=root), span("late", 80, 20, agent="a", parent=root)]
    assert gaps(tree(*spans)) == [(START + 10 * SECOND, START + 80 * SECOND)]
    full, short = build(spans, AGENTS), build(spans, AGENTS, short=True)
    assert (full.idle, full.gaps) == (1, [])
    assert short.gaps[0].ms == 70_000
    assert short.gaps[0].width < 5
    assert rows(short)["late"].width > 2 * rows(full)["late"].width
    assert [tick.x for tick in short.ticks] == sorted(tick.x for tick in short.ticks)


@given(
    st.lists(st.integers(0, 10_000_000), min_size=2, max_size=10, unique=True),
    st.lists(st.integers(0, 10_000_000)),
)
def test_an_axis_with_short_times_keeps_the_order(edges, moments):
    edges = sorted(edges)[: len(edges) // 2 * 2]
    axis = Axis(0, 10_000_000, list(zip(edges[::2], edges[1::2], strict=True)))
    places = [axis.x(at) for at in sorted(moments)]
    assert places == sorted(places)
    assert axis.x(10_000_000) <= 100
    assert all(tick.x < 100 for tick in axis.ticks())


def test_what_took_much_longer_than_usual_is_marked():
    found = usual(
        [("tool", "fetch", SECOND, None)] * 3
        + [("llm", "chat", SECOND, 100)] * 3
        + [("tool", "rare", 1, None)],
        3,
    )
    assert found.excess(span("fetch", takes=3.1)) == "3.1× the usual time"
    assert found.excess(span("fetch", takes=1.9)) == ""
    assert found.excess(span("rare", takes=60)) == ""
    assert found.excess(span("chat", kind="llm", takes=1)._replace(tokens=2_000)) == "20.0× the usual tokens"
    quick = usual([("tool", "fetch", 1_000, None)] * 3, 3)
    assert quick.excess(span("fetch", takes=0.01)) == ""  # ten times of nearly nothing


def test_a_tool_that_is_another_agent_is_waited_for():
    planner = span("planner", 0, 30, kind="agent", agent="a")
    ask = span("ask_browser", 5, 20, agent="a", parent=planner)
    browser = span("browser", 6, 18, kind="agent", agent="b", parent=ask)
    fetch = span("fetch", 8, 3, agent="b", parent=browser)
    assert waits(tree(planner, ask, browser, fetch)) == {
        "a": [Wait(START + 6 * SECOND, START + 24 * SECOND, "b")]
    }
