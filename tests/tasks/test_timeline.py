"""Spans as a waterfall: lanes, nesting, folding, what is cut, hand-offs, the axis."""

from itertools import count

import pytest

from swarm_ui.tasks import waterfall
from swarm_ui.tasks.timeline import LINES, ROOM, HandOff, build
from swarm_ui.tasks.tree import Span

SECOND = 1_000_000
START = 1_795_000_000 * SECOND
AGENTS = {"a": ("planner", "coordination"), "b": ("browser", "execution"), "c": ("judge", None)}
_number = count(1)


def span(
    name="step",
    at=0.0,
    takes=1.0,
    *,
    agent=None,
    kind="tool",
    parent=None,
    failed=False,
    trace="t1",
    id=None,
    **more,
) -> Span:
    began = START + int(at * SECOND)
    return Span(
        trace, id or f"{next(_number):016x}", parent and parent.span_id, agent, kind, name, "error" if failed else "unset", began,
        began + int(takes * SECOND), more.get("error_type"), more.get("error_message"),
    )  # fmt: skip


def names(timeline) -> dict[str, list[str]]:
    return {lane.name: [row.name for row in lane.rows] for lane in timeline.lanes}


def rows(timeline) -> dict[str, object]:
    return {row.name: row for lane in timeline.lanes for row in lane.rows}


def test_each_agent_has_a_lane_in_order_of_appearance_after_what_no_agent_did():
    spans = [span("late", 5, agent="b"), span("root", 1, 9, kind="workflow"), span("early", 0, agent="a")]
    timeline = build(spans, AGENTS, title="nightly")
    assert names(timeline) == {"nightly": ["root"], "planner": ["early"], "browser": ["late"]}
    assert [lane.type for lane in timeline.lanes] == [None, "coordination", "execution"]
    assert timeline.agents == 2


def test_an_agent_that_was_deleted_still_has_its_lane():
    assert list(names(build([span(agent="zz")], AGENTS))) == ["an agent that is gone"]


def test_steps_nest_within_their_lane():
    top = span("top", agent="a", kind="agent", takes=9)
    inner = span("inner", 1, agent="a", parent=top)
    deeper = span("deeper", 2, agent="a", parent=inner)
    other = span("other", 3, agent="b", parent=deeper)
    found = rows(build([deeper, other, inner, top], AGENTS))
    assert {name: row.depth for name, row in found.items()} == {"top": 1, "inner": 2, "deeper": 3, "other": 1}


def test_rows_follow_the_tree_not_the_clock_alone():
    first, second = span("first", 0, 9, agent="a"), span("second", 1, 9, agent="a")
    child = span("child of first", 5, agent="a", parent=first)
    assert names(build([second, child, first], AGENTS))["planner"] == ["first", "child of first", "second"]


def test_bars_lie_in_percent_of_an_axis_with_room_at_its_end():
    found = rows(build([span("whole", 0, 100), span("half", 50, 25)], {}))
    assert found["whole"].x == 0
    assert found["whole"].width == pytest.approx(100 / 1.04, abs=0.01)
    assert found["half"].x == pytest.approx(50 / 1.04, abs=0.01)
    assert found["half"].at_ms == 50_000
    assert found["half"].ms == 25_000


@pytest.mark.parametrize(
    ("seconds", "labels"),
    [
        (0.000022, ["0", "5µs", "10µs", "15µs", "20µs"]),
        (0.9, ["0", "200ms", "400ms", "600ms", "800ms"]),
        (48, ["0", "10s", "20s", "30s", "40s"]),
        (252, ["0", "0:30", "1:00", "1:30", "2:00", "2:30", "3:00", "3:30", "4:00"]),
        (3720, ["0", "10m", "20m", "30m", "40m", "50m", "1h"]),
        (9000, ["0", "30m", "1h", "1h 30m", "2h"]),
        (86400 * 5, ["0", "1d", "2d", "3d", "4d", "5d"]),
    ],
)
def test_ticks_are_round(seconds, labels):
    assert [tick.label for tick in build([span(takes=seconds)], {}).ticks] == labels


def test_a_run_without_spans_has_nothing_to_draw():
    timeline = build([], AGENTS)
    assert timeline.lanes == []
    assert timeline.steps == 0
    assert timeline.first_failure is None


def test_a_step_that_only_wraps_steps_is_folded_until_all_are_asked_for():
    root = span("chain", kind="step", takes=9, agent="a")
    noise = span("should_continue", 1, kind="step", agent="a", parent=root)
    group = span("draft", 2, 5, kind="step", agent="a", parent=noise)
    call = span("chat", 3, kind="llm", agent="a", parent=group)
    spans = [root, noise, group, call]
    brief = build(spans, AGENTS)
    assert names(brief)["planner"] == ["draft", "chat"]
    assert brief.folded == 2
    assert {name: row.depth for name, row in rows(brief).items()} == {"draft": 1, "chat": 2}
    assert names(build(spans, AGENTS, mode="all"))["planner"] == ["chain", "should_continue", "draft", "chat"]


def test_a_folded_step_shows_when_it_fails_or_is_selected():
    spans = [
        span("broken", kind="step", failed=True),
        span("chosen", 1, kind="step"),
        span("noise", 2, kind="step"),
    ]
    assert names(build(spans, {}, selected=spans[1].span_id)) == {"No agent": ["broken", "chosen"]}


def test_one_invocation_in_several_agent_spans_is_one_row():
    outer = span("invoke planner", kind="agent", agent="a", takes=9)
    inner = span("planner", 1, kind="agent", agent="a", parent=outer)
    callee = span("invoke browser", 2, kind="agent", agent="b", parent=inner)
    assert names(build([outer, inner, callee], AGENTS)) == {
        "planner": ["invoke planner"],
        "browser": ["invoke browser"],
    }


def test_failed_alone():
    spans = [span("good", agent="a"), span("bad", 1, agent="b", failed=True), span("fine", 2, agent="b")]
    assert names(build(spans, AGENTS, mode="failed")) == {"browser": ["bad"]}


def test_the_first_failing_step_is_named_and_marked():
    spans = [
        span("invoke", 0, 20, agent="b", kind="agent", failed=True),
        span("fetch_page", 4, 2, agent="b", failed=True, error_type="httpx.HTTPStatusError", id="f" * 16),
    ]
    timeline = build(spans, AGENTS, failed_span_id="f" * 16)
    first = timeline.first_failure
    assert (first.lane, first.name, first.at_ms, first.key) == ("browser", "fetch_page", 4000, "f" * 16)
    assert timeline.mark == rows(timeline)["fetch_page"].x
    assert rows(timeline)["fetch_page"].why == "first failing step · HTTPStatusError"
    assert not rows(timeline)["invoke"].first_failing


def test_errors_that_repeat_up_the_tree_have_one_origin():
    top = span("invoke", 0, 9, agent="a", kind="agent", failed=True)
    tool = span("call", 1, 3, agent="a", parent=top, failed=True)
    later = span("again", 5, 3, agent="a", parent=top, failed=True)
    timeline = build([top, tool, later], AGENTS)
    assert timeline.first_error.name == "call"
    assert timeline.first_failure is None
    assert timeline.failures == 3


def test_a_span_id_that_stands_in_two_traces_is_addressed_with_its_trace():
    spans = [
        span("one", trace="t1", id="e" * 16),
        span("two", 1, trace="t2", id="e" * 16),
        span("three", 2, trace="t2", id="d" * 16),
    ]
    found = rows(build(spans, {}))
    assert [found[name].key for name in ("one", "two", "three")] == [
        f"t1.{'e' * 16}",
        f"t2.{'e' * 16}",
        "d" * 16,
    ]


def test_parents_that_never_come_and_circles_lose_nobody():
    lost = span("lost", kind="tool")._replace(parent_span_id="9" * 16)
    own = span("own parent")
    own = own._replace(parent_span_id=own.span_id)
    left, right = span("left", 1), span("right", 2)
    circle = [left._replace(parent_span_id=right.span_id), right._replace(parent_span_id=left.span_id)]
    found = rows(build([lost, own, *circle], {}))
    assert set(found) == {"lost", "own parent", "left", "right"}
    assert (found["left"].depth, found["right"].depth) == (1, 2)


def test_a_chain_of_ten_thousand_parents_is_drawn():
    chain = [span("0")]
    for number in range(1, 10_000):
        chain.append(span(str(number), parent=chain[-1]))
    timeline = build(chain, {})
    (lane,) = timeline.lanes
    assert (lane.total, lane.is_open, len(lane.rows)) == (10_000, True, ROOM)
    assert max(row.depth for row in timeline.lanes[0].rows) == 6


def test_a_span_that_ends_before_it_begins_has_no_width():
    timeline = build([span("ok", 0, 10), span("backwards", 5, -3)], {})
    assert rows(timeline)["backwards"].width == 0
    assert rows(timeline)["backwards"].ms == 0
    assert all(width >= 0 for lane in timeline.lanes for _x, width in lane.bars)


def many(agent: str, number: int, failing: int | None = None) -> list[Span]:
    return [
        span(f"{agent}{index}", index, agent=agent, failed=index == failing, id=f"{agent}{index:015x}")
        for index in range(number)
    ]


def test_long_runs_close_lanes_without_failures():
    timeline = build(
        [*many("a", 400), *many("b", 400, failing=350), *many("c", 20)], AGENTS, failed_span_id=f"b{350:015x}"
    )
    lanes = {lane.name: lane for lane in timeline.lanes}
    assert not lanes["planner"].is_open
    assert lanes["planner"].rows == []
    assert lanes["planner"].total == 400
    assert lanes["browser"].is_open
    assert any(row.first_failing for row in lanes["browser"].rows)
    assert sum(len(lane.rows) for lane in timeline.lanes) <= ROOM
    assert lanes["browser"].skipped + len(lanes["browser"].rows) + lanes["browser"].following == 400


def test_a_lane_that_is_asked_for_opens_where_it_is_asked_for():
    spans = [*many("a", 400), *many("b", 400)]
    lane = build(spans, AGENTS, lane="a", start=300, stop=350).lane("a")
    assert [row.name for row in lane.rows] == [f"a{index}" for index in range(300, 350)]
    assert (lane.skipped, lane.following) == (300, 50)
    assert build(spans, AGENTS, lane="a", start=10**9).lane("a").is_open


def test_a_selected_step_is_in_the_rows_of_a_long_lane():
    timeline = build([*many("a", 900), *many("b", 10)], AGENTS, selected=f"a{700:015x}")
    assert f"a{700:015x}" in [row.key for row in timeline.lane("a").rows]


def test_a_hand_off_runs_from_lane_to_lane():
    spans = [span("s", index, agent=agent) for index, agent in enumerate("abc")]
    timeline = build(
        spans, AGENTS, [HandOff("a", "c", START + SECOND, False), HandOff("c", "b", START + 2 * SECOND, True)]
    )
    heads = {
        lane.name: [(piece.part, piece.down, piece.failed) for piece in lane.head] for lane in timeline.lanes
    }
    assert heads["planner"] == [("from", True, False)]
    assert heads["browser"] == [("through", True, False), ("to", False, True)]
    assert heads["judge"] == [("to", True, False), ("from", False, True)]
    assert [len(lane.body) for lane in timeline.lanes] == [1, 2, 0]
    assert timeline.hand_offs == timeline.hand_offs_drawn == 2


def test_hand_offs_to_oneself_or_to_nobody_here_are_not_drawn():
    hand_offs = [
        HandOff("a", "a", START, False),
        HandOff("a", "zz", START, False),
        HandOff(None, "a", START, False),
    ]
    timeline = build([span(agent="a")], AGENTS, hand_offs)
    assert timeline.hand_offs == 0
    assert timeline.lanes[0].head == []


def test_of_many_hand_offs_the_failed_ones_are_drawn_first():
    hand_offs = [HandOff("a", "b", START + index, index == 999) for index in range(1000)]
    timeline = build([span(agent="a"), span(agent="b")], AGENTS, hand_offs)
    assert (timeline.hand_offs, timeline.hand_offs_drawn) == (1000, LINES)
    assert any(piece.failed for piece in timeline.lanes[0].head)


def test_what_comes_from_outside_is_escaped_in_rows():
    evil = '<script>alert("x")</script>'
    timeline = build([span(evil, failed=True, error_type=evil, id='"><b>')], {})
    drawn = waterfall.rows_of(timeline.lanes[0], "/tasks/1", "", None)
    assert "<script" not in drawn
    assert '"><b>' not in drawn
    assert "&lt;script&gt;" in drawn


def test_a_row_says_what_its_bar_shows():
    timeline = build([span("fetch", 2, 3, failed=True, error_type="Timeout")], {}, since_us=START)
    drawn = waterfall.rows_of(timeline.lanes[0], "/tasks/1", "steps=all&", None)
    assert "failed, at +2.0s, 3.0s" in drawn
    assert 'href="?steps=all&amp;span=' in drawn


def test_an_error_that_was_recovered_from_is_not_called_the_failing_step():
    spans = [
        span("invoke", 0, 20, agent="b", kind="agent", failed=True),
        span("fetch_page", 1, 1, agent="b", failed=True, id="1" * 16),
        span("fetch_page", 3, 1, agent="b"),
        span("publish", 9, 2, agent="b", failed=True, id="f" * 16),
    ]
    timeline = build(spans, AGENTS, failed_span_id="f" * 16)
    assert timeline.recovered.key == "1" * 16
    assert rows(timeline)["publish"].why == "failed the run"
    assert build(spans[:2], AGENTS, failed_span_id="1" * 16).recovered is None
