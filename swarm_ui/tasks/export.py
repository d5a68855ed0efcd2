"""The runs of one address for another program: all that match, in the order of the list."""

from collections.abc import Iterator
from typing import Any

from flask import current_app

from swarm_ui.extensions import db
from swarm_ui.tasks import address, queries
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.address import Address
from swarm_ui.tasks.listing import assigned
from swarm_ui.tasks.models import Task
from swarm_ui.tenancy import bind_owner, owner_of

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
    """In batches, each with a context and a session of its own: memory stays small, and no transaction is held while a slow reader reads.

    Raises Refused (422) at once where the search does not make sense: a file with more rows than were meant says nothing of it.
    """
    search = task_search.read(here.text)
    search.refuse_problems()
    app: Any = current_app
    app, owner_id = app._get_current_object(), owner_of(db.session)

    def read() -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            with app.app_context():
                bind_owner(db.session, owner_id)
                found, _ = queries.page_of(
                    queries.TaskFilter(cursor=cursor), search, *_PLAIN.values(), Task.workflow_id, Task.assigned_agents, limit=BATCH,
                    by=address.ORDERS[here.by], ascending=here.ascending,
                )  # fmt: skip
                items = _items(found.items)
            yield from items
            cursor = found.next
            if cursor is None:
                return

    return read()


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
