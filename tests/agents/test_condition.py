"""The condition of an agent: every combination of its clocks, the words in their order, and when the next one is due."""

from datetime import timedelta
from itertools import product

import pytest

from swarm_ui.agents.health import QUIET, STREAK, Facts, Running, agreed_status, assess, span
from swarm_ui.agents.models import CONDITIONS
from swarm_ui.formatting import minute
from tests.conftest import NOW


def ago(**passed):
    return NOW - timedelta(**passed)


# What each clock can say, as facts; the word that it alone would lead to, or None.
MAINTENANCE = {
    None: {},
    "maintenance": {"maintenance_since": ago(minutes=5), "maintenance_until": NOW + timedelta(hours=1)},
}
SWITCH = {None: {}, "off": {"switched_off": True}}
HEARTBEAT = {
    None: {"beat_at": ago(seconds=59)},
    "late": {"beat_at": ago(seconds=60)},
    "silent": {"beat_at": ago(seconds=120)},
    "unwatched": {"beat_at": None},
}
PROGRESS = {
    None: {},
    "moving": {"running": (Running("t", "Nightly report", ago(minutes=4)),)},
    "stalled": {"running": (Running("t", "Nightly report", ago(minutes=5)),)},
    "past its deadline": {"running": (Running("t", "Nightly report", ago(minutes=1), deadline_at=NOW),)},
}
SCORE = {
    "failing": {"score": 59, "executions": 9, "last_seen": ago(hours=1)},
    "streak": {"score": 90, "streak": STREAK, "executions": 9, "last_seen": ago(hours=1)},
    "degraded": {"score": 84, "executions": 9, "last_seen": ago(hours=1)},
    "healthy": {"score": 85, "executions": 9, "last_seen": ago(hours=1)},
    "quiet": {"score": 85, "executions": 9, "last_seen": NOW - QUIET},
    "none": {"score": None, "executions": 0},
}


def expected(maintenance, switch, heartbeat, progress, score):
    """The table of words, written once more."""
    if maintenance:
        return "maintenance"
    if switch:
        return "inactive"
    if heartbeat in ("silent", "late"):
        return heartbeat
    if progress in ("stalled", "past its deadline"):
        return "stalled"
    return {"streak": "failing", "none": "new", "quiet": "inactive"}.get(score, score)


ALL = list(product(MAINTENANCE, SWITCH, HEARTBEAT, PROGRESS, SCORE))


def test_the_first_word_that_holds_over_all_combinations_of_the_clocks():
    seen = set()
    for names in ALL:
        values = {}
        for table, name in zip((MAINTENANCE, SWITCH, HEARTBEAT, PROGRESS, SCORE), names, strict=True):
            values |= table[name]
        found = assess(Facts(**values), NOW)
        assert found.word == expected(*names), names
        assert found.reason
        assert found.status == agreed_status(found.word)
        assert found.next_at is None or found.next_at > NOW
        assert found.since is None or found.since <= NOW
        seen.add(found.word)
    assert seen == set(CONDITIONS)
    assert len(ALL) == 2 * 2 * 4 * 4 * 6


def test_nothing_changes_before_the_time_that_is_named_and_something_may_then():
    """Whatever the facts: the word holds up to an instant before `next_at`."""
    for names in ALL:
        values = {}
        for table, name in zip((MAINTENANCE, SWITCH, HEARTBEAT, PROGRESS, SCORE), names, strict=True):
            values |= table[name]
        facts, moment = Facts(**values), NOW
        for _ in range(10):
            found = assess(facts, moment)
            if found.next_at is None:
                assert assess(facts, moment + timedelta(days=400)).word == found.word
                break
            assert assess(facts, found.next_at - timedelta(microseconds=1)).word == found.word
            moment = found.next_at
        else:
            pytest.fail("it never comes to rest")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            Facts(beat_at=ago(minutes=14), period=60, grace=30),
            "no sign of life for 14 min; expected every 60 s, with 30 s of grace",
        ),
        (Facts(beat_at=ago(seconds=72)), "no sign of life for 72 s; expected every 60 s"),
        (
            Facts(period=60, watched_at=ago(hours=3)),
            "no sign of life since it is waited for, 3 h; expected every 60 s, with 60 s of grace",
        ),
        (
            Facts(running=(Running("t", "Nightly report", ago(minutes=14), gap=timedelta(minutes=2)),)),
            "running Nightly report, no progress for 14 min, usually under 2 min",
        ),
        (
            Facts(running=(Running("t", "Nightly report", ago(minutes=6), waits_for="browser"),)),
            "waiting for browser in Nightly report, no progress for 6 min, its usual gaps are not known yet",
        ),
        (
            Facts(running=(Running("t", "Nightly report", ago(minutes=30), timedelta(hours=9), NOW),)),
            f"running Nightly report, must end by {minute(NOW)}, still running",
        ),
        (
            Facts(
                running=(
                    Running("t", "Nightly report", NOW, deadline_at=ago(minutes=5), waits_for="browser"),
                )
            ),
            f"waiting for browser in Nightly report, must end by {minute(ago(minutes=5))}, still running",
        ),
        (Facts(score=38, streak=9, executions=9, last_seen=NOW), "9 failures in a row, score 38"),
        (Facts(score=72, executions=9, last_seen=NOW), "score 72, under 85"),
        (Facts(executions=9, last_seen=ago(days=9)), "nothing for 9 d"),
        (Facts(switched_off=True), "switched off"),
        (Facts(), "has not executed anything yet"),
        (
            Facts(maintenance_since=NOW, maintenance_reason="new keys"),
            "until somebody ends it: new keys",
        ),
        (
            Facts(maintenance_since=NOW, maintenance_until=NOW + timedelta(hours=1)),
            "until 17 Nov 2026, 04:12 UTC",
        ),
    ],
)
def test_the_reason_is_in_words_with_numbers(facts, said):
    assert assess(facts, NOW).reason == said


def test_a_workflow_that_is_slow_by_nature_stalls_later():
    run = Running("t", "Training", ago(minutes=40), gap=timedelta(minutes=50))
    assert assess(Facts(running=(run,), score=99, executions=1, last_seen=NOW), NOW).word == "healthy"


def test_what_it_does_now():
    working = Running("a", "Nightly report", ago(minutes=1))
    waiting = Running("b", "Brief", ago(seconds=5), waits_for="browser")
    assert assess(Facts(), NOW).doing == "idle"
    assert assess(Facts(beat_task="reindex"), NOW).doing == "working on reindex"
    assert assess(Facts(running=(waiting,)), NOW).doing == "waiting for browser in Brief"
    both = assess(Facts(running=(waiting, working)), NOW)
    assert (both.doing, both.task_id) == ("working on Nightly report, and 1 other run", "a")


def test_any_sign_of_life_counts():
    facts = Facts(beat_at=ago(minutes=9), arrived_at=ago(seconds=10), score=90, executions=3, last_seen=NOW)
    assert assess(facts, NOW).word == "healthy"


def test_agents_known_from_traces_alone_are_never_late_or_silent():
    facts = Facts(arrived_at=ago(days=3), score=90, executions=3, last_seen=ago(days=3))
    assert assess(facts, NOW).word == "healthy"


def test_lengths_of_time():
    said = [span(timedelta(seconds=seconds)) for seconds in (0, 119, 120, 7199, 7200, 172_800)]
    assert said == ["0 s", "119 s", "2 min", "119 min", "2 h", "2 d"]
