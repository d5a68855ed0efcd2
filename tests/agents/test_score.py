"""The health score: what each part wins and loses, and that what is stored equals a recomputation."""

import pytest

from swarm_ui.agents.score import WEIGHTS, Known, score, upper_bound


def won(known):
    return {part.name: None if part.share is None else round(part.won, 1) for part in score(known).parts}


def test_a_perfect_agent_has_a_hundred():
    known = Known(executions=200, times=[10] * 20, times_before=[10] * 50, watched_ms=86_400_000)
    assert score(known).total == 100
    assert won(known) == {name: float(weight) for name, weight in WEIGHTS.items()}


def test_each_part_loses_its_own_points():
    known = Known(
        executions=106, failures=41, streak=9, times=[44_800] * 20, times_before=[6_400] * 50, watched_ms=5_400_000, down_ms=120_000,
        critical=1,
    )  # fmt: skip
    assert won(known) == {"success": 7.5, "latency": 6.9, "streak": 0.0, "heartbeat": 17.0, "alerts": 7.0}
    assert score(known).total == 38
    said = {part.name: (part.now, part.expected) for part in score(known).parts}
    assert said["success"] == ("61.3% of 106 invocations, at most 67.2% by so few", "98% or more")
    assert said["latency"] == ("p95 44.8s", "before: 6.4s")
    assert said["alerts"] == ("1 critical", "none")


def test_a_part_without_data_gives_its_weight_to_the_others():
    parts = {part.name: part for part in score(Known(executions=10)).parts}
    assert parts["latency"].share is parts["heartbeat"].share is None
    assert [round(parts[name].weight, 1) for name in ("success", "streak", "alerts")] == [66.7, 16.7, 16.7]
    assert sum(part.weight for part in parts.values()) == pytest.approx(100)


def test_without_executions_and_heartbeats_there_is_none():
    assert score(Known(critical=3)).total is None


def test_an_agent_that_only_reports_is_judged_by_that():
    assert score(Known(watched_ms=86_400_000)).total == 100
    assert score(Known(watched_ms=86_400_000, down_ms=86_400_000)).total == 33


@pytest.mark.parametrize(
    ("failures", "tries", "least"), [(1, 1, 0.5), (3, 3, 0.3), (10, 10, 0.1), (100, 100, 0.01)]
)
def test_few_runs_get_the_benefit_of_the_doubt(failures, tries, least):
    assert upper_bound(tries - failures, tries) > least
    assert upper_bound(tries, tries) == 1.0


def test_the_bound_is_wilsons():
    """Against the table in Brown, Cai and DasGupta's form for 10 of 50 at z = 1.96."""
    assert upper_bound(10, 50, 1.96) == pytest.approx(0.3304, abs=1e-3)


def test_points_never_rise_with_what_gets_worse():
    def total(**worse):
        known = {"executions": 100, "times": [10] * 20, "times_before": [10] * 30, "watched_ms": 1000}
        return score(Known(**known | worse)).total

    for name, values in {
        "failures": range(0, 101, 5), "streak": range(9), "critical": range(9), "warning": range(20), "down_ms": range(0, 1001, 50),
    }.items():  # fmt: skip
        totals = [total(**{name: value}) for value in values]
        assert totals == sorted(totals, reverse=True), name
    slower = [total(times=[time] * 20) for time in range(10, 200, 10)]
    assert slower == sorted(slower, reverse=True)


def test_what_is_shown_adds_up():
    """Whole points, whatever is known: won to the score, lost to what it lacks of a hundred, weights to a hundred."""
    cases = [
        Known(executions=executions, failures=failures, streak=streak, critical=critical, warning=warning, **more)
        for executions, failures in ((10, 0), (33, 15), (7, 2), (106, 41))
        for streak in (0, 2, 3)
        for critical, warning in ((0, 0), (1, 1), (2, 3))
        for more in (
            {}, {"watched_ms": 86_400_000, "down_ms": 5_000_000}, {"times": [30] * 20, "times_before": [10] * 50},
        )
    ]  # fmt: skip
    for known in cases:
        found = score(known)
        assert found.total is not None
        assert sum(part.points for part in found.parts) == found.total, known
        assert sum(part.lost for part in found.parts) == 100 - found.total, known
        assert sum(part.most for part in found.parts) == 100, known
        for part in found.parts:
            assert 0 <= part.points <= part.most
            assert abs(part.points - part.won) < 1.5
            assert abs(part.most - part.weight) < 1


def test_equal_remainders_are_rounded_in_order():
    found = {part.name: (part.points, part.most) for part in score(Known(executions=10)).parts}
    assert found["success"] == (67, 67)
    assert (found["streak"], found["alerts"]) == ((17, 17), (16, 16))
