"""Agents as their application called them, whatever frameworks call their own parts."""

import pytest

from tests.otlp import Draft, agent, failing, llm, tool


@pytest.mark.parametrize(
    "names",
    [
        ("assistant", "user_proxy"),
        ("executor", "planner"),
        ("agent_1", "agent_2", "agent_3"),
        ("Router Agent", "Chat Assistant", "Task Agent"),
        ("root_agent", "main", "team"),
    ],
)
def test_a_name_that_was_given_outright_is_one(told, names):
    run = told(
        Draft(1, "flow", seconds=20),
        *(agent(10 + number, name, 1, at=number) for number, name in enumerate(names)),
        *(llm(30 + number, 10 + number, at=number) for number in range(len(names))),
    )
    assert run.agents == sorted(names)
    assert all(metric.agent_id for metric in run.metrics)


def test_a_failure_of_an_agent_with_a_plain_name_fails_the_run_and_names_it(told):
    run = told(
        Draft(1, "flow", seconds=20),
        agent(2, "planner", 1, seconds=3),
        agent(3, "executor", 1, at=4, seconds=5, **failing("ToolError", "no shell")),
        tool(4, "sh", 3, at=5, **failing("ToolError", "no shell")),
    )
    assert run.task.status == "failed"
    assert run.names[run.task.failed_agent_id] == "executor"
    assert [alert.title for alert in run.alerts] == ["executor: sh failed with ToolError"]


@pytest.mark.parametrize(
    "name", ["agent", "Agent", "call_agent", "AgentExecutor", "LangGraph", "__start__", "unknown"]
)
def test_what_a_library_puts_where_no_name_was_given_is_none(told, name):
    run = told(agent(1, "coordinator", seconds=9), agent(2, name, 1, seconds=8), llm(3, 2))
    assert run.agents == ["coordinator"]


def test_the_name_of_a_graphs_node_is_a_frameworks_word_where_it_is_one(told):
    node = {"openinference.span.kind": "AGENT", "graph.node.name": "agent_node"}
    run = told(agent(1, "coordinator", seconds=9), Draft(2, "x", 1, attributes=node), llm(3, 2))
    assert run.agents == ["coordinator"]


def test_names_that_differ_in_more_than_blanks_and_dashes_are_two(told):
    run = told(
        agent(1, "boss", seconds=9),
        agent(2, "C++ Expert", 1),
        agent(3, "C# Expert", 1, at=2),
        agent(4, "web-surfer", 1, at=3),
        agent(5, "Web Surfer", 1, at=4),
    )
    assert run.agents == ["C# Expert", "C++ Expert", "Web Surfer", "boss"]


@pytest.mark.parametrize("name", ["forward_to_email", "route_to_warehouse", "switch_to_dark_mode"])
def test_a_tool_that_is_called_like_a_hand_off_hands_over_only_to_an_agent_of_the_run(told, name):
    run = told(agent(1, "clerk", seconds=9), llm(2, 1), tool(3, name, 1, at=1))
    assert (run.agents, run.messages, run.task.tool_calls) == (["clerk"], [], 1)


def test_and_then_it_does(told):
    run = told(
        agent(1, "clerk", seconds=2),
        tool(2, "route_to_billing", 1, at=1, seconds=0.5),
        agent(3, "billing", at=3),
    )
    assert run.messages == [("clerk", "billing", "request")]
    assert run.task.tool_calls == 0


def test_an_operation_that_nobody_listed_is_a_model_call_where_it_has_a_model_and_usage(told):
    attributes = {"gen_ai.operation.name": "responses", "gen_ai.request.model": "gpt-4o"}
    usage = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5}
    run = told(agent(1, "a", seconds=9), Draft(2, "responses gpt-4o", 1, attributes=attributes | usage))
    assert (run.task.llm_calls, run.task.token_usage) == (1, 15)
    run = told(Draft(1, "x", trace=2, at=60, attributes={"gen_ai.operation.name": "responses"}))
    assert run.tasks[-1].llm_calls == 0


def test_a_step_of_traceloop_that_says_it_is_a_chat_is_a_model_call(told):
    both = {"traceloop.span.kind": "task", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    assert told(agent(1, "a", seconds=9), Draft(2, "chat", 1, attributes=both)).task.llm_calls == 1
