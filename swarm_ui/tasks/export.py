"""The runs of one address for another program: all that match, in the order of the list."""

from collections.abc import Iterator
from typing import Any

from swarm_ui.downloads import batches
from swarm_ui.tasks import address, queries
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.address import Address
from swarm_ui.tasks.listing import assigned
from swarm_ui.tasks.models import Task

BATCH = 500
_PLAIN = {
    "id": Task.id, "name": Task.name, "summary": Task.summary, "status": Task.status, "startedAt": Task.started_at,
    "completedAt": Task.completed_at, "executionTime": Task.execution_time, "estimatedCost": Task.estimated_cost,
    "inputTokens": Task.input_tokens, "outputTokens": Task.output_tokens, "tokenUsage": Task.token_usage, "llmCalls": Task.llm_calls,
    "toolCalls": Task.tool_calls, "errorCount": Task.error_count, "failedStep": Task.failed_step, "errorType": Task.error_type,
    "errorMessage": Task.error_message, "sessionId": Task.session_id, "source": Task.source, "traceId": Task.trace_id,
}  # fmt: skip
COLUMNS = (*_PLAIN, "workflow", "agents")


def items_of(here: Address) -> Iterator[dict[str, Any]]:
    """Raises Refused (422) at once where the search does not make sense: a file with more rows than were meant says nothing of it."""
    search = task_search.read(here.text)
    search.refuse_problems()

    def read(cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        found, _ = queries.page_of(
            queries.TaskFilter(cursor=cursor), search, *_PLAIN.values(), Task.workflow_id, Task.assigned_agents, limit=BATCH,
            by=address.ORDERS[here.by], ascending=here.ascending,
        )  # fmt: skip
        return _items(found.items), found.next

    return batches(read)


def _items(tasks: Any) -> list[dict[str, Any]]:
    names = queries.names_of(agent_id for task in tasks for agent_id in assigned(task))
    workflows = queries.workflow_names(task.workflow_id for task in tasks)
    items = []
    for task in tasks:
        item = {name: getattr(task, column.key) for name, column in _PLAIN.items()}
        for name in ("startedAt", "completedAt"):
            if item[name] is not None:
                item[name] = item[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        item["workflow"] = workflows.get(task.workflow_id)
        item["agents"] = [names[agent_id][0] for agent_id in assigned(task) if agent_id in names]
        items.append(item)
    return items
