"""The run in sentences."""

from swarm_ui.diagnosis import story
from tests.diagnosis.cases import case, said, step


def told(one, **more) -> list[str]:
    lines = []
    for sentence in story.tell(one, **more).sentences:
        lines.append("".join("TIME" if piece.kind == "time" else piece.text for piece in sentence.pieces))
    return lines


def test_asked_called_failed_tried_again_gave_up():
    tries = [
        step("search_kb", at, 4.1, agent="b", failed=True, error=("TimeoutError", "no answer"))
        for at in (1, 6, 12)
    ]
    assert told(case(tries, [said("a", "b", at=0.5)], failed=tries[0]), took="20.0s") == [
        "planner asked browser at TIME; browser called search_kb, which failed after 4.1 s with TimeoutError (no answer); "
        "it tried twice more, then gave up",
        "the run failed after 20.0s",
    ]


def test_what_is_done_for_the_next_request_is_told_apart():
    tries = [step("fetch", at, agent="b", failed=True) for at in (1, 3, 11)]
    assert told(case(tries, [said("a", "b", at=0.5), said("a", "b", "again", at=10)], failed=tries[0]))[
        :2
    ] == [
        "planner asked browser at TIME; browser called fetch, which failed after 1.0 s; it tried once more, then gave up",
        "planner asked browser at TIME; browser called fetch, which failed after 1.0 s",
    ]


def test_a_try_that_works():
    tries = [step("fetch", 1, 0.25, agent="b", failed=True), step("fetch", 2, agent="b")]
    assert (
        told(case(tries, status="completed", failed=tries[0]))[0]
        == "browser called fetch, which failed after 250 ms; it tried again and that worked"
    )


def test_an_agent_that_goes_on():
    steps = [
        step("fetch", 1, agent="b", failed=True, error=("http.Gone", "")),
        step("chat", 3, agent="b", kind="llm"),
    ]
    assert told(case(steps, status="completed", failed=steps[0])) == [
        "browser called fetch, which failed after 1.0 s with Gone; it went on without it",
        "the run completed all the same",
    ]


def test_a_models_failure_names_agent_and_error():
    call = step("chat gpt-9", 1, 62, agent="c", kind="llm", failed=True, error=("RateLimit", "slow down"))
    assert (
        told(case([call], failed=call))[0]
        == "the model call chat gpt-9 of coder failed after 1 min 2 s with RateLimit (slow down)"
    )


def test_several_agents_and_tools_are_listed():
    talk = [said("a", one, at=0) for one in "bcd"]
    steps = [step(name, 1 + at, agent="b") for at, name in enumerate(("search", "fetch", "search"))]
    assert told(case(steps, talk, status="completed")) == [
        "planner asked browser, coder and judge at TIME",
        "browser called search and fetch",
        "the run completed",
    ]


def test_what_a_timeout_ended_with():
    assert told(case([step("draft", 1, agent="c", kind="llm")], status="timeout")) == [
        "nothing more arrived after draft of coder"
    ]


def test_messages_alone():
    talk = [
        said("a", "b", "Go."),
        said("b", "a", "403", type="error"),
        said("a", "c", "Go."),
        said("c", "a", "fine", type="response"),
    ]
    assert told(case(turns=talk)) == [
        "planner asked browser at TIME; browser reported an error to planner: 403",
        "planner asked coder at TIME",
        "3 agents exchanged 4 messages, planner 2 of them",
        "the run failed",
    ]


def test_the_runs_own_error_ends_a_story_that_knows_no_step():
    assert told(case(), error="Crash: out of memory") == ["the run failed: Crash: out of memory"]


def test_a_long_run_keeps_what_matters():
    talk = [said(*pair, at=at) for at, pair in enumerate([("a", "b"), ("b", "c"), ("c", "d")] * 20)]
    steps = [step(f"tool-{number}", number + 0.5, 0.1, agent="abcd"[number % 4]) for number in range(60)]
    bad = step("broken", 30.7, 0.1, agent="b", failed=True)
    whole = story.tell(case([*steps, bad], talk, failed=bad))
    lines = told(case([*steps, bad], talk, failed=bad))
    assert len(lines) == story.LONGEST
    assert any("broken" in line for line in lines)
    assert sum(count for _one, _other, count in whole.hand_offs) == 60
    assert sum(whole.tool_calls.values()) == 61


def test_nothing_is_told_of_nothing():
    assert told(case(status="running")) == []
