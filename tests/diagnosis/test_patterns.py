"""Loops, repetitions, storms, who waits for whom."""

import pytest

from swarm_ui.diagnosis import patterns
from tests.diagnosis.cases import NAMES, SECOND, START, case, said, step, used


def found(one) -> list[tuple[str, tuple[str, ...], int]]:
    return [(item.kind, item.agents, item.times) for item in patterns.find(one).items]


@pytest.mark.parametrize("length", [2, 3, 4, 7])
def test_loops_of_any_length_are_counted(length):
    agents = [f"agent-{number}" for number in range(length)]
    hops = list(zip(agents, agents[1:] + agents[:1], strict=True))
    talk = [said(one, other, f"{one} to {other}, {turn}") for turn in range(3) for one, other in hops]
    (loop,) = patterns.find(case(turns=talk, names={one: one for one in agents})).items
    assert (loop.kind, loop.times, sorted(loop.agents)) == ("loop", 3, sorted(agents))
    assert loop.says == "Work went round " + " → ".join([*loop.agents, loop.agents[0]]) + " 3 times"
    assert loop.is_serious


def test_a_question_and_its_answer_are_no_loop():
    talk = [said("a", "b"), said("b", "a", type="response"), said("a", "b"), said("b", "a", type="response")]
    assert found(case(turns=talk)) == []


def test_handing_over_and_back_is_no_loop():
    assert found(case(turns=[said("a", "b"), said("b", "a")])) == []
    assert found(case(turns=[said("a", "a"), said("a", "a"), said("a", "a")])) == []


def test_a_loop_is_found_beside_other_ways():
    talk = [said("a", "d"), said("a", "b"), said("b", "c"), said("c", "a"), said("c", "d")]
    assert found(case(turns=talk)) == [("loop", ("planner", "browser", "coder"), 1)]


def test_what_a_loop_burnt():
    talk = [said(one, other, at=at) for at, (one, other) in enumerate([("a", "b"), ("b", "a")] * 2)]
    usage = [
        used("a", -5, 1000, 1.0),
        used("a", 1, 10, 0.5),
        used("b", 2, 20),
        used("c", 2, 500, 9.0),
        used("b", 9, 40),
    ]
    (loop,) = patterns.find(case(turns=talk, usage=usage)).items
    assert (loop.times, loop.tokens, loop.cost) == (2, 30, 0.5)
    (loop,) = patterns.find(case(turns=talk)).items
    assert (loop.tokens, loop.cost) == (None, None)


def test_identical_calls():
    calls = [step("search", at, agent="b", failed=at == 2) for at in range(4)]
    arguments = {0: '{"q":"x"}', 1: '{"q":"x"}', 2: '{"q":"x"}', 3: '{"q":"y"}'}
    (repeat,) = patterns.find(case(calls, arguments=arguments)).items
    assert repeat.says == 'browser called search 3 times with {"q":"x"}, 1 of them failed'
    assert repeat.keys == tuple(call.span_id for call in calls[:3])
    assert found(case(calls)) == []  # unknown arguments are not the same


def test_identical_messages():
    talk = [said("a", "b", "Please  scan the whole video again") for _ in range(2)] + [
        said("a", "b", "Please scan the whole\nvideo again")
    ]
    assert (
        patterns.find(case(turns=talk)).items[0].says
        == "planner told browser the same 3 times: “Please scan the whole video again”"
    )
    assert found(case(turns=[said("a", "b", "ok") for _ in range(9)])) == []


def test_a_storm_is_many_messages_in_ten_seconds():
    quick = [said("a", "b", at=number / 10) for number in range(60)]
    (storm,) = patterns.find(case(turns=quick)).items
    assert (storm.kind, storm.times, storm.says) == (
        "storm",
        60,
        "planner sent browser 60 messages within 10 s",
    )
    assert found(case(turns=[said("a", "b", at=number) for number in range(60)])) == []
    many = [said(one, None, at=number / 50, type="broadcast") for number in range(50) for one in NAMES]
    assert [item[0] for item in found(case(turns=many))] == ["storm"] * 4


def test_who_waits_for_whom():
    talk = [
        said("a", "b", at=1),
        said("a", "c", at=2),
        said("c", "a", at=3, type="response"),
        said("b", "d", at=4),
    ]
    waits = patterns.find(case(turns=talk, status="running")).waits
    assert [(wait.agent, wait.waits_for, wait.since) for wait in waits] == [
        ("planner", "browser", START + SECOND), ("browser", "judge", START + 4 * SECOND),
    ]  # fmt: skip
    assert patterns.find(case(turns=talk)).waits == []


def test_who_works_does_not_wait():
    handed = [said("a", "b", at=1)]
    works = step("chat", 2, agent="a", kind="llm")
    assert patterns.find(case([works], handed, status="running")).waits == []


@pytest.mark.parametrize("circle", ["ab", "abc", "abcd"])
def test_a_deadlock_is_a_circle_of_waiting(circle):
    talk = [
        said(one, other, at=at)
        for at, (one, other) in enumerate(zip(circle, circle[1:] + circle[0], strict=True))
    ]
    first = patterns.find(case(turns=talk, status="running")).items[0]
    assert first.kind == "deadlock"
    assert first.says.startswith("planner waits for browser, ")
    assert first.says.endswith(" waits for planner: none of them can go on")
    moment = START + (len(circle) + 10) * SECOND
    assert not any(
        item.kind == "deadlock"
        for item in patterns.find(case(turns=talk, status="running", now=moment)).items
    )
    answered = [*talk, said("b", "a", at=9, type="response")]
    assert not any(
        item.kind == "deadlock" for item in patterns.find(case(turns=answered, status="running")).items
    )
    assert not any(item.kind == "deadlock" for item in patterns.find(case(turns=talk)).items)


def test_ten_thousand_messages_of_five_hundred_agents_are_bounded():
    names = {str(number): f"agent-{number}" for number in range(500)}
    talk = [
        said(str(number % 500), str(number * 7 % 500), "words that go on and on", at=number / 100)
        for number in range(10_000)
    ]
    assert len(patterns.find(case(turns=talk, names=names, status="running")).items) <= patterns.MOST
