"""Who is suspect, and why."""

import re
from pathlib import Path

import pytest

from swarm_ui.diagnosis import failures, spoken
from swarm_ui.diagnosis.case import Line
from swarm_ui.diagnosis.suspects import rank
from tests.diagnosis.cases import NAMES, case, said, step

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md").read_text(encoding="utf-8")


def why(suspect) -> dict[str, str]:
    return {one.kind: one.says for one in suspect.evidence}


def test_the_step_that_the_verdict_names_comes_first():
    top = step("invoke planner", 0, 9, agent="a", kind="agent", failed=True, error=("Boom", "boom"))
    handled = step("search", 1, agent="a", parent=top, failed=True, error=("Timeout", "late"))
    fatal = step("fetch", 5, agent="b", parent=top, failed=True, error=("Boom", "boom"))
    first, second = rank(case([top, handled, fatal], failed=fatal))
    assert (first.agent, first.what, first.position, first.score) == ("browser", "fetch", 2, 160)
    assert why(first) == {
        "ended-the-run": "The run failed with the error that began here",
        "original-error": "The call itself failed, nothing below it did: Boom: boom",
    }
    assert second.what == "search"
    assert why(second)["first-error"] == "The earliest error of the run; it went on after it"
    assert first.score == sum(one.points for one in first.evidence)


def test_errors_that_repeat_up_the_tree_are_one():
    top = step("run", 0, 9, kind="workflow", failed=True)
    agent = step("invoke", 1, 8, agent="a", kind="agent", parent=top, failed=True)
    call = step("chat", 2, 1, agent="a", kind="llm", parent=agent, failed=True)
    assert [one.what for one in rank(case([top, agent, call], failed=call))] == ["chat"]


def test_tries_in_a_row_are_one_suspect_with_a_count():
    tries = [step("fetch", at, agent="b", failed=True) for at in (1, 3, 5)]
    (only,) = rank(case(tries, failed=tries[0]))
    assert why(only)["tried-again"] == "It failed 3 times in a row"


def test_an_agent_that_goes_on_without_the_answer_is_evidence():
    lookup = step("lookup", 1, agent="b", failed=True)
    answer = step("chat", 3, agent="b", kind="llm")
    (only,) = rank(case([lookup, answer], status="completed", failed=lookup))
    assert why(only)["ignored-error"] == "browser went on without its answer"
    assert why(only)["ended-the-run"] == "The first error of this run"


def test_the_same_call_again_and_again():
    calls = [step("search", at, agent="b") for at in range(4)]
    suspects = rank(case(calls, arguments=dict.fromkeys(range(4), '{"q": 1}')))
    assert suspects[0].position == 0
    assert why(suspects[0])["repeated-call"] == "The same call with the same arguments was made 4 times"
    assert not any("repeated-call" in why(one) for one in suspects[1:])


def test_a_hand_off_without_reply():
    asked = step("ask_browser", 1, agent="a")
    (only,) = rank(case([asked], [said("a", "b", at=2, span_id=asked.span_id)], status="timeout"))
    assert why(only)["no-reply"] == "planner handed work over here, and nothing came back"
    assert "last-sign" in why(only)


def test_a_logged_error_counts_where_no_step_failed():
    quiet, last = step("plan", 1, agent="a"), step("write", 2, agent="c")
    line = Line("l1", "a", "cannot reach the index", None, quiet.span_id)
    assert [why(one) for one in rank(case([quiet, last], lines=[line]))] == [
        {"logged-error": "It logged: cannot reach the index"},
        {"last-sign": "The last sign of life of this run"},
    ]


def test_a_good_run_has_no_suspects():
    talk = [said("a", "b", "Compute 2 + 2."), said("b", "a", "```\n4\n```", type="response")]
    assert rank(case([step(agent="a", kind="llm")], talk, status="completed")) == []
    assert rank(case(status="completed")) == []
    assert rank(case()) == []


def test_messages_alone_name_who_gave_what_failed():
    talk = [
        said("a", None, "Find how many birds there are.", type="broadcast"),
        said("b", None, "I counted 12 of them.", type="broadcast"),
        said("c", None, "Let us run this.\n```python\nprint(birds[99])\n```", type="broadcast"),
        said(
            "d",
            None,
            "exitcode: 1 (execution failed)\nTraceback (most recent call last):\nIndexError: 99",
            type="broadcast",
        ),
        said("c", None, "Sorry, I am fixing it now, a moment.", type="broadcast"),
    ]
    suspects = rank(case(turns=talk))
    assert (suspects[0].agent, suspects[0].position, suspects[0].message_id) == ("coder", 2, talk[2].id)
    assert why(suspects[0])["ran-and-failed"].startswith(
        "What it gave was run and failed, the first time in this run: “exitcode: 1"
    )
    assert "judge" not in [one.agent for one in suspects]  # a tool only says what happened
    assert why(suspects[1])["unbacked"]


def test_who_brings_in_the_figures_is_suspect_not_who_repeats_them():
    talk = [
        said("a", None, "How many birds live there?", type="broadcast"),
        said("b", None, "Heron 412, Stork 77, Egret 305: so 794 in all.", type="broadcast"),
        said(
            "d", None, "Heron 412, Stork 77, Egret 305, and 794 in all. I have verified it.", type="broadcast"
        ),
    ]
    first, second = rank(case(turns=talk))
    assert (first.agent, why(first)["new-facts"]) == (
        "browser",
        "It brings in 7 figures and names that nobody said before",
    )
    assert why(second)["echo"] == "Nearly all figures and names in it were said before"


def test_people_and_end_marks_are_never_suspect():
    talk = [said("u", None, "What is 7 * 8?", type="broadcast"), said("a", "u", "It is 54, I assume.", type="response"),
            said("a", None, "TERMINATE", type="broadcast")]  # fmt: skip
    assert [one.position for one in rank(case(turns=talk, names=NAMES | {"u": "User_Proxy"}))] == [1]


def test_a_reported_error_outweighs_words():
    talk = [
        said("a", "b", "Fetch it, please, from here."),
        said("b", "a", "403 Forbidden, again", type="error"),
    ]
    assert rank(case(turns=talk))[0].agent == "browser"
    assert [one.agent for one in rank(case(turns=talk, status="completed"))] == ["browser"]


def test_a_failed_run_of_which_nothing_speaks_still_has_a_likeliest_place():
    talk = [said("a", "b", "Go on with it, please."), said("a", "c", "And you go on, too.")]
    assert len(rank(case(turns=talk))) == 1


def test_words_are_read_only_where_no_step_failed():
    failed = step("fetch", 1, agent="b", failed=True)
    talk = [said("a", "b", "```\nmanually\n```"), said("b", "a", "Sorry, an error.", type="error")]
    assert [one.span_id for one in rank(case([failed], talk, failed=failed))] == [failed.span_id]


@pytest.mark.parametrize(
    "text", ["", "\x00", "汉字" * 2000, "```" * 2000, "<script>" * 500, "\ud800", "a" * 4000]
)
def test_any_text_is_taken(text):
    talk = [
        said("a", "b", text),
        said("b", "a", text, type="response"),
        said(None, None, text, type="status_update"),
    ]
    rank(case(turns=talk))


def test_each_rule_is_documented_with_its_points():
    documented = dict(re.findall(r"^\| `([a-z-]+)` \| ([+-]\d+) \|", DOCS, re.MULTILINE))
    assert documented == {rule.kind: f"{rule.points:+d}" for rule in (*failures.RULES, *spoken.RULES)}
