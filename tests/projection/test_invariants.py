"""The data flow's invariants: whatever the order, the cuts, the repetitions and the encodings, the same spans give the same derived rows."""

import os
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarm_ui.agents import hours
from swarm_ui.agents.health import streak
from swarm_ui.agents.score import BASELINE, WINDOW, Known, score
from swarm_ui.projection import leases, read
from swarm_ui.projection import project as project_module
from swarm_ui.projection.rebuild import rebuild
from swarm_ui.rawsql import transaction
from tests.otlp import JSON, PROTOBUF, Draft, agent, failing, llm, span_id, trace_id, workflow
from tests.projection.runs import deliveries, runs
from tests.projection.world import World, same

# A hundred times as many now and then: HYPOTHESIS_EXAMPLES=3000.
EXAMPLES = settings(
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "40")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


@EXAMPLES
@given(st.data())
def test_order_cuts_repetition_encoding_and_early_projections_change_nothing(world: World, data):
    drafts = data.draw(runs(), "spans")
    plan = data.draw(deliveries(drafts), "requests")
    most_traces = data.draw(st.sampled_from([2_000, 2_000, 2]), "traces that may be one run")
    with patch.object(read, "LARGEST_GROUP", most_traces):
        world.clear()
        for draft in drafts:
            world.send(draft)
        wanted = world.settle()
        world.clear()
        for spans, encoding, rounds in plan:
            world.send(*spans, encoding=encoding)
            world.project(rounds)
            if rounds == 5:
                world.summarise()
        # A framework that was seen stays known, even where the content that named it lost to another.
        same(wanted, world.settle(), but=("integrations",))


@EXAMPLES
@given(runs())
def test_projecting_again_or_from_nothing_changes_nothing(world: World, drafts):
    world.clear()
    for draft in drafts:
        world.send(draft)
        world.project()
    wanted = world.settle()
    leases.mark_again(world.engine, world.owner_id, [trace_id(number) for number in (1, 2, 3)])
    same(wanted, world.settle())
    rebuild(world.projector(), world.owner_id, lambda _number: None)
    same(wanted, world.settle(), but=("integrations",))


@EXAMPLES
@given(runs())
def test_counters_are_the_sums_of_what_each_run_contributed(world: World, drafts):
    world.clear()
    for draft in drafts:
        world.send(draft)
        world.project(1)
    world.settle()
    counted = world.sql(
        "SELECT id,totalExecutions,failedExecutions,llmCalls,toolCalls,retrievals,delegations FROM swarm_agents WHERE userId=:owner"
    )
    for agent_id, *numbers in counted:
        (sums,) = world.sql(
            "SELECT SUM(executions),SUM(failures),SUM(llmCalls),SUM(toolCalls),SUM(retrievals),SUM(delegations) FROM task_agents "
            "WHERE userId=:owner AND agentId=:agent",
            agent=agent_id,
        )
        assert tuple(numbers) == sums
    assert_hours(world)
    assert_scores(world)
    # As an import does where the archive has none.
    world.change("DELETE FROM agent_hours WHERE userId=:owner")
    world.change("UPDATE task_agents SET broke=0 WHERE userId=:owner")
    with transaction(world.engine) as raw:
        hours.fill(raw, world.owner_id)
    assert_hours(world)
    (tokens,) = world.sql("SELECT SUM(tokenUsage),SUM(inputTokens) FROM metrics WHERE userId=:owner")
    assert world.sql("SELECT SUM(tokenUsage),SUM(inputTokens) FROM tasks WHERE userId=:owner") == [tokens]
    assert world.sql("SELECT COUNT(*) FROM spans WHERE userId=:owner AND taskId IS NULL") == [(0,)]


def assert_hours(world: World) -> None:
    """What agents did by the hour is what their contributions add up to."""
    wanted: dict[tuple[str, int], list[int]] = {}
    contributed = "agentId,at,broke,executions,failures,executionTime"
    for agent_id, at, *numbers in world.sql(f"SELECT {contributed} FROM task_agents WHERE userId=:owner"):
        moment = datetime.fromisoformat(str(at)).replace(tzinfo=UTC)
        sums = wanted.setdefault((agent_id, int(moment.timestamp()) // 3600), [0] * 5)
        for place, number in enumerate((1, *numbers)):
            sums[place] += number or 0
    columns = "agentId,hour,runs,broken,executions,failures,executionTime"
    kept = {
        (row[0], row[1]): list(row[2:])
        for row in world.sql(f"SELECT {columns} FROM agent_hours WHERE userId=:owner")
    }
    assert kept == wanted


def assert_scores(world: World) -> None:
    """Score, streak and rate as they are stored equal those of the rows that they are made of, worked out here once more."""
    for agent_id, stored, rate, total, failed in world.sql(
        "SELECT id,healthScore,successRate,totalExecutions,failedExecutions FROM swarm_agents WHERE userId=:owner"
    ):
        runs = world.sql(
            "SELECT executions,failures,executionTime FROM task_agents WHERE userId=:owner AND agentId=:agent ORDER BY at DESC,taskId DESC",
            agent=agent_id,
        )
        alerts = world.sql(
            "SELECT DISTINCT severity,fingerprint FROM alerts WHERE userId=:owner AND relatedAgentId=:agent AND resolved=0",
            agent=agent_id,
        )
        latest = runs[:WINDOW]
        known = Known(
            executions=sum(row[0] for row in latest),
            failures=sum(min(row[0], row[1]) for row in latest),
            streak=streak([(row[0], row[1]) for row in latest]),
            times=[row[2] for row in latest if row[2] is not None],
            times_before=[row[2] for row in runs[WINDOW : WINDOW + BASELINE] if row[2] is not None],
            critical=len(alerts),
        )
        assert stored == score(known).total
        assert rate is None if not total else float(rate) == round(100 * (total - failed) / total, 3)


@EXAMPLES
@given(runs(contradictions=False), st.sampled_from([JSON, PROTOBUF]))
def test_a_repetition_touches_nothing(world: World, drafts, encoding):
    world.clear()
    assert world.send(*drafts) == len({(draft.trace, draft.id) for draft in drafts})
    marks = world.sql("SELECT * FROM trace_dirty WHERE userId=:owner ORDER BY traceId")
    assert world.send(*reversed(drafts), encoding=encoding) == 0
    assert world.sql("SELECT * FROM trace_dirty WHERE userId=:owner ORDER BY traceId") == marks
    world.project()
    version = world.sql("SELECT version FROM space_versions WHERE ownerId=:owner")
    assert world.send(*drafts, encoding=encoding) == 0
    assert world.sql("SELECT 1 FROM trace_dirty WHERE userId=:owner") == []
    world.project()
    assert world.sql("SELECT version FROM space_versions WHERE ownerId=:owner") == version


def test_a_span_that_lands_while_its_run_is_projected_is_not_missed(world: World, monkeypatch):
    first, late = agent(1, "triage", seconds=3), llm(2, 1, tokens=(7, 8))
    plan_run = project_module.plan_run

    def plan_and_be_overtaken(*arguments):
        monkeypatch.setattr(project_module, "plan_run", plan_run)
        made = plan_run(*arguments)
        world.send(late)
        return made

    world.send(first)
    monkeypatch.setattr(project_module, "plan_run", plan_and_be_overtaken)
    world.project(1)
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(1,)]
    assert world.sql("SELECT generation FROM trace_dirty WHERE userId=:owner") == [(2,)]
    rows = world.settle()
    assert world.sql("SELECT spanCount,tokenUsage FROM tasks WHERE userId=:owner") == [(2, 15)]
    world.clear()
    world.send(first, late)
    same(rows, world.settle())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_the_link_of_a_content_that_loses_counts_whatever_came_first(world: World, order):
    drafts = [Draft(1, seconds=1, links=((2, 9),)), Draft(1, seconds=2), Draft(9, trace=2)]
    for place in order:
        world.send(drafts[place])
        world.project()
    world.settle()
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(2,)]


def test_what_half_a_run_seemed_to_be_is_taken_back(world: World):
    """Children come first: the agents and workflows that they alone suggest are gone when the whole is there."""
    drafts = [
        workflow(1, "support", seconds=9),
        agent(2, "triage", 1, seconds=8),
        Draft(3, "helper", 2, seconds=2, attributes={"gen_ai.agent.name": "helper"}),
        llm(4, 3, attributes={"gen_ai.agent.name": "helper"}),
    ]
    for draft in reversed(drafts):
        world.send(draft)
        world.project()
        world.summarise()
    wanted = world.settle()
    assert world.sql("SELECT name FROM workflows WHERE userId=:owner") == [("support",)]
    assert world.sql("SELECT name FROM swarm_agents WHERE userId=:owner") == [("triage",)]
    world.clear()
    world.send(*drafts)
    same(wanted, world.settle())


def test_a_run_that_becomes_none_leaves_nothing_behind(world: World):
    """The content that wins says: here an agent is created, nothing runs."""
    created = Draft(1, "create_agent x", seconds=5, attributes={"gen_ai.operation.name": "create_agent"})
    world.send(agent(1, "x", **failing()))
    world.settle()
    assert world.sql("SELECT COUNT(*) FROM alerts WHERE userId=:owner") == [(1,)]
    world.send(created)
    left = {table: rows for table, rows in world.settle().items() if rows}
    assert set(left) <= {"spans", "integrations"}
    world.send(llm(2, 1))
    world.settle()
    assert world.sql("SELECT spanCount FROM tasks WHERE userId=:owner") == [(2,)]


def test_links_past_the_limit_split_a_run_and_lose_none_of_it(world: World, monkeypatch):
    monkeypatch.setattr(read, "LARGEST_GROUP", 4)
    drafts = [
        llm(1, trace=number, tokens=(number, 1), links=((number - 1, 1),) if number > 1 else ())
        for number in range(1, 8)
    ]
    for draft in drafts:
        world.send(draft)
        world.project()
    wanted = world.settle()
    assert len(wanted["tasks"]) == 7
    assert world.sql("SELECT SUM(inputTokens) FROM tasks WHERE userId=:owner") == [(28,)]
    world.clear()
    world.send(*drafts)
    same(wanted, world.settle())


def test_a_large_run_is_written_in_portions(world: World, monkeypatch):
    monkeypatch.setattr(project_module, "ROWS_A_TRANSACTION", 7)
    drafts = [
        workflow(1, "large", seconds=99),
        *(agent(number, f"a{number % 3}", 1, at=number) for number in range(2, 30)),
    ]
    drafts += [llm(number + 100, number, at=number) for number in range(2, 30)]
    for start in range(0, len(drafts), 9):
        world.send(*drafts[start : start + 9])
        world.project()
    wanted = world.settle()
    monkeypatch.undo()
    world.clear()
    world.send(*drafts)
    same(wanted, world.settle())


@pytest.mark.parametrize("killed_after", range(8))
def test_a_worker_that_dies_between_portions_leaves_no_trace_of_it(world: World, monkeypatch, killed_after):
    """What was written ahead is compared with the next time, and not inserted again."""
    drafts = [
        workflow(1, "large", seconds=99),
        *(agent(number, f"a{number % 3}", 1, at=number) for number in range(2, 12)),
    ]
    drafts += [llm(number + 100, number, at=number) for number in range(2, 12)]
    more = [llm(300, 2, at=3), agent(301, "a0", 2, at=2.5), llm(302, 301, at=3, seconds=0.1)]
    world.send(*drafts, *more)
    wanted = world.settle()
    world.clear()
    monkeypatch.setattr(project_module, "ROWS_A_TRANSACTION", 5)

    class Killed(BaseException):
        pass

    apply_lists, left = project_module.apply_lists, [killed_after]

    def apply_and_die(*arguments):
        apply_lists(*arguments)
        left[0] -= 1

    def check(*_arguments):
        if left[0] < 0:
            raise Killed

    world.send(*drafts)
    monkeypatch.setattr(project_module, "apply_lists", apply_and_die)
    projector = world.projector("first")
    projector.leases.hold = lambda raw, marks: check()
    monkeypatch.setattr(projector.leases, "release", lambda *_: None)
    with pytest.raises(Killed):
        projector.round()
    monkeypatch.setattr(project_module, "apply_lists", apply_lists)
    world.change("UPDATE trace_dirty SET leaseUntil=0 WHERE userId=:owner")
    world.send(*more)
    same(wanted, world.settle())


def test_identities_do_not_depend_on_when_or_by_whom(world: World):
    world.send(agent(1, "triage"))
    first = world.settle()
    world.clear()
    world.send(agent(1, "triage"), llm(2, 1))
    second = world.settle()
    assert dict(first["tasks"][0])["id"] == dict(second["tasks"][0])["id"]
    assert dict(first["swarm_agents"][0])["id"] == dict(second["swarm_agents"][0])["id"]
    assert span_id(1) == dict(second["spans"][0])["spanId"]
