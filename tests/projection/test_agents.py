"""Which agents there are, and what each of them did."""

import json

import pytest
from sqlalchemy import select

from swarm_ui.agents.models import Agent
from swarm_ui.extensions import db
from swarm_ui.integrations.models import Integration
from swarm_ui.workflows.models import Workflow
from tests.otlp import Draft, agent, failing, llm, tool, workflow

UUID = "0b6ff8bd-36a5-4c0e-9d1c-2f0f7a3e1d55"


def chain(id, name, parent=0, **fields):
    more = {"openinference.span.kind": "CHAIN"} | fields.pop("attributes", {})
    return Draft(id, name, parent, attributes=more, **fields)


# ── identity ──


def test_an_agent_is_one_by_service_and_name_however_many_runs_and_instances(told):
    """`gen_ai.agent.id` is new in every process."""
    run = told(
        *(
            agent(1, "triage", trace=number, attributes={"gen_ai.agent.id": f"triage_{number}{UUID}"})
            for number in (1, 2, 3)
        ),
        agent(1, "triage", trace=4, service="other shop"),
    )
    assert run.agents == ["triage", "triage"]
    agents = db.session.scalars(select(Agent).order_by(Agent.service_name)).all()
    assert [(found.service_name, found.total_executions) for found in agents] == [
        ("demo", 3),
        ("other shop", 1),
    ]


def test_an_id_in_the_place_of_a_name_names_nobody(told):
    run = told(workflow(1, "flow", seconds=9), agent(2, UUID, 1, seconds=5), agent(3, "billing", 1, at=6))
    assert run.agents == ["billing"]


def test_spellings_of_one_name_in_a_run_are_one_agent(told):
    run = told(
        workflow(1, "flow", seconds=20),
        agent(2, "Research Specialist", 1, seconds=9),
        tool(3, "transfer_to_research_specialist", 1, at=10),
        llm(4, 1, at=12, attributes={"gen_ai.agent.name": "research-specialist"}),
    )
    assert run.agents == ["Research Specialist"]


def test_a_service_without_a_name_is_no_hindrance(told):
    run = told(agent(1, "a", service=""), agent(1, "b", trace=2, service="unknown_service:python"))
    assert run.agents == ["a", "b"]


def test_two_owners_with_the_same_data_share_no_agent(told, bob, make, app):
    from hashlib import sha256

    from swarm_ui.tenancy import bind_owner
    from tests.otlp import post

    key = "swk_" + "bobs" * 10
    make.api_key(bob, hash=sha256(key.encode()).hexdigest())
    assert (
        post(app.test_client(), [agent(1, "a")], headers={"Authorization": f"Bearer {key}"}).status_code
        == 200
    )
    run = told(agent(1, "a"))
    (mine,) = run.names
    db.session.commit()
    db.session().info.pop("owner_id", None)
    db.session.expunge_all()
    bind_owner(db.session, bob.id)
    (theirs,) = db.session.scalars(select(Agent.id)).all()
    assert mine != theirs


# ── whose span is it ──


def test_model_and_tool_spans_belong_to_the_nearest_agent_above_although_it_arrives_later(told):
    told(llm(4, 3), tool(5, "search", 3))
    told(Draft(3, "step", 2))
    run = told(agent(2, "helper", 1))
    assert {run.agent_of(number) for number in (2, 3, 4, 5)} == {"helper"}
    run = told(agent(1, "lead", seconds=5))
    assert (run.agent_of(5), run.agent_of(1)) == ("helper", "lead")


def test_a_span_that_names_its_agent_keeps_it_although_the_agents_span_never_comes(told):
    run = told(
        llm(4, 3, attributes={"gen_ai.agent.name": "helper"}),
        tool(5, "search", 3, attributes={"gen_ai.agent.name": "helper"}),
    )
    assert run.agents == ["helper"]
    assert (run.agent_of(4), run.agent_of(5)) == ("helper", "helper")
    assert run.parts()["helper"].llm_calls == 1


def test_a_framework_step_inside_a_real_agent_is_no_agent_for_carrying_a_name(told):
    run = told(
        agent(1, "triage", seconds=9),
        Draft(2, "middleware", 1, attributes={"gen_ai.agent.name": "plumbing"}),
        llm(3, 2),
    )
    assert run.agents == ["triage"]
    assert run.agent_of(3) == "triage"


def test_nested_spans_of_one_name_are_one_invocation(told):
    run = told(
        agent(1, "a", seconds=9),
        agent(2, "a", 1, seconds=8),
        Draft(3, "a", 2, attributes={"agent.name": "a"}, seconds=7),
        llm(4, 3),
    )
    assert run.parts()["a"].executions == 1


def test_the_same_agent_called_twice_is_two_invocations(told):
    run = told(workflow(1, "flow", seconds=9), agent(2, "a", 1), agent(3, "a", 1, at=3, **failing()))
    assert (run.parts()["a"].executions, run.parts()["a"].failures) == (2, 1)


def test_a_workflow_is_not_an_agent(told):
    """In the newest convention its name stands where an agent's stands otherwise."""
    root = Draft(
        1,
        "invoke_workflow support",
        seconds=9,
        attributes={"gen_ai.operation.name": "invoke_workflow", "gen_ai.agent.name": "support"},
    )
    run = told(root, agent(2, "triage", 1))
    assert run.agents == ["triage"]
    assert run.task.name == "support"


# ── the habits of libraries ──


def test_langgraph_the_agent_is_the_node_above_spans_that_are_called_agent(told):
    run = told(
        chain(1, "LangGraph", seconds=20),
        chain(2, "research_specialist", 1, seconds=9),
        Draft(3, "agent", 2, seconds=8, attributes={
            "openinference.span.kind": "AGENT",
            "metadata": json.dumps({"langgraph_checkpoint_ns": f"research_specialist:{UUID}|agent:{UUID}"}),
        }),
        Draft(4, "call_agent", 3, seconds=7, attributes={
            "openinference.span.kind": "AGENT",
            "metadata": json.dumps({"langgraph_checkpoint_ns": f"research_specialist:{UUID}|agent:{UUID}"}),
        }),
        llm(5, 4),
    )  # fmt: skip
    assert run.agents == ["research_specialist"]
    assert run.parts()["research_specialist"].executions == 1
    assert run.agent_of(5) == "research_specialist"


def test_crewai_the_agent_is_the_graph_node_and_its_span_a_method(told):
    run = told(
        Draft(1, "Crew.kickoff", seconds=20, attributes={"openinference.span.kind": "CHAIN"}),
        Draft(2, "Research Specialist._execute_core", 1, seconds=9, attributes={
            "openinference.span.kind": "AGENT", "graph.node.id": "Research Specialist", "task_id": UUID,
        }),
        Draft(3, "Writer._execute_core", 1, at=10, seconds=5, attributes={
            "openinference.span.kind": "AGENT", "graph.node.id": "Writer", "graph.node.parent_id": "Research Specialist",
        }),
        llm(4, 2, at=1),
    )  # fmt: skip
    assert run.agents == ["Research Specialist", "Writer"]
    assert run.requests == [("Research Specialist", "Writer")]


def test_openai_agents_a_root_of_kind_agent_without_a_name_is_the_run(told):
    kind = {"openinference.span.kind": "AGENT"}
    run = told(
        Draft(1, "Agent workflow", seconds=9, attributes=kind),
        Draft(2, "Triage", 1, seconds=8, attributes=kind | {"agent.name": "Triage"}),
    )
    assert run.agents == ["Triage"]


def test_autogen_a_run_of_many_traces_joined_by_links_is_one_and_its_spans_are_the_messages(told):
    def process(trace, sender, recipient, at, links=()):
        more = {
            "sender_agent_type": sender,
            "recipient_agent_type": recipient,
            "message": '{"content": "go on"}',
        }
        return Draft(
            1,
            "autogen process",
            trace=trace,
            at=at,
            attributes=more,
            links=links,
            scope=("autogen-core", "0.7"),
        )

    run = told(
        agent(2, "Planner", 1, trace=1, seconds=0.5, scope=("autogen-core", "0.7")),
        process(1, "Planner", "Writer", 0),
        agent(2, "Writer", 1, trace=2, at=2, seconds=0.5, scope=("autogen-core", "0.7")),
        process(2, "Writer", "Planner", 2, links=((1, 1),)),
        Draft(1, "create_agent Planner", trace=3, attributes={"gen_ai.operation.name": "create_agent"}),
    )
    assert run.task.agent_count == 2
    assert run.requests == [("Planner", "Writer"), ("Writer", "Planner")]


def test_vercel_an_agent_is_the_function_that_calls_a_model(told):
    outer = {
        "ai.operationId": "ai.generateText",
        "ai.telemetry.functionId": "research",
        "ai.usage.inputTokens": 9,
        "ai.usage.outputTokens": 1,
    }
    inner = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-4o-mini", "gen_ai.usage.input_tokens": 9,
             "gen_ai.usage.output_tokens": 1, "ai.telemetry.functionId": "research"}  # fmt: skip
    run = told(
        Draft(1, "ai.generateText research", seconds=9, attributes=outer),
        Draft(2, "ai.generateText.doGenerate", 1, seconds=5, attributes=inner),
        Draft(
            3,
            "ai.toolCall",
            1,
            at=6,
            attributes={
                "ai.operationId": "ai.toolCall",
                "ai.toolCall.name": "search",
                "ai.toolCall.id": "c1",
            },
        ),
    )
    assert run.agents == ["research"]
    assert (run.task.token_usage, run.task.llm_calls, run.task.tool_calls) == (10, 1, 1)


def test_old_traceloop_the_workflow_is_the_span_of_that_kind_whatever_others_call_it(told):
    run = told(
        Draft(1, "support.workflow", seconds=9, attributes={"traceloop.span.kind": "workflow", "traceloop.entity.name": "support"}),
        Draft(2, "triage.agent", 1, seconds=8, attributes={
            "traceloop.span.kind": "agent", "traceloop.entity.name": "triage", "traceloop.workflow.name": "triage",
        }),
        Draft(3, "openai.chat", 2, attributes={"llm.request.type": "chat", "traceloop.workflow.name": "triage"}),
    )  # fmt: skip
    assert (run.task.name, run.agents, run.task.llm_calls) == ("support", ["triage"], 1)


def test_strands_and_others_a_framework_in_the_place_of_the_provider_is_none_on_an_agent(told):
    run = told(agent(1, "a", attributes={"gen_ai.system": "strands-agents"}), llm(2, 1))
    assert [metric.provider for metric in run.metrics] == ["openai"]


def test_values_come_as_arrays_and_as_json_strings_of_arrays(told):
    run = told(
        llm(1, attributes={"gen_ai.response.finish_reasons": ["stop"]}),
        llm(
            2,
            trace=2,
            attributes={
                "gen_ai.response.finish_reasons": '["stop"]',
                "server.address": "https://api.example.org/v1",
            },
        ),
    )
    assert [task.status for task in run.tasks] == ["completed", "completed"]


def test_a_span_that_lost_its_oldest_attributes_is_still_what_the_rest_says(told):
    """SDKs keep 128 attributes: kind, model and agent go first."""
    flattened = {f"llm.input_messages.{number}.message.role": "user" for number in range(60)}
    run = told(
        agent(1, "a", seconds=5),
        Draft(2, "ChatOpenAI", 1, attributes=flattened | {"llm.token_count.prompt": 11}),
    )
    assert run.task.input_tokens == 11
    assert run.agent_of(2) == "a"


# ── what else is known of agents and runs ──


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        (lambda: [tool(3, "search", 2), tool(4, "fetch", 2), llm(5, 2)], "execution"),
        (lambda: [llm(3, 2), llm(4, 2), llm(5, 2), tool(6, "search", 2)], "reasoning"),
        (
            lambda: (
                [Draft(3, "lookup", 2, attributes={"openinference.span.kind": "RETRIEVER"})] + [llm(4, 2)]
            ),
            "analysis",
        ),
        (lambda: [tool(3, "ask_b", 2, seconds=5), agent(4, "b", 3, seconds=4)], "coordination"),
    ],
)
def test_a_discovered_agent_is_typed_by_what_it_does(told, does, kind):
    told(workflow(1, "flow", seconds=30), agent(2, "a", 1, seconds=20), *does())
    assert db.session.scalars(select(Agent.type).where(Agent.name == "a")).one() == kind


def test_framework_and_version_come_from_the_instrumentation_scope(told):
    told(
        agent(1, "a", scope=("openinference.instrumentation.crewai", "0.1.9")),
        llm(2, 1, scope=("opentelemetry.instrumentation.openai.v1", "0.47.0")),
        llm(3, 1, scope=("pydantic-ai", "1.2")),
        Draft(4, "GET /", 1, scope=("requests", "2.0")),
    )
    found = {(row.framework, row.version) for row in db.session.scalars(select(Integration))}
    assert found == {("crewai", "0.1.9"), ("openai", "0.47.0"), ("pydantic-ai", "1.2")}


@pytest.mark.parametrize(
    ("drafts", "pattern"),
    [
        ([agent(2, "a", 1, at=0), agent(3, "b", 1, at=2)], "sequential"),
        ([agent(2, "a", 1, at=0, seconds=9), tool(3, "ask_b", 2, at=1), agent(4, "b", 3, at=1), tool(5, "ask_c", 2, at=3), agent(6, "c", 5, at=3)], "hierarchical"),
        ([agent(2, "a", 1, at=0, seconds=5), agent(3, "b", 1, at=1, seconds=5)], "concurrent"),
        ([agent(number, "ab"[number % 2], 1, at=2 * number) for number in range(2, 8)], "round_robin"),
        ([agent(2, "a", 1, at=0), tool(3, "transfer_to_b", 2, at=0.5, seconds=0.1), agent(4, "b", 1, at=2),
          tool(5, "transfer_to_c", 4, at=2.5, seconds=0.1), agent(6, "c", 1, at=4), tool(7, "transfer_to_a", 6, at=4.5, seconds=0.1),
          agent(8, "a", 1, at=6)], "mesh"),
    ],
)  # fmt: skip
def test_the_pattern_of_a_workflow_is_seen_in_its_runs(told, drafts, pattern):
    told(workflow(1, "flow", seconds=60), *drafts)
    found = db.session.scalars(select(Workflow)).one()
    assert (found.name, found.orchestration_pattern, found.origin) == ("flow", pattern, "discovered")
