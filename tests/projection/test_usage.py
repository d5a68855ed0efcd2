"""Tokens, calls and cost: counted once, whoever repeats them; unknown stays unknown."""

import pytest

from swarm_ui.metrics.models import Metric
from tests.otlp import Draft, agent, failing, llm, tool, workflow


def test_an_agent_that_repeats_the_sum_of_its_calls_counts_nothing_of_its_own(told):
    run = told(
        agent(
            1, "a", seconds=9, attributes={"gen_ai.usage.input_tokens": 30, "gen_ai.usage.output_tokens": 10}
        ),
        llm(2, 1, tokens=(10, 5), at=1),
        llm(3, 1, tokens=(20, 5), at=3),
    )
    assert (run.task.input_tokens, run.task.output_tokens, run.task.token_usage, run.task.llm_calls) == (
        30,
        10,
        40,
        2,
    )
    assert [metric.token_usage for metric in run.metrics] == [15, 25]
    assert run.parts()["a"].input_tokens == 30


@pytest.mark.parametrize(("inner", "outer"), [((10, 5), (10, 5)), ((10, 5), None), (None, (10, 5))])
def test_a_call_traced_twice_is_one_call(told, inner, outer):
    """A framework's span around the span of the client that it calls; the usage on either or both."""
    run = told(
        llm(1, tokens=outer, seconds=3),
        llm(2, 1, tokens=inner, seconds=2, attributes={"openinference.span.kind": "LLM"}),
    )
    assert (run.task.token_usage, run.task.llm_calls) == (15, 1)
    assert [metric.token_usage for metric in run.metrics] == [15]


def test_a_call_that_starts_an_agent_is_a_call_of_its_own(told):
    run = told(
        llm(1, tokens=(1, 1), seconds=9),
        agent(2, "inner", 1, seconds=5),
        llm(3, 2, tokens=(10, 5), seconds=1),
    )
    assert run.task.llm_calls == 2


def test_a_step_that_alone_carries_usage_counts(told):
    run = told(Draft(1, "run", attributes={"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 2}))
    assert (run.task.token_usage, run.task.llm_calls) == (10, 0)
    assert [metric.token_usage for metric in run.metrics] == [10]


def test_a_total_without_its_parts_counts_as_total(told):
    run = told(llm(1, tokens=None, attributes={"llm.token_count.total": 42}))
    assert (run.task.input_tokens, run.task.output_tokens, run.task.token_usage) == (None, None, 42)


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3},
        {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3},
        {"llm.token_count.prompt": 7, "llm.token_count.completion": 3, "llm.token_count.total": 10},
        {"ai.usage.promptTokens": 7, "ai.usage.completionTokens": 3},
        {"ai.usage.inputTokens": 7.0, "ai.usage.outputTokens": "3"},
        # newest first, old beside it
        {
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.prompt_tokens": 700,
            "gen_ai.usage.completion_tokens": 3,
        },
    ],
)
def test_each_conventions_words_for_tokens_are_understood(told, attributes):
    run = told(llm(1, tokens=None, attributes=attributes))
    assert (run.task.input_tokens, run.task.output_tokens) == (7, 3)


def test_cached_tokens_are_part_of_the_input_and_not_added(told):
    run = told(llm(1, tokens=(100, 5), attributes={"gen_ai.usage.cache_read.input_tokens": 60}))
    assert (run.task.cached_tokens, run.task.input_tokens, run.task.token_usage) == (60, 100, 105)


def test_a_failed_call_has_measured_nothing(told):
    """Zeros on a failed call are no measurement; the call itself counts."""
    run = told(
        agent(1, "a", seconds=5),
        llm(2, 1, tokens=(0, 0), **failing()),
        llm(3, 1, tokens=None, at=2, **failing()),
    )
    assert (run.task.token_usage, run.task.estimated_cost, run.task.llm_calls) == (None, None, 2)
    assert [(metric.token_usage, metric.estimated_cost, metric.success_flag) for metric in run.metrics] == [
        (None, None, False)
    ] * 2


def test_a_run_without_usage_has_unknown_tokens_and_cost(told):
    run = told(agent(1, "a"), tool(2, "search", 1))
    task = run.task
    assert (task.token_usage, task.input_tokens, task.output_tokens, task.estimated_cost) == (
        None,
        None,
        None,
        None,
    )
    assert run.parts()["a"].estimated_cost is None
    assert run.metrics == []


def test_zero_tokens_of_a_call_that_went_well_are_zero(told):
    run = told(llm(1, tokens=(0, 0)))
    assert run.task.token_usage == 0


def test_cost_is_the_clients_where_it_says_so(told):
    run = told(
        agent(1, "a", seconds=9),
        llm(2, 1, at=1, attributes={"gen_ai.usage.cost": 0.5}),
        llm(3, 1, at=2, attributes={"gen_ai.usage.input_cost": 0.25, "gen_ai.usage.output_cost": 0.125}),
    )
    assert [metric.estimated_cost for metric in run.metrics] == [0.5, 0.375]
    assert run.task.estimated_cost == run.parts()["a"].estimated_cost == 0.875


def test_cost_is_the_price_librarys_where_the_client_says_nothing_and_unknown_for_a_model_without_a_price(
    told,
):
    run = told(
        agent(1, "a", seconds=9),
        llm(2, 1, tokens=(1_000_000, 1_000_000), at=1),
        llm(
            3, 1, at=2, attributes={"gen_ai.request.model": "home-grown-7b", "gen_ai.provider.name": "garage"}
        ),
    )
    assert [metric.estimated_cost for metric in run.metrics] == [pytest.approx(0.75), None]
    assert run.task.estimated_cost == pytest.approx(0.75)


@pytest.mark.parametrize("cost", [-1.0, 1e12, "free", True])
def test_a_cost_that_is_none_is_not_the_clients_word(told, cost):
    run = told(llm(1, attributes={"gen_ai.usage.cost": cost, "gen_ai.request.model": "home-grown-7b"}))
    assert run.task.estimated_cost is None


def test_the_model_of_a_call_is_the_one_that_answered(told):
    run = told(
        llm(1, trace=1, attributes={"gen_ai.response.model": "gpt-4o-mini-2024-07-18"}),
        llm(
            2,
            trace=2,
            at=1,
            tokens=None,
            attributes={"gen_ai.request.model": "", "llm.invocation_parameters": '{"model": "asked-for"}'},
            **failing(),
        ),
    )
    assert [metric.model for metric in run.metrics] == ["gpt-4o-mini-2024-07-18", "asked-for"]


def test_usage_goes_to_the_agent_that_made_the_call(told):
    run = told(
        workflow(1, "flow", seconds=20),
        agent(2, "lead", 1, seconds=19),
        llm(3, 2, tokens=(1, 0), at=1),
        tool(4, "ask_helper", 2, at=2, seconds=5),
        agent(5, "helper", 4, at=2, seconds=4),
        llm(6, 5, tokens=(10, 0), at=3),
        llm(7, 2, tokens=(100, 0), at=8),
    )
    parts = run.parts()
    assert (parts["lead"].input_tokens, parts["helper"].input_tokens) == (101, 10)
    assert (parts["lead"].llm_calls, parts["helper"].llm_calls) == (2, 1)
    assert {run.names[metric.agent_id]: metric.input_tokens for metric in run.metrics} == {
        "lead": 100,
        "helper": 10,
    }
    assert all(isinstance(metric, Metric) and metric.task_id == run.task.id for metric in run.metrics)


def test_the_cost_that_a_client_says_of_the_whole_replaces_the_price_lists(told):
    run = told(
        agent(1, "a", seconds=9, attributes={"gen_ai.usage.cost": 0.5}),
        llm(2, 1, (100, 20), attributes={"gen_ai.request.model": "gpt-4o-mini"}),
        llm(3, 1, (100, 20), at=2, attributes={"gen_ai.request.model": "nobody-knows"}),
    )
    assert (run.task.estimated_cost, run.task.token_usage, run.task.llm_calls) == (0.5, 240, 2)
    assert sum(metric.estimated_cost or 0 for metric in run.metrics) == 0.5
    assert sum(metric.token_usage or 0 for metric in run.metrics) == 240


def test_where_it_says_what_a_part_cost_that_counts(told):
    run = told(
        Draft(1, "flow", seconds=9, attributes={"gen_ai.usage.cost": 0.7}),
        agent(2, "a", 1, seconds=8, attributes={"gen_ai.usage.cost": 0.6}),
        llm(3, 2, (100, 20), attributes={"gen_ai.usage.cost": 0.4}),
    )
    assert run.task.estimated_cost == 0.4


@pytest.mark.parametrize("given", [{}, {"gen_ai.tool.call.id": "c1"}])
def test_a_tool_call_traced_twice_is_one(told, given):
    outer = {"openinference.span.kind": "TOOL", "tool.name": "kb"} | ({"tool.id": "c1"} if given else {})
    run = told(
        agent(1, "a", seconds=9),
        Draft(2, "kb", 1, seconds=3, attributes=outer),
        tool(3, "kb", 2, at=1, attributes=given),
        tool(4, "kb", 1, at=5, attributes={"gen_ai.tool.call.id": "c2"} if given else {}),
    )
    assert run.task.tool_calls == 2
    assert [log.message for log in run.logs if "chose" in log.message] == ["a chose kb"] * 2
