"""The cast: agents with their prompts, the models that they use, and the workflows that they run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """`speed` is in tokens a second, `latency` in seconds. `price` is what its gateway reports, in dollars a million (input, output) tokens;
    without one the price library knows it, or nobody does."""

    provider: str
    vendor: str
    asked: str
    name: str
    speed: float
    latency: float
    outage: str
    price: tuple[float, float] | None = None


MODELS = {
    "gpt-4.1": Model(
        "openai", "OpenAI", "gpt-4.1", "gpt-4.1-2025-04-14", 62, 0.7, "openai.InternalServerError"
    ),
    "gpt-4.1-mini": Model(
        "openai", "OpenAI", "gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 94, 0.4, "openai.InternalServerError"
    ),
    "sonnet": Model(
        "anthropic", "Anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 58, 0.9, "anthropic.APIStatusError"
    ),
    "haiku": Model(
        "anthropic", "Anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 120, 0.4, "anthropic.APIStatusError"
    ),
    "gemini-flash": Model(
        "gcp.gemini", "Gemini", "gemini-2.5-flash", "gemini-2.5-flash", 140, 0.4, "google.genai.errors.ServerError"
    ),
    "gemini-pro": Model(
        "gcp.gemini", "Gemini", "gemini-2.5-pro", "gemini-2.5-pro", 70, 1.4, "google.genai.errors.ServerError"
    ),
    # Behind the company's own gateway, which bills what the machines cost.
    "qwen": Model("vllm", "vLLM", "qwen3-32b", "qwen3-32b-awq", 48, 0.3, "httpx.ConnectError", (0.11, 0.34)),
    # On a machine in the office: nobody counts what it costs.
    "llama": Model("ollama", "Ollama", "llama3.3:70b", "llama3.3:70b", 21, 0.9, "httpx.ConnectError"),
}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """An agent; `context` is how many tokens its prompt and tools take before the first word."""

    model: str
    context: int
    prompt: str


AGENTS = {
    "planner": Member(
        "sonnet",
        6_450,
        "You plan research. Break the request into steps that can be checked, give each to the agent that is best at it, and "
        "state what evidence would make you change the plan. Never write the answer yourself.",
    ),
    "researcher": Member(
        "gpt-4.1",
        10_200,
        "You collect evidence. Every claim carries its source and date; two independent sources before a figure counts as "
        "known. Say plainly what you could not find.",
    ),
    "browser": Member(
        "gpt-4.1-mini",
        3_840,
        "You fetch pages and return the passages that answer the question, quoted word for word. Try a page at most three "
        "times and report the status code when it fails.",
    ),
    "retriever": Member(
        "llama",
        2_700,
        "You search the knowledge base. Return at most eight passages with their scores, best first. If nothing scores above "
        "0.5, say so instead of guessing.",
    ),
    "sql-analyst": Member(
        "gemini-flash",
        14_400,
        "You answer questions from the warehouse. Read the schema first, write one query at a time, never select personal "
        "data, and explain the result in two sentences.",
    ),
    "writer": Member(
        "gpt-4.1",
        6_900,
        "You write for busy readers: the answer first, then the reasons, then what is uncertain. At most 300 words. Keep every "
        "citation that you are given.",
    ),
    "summarizer": Member(
        "gpt-4.1-mini",
        3_300,
        "You condense several texts into one without losing figures, dates or disagreements between the sources.",
    ),
    "archivist": Member(
        "qwen",
        2_280,
        "You keep the index current: list what changed, split documents into passages, and record what was skipped and why.",
    ),
    "judge": Member(
        "gemini-pro",
        5_700,
        "You score work from 0 to 1 against the rubric. Quote the sentence that decided the score. Below 0.67 the work goes "
        "back with one concrete request.",
    ),
    "coder": Member(
        "sonnet",
        15_600,
        "You change code. Reproduce the problem first, make the smallest change that mends it, run the tests, and say what you "
        "did not test.",
    ),
    "reviewer": Member(
        "sonnet",
        11_700,
        "You review changes for correctness, then for clarity. Cite file and line. Separate what must change from what could.",
    ),
    "router": Member(
        "haiku",
        1_920,
        "You read each request once, name its intent and urgency, and hand it to the right agents. You never answer it "
        "yourself unless nobody else can.",
    ),
}

WORKFLOWS = (
    "competitor-brief",
    "deep-research",
    "index-refresh",
    "code-review",
    "bug-triage",
    "support-desk",
)
