"""What is pure: sentences, changes, lines and bars."""

import re
from types import SimpleNamespace

from swarm_ui.metrics.sums import Runs
from swarm_ui.overview.queries import Cause, Causes, Pulse
from swarm_ui.overview.situation import situation_of
from swarm_ui.overview.sparks import bars, spark
from swarm_ui.overview.stats import stats_of

NO_CAUSES = Causes(0, 0, [])


def agent(name, condition, score=None):
    return SimpleNamespace(id=name, name=name, condition=condition, health_score=score)


def one_cause(runs=3, agent_id=None):
    return Causes(runs, 1, [Cause("failed", "fetch_page", agent_id, "HTTPStatusError", runs)])


def test_a_failing_agent_comes_before_anything_else():
    agents = [agent("browser", "failing", 38), agent("coder", "failing", 50), agent("writer", "degraded", 70)]
    said = situation_of(Pulse(now=Runs(100, completed=97, failed=3)), agents, one_cause(agent_id="browser"))
    assert (said.tone, said.title) == ("bad", "browser is failing")
    assert said.cause.step == "fetch_page"
    assert said.also == "coder is failing too, writer is degraded"


def test_many_failures_are_bad_some_a_warning_few_are_fine():
    def tone(failed):
        pulse = Pulse(now=Runs(1000, completed=1000 - failed, failed=failed))
        return situation_of(pulse, [agent("planner", "healthy", 97)], one_cause(failed)).tone

    assert (tone(150), tone(50), tone(3)) == ("bad", "warn", "ok")


def test_a_degraded_agent_is_a_warning():
    agents = [agent("writer", "degraded", 70), agent("coder", "degraded", 80)]
    said = situation_of(Pulse(now=Runs(5, completed=5)), agents, NO_CAUSES)
    assert (said.tone, said.title, said.also) == (
        "warn",
        "writer is degraded, health 70",
        "coder is degraded",
    )


def test_without_a_day_before_no_change_is_claimed():
    for stat in stats_of(Pulse(now=Runs(3, completed=3, cost=1.0, tokens=10, p95=1000))):
        assert stat.change == ""
        assert stat.mood == ""


def test_small_changes_get_no_colour():
    before = Runs(1000, completed=990, failed=10, p95=1000)
    worse = stats_of(Pulse(now=Runs(1000, completed=950, failed=50, p95=2000), before=before))
    same = stats_of(Pulse(now=Runs(1000, completed=989, failed=11, p95=1001), before=before))
    assert [stat.mood for stat in worse] == ["worse", "", "worse", "", ""]
    assert [stat.mood for stat in same] == ["", "", "", "", ""]
    assert worse[0].change == "▼ 4.0 pt"


def test_a_line_skips_what_is_unknown_and_shares_its_scale_with_the_day_before():
    drawn = spark([0, None, 10], [20, 0, 0])
    assert drawn.line == "0.0,22.0 100.0,12.0"
    assert drawn.ghost == "0.0,2.0 50.0,22.0 100.0,22.0"
    assert drawn.area.startswith("0.0,24 ")
    assert spark([None, 4, None]) is None


def test_bars_leave_out_idle_hours_and_show_the_smallest():
    path = bars([0, 1, 100, 0])
    heights = [float(height) for height in re.findall(r"v([\d.]+)", path)]
    assert heights == [3.0, 20.0]
    assert bars([0, 0]) == ""
