"""A task that was sent over REST, in the terms of traces: a root that is no span, invocations of agents that have no span of their own, and
messages, log lines and measurements that were said outright.

Pure, like all of the mapping. A task that tells its messages has exactly these: none are guessed from its spans. An agent that spoke, logged or
was measured and that no span shows at work took part once, from its first word to its last.
"""

from dataclasses import dataclass, field
from typing import Any

from swarm_ui import ids
from swarm_ui.ingest.identity import agent_id_of, workflow_id_of
from swarm_ui.ingest.sent import BEYOND_OTLP, EVENTS, LOG, MESSAGE, METRIC, TASK, digest, folded
from swarm_ui.jsontext import clean_text, dumps, is_deep
from swarm_ui.projection.exchanges import Exchange
from swarm_ui.projection.invocations import plain
from swarm_ui.projection.tree import Node

_OVER = {"completed": "completed", "failed": "failed", "cancelled": "failed", "timeout": "timeout"}
_WORK = frozenset({"agent", "llm", "tool", "retrieval"})
_LOUD = ("error", "critical")
_NAMED = ("sender", "recipient", "agent")
DEFAULT_PRIORITY = 5


@dataclass(slots=True)
class Item:
    """A message, log line or measurement; `at` is when, in µs."""

    kind: int
    key: str
    arrived_at: int
    said: dict[str, Any]
    at: int


@dataclass(slots=True)
class SentTask:
    """`nodes` are the run's spans with those that stand in; `fields` is what the task says of itself."""

    trace_id: str
    fields: dict[str, Any]
    created_at: int
    over_at: int | None
    items: list[Item]
    nodes: list[Node] = field(default_factory=list)
    root: Node = field(default_factory=Node)
    # The run's spelling of each name.
    spelled: dict[str, str] = field(default_factory=dict)

    @property
    def service(self) -> str:
        return self.fields.get("service") or ""

    @property
    def name(self) -> str:
        return self.fields.get("name") or "(no name)"

    @property
    def tells_messages(self) -> bool:
        return any(item.kind == MESSAGE for item in self.items)

    def called(self, name: str) -> str:
        return self.spelled.get(plain(name), name)


def is_sent(log_facts: list[Any]) -> bool:
    return any(fact.severity == TASK for fact in log_facts)


def read_sent(nodes: list[Node], log_facts: list[Any], timeout: int) -> SentTask | None:
    """The task among these facts; None where the run came as traces alone. Where links join several, the first one speaks for all."""
    trace_id = min((fact.trace_id for fact in log_facts if fact.severity == TASK), default=None)
    if trace_id is None:
        return None
    own = sorted(
        (fact for fact in log_facts if fact.severity > BEYOND_OTLP and fact.trace_id == trace_id),
        key=lambda fact: (fact.arrived_at, fact.row_id),
    )
    changes = [fact for fact in own if fact.severity == TASK]
    fields = folded(fact.document.get("sent") or {} for fact in changes)
    task = SentTask(
        trace_id, fields, changes[0].arrived_at, _over_since(changes, fields), _items(own, fields)
    )
    spans = [node for node in nodes if node.trace_id == trace_id]
    _spell(task, spans)
    _grow_root(task, spans, own, timeout)
    _stand_in(task, spans)
    task.nodes = [*nodes, *task.nodes]
    return task


def _over_since(changes: list[Any], fields: dict[str, Any]) -> int | None:
    """When it was heard that the task is over."""
    if fields.get("status") in ("pending", "running"):
        return None
    if fields.get("status") is None and fields.get("completedAt") is None:
        return None
    name = "status" if fields.get("status") else "completedAt"
    return next(fact.arrived_at for fact in reversed(changes) if name in (fact.document.get("sent") or {}))


def _items(own: list[Any], fields: dict[str, Any]) -> list[Item]:
    """In the order of their times. Those without one are placed by the order in which they came, inside a run that was over before."""
    items, untimed = [], []
    for fact in own:
        if fact.severity == TASK:
            continue
        said = fact.document.get("sent") or {}
        item = Item(fact.severity, fact.hash, fact.arrived_at, said, said.get("at") or 0)
        items.append(item)
        if not item.at:
            untimed.append(item)
    last = 0
    for item in untimed:
        last = item.at = max(item.arrived_at, last + 1)
    ended_at = fields.get("completedAt")
    if untimed and ended_at and untimed[-1].at > ended_at:
        first = max(ended_at - len(untimed), fields.get("startedAt") or 0)
        for place, item in enumerate(untimed):
            item.at = first + place
    # Sorting keeps the order of what came at the same time.
    return sorted(items, key=lambda item: item.at)


def _spell(task: SentTask, spans: list[Node]) -> None:
    names = {node.more["ag"] for node in spans if "ag" in node.more}
    names.update(name for item in task.items for kind in _NAMED if (name := item.said.get(kind)))
    for name in sorted(names):
        task.spelled.setdefault(plain(name), name)


def _node(
    trace_id: str, key: str, kind: str, name: str, started_at: int, ended_at: int, arrived_at: int
) -> Node:
    """A node that is no stored span: it has no row."""
    node = Node()
    node.row_id, node.trace_id, node.span_id, node.parent_id = (
        0,
        trace_id,
        digest(trace_id, key, size=8),
        None,
    )
    node.kind, node.name, node.status = kind, clean_text(name, 255), "unset"
    node.started_at, node.ended_at, node.arrived_at = started_at, max(started_at, ended_at), arrived_at
    node.provider = node.model = node.error_type = node.error_message = node.scope = node.packed = None
    node.input_tokens = node.output_tokens = node.cached_tokens = node.cost = None
    node.more, node.stored_task, node.stored_agent = {}, None, None
    return node


def _grow_root(task: SentTask, spans: list[Node], own: list[Any], timeout: int) -> None:
    fields = task.fields
    given = [item.at for item in task.items if item.said.get("at")]
    given += [node.ended_at for node in spans]
    started_at, ended_at = fields.get("startedAt"), fields.get("completedAt")
    if task.over_at is not None:
        told = max([*given, started_at or 0])
        if ended_at is None:
            # A run of long ago that is told now did not last until now.
            ended_at = told if told and task.over_at - told > timeout else task.over_at
        arrived_at = task.over_at
    else:
        ended_at = max([started_at or task.created_at, *(item.at for item in task.items)])
        arrived_at = max(fact.arrived_at for fact in own)
    if started_at is None:
        started_at = min(task.created_at, ended_at)
    root = task.root = _node(task.trace_id, "task", "workflow", task.name, started_at, ended_at, arrived_at)
    if task.service:
        root.more["svc"] = task.service
    if session := fields.get("sessionId"):
        root.more["ses"] = session
    if task.over_at is None:
        root.more["opn"] = 1
    else:
        root.more["end"] = fields.get("status") or ""
    if fields.get("status") in ("failed", "cancelled"):
        root.status = "error"
        root.error_type = fields.get("errorType") or (
            "Cancelled" if fields["status"] == "cancelled" else None
        )
        root.error_message = fields.get("errorMessage") or None
    task.nodes.append(root)


def _stand_in(task: SentTask, spans: list[Node]) -> None:
    """Gives each agent a place in the tree, and hangs up below the root what has no parent."""
    shown: dict[str, Node] = {}
    for node in sorted(spans, key=lambda node: (node.kind != "agent", node.started_at, node.span_id)):
        if task.service:
            node.more["svc"] = task.service
        else:
            node.more.pop("svc", None)
        if "ag" in node.more and node.kind in _WORK:
            shown.setdefault(task.called(node.more["ag"]), node)
    present: dict[str, list[Item]] = {}
    for item in task.items:
        if name := item.said.get("sender") or item.said.get("agent"):
            present.setdefault(task.called(name), []).append(item)
    for node in spans:
        if "ag" in node.more and task.called(node.more["ag"]) not in shown:
            present.setdefault(task.called(node.more["ag"]), [])
    places: dict[str, str] = {}
    for name, items in sorted(present.items()):
        if name in shown:
            node = shown[name]
            places[name] = node.span_id if node.kind == "agent" else node.parent_id or task.root.span_id
            continue
        steps = [node for node in spans if "ag" in node.more and task.called(node.more["ag"]) == name]
        stand_in = _invocation(task, name, items, steps)
        places[name] = stand_in.span_id
        for node in steps:
            node.parent_id = node.parent_id or stand_in.span_id
    _blame(task, spans, shown)
    for node in spans:
        node.parent_id = node.parent_id or task.root.span_id
    task.nodes += [_measured(task, item, places) for item in task.items if item.kind == METRIC]


def _invocation(task: SentTask, name: str, items: list[Item], steps: list[Node]) -> Node:
    times = (
        [item.at for item in items] + [node.started_at for node in steps] + [node.ended_at for node in steps]
    )
    arrived_at = max([item.arrived_at for item in items] + [node.arrived_at for node in steps])
    node = _node(task.trace_id, f"agent {name}", "agent", name, min(times), max(times), arrived_at)
    node.parent_id = task.root.span_id
    node.more = {"ag": name, "inv": 1} | ({"svc": task.service} if task.service else {})
    if task.over_at is None:
        node.more["opn"] = 1  # it may go on
    spoken = [item for item in items if item.kind == MESSAGE]
    if spoken and spoken[-1].said["messageType"] == "error":
        _fail(node, "message", spoken[-1].said.get("content"))
    task.nodes.append(node)
    return node


def _blame(task: SentTask, spans: list[Node], shown: dict[str, Node]) -> None:
    """A failed task of which no step says that it failed: whoever logged the last error."""
    if task.fields.get("status") != "failed" or any(
        node.status == "error" for node in [*spans, *task.nodes[1:]]
    ):
        return
    lines = [
        item
        for item in task.items
        if item.kind == LOG and item.said.get("agent") and item.said.get("level") in _LOUD
    ]
    if lines:
        name = task.called(lines[-1].said["agent"])
        node = next((node for node in task.nodes if node.more.get("ag") == name), None)
        if node is not None and name not in shown:
            _fail(node, "log", lines[-1].said.get("message"))


def _fail(node: Node, step: str, said: Any) -> None:
    node.status, node.name = "error", step
    text = said if isinstance(said, str) else dumps(said) if said is not None else ""
    node.error_message = clean_text(text, 8_000) or None


def _measured(task: SentTask, item: Item, places: dict[str, str]) -> Node:
    said = item.said
    is_call = any(
        said.get(name) is not None
        for name in ("model", "provider", "tokenUsage", "inputTokens", "outputTokens")
    )
    name = said.get("model") or "measurement"
    node = _node(
        task.trace_id,
        f"metric {item.key}",
        "llm" if is_call else "step",
        name,
        item.at,
        item.at,
        item.arrived_at,
    )
    agent = said.get("agent")
    node.parent_id = said.get("spanId") or (places[task.called(agent)] if agent else task.root.span_id)
    node.provider, node.model = said.get("provider") or None, said.get("model") or None
    node.input_tokens, node.output_tokens, node.cached_tokens = (
        said.get("inputTokens"), said.get("outputTokens"), said.get("cachedTokens"),
    )  # fmt: skip
    node.cost = said.get("estimatedCost")
    node.error_type = said.get("errorType") or None
    if said.get("successFlag") is False:
        node.status = "error"
    told = (said.get("executionTime"), said.get("successFlag"), said.get("spanId"))
    node.more = {"mtr": (*told, item.key, item.arrived_at)}
    if agent:
        node.more["ag"] = task.called(agent)
    if task.service:
        node.more["svc"] = task.service
    if said.get("tokenUsage") is not None and node.input_tokens is None and node.output_tokens is None:
        node.more["tot"] = said["tokenUsage"]
    return node


# What its rows say.


def exchanges_of(task: SentTask) -> list[Exchange]:
    """Its messages, as they were told."""
    return [
        Exchange(
            task.root,
            item.key,
            item.said["messageType"],
            item.at,
            task.called(item.said["sender"]),
            task.called(item.said["recipient"]) if item.said.get("recipient") else None,
            column(item.said.get("content")),
            item.said.get("metadata") or None,
            item.said["messageType"] == "error",
        )
        for item in task.items
        if item.kind == MESSAGE
    ]


def message_rows(
    space: int, task_id: str, task: SentTask, exchanges: list[Exchange], agent_ids: dict[str, str]
) -> list[tuple[Any, ...]]:
    """Columns: id, taskId, senderId, recipientId, messageType, content, metadata, at, spanId."""
    arrived = {item.key: item for item in task.items}
    return [
        (
            _row_id(space, task, arrived[exchange.role]), task_id, agent_ids[exchange.sender],
            agent_ids[exchange.recipient] if exchange.recipient else None, exchange.kind, exchange.content, exchange.details,
            exchange.at, arrived[exchange.role].said.get("spanId"),
        )
        for exchange in exchanges
    ]  # fmt: skip


def log_rows(space: int, task_id: str, task: SentTask, agent_ids: dict[str, str]) -> list[tuple[Any, ...]]:
    """Columns: id, taskId, agentId, eventType, level, message, metadata, at, spanId."""
    return [
        (
            _row_id(space, task, item), task_id, agent_ids[task.called(item.said["agent"])] if item.said.get("agent") else None,
            item.said.get("eventType") or "execution", item.said.get("level") or "info", item.said["message"],
            item.said.get("metadata") or None, item.at, item.said.get("spanId"),
        )
        for item in task.items
        if item.kind == LOG
    ]  # fmt: skip


def _row_id(space: int, task: SentTask, item: Item) -> str:
    return ids.derived(item.arrived_at, space, task.trace_id, item.key, EVENTS[item.kind])


def add_services(task: SentTask, services: dict[str, str]) -> None:
    """Agents that were named by id keep the service that they are known under."""
    for name in task.spelled.values():
        services.setdefault(name, task.service)
    for item in task.items:
        for kind in _NAMED:
            if item.said.get(kind) and (service := item.said.get(kind + "Service")) is not None:
                services[task.called(item.said[kind])] = service


def ids_of(space: int, task: SentTask, services: dict[str, str]) -> dict[str, str]:
    agent_ids = {name: agent_id_of(space, services[name], name) for name in services}
    for item in task.items:
        for kind in _NAMED:
            if item.said.get(kind) and item.said.get(kind + "Id"):
                agent_ids[task.called(item.said[kind])] = item.said[kind + "Id"]
    return agent_ids


def workflow_of(space: int, task: SentTask) -> dict[str, Any] | None:
    """The one that it names; a task does not make a workflow of its own name."""
    name = task.fields.get("workflow")
    if workflow_id := task.fields.get("workflowId"):
        return {"id": workflow_id, "name": task.name, "serviceName": task.service, "origin": "discovered"}
    if not name:
        return None
    return {
        "id": workflow_id_of(space, task.service, name),
        "name": name,
        "serviceName": task.service,
        "origin": "discovered",
    }


def say_of_task(task: SentTask, row: dict[str, Any]) -> None:
    """What the task says of itself goes before what its parts suggest."""
    fields, root = task.fields, task.root
    over = task.over_at is not None
    row["deadlineAt"] = fields.get("deadlineAt") or row["deadlineAt"]
    row["name"], row["source"], row["clientId"] = clean_text(task.name, 255), "api", fields.get("id")
    row["priority"] = fields.get("priority") or DEFAULT_PRIORITY
    row["startedAt"] = fields.get("startedAt") or row["startedAt"]
    if fields.get("status") == "pending" and row["status"] == "running":
        row["status"] = "pending"
    if over and row["status"] in ("completed", "failed"):
        row["completedAt"] = fields.get("completedAt") or max(root.ended_at, row["completedAt"])
        row["executionTime"] = max(0, (row["completedAt"] - row["startedAt"]) // 1000)
    for name, column_name in (("input", "input"), ("result", "result")):
        if name in fields:
            row[column_name] = column(fields[name])
    if row["failedStep"] == root.name and not row["failedAgentId"] and not row["failedSpanId"]:
        row["failedStep"] = None  # the task as a whole
    if row["status"] == "failed":
        row["errorType"] = root.error_type or row["errorType"]
        row["errorMessage"] = root.error_message or row["errorMessage"]


def column(content: Any) -> dict[str, Any] | None:
    """For a JSON column: `{"text": …}` or `{"data": …}`, whole."""
    if content is None:
        return None
    if isinstance(content, str):
        return {"text": content}
    if (
        isinstance(content, dict)
        and content.keys() in ({"text"}, {"data"})
        and ("data" in content or isinstance(content["text"], str))
    ):
        return (
            column(content["text"] if "text" in content else content["data"])
            if not is_deep(content)
            else {"text": dumps(content)}
        )
    return {"text": dumps(content)} if is_deep(content) else {"data": content}
