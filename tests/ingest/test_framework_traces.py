"""Stored traces of agent frameworks with real models: the figures that follow from the files are the ones that are shown."""

import json

import pytest
from sqlalchemy import func, select

from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span
from swarm_ui.ingest.payload import session_reader
from swarm_ui.metrics.models import Metric
from swarm_ui.tasks.models import Task, TaskAgent
from swarm_ui.tenancy import bind_owner
from tests.captures import project
from tests.otlp import post

NAMES = [
    "any-agent-llama_index", "any-agent-openai", "any-agent-smolagents", "any-agent-tinyagent", "langfuse-beeai-2025-08-01",
    "langfuse-claude-agent-2025-12-22", "langfuse-crewai-2025-07-11", "langfuse-google-adk-2025-08-28", "langfuse-koog-2025-08-26",
    "langfuse-llamaindex-2025-06-05", "langfuse-microsoft-agent-2025-10-14", "langfuse-openai-agents-2025-09-30",
    "langfuse-pydantic-ai-with-gemini-2025-12-24", "langfuse-vercel-aisdk-2025-11-17",
]  # fmt: skip


@pytest.mark.shared_data
@pytest.mark.parametrize("name", NAMES)
def test_what_follows_from_the_file_is_shown(name, shared_data, sender, alice, page):
    folder = shared_data / "framework-traces"
    reference = json.loads((folder / "reference.json").read_text())[name]
    body = (folder / f"{name}.json").read_bytes()
    for _ in range(2):
        assert post(sender, body).get_json() == {}
    project()
    bind_owner(db.session, alice.id)
    (task,) = db.session.scalars(select(Task)).all()
    shown = figures(task)
    wrong = {}
    for figure, about in reference["figures"].items():
        if figure not in shown or (
            about["is"] == "informative" and figure != "input_tokens" and figure != "output_tokens"
        ):
            continue
        wanted = about.get("file_value", reference.get(figure, reference["reference"].get(figure)))
        if figure == "models":
            # A call shows the name that answered; the file may hold the one that was asked for, too.
            right = shown[figure] <= set(wanted) and bool(shown[figure]) == bool(wanted)
        elif isinstance(wanted, float):
            right = shown[figure] == pytest.approx(wanted, abs=1e-7)
        else:
            right = shown[figure] == wanted
        if not right:
            wrong[figure] = (shown[figure], wanted)
    assert wrong == {}
    assert task.trace_id == reference["trace_id"]
    assert page(f"/tasks/{task.id}").response.status_code == 200


def figures(task: Task) -> dict:
    spans = db.session.scalars(select(Span)).all()
    documents = session_reader(db.session).open_all([span.payload for span in spans])
    executions = db.session.scalar(select(func.sum(TaskAgent.executions)))
    operations = {
        "call_llm": task.llm_calls,
        "execute_tool": task.tool_calls,
        "invoke_agent": int(executions or 0),
    }
    return {
        "spans": task.span_count,
        "with_attributes": sum(1 for document in documents if document["attributes"]),
        "input_tokens": task.input_tokens,
        "output_tokens": task.output_tokens,
        "input_tokens_all_spans": task.input_tokens,
        "output_tokens_all_spans": task.output_tokens,
        "total_cost_usd": task.estimated_cost,
        "errors": task.error_count,
        "operations": operations,
        "models": set(db.session.scalars(select(Metric.model).where(Metric.model.is_not(None)))),
    }
