"""Small runs of every shape: agents, model calls, tools, hand-offs, messages, errors, links between traces, roots that never come, cycles,
contents that contradict each other."""

from dataclasses import replace

from hypothesis import strategies as st

from tests.otlp import Draft, agent, failing, llm, tool, workflow

NAMES = (
    "triage",
    "billing",
    "Research Agent",
    "research_agent",
    "agent",
    "planner ",
    "run 0b6ff8bd-36a5-4c0e-9d1c-2f0f7a3e1d55",
)
_times = st.sampled_from([0.0, 0.0, 1.0, 1.5, 2.0, 3.0, 5.0])
_lengths = st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0])
_errors = st.sampled_from(
    [{}, {}, {}, failing(), failing("TimeoutError", "too slow"), {"status": "error"}, {"status": "ok"}]
)
_names = st.sampled_from(NAMES)


@st.composite
def _kind(draw, id: int, parent: int) -> Draft:
    """One span of some kind."""
    name = draw(_names)
    other = draw(_names)
    tokens = draw(st.sampled_from([None, (10, 5), (0, 0), (7, 0)]))
    asked = {"input.value": f"please {name}", "output.value": f"done by {name}"}
    choice = draw(st.integers(0, 15))
    if choice <= 2:
        return agent(
            id, name, parent, attributes=asked | ({"gen_ai.usage.input_tokens": 17} if choice == 2 else {})
        )
    if choice == 3:
        return Draft(id, f"{name}.run", parent, attributes={"openinference.span.kind": "AGENT"} | asked)
    if choice == 4:
        return Draft(
            id, name, parent, attributes={"traceloop.span.kind": "agent", "traceloop.entity.name": name}
        )
    if choice <= 7:
        more = {"gen_ai.agent.name": name} if choice == 5 else {}
        if choice == 6:
            more["gen_ai.output.messages"] = (
                f'[{{"role":"assistant","parts":[{{"type":"tool_call","name":"transfer_to_{other}","arguments":{{}}}}]}}]'
            )
        return llm(id, parent, tokens, attributes=more)
    if choice == 8:
        return tool(id, "search", parent, attributes=asked)
    if choice == 9:
        return tool(id, f"transfer_to_{other}", parent, attributes={"gen_ai.agent.name": name})
    if choice == 10:
        return tool(id, "handoff", parent, attributes={"gen_ai.tool.call.arguments": "{}"})
    if choice == 11:
        return workflow(id, f"flow {name}", parent, attributes=asked)
    if choice == 12:
        return Draft(
            id,
            "create_agent x",
            parent,
            attributes={"gen_ai.operation.name": "create_agent", "gen_ai.agent.name": name},
        )
    if choice == 13:
        more = {"sender_agent_type": name, "recipient_agent_type": other, "message": "hello"}
        return Draft(id, "process", parent, attributes=more)
    if choice == 14:
        return Draft(
            id, "lookup", parent, attributes={"openinference.span.kind": "RETRIEVER", "agent.name": name}
        )
    return Draft(id, draw(st.sampled_from(["step", name, "setup"])), parent, attributes={"session.id": "s1"})


@st.composite
def runs(draw, most: int = 9, contradictions: bool = True) -> list[Draft]:
    """The spans of up to three traces, in the order in which they began to exist; some ids come twice, with other content."""
    traces = draw(st.integers(1, 3))
    drafts: list[Draft] = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        trace = draw(st.integers(1, traces))
        known = [draft.id for draft in drafts if draft.trace == trace]
        parents = [
            0,
            *known,
            *known[:1] * 3,
            *([90] if draw(st.integers(0, 9)) == 0 else []),
            *([number] if number == 3 else []),
        ]
        if draw(st.integers(0, 11)) == 0:
            parents = [number + 1]  # a child of what comes later, and maybe a cycle
        draft = draw(_kind(number, draw(st.sampled_from(parents))))
        links = ((draw(st.integers(1, 4)), 1),) if draw(st.integers(0, 7)) == 0 else ()
        drafts.append(
            replace(draft, trace=trace, at=draw(_times), seconds=draw(_lengths), links=links, **draw(_errors))
        )
    if contradictions:
        for draft in draw(st.lists(st.sampled_from(drafts), max_size=2)):
            other = draw(_kind(draft.id, draft.parent))
            drafts.append(
                replace(
                    other,
                    trace=draft.trace,
                    at=draft.at,
                    seconds=draw(_lengths),
                    links=draw(st.sampled_from([(), draft.links])),
                )
            )
    return drafts


@st.composite
def deliveries(draw, drafts: list[Draft]) -> list[tuple[list[Draft], str, int]]:
    """The same spans in another order, cut into requests, some sent again: (spans, encoding, rounds of projection after it)."""
    from tests.otlp import JSON, PROTOBUF

    order = draw(st.permutations(drafts))
    again = draw(st.lists(st.sampled_from(drafts), max_size=3))
    waiting = [*order, *again]
    sent = []
    while waiting:
        size = draw(st.integers(1, len(waiting)))
        sent.append(
            (waiting[:size], draw(st.sampled_from([JSON, PROTOBUF])), draw(st.sampled_from([0, 0, 1, 2, 5])))
        )
        waiting = waiting[size:]
    return sent
