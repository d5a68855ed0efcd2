"""Every attribute key that the mapping reads."""

from swarm_ui.ingest import conventions

ALL_KEYS = sorted(
    {
        key
        for name, found in vars(conventions).items()
        if name.isupper() and isinstance(found, (tuple, frozenset))
        for key in found
        if isinstance(key, str) and "." in key
    }
    | {
        "openinference.span.kind", "traceloop.span.kind", "gen_ai.operation.name", "ai.operationId", "llm.request.type", "metadata",
        "llm.invocation_parameters", "message_context", "gen_ai.output.messages", "ai.response.toolCalls", "logfire.msg",
        "llm.output_messages.0.message.role", "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
        "gen_ai.completion.0.tool_calls.0.name", "gen_ai.prompt.0.content", "workflow.name", "sender_agent_type",
        "recipient_agent_type", "message", "agent_name", "tool_name", "input", "output", "thread_id",
    }
)  # fmt: skip
