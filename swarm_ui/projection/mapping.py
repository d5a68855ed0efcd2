"""What the facts of a run mean: one pure function from spans and log records to the rows of every derived table.

No database, no clock but the `now` it is given: the same set of facts gives the same rows in whatever order it arrived.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from swarm_ui import ids
from swarm_ui.ingest.contents import stored
from swarm_ui.ingest.conventions import GENERIC_NAME
from swarm_ui.ingest.facts import framework_in
from swarm_ui.ingest.identity import agent_id_of, workflow_id_of
from swarm_ui.ingest.sent import BEYOND_OTLP
from swarm_ui.ingest.values import readable, without_uuid
from swarm_ui.jsontext import clean_text, dumps
from swarm_ui.projection import accounts, sent, story
from swarm_ui.projection.exchanges import Content, Exchange, find_exchanges
from swarm_ui.projection.invocations import Invocation, find_invocations
from swarm_ui.projection.patterns import graph_of
from swarm_ui.projection.tree import Node, plant
from swarm_ui.projection.usage import count_once
from swarm_ui.projection.verdict import Verdict, judge

Price = Callable[[Node], float | None]
LONGEST_IN_HISTORY = 160
NOTHING: Mapping[str, str] = {}
_SET_UP = frozenset({"create", "build", "register", "init", "setup", "started", "configure"})
_OF_A_SWARM = frozenset(
    {"agent", "agents", "graph", "team", "crew", "workflow", "swarm", "runtime", "executor", "pipeline"}
)


@dataclass(slots=True)
class LogFact:
    """A stored log record of one of the run's traces; beyond OTLP's severities, something that was sent over REST."""

    trace_id: str
    span_id: str | None
    hash: str
    at: int
    severity: int
    event_name: str | None
    document: dict[str, Any]
    arrived_at: int = 0
    row_id: int = 0


@dataclass(slots=True)
class Run:
    """The derived rows of one run, as dictionaries or tuples in the column order that `write.py` names."""

    task_id: str
    task: dict[str, Any]
    # By the row ids of the spans.
    span_agents: dict[int, str]
    agents: dict[str, dict[str, Any]]
    contributions: list[dict[str, Any]]
    messages: list[tuple[Any, ...]]
    logs: list[tuple[Any, ...]]
    metrics: list[tuple[Any, ...]]
    alerts: list[dict[str, Any]]
    history: dict[str, Any] | None
    workflow: dict[str, Any] | None
    # (framework, version) by id.
    integrations: dict[str, tuple[str, str]] = field(default_factory=dict)


def interpret(
    space: int,
    task_id: str,
    nodes: list[Node],
    log_facts: list[LogFact],
    *,
    content: Content,
    price: Price,
    now: int,
    timeout: int,
    sample: bool = False,
    merged: Mapping[str, str] = NOTHING,
) -> Run | None:
    """None where there is no run: only steps that set something up. `now` and `timeout` are µs, `space` the key that ids are derived from, and
    `merged` leads from entries of agents to those that they are one with."""
    told = sent.read_sent(nodes, log_facts, timeout)
    nodes = told.nodes if told else nodes
    log_facts = [fact for fact in log_facts if fact.severity < BEYOND_OTLP]
    if _only_set_up(nodes):
        return None
    ordered = plant(nodes)
    by_time = nodes
    count_once(ordered)
    invocations, names = find_invocations(ordered)
    roots = _roots(by_time)
    verdict = judge(ordered, invocations, roots, now=now, timeout=timeout)
    if told and told.tells_messages:
        exchanges = sent.exchanges_of(told)
    else:
        exchanges = find_exchanges(ordered, invocations, names, content)
    root = told.root if told else roots[0] if roots else by_time[0]
    title = told.name if told else _title(ordered, root, invocations)
    service = root.more.get("svc", "")
    services = _services(invocations, exchanges)
    if told:
        sent.add_services(told, services)
        agent_ids = sent.ids_of(space, told, services)
        workflow = sent.workflow_of(space, told)
    else:
        agent_ids = {agent: agent_id_of(space, services[agent], agent) for agent in services}
        workflow = _workflow(space, service, title, ordered, invocations, sample)
    if merged:
        agent_ids = {agent: merged.get(agent_id, agent_id) for agent, agent_id in agent_ids.items()}
    workflow_id = workflow["id"] if workflow else None

    metrics, costs = accounts.metrics(space, task_id, workflow_id, by_time, agent_ids, price)
    over = verdict.status != "running"
    contributions = accounts.contributions(
        task_id, by_time, invocations, exchanges, agent_ids, costs, over=over
    )
    # Messages that were told are no decisions that somebody found.
    found = [] if told and told.tells_messages else exchanges
    logs = story.logs(space, task_id, by_time, invocations, found, verdict, agent_ids, log_facts, root)
    if told:
        logs += sent.log_rows(space, task_id, told, agent_ids)
    task = _task(
        task_id,
        workflow_id,
        title,
        by_time,
        root,
        invocations,
        verdict,
        agent_ids,
        costs,
        content,
        logs,
        sample,
    )
    task["deadlineAt"] = None if over else verdict.last_arrival + timeout
    if told:
        sent.say_of_task(told, task)
    task["graph"] = graph_of(invocations, exchanges, agent_ids)
    for part in contributions:
        part["broke"] = int(verdict.status == "failed" and part["agentId"] == task["failedAgentId"])
    history = (
        _history(space, task, exchanges, workflow_id)
        if verdict.status in ("completed", "failed", "timeout")
        else None
    )
    return Run(
        task_id=task_id,
        task=task,
        span_agents={
            node.row_id: agent_ids[node.invocation.agent]
            for node in ordered
            if node.invocation is not None and node.row_id
        },
        agents=_agents(agent_ids, services, sample),
        contributions=contributions,
        messages=(
            sent.message_rows(space, task_id, told, exchanges, agent_ids)
            if told and told.tells_messages
            else [_message(space, task_id, exchange, agent_ids) for exchange in exchanges]
        ),
        logs=logs,
        metrics=metrics,
        alerts=[] if verdict.imported else story.alerts(space, task, verdict, agent_ids, title),
        history=history,
        workflow=workflow,
        integrations=_integrations(space, ordered),
    )


def _only_set_up(nodes: list[Node]) -> bool:
    """Agents created, a graph built: something is prepared, nothing runs yet."""
    for node in nodes:
        if node.status == "error":
            return False
        if "cr" in node.more:
            continue
        words = node.name.lower().replace(".", " ").replace("_", " ").split()
        ends = {words[0], words[-1]} if words else set()
        if node.kind != "step" or not (ends & _SET_UP and _OF_A_SWARM.intersection(words)):
            return False
    return not any(len(nodes) > 1 and node.kind != "step" for node in nodes)


def _roots(by_time: list[Node]) -> list[Node]:
    """All ended spans that say how the run ended, earliest first: those without a parent, and in a trace that has none of these, those with one
    in another process."""
    tops = [node for node in by_time if node.parent is None and "opn" not in node.more]
    rooted = {node.trace_id for node in tops if node.parent_id is None}
    return [
        node
        for node in tops
        if node.parent_id is None or ("rem" in node.more and node.trace_id not in rooted)
    ]


def _services(invocations: list[Invocation], exchanges: list[Exchange]) -> dict[str, str]:
    """Each agent of the run with its service: that of its invocation, or of whoever named it."""
    services: dict[str, str] = {}
    for invocation in invocations:
        services.setdefault(invocation.agent, invocation.node.more.get("svc", ""))
    for exchange in exchanges:
        for agent in (exchange.sender, exchange.recipient):
            if agent:
                services.setdefault(agent, exchange.node.more.get("svc", ""))
    return services


def _title(ordered: list[Node], root: Node, invocations: list[Invocation]) -> str:
    """What this run is a run of: the workflow that it names, its root, or the agent that begins it."""
    if workflow := root.more.get("wf") or next(
        (node.more["wf"] for node in ordered if "wf" in node.more), None
    ):
        return workflow
    if root.invocation is not None and root.invocation.node is root:
        return root.invocation.agent
    several = len({node.trace_id for node in ordered}) > 1
    name = readable(root.name) or without_uuid(root.name) or root.name
    if invocations and (several or GENERIC_NAME.match(name)) and root.kind == "step":
        first = invocations[0].agent
        return first if several else root.name
    return clean_text(name, 255)


def _workflow(
    space: int, service: str, title: str, ordered: list[Node], invocations: list[Invocation], sample: bool
) -> dict[str, Any] | None:
    if not invocations and not any(node.kind == "workflow" for node in ordered):
        return None
    return {
        "id": workflow_id_of(space, service, title),
        "name": title,
        "serviceName": service,
        "origin": "sample" if sample else "discovered",
    }


def _agents(agent_ids: dict[str, str], services: dict[str, str], sample: bool) -> dict[str, dict[str, Any]]:
    return {
        agent_id: {
            "name": name,
            "serviceName": services[name],
            "origin": "sample" if sample else "discovered",
        }
        for name, agent_id in agent_ids.items()
    }


def _integrations(space: int, ordered: list[Node]) -> dict[str, tuple[str, str]]:
    seen = {(framework_in(node.scope, node.kind), node.scope or "") for node in ordered}
    named = {(framework, clean_text(scope.rpartition("@")[2], 64)) for framework, scope in seen if framework}
    return {
        ids.stable(space, framework, version, "integration"): (framework, version)
        for framework, version in named
    }


def _task(
    task_id: str,
    workflow_id: str | None,
    title: str,
    by_time: list[Node],
    root: Node,
    invocations: list[Invocation],
    verdict: Verdict,
    agent_ids: dict[str, str],
    costs: dict[int, float | None],
    content: Content,
    logs: list[tuple[Any, ...]],
    sample: bool,
) -> dict[str, Any]:
    started_at, ended_at = by_time[0].started_at, verdict.ended_at
    over = verdict.status in ("completed", "failed", "timeout")
    tops = sorted(
        (one for one in invocations if one.above is None),
        key=lambda one: (one.node.ended_at, one.node.span_id),
    )
    asked = stored(content(root, "input"))
    if asked is None and tops:
        asked = stored(content(min(tops, key=lambda one: one.node.order).node, "input"))
    told = stored(content(root, "output")) if over else None
    if told is None and tops and over and not tops[-1].failed:
        told = stored(content(tops[-1].node, "output"))
    sums = accounts.sums(by_time, costs)
    culprit = verdict.culprit
    failed_agent = (
        culprit.invocation.agent if culprit is not None and culprit.invocation is not None else None
    )
    levels = [log[4] for log in logs]
    return {
        "id": task_id,
        "workflowId": workflow_id,
        "input": asked,
        "assignedAgents": sorted(set(agent_ids.values())),
        "status": verdict.status,
        "result": told,
        "executionTime": max(0, (ended_at - started_at) // 1000) if over else None,
        "startedAt": started_at,
        "completedAt": ended_at if verdict.status in ("completed", "failed") else None,
        "name": title,
        "summary": _summary(asked),
        "source": "sample" if sample else "otlp",
        "traceId": by_time[0].trace_id,
        "clientId": None,
        "priority": sent.DEFAULT_PRIORITY,
        "sessionId": root.more.get("ses")
        or next((node.more["ses"] for node in by_time if "ses" in node.more), None),
        "errorType": culprit.error_type if culprit else None,
        "errorMessage": culprit.error_message if culprit else None,
        "failedSpanId": culprit.ref if culprit else None,
        "failedAgentId": agent_ids[failed_agent] if failed_agent else None,
        "failedStep": clean_text(culprit.more.get("tl") or culprit.name, 255) if culprit else None,
        "lastProgressAt": verdict.last_arrival,
        "longestGap": _longest_gap(by_time),
        **sums,
        "errorCount": len(verdict.errors),
        "warningCount": levels.count("warning"),
        "agentCount": len(set(agent_ids.values())),
        "spanCount": sum(1 for node in by_time if node.row_id),
    }


def _longest_gap(by_time: list[Node]) -> int | None:
    """The longest time (ms) in which nothing began or ended."""
    moments = sorted([node.started_at for node in by_time] + [node.ended_at for node in by_time])
    return max(after - before for before, after in pairwise(moments)) // 1000


def _message(space: int, task_id: str, exchange: Exchange, agent_ids: dict[str, str]) -> tuple[Any, ...]:
    """Columns: id, taskId, senderId, recipientId, messageType, content, metadata, at, spanId."""
    details = exchange.details
    if details and exchange.kind == "broadcast" and "to" in details:
        details = details | {"to": [agent_ids[name] for name in details["to"]]}
    return (
        ids.derived(exchange.at, space, exchange.node.trace_id, exchange.node.span_id, exchange.role),
        task_id,
        agent_ids[exchange.sender],
        agent_ids[exchange.recipient] if exchange.recipient else None,
        exchange.kind,
        exchange.content,
        details or None,
        exchange.at,
        exchange.node.ref,
    )


def _summary(asked: dict[str, Any] | None) -> str | None:
    """The first words of what was asked, on one line; nothing where it is plain data."""
    words = " ".join(str(asked["text"])[:400].split()) if asked and asked.get("text") else ""
    return clean_text(words, 120) or None


def _clipped(content: dict[str, Any] | None) -> dict[str, Any] | None:
    """The beginning of a long message; the whole of it is in the message, and in its span."""
    if content is None:
        return None
    text = content["text"] if "text" in content else dumps(content.get("data"))
    if len(text) <= LONGEST_IN_HISTORY:
        return content
    return {"text": text[:LONGEST_IN_HISTORY], "truncated": True}


def _history(
    space: int, task: dict[str, Any], exchanges: list[Exchange], workflow_id: str | None
) -> dict[str, Any]:
    started_at = task["startedAt"]
    return {
        "id": ids.stable(space, task["id"], "history"),
        "taskId": task["id"],
        "workflowId": workflow_id,
        "input": task["input"],
        "output": task["result"],
        "conversationLog": [
            {
                "offsetMs": (exchange.at - started_at) // 1000,
                "sender": exchange.sender,
                "recipient": exchange.recipient,
                "messageType": exchange.kind,
                "content": _clipped(exchange.content),
            }
            for exchange in exchanges
        ],
        "metrics": {
            key: task[key]
            for key in (
                "inputTokens",
                "outputTokens",
                "tokenUsage",
                "estimatedCost",
                "llmCalls",
                "toolCalls",
                "errorCount",
                "agentCount",
            )
        },
        "executionTime": task["executionTime"],
        "status": task["status"],
        "storageUrl": None,
    }
