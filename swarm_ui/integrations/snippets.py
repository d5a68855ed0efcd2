"""What makes a framework send its traces here, to be copied: one row each, in the words of its own documentation."""

from dataclasses import dataclass
from typing import Literal

_SETUP = """\
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider(resource=Resource.create({"service.name": "my-swarm"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(
    endpoint="ENDPOINT/v1/traces",
    headers={"x-api-key": "KEY"},
)))
trace.set_tracer_provider(provider)
"""
_VARIABLES = """\
export OTEL_SERVICE_NAME=my-swarm
export OTEL_EXPORTER_OTLP_ENDPOINT=ENDPOINT
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS="x-api-key=KEY"
"""
_EXPORTER = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"


@dataclass(frozen=True, slots=True)
class Snippet:
    """`code` holds ENDPOINT and KEY; `filled` puts them in. `packages` are what the installer of the language is given."""

    name: str
    by: str
    language: Literal["Python", "TypeScript", "Shell"]
    packages: str
    code: str

    @property
    def install(self) -> str:
        if not self.packages:
            return ""
        return f"{'npm install' if self.language == 'TypeScript' else 'pip install'} {self.packages}"

    def filled(self, endpoint: str, key: str) -> str:
        return (
            self.code.replace("ENDPOINT/", f"{endpoint}/")
            .replace("=ENDPOINT", f"={endpoint}")
            .replace("KEY", key)
        )


def _openinference(name: str, package: str, module: str, instrumentor: str) -> Snippet:
    """OpenInference's instrumentations are all used alike."""
    code = (
        f"{_SETUP}\nfrom openinference.instrumentation.{module} import {instrumentor}\n\n"
        f"# Before the first agent is made.\n{instrumentor}().instrument(tracer_provider=provider)\n"
    )
    return Snippet(
        name, "OpenInference", "Python", f"openinference-instrumentation-{package} {_EXPORTER}", code
    )


SNIPPETS: tuple[Snippet, ...] = (
    _openinference("LangGraph, LangChain", "langchain", "langchain", "LangChainInstrumentor"),
    Snippet(
        "LangGraph, LangChain",
        "OpenLLMetry",
        "Python",
        f"opentelemetry-instrumentation-langchain {_EXPORTER}",
        f"{_SETUP}\nfrom opentelemetry.instrumentation.langchain import LangchainInstrumentor\n\n"
        "# Before the first chain or graph is made.\nLangchainInstrumentor().instrument()\n",
    ),
    _openinference("OpenAI Agents SDK", "openai-agents", "openai_agents", "OpenAIAgentsInstrumentor"),
    _openinference("CrewAI", "crewai", "crewai", "CrewAIInstrumentor"),
    Snippet(
        "AutoGen",
        "built in",
        "Python",
        f"autogen-agentchat {_EXPORTER}",
        f"{_SETUP}\n# AutoGen's agents and runtimes trace through the global provider. For a runtime of your own:\n"
        "from autogen_core import SingleThreadedAgentRuntime\n\nruntime = SingleThreadedAgentRuntime(tracer_provider=provider)\n",
    ),
    Snippet(
        "Microsoft Agent Framework",
        "built in",
        "Python",
        f"agent-framework {_EXPORTER}",
        f"{_SETUP}\nfrom agent_framework.observability import enable_instrumentation\n\n"
        "# Inputs and outputs too: set ENABLE_SENSITIVE_DATA=true in the environment.\nenable_instrumentation()\n",
    ),
    Snippet(
        "Pydantic AI",
        "built in",
        "Python",
        f"pydantic-ai {_EXPORTER}",
        f"{_SETUP}\nfrom pydantic_ai import Agent\n\nAgent.instrument_all()\n",
    ),
    _openinference("Google ADK", "google-adk", "google_adk", "GoogleADKInstrumentor"),
    Snippet(
        "Strands Agents",
        "built in",
        "Python",
        '"strands-agents[otel]"',
        f'{_SETUP}\nfrom strands import Agent\n\n# Agents trace through the global provider by themselves.\nagent = Agent(name="researcher")\n',
    ),
    _openinference("LlamaIndex", "llama-index", "llama_index", "LlamaIndexInstrumentor"),
    _openinference("smolagents", "smolagents", "smolagents", "SmolagentsInstrumentor"),
    _openinference("agno", "agno", "agno", "AgnoInstrumentor"),
    Snippet(
        "Vercel AI SDK",
        "built in",
        "TypeScript",
        "@ai-sdk/otel @opentelemetry/sdk-node @opentelemetry/exporter-trace-otlp-proto",
        """\
import { OpenTelemetry } from "@ai-sdk/otel";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { registerTelemetry } from "ai";

const sdk = new NodeSDK({
  serviceName: "my-swarm",
  traceExporter: new OTLPTraceExporter({
    url: "ENDPOINT/v1/traces",
    headers: { "x-api-key": "KEY" },
  }),
});
sdk.start();

// AI SDK 7. Up to version 6 leave out both lines about telemetry, and give each call
// experimental_telemetry: { isEnabled: true, functionId: "researcher" }
registerTelemetry(new OpenTelemetry());
""",
    ),
    Snippet("Plain OpenTelemetry", "any language", "Shell", "", _VARIABLES),
)
