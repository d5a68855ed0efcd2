"""What makes a framework send its traces here."""

import ast

import pytest

from swarm_ui.integrations.snippets import SNIPPETS

# The names that each library documents: nothing that a snippet calls is made up.
DOCUMENTED = {
    "openinference.instrumentation.langchain": {"LangChainInstrumentor"},
    "opentelemetry.instrumentation.langchain": {"LangchainInstrumentor"},
    "openinference.instrumentation.openai_agents": {"OpenAIAgentsInstrumentor"},
    "openinference.instrumentation.crewai": {"CrewAIInstrumentor"},
    "openinference.instrumentation.google_adk": {"GoogleADKInstrumentor"},
    "openinference.instrumentation.llama_index": {"LlamaIndexInstrumentor"},
    "openinference.instrumentation.smolagents": {"SmolagentsInstrumentor"},
    "openinference.instrumentation.agno": {"AgnoInstrumentor"},
    "autogen_core": {"SingleThreadedAgentRuntime"},
    "agent_framework.observability": {"enable_instrumentation"},
    "pydantic_ai": {"Agent"},
    "strands": {"Agent"},
    "opentelemetry": {"trace"},
    "opentelemetry.exporter.otlp.proto.http.trace_exporter": {"OTLPSpanExporter"},
    "opentelemetry.sdk.resources": {"Resource"},
    "opentelemetry.sdk.trace": {"TracerProvider"},
    "opentelemetry.sdk.trace.export": {"BatchSpanProcessor"},
}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: f"{snippet.name} {snippet.by}")
def test_each_is_filled_in(snippet):
    code = snippet.filled("https://swarm.example.org/sub", "YOUR_API_KEY")
    assert "ENDPOINT" not in code.replace("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    assert "https://swarm.example.org/sub" in code
    assert "YOUR_API_KEY" in code
    assert "x-api-key" in code
    if snippet.language != "Python":
        return
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            assert {name.name for name in node.names} <= DOCUMENTED[node.module]
        assert not isinstance(node, ast.Import)


def test_they_stand_on_the_settings_page_without_javascript(page):
    shown = page("/settings/integrations").find(id="snippets")
    details = shown.find_all("details")
    assert len(details) == len(SNIPPETS) == 14
    for name in ("LangGraph", "OpenAI Agents", "CrewAI", "AutoGen", "Microsoft Agent Framework", "Pydantic AI", "Google ADK", "Strands", "LlamaIndex", "smolagents", "agno", "Vercel AI SDK", "Plain OpenTelemetry"):  # fmt: skip
        assert any(name in entry.find("summary").get_text() for entry in details), name
    assert "http://127.0.0.1:8000/v1/traces" in details[0].get_text()
