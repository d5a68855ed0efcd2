"""What tracing libraries call things: one table of names, no rule per library.

First key present wins, left to right. Sources: OpenTelemetry GenAI semantic conventions (old and new), OpenInference, OpenLLMetry
(Traceloop), the Vercel AI SDK, and keys seen on the wire from libraries that follow none of them.
"""

import re

# ── values of one span ──
AGENT_NAME = ("gen_ai.agent.name", "agent.name", "graph.node.name", "agent_name", "agno.agent")
AGENT_NODE = ("graph.node.id",)
AGENT_ID = ("gen_ai.agent.id", "agent.id", "agno.agent.id")
# Keys that an application chooses itself, and the name of the function it calls a model for.
CALLER_NAME = ("ai.telemetry.metadata.agentName", "ai.telemetry.metadata.agent", "ai.telemetry.functionId")
PARENT_AGENT = ("graph.node.parent_id",)
WORKFLOW_NAME = ("gen_ai.workflow.name", "workflow.name", "crew_name")
ENTITY_NAME = ("traceloop.entity.name",)
SESSION = (
    "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id", "ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.session_id",
    "langfuse.session.id", "thread_id",
)  # fmt: skip
MODEL = (
    "gen_ai.response.model", "llm.response.model_name", "ai.response.model", "gen_ai.request.model", "llm.model_name",
    "llm.request.model_name", "ai.model.id", "model_name",
)  # fmt: skip
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "ai.model.provider", "llm.system")
INPUT_TOKENS = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
    "ai.usage.inputTokens", "ai.usage.promptTokens",
)  # fmt: skip
OUTPUT_TOKENS = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion",
    "llm.usage.completion_tokens", "ai.usage.outputTokens", "ai.usage.completionTokens",
)  # fmt: skip
TOTAL_TOKENS = (
    "gen_ai.usage.total_tokens",
    "llm.token_count.total",
    "llm.usage.total_tokens",
    "ai.usage.totalTokens",
)
CACHED_TOKENS = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read", "ai.usage.cachedInputTokens",
)  # fmt: skip
COST = (
    "gen_ai.usage.cost",
    "operation.cost",
    "llm.cost.total",
    "gen_ai.cost.total_cost",
    "gen_ai.usage.total_cost",
)
COST_PARTS = (
    ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost"),
    ("llm.cost.prompt", "llm.cost.completion"),
)
# Why a model stopped, and how much it was let say.
FINISH = (
    "gen_ai.response.finish_reasons", "llm.finish_reason", "llm.response.finish_reason", "ai.response.finishReason",
    "gen_ai.completion.0.finish_reason", "gen_ai.response.finish_reason", "gen_ai.response.stop_reason", "llm.response.stop_reason",
)  # fmt: skip
LIMIT = (
    "gen_ai.request.max_tokens",
    "llm.request.max_tokens",
    "ai.settings.maxOutputTokens",
    "ai.settings.maxTokens",
)
LIMIT_REACHED = "max_tokens"
TOOL_NAME = ("gen_ai.tool.name", "tool.name", "ai.toolCall.name", "tool_name")
TOOL_CALL_ID = ("gen_ai.tool.call.id", "tool.id", "ai.toolCall.id", "message.tool_call_id", "tool_call.id")
TOOL_ARGUMENTS = (
    "gen_ai.tool.call.arguments", "ai.toolCall.args", "tool_arguments", "tool_call.function.arguments",
    "traceloop.entity.input", "input.value", "tool.parameters",
)  # fmt: skip
# Messages between agents that a runtime names outright.
SENDER = ("sender_agent_type", "messaging.sender", "message.source_id", "gen_ai.message.sender")
RECIPIENT = ("recipient_agent_type", "messaging.recipient", "message.target_id", "gen_ai.message.recipient")
MESSAGE_TYPE = ("gen_ai.message.type", "messaging.message.type", "message.type", "message_type")
ERROR_TYPE = ("error.type", "exception.type")
ERROR_MESSAGE = ("error.message", "exception.message")

# The names above by the question they answer about a span; `ingest/facts.py` asks.
QUESTIONS = {
    "agent": AGENT_NAME, "node": AGENT_NODE, "caller": CALLER_NAME, "parent": PARENT_AGENT, "workflow": WORKFLOW_NAME, "entity": ENTITY_NAME,
    "session": SESSION, "model": MODEL, "provider": PROVIDER, "input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS,
    "total_tokens": TOTAL_TOKENS, "cached_tokens": CACHED_TOKENS, "cost": COST, "part_of_cost": tuple(key for pair in COST_PARTS for key in pair),
    "tool": TOOL_NAME, "call": TOOL_CALL_ID, "arguments": TOOL_ARGUMENTS, "sender": SENDER, "recipient": RECIPIENT, "message": MESSAGE_TYPE,
    "error": ERROR_TYPE, "error_message": ERROR_MESSAGE, "finish": FINISH, "limit": LIMIT,
}  # fmt: skip

# A resource attribute: the data is an example that can be taken away again.
SAMPLE = "swarm_ui.sample"

# ── content ──
INPUT = (
    "gen_ai.tool.call.arguments", "ai.toolCall.args", "tool_arguments", "traceloop.entity.input", "gen_ai.input.messages",
    "input.value", "ai.prompt.messages", "ai.prompt", "gen_ai.task", "message", "gcp.vertex.agent.tool_call_args",
    "gcp.vertex.agent.llm_request", "pydantic_ai.all_messages", "all_messages_events", "input",
)  # fmt: skip
OUTPUT = (
    "gen_ai.tool.call.result", "ai.toolCall.result", "tool_response", "traceloop.entity.output", "final_result",
    "gen_ai.output.messages", "output.value", "ai.response.text", "ai.response.object", "ai.response.toolCalls",
    "gcp.vertex.agent.tool_response", "gcp.vertex.agent.llm_response", "output",
)  # fmt: skip
FLAT_INPUT = ("llm.input_messages", "gen_ai.prompt")
FLAT_OUTPUT = ("llm.output_messages", "gen_ai.completion")
# The newest convention puts both into one event, if not on the span.
DETAILS_EVENT = "gen_ai.client.inference.operation.details"
INPUT_EVENTS = frozenset({"gen_ai.user.message", "gen_ai.tool.message", "gen_ai.content.prompt"})
OUTPUT_EVENTS = frozenset({"gen_ai.choice", "gen_ai.content.completion"})

# ── kinds ──
# The kind of a span by the word that its library uses for it.
OPENINFERENCE_KIND = {
    "LLM": "llm", "EMBEDDING": "llm", "AGENT": "agent", "TOOL": "tool", "RETRIEVER": "retrieval", "RERANKER": "retrieval",
    "CHAIN": "step", "GUARDRAIL": "step", "EVALUATOR": "step", "PROMPT": "step", "UNKNOWN": "step",
}  # fmt: skip
TRACELOOP_KIND = {"workflow": "workflow", "task": "step", "agent": "agent", "tool": "tool"}
GENAI_OPERATION = {
    "chat": "llm", "text_completion": "llm", "generate_content": "llm", "embeddings": "llm", "retrieval": "retrieval",
    "create_agent": "step", "invoke_agent": "agent", "invoke_workflow": "workflow", "execute_tool": "tool", "plan": "step",
    "search_memory": "retrieval", "update_memory": "step", "create_memory": "step",
}  # fmt: skip
# Operations that nobody has listed are read by what they say.
OPERATION_STEMS = (
    (re.compile(r"workflow|crew|pipeline|graph"), "workflow"),
    (re.compile(r"llm|chat|complet|generat|embed|inference"), "llm"),
    (re.compile(r"tool|function|hand_?off"), "tool"),
    (re.compile(r"retriev|search|rerank|memory"), "retrieval"),
    (re.compile(r"^(invoke|run|call|execute)?_?agent(_run)?$"), "agent"),
)
VERCEL_AGENT = re.compile(r"^ai\.(generate|stream)(Text|Object)$")
VERCEL_LLM = re.compile(r"^ai\..*\.do(Generate|Stream|Embed)$")
# Calls of models that answer with no words.
EMBEDDING = re.compile(r"embed|rerank|moderat|transcri|image|speech", re.IGNORECASE)
# Evaluations make an agent an analyst, as retrievals do.
EVALUATION = frozenset({"EVALUATOR", "RERANKER", "evaluate", "evaluation"})

# ── names ──
UUID = re.compile(r"[._/:-]*\(?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\)?", re.IGNORECASE)
# Words that name a part of a framework, not an agent of the application.
# An agent that is called router and nothing else is one, though.
# Longer words stand before their beginnings and none is tried twice: a name made of such words could be taken apart in a million ways.
GENERIC_NAME = re.compile(
    r"^(?!router$)(?>(?>call|run_agent|runner|runnablesequence|run|invoke|executor|execute|start|create|step|chat|agentexecutor|agent|assistant|"
    r"model_request|model|tools|tool|llm|chain|node|task|crew|langgraph|graph|workflow|pipeline|team|loop|iteration|turn|react|main|root|"
    r"init|core|base|default|unknown|none|router|route|active|to|\(no name\))[\s._:-]*)++\d*$|^__\w+__$",
    re.IGNORECASE,
)
# What libraries put where the application gave an agent no name. Any other name that is given outright is one: "assistant", "agent_1".
NO_NAME = re.compile(
    r"^(?:agents?|agent[\s_-]?executor|call_(?:agent|model)|runnablesequence|runner|model(?:_request)?|tools?|llm|chain|node|task|crew|"
    r"langgraph|graph|workflow|pipeline|default|unknown|unnamed|none|\(no name\)|__\w+__)$",
    re.IGNORECASE,
)
# Names under these keys are those of a graph's nodes, many of which are parts of the framework.
NODE_NAME = "graph.node.name"
BRACKETED = re.compile(r"\[([^\[\]]{1,200})\]\s*$")
SPAN_NAME_PREFIX = re.compile(
    r"^(?:invoke_agent|agent_run|run_agent|execute_task|execute_tool|call_tool|create_agent|invoke_workflow|agent|tool)[ :]+",
    re.I,
)
SPAN_NAME_SUFFIX = re.compile(
    r"\.(?:_?execute_core|a?run|a?kickoff|invoke|agent|tool|workflow|task|call|a?call|__call__)$"
)
COUNTER = re.compile(r"[.-]\d+$")

# A tool that gives the work to somebody: "transfer_to_X", "Delegate work to coworker", "handoff to X", "delegate_task_to_member".
HANDOFF = re.compile(
    r"^(?:transfer|hand[\s_-]?off|hand[\s_-]?over|delegate|escalate|route|forward|switch|assign|pass)"
    r"(?:[\s_-]+(?:task|tasks|work|conversation|question|control|back|over))*(?:[\s_-]+to[\s_-]+(?P<to>.+))?$"
    r"|^ask[\s_-]question[\s_-]to[\s_-](?P<asked>.+)$",
    re.IGNORECASE,
)
# Many ordinary tools are called so: "forward_to_email", "switch_to_dark_mode". They hand over where the run knows an agent of that name.
MAYBE_HANDOFF = re.compile(r"^(?:escalate|route|forward|switch|assign|pass)", re.IGNORECASE)
HANDOFF_WORD = re.compile(r"hand[\s_-]?off|hand[\s_-]?over|^delegate$", re.IGNORECASE)
# Words in the place of a name: the name is an argument then.
ANYBODY = re.compile(
    r"^(?:an?[\s_-])?(?:agent|agents|coworker|co-worker|member|team[\s_-]member|assistant|peer|specialist|worker)$",
    re.I,
)
PERSON = re.compile(r"^(?:an?[\s_-])?(?:human|user|customer|operator|person)(?:[\s_-]\w+)?$", re.I)
HANDOFF_ARGUMENTS = (
    "agent_name", "agentName", "to_agent", "target_agent", "agent", "coworker", "member_id", "member", "assistant",
    "recipient", "target", "destination", "name", "to",
)  # fmt: skip
HANDOFF_DESTINATION = "__handoff_destination"

# A method that no caller sees ("OpenAI._prepare_chat_with_tools") is no call of a model.
PRIVATE_METHOD = re.compile(r"\._[a-z]")
# Where the span's name is a template ("Agent run: {name!r}") and this the text.
SHOWN_NAME = "logfire.msg"
# Exceptions by which frameworks steer.
CONTROL_FLOW = re.compile(
    r"(?:ParentCommand|GraphInterrupt|NodeInterrupt|GraphBubbleUp|StopIteration|StopAsyncIteration)$"
)

# ── frameworks ──
SCOPE_PREFIX = re.compile(
    r"^(?:openinference\.instrumentation|opentelemetry\.instrumentation|@?traceloop|@arizeai/openinference-instrumentation-)[./]?"
)
SCOPE_SUFFIX = re.compile(
    r"\.(?:utils|telemetry|tracer|tracing|otel|instrumentation|functions|v\d+)(?:\..*)?$|_v\d+$"
)
SCOPE_NAMES = {
    "ai": "vercel-ai-sdk",
    "gcp.vertex.agent": "google-adk",
    "traceloop.tracer": "traceloop",
    "": "",
}
