"""What a run used: metrics per model call, contributions per agent, sums of the run. Unknown stays None, never 0."""

from collections.abc import Callable, Iterable
from typing import Any

from swarm_ui import ids
from swarm_ui.ingest.sent import METRIC, row_id_of
from swarm_ui.projection.exchanges import Exchange
from swarm_ui.projection.invocations import Invocation
from swarm_ui.projection.tree import Node

# The spans of two libraries for one call stand close to each other; a chain of steps may be thousands long.
_NEAR = 8


def _added(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _money(numbers: Iterable[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return round(sum(known), 8) if known else None


def total_of(node: Node) -> int | None:
    if node.input_tokens is None and node.output_tokens is None:
        return node.more.get("tot")
    return (node.input_tokens or 0) + (node.output_tokens or 0)


def metrics(
    space: int,
    task_id: str,
    workflow_id: str | None,
    by_time: list[Node],
    agent_ids: dict[str, str],
    price: Callable[[Node], float | None],
) -> tuple[list[tuple[Any, ...]], dict[int, float | None]]:
    """(a row per model call, the cost of each counted node by its identity).

    A span that is no model call but the only one to carry usage, or the cost, stands for the calls that were not traced. What was measured
    over REST has a row whatever it says.
    Columns: id, agentId, taskId, executionTime, tokenUsage, estimatedCost, successFlag, at, spanId, provider, model, inputTokens,
    outputTokens, cachedTokens, workflowId, errorType.
    """
    rows = []
    costs: dict[int, float | None] = {}
    wholes, parts = _priced_as_a_whole(by_time)
    for node in by_time:
        measured = node.more.get("mtr")
        if not (node.call or node.counts or measured or id(node) in wholes):
            continue
        cost = costs[id(node)] = None if id(node) in parts else _cost(node, price)
        counted = node.counts
        agent = node.invocation.agent if node.invocation else None
        if measured:
            took, success, span_id, key, arrived_at = measured
            row_id = row_id_of(space, node.trace_id, key, arrived_at, METRIC)
        else:
            took, success, span_id = (node.ended_at - node.started_at) // 1000, not node.failed, node.ref
            row_id = ids.derived(node.started_at, space, node.trace_id, node.span_id, "metric")
        rows.append((
            row_id,
            agent_ids[agent] if agent else None, task_id, took,
            total_of(node) if counted else None, cost, success, node.started_at, span_id, node.provider,
            node.model, node.input_tokens if counted else None, node.output_tokens if counted else None,
            node.cached_tokens if counted else None, workflow_id, node.error_type,
        ))  # fmt: skip
    return rows, costs


def _priced_as_a_whole(by_time: list[Node]) -> tuple[set[int], set[int]]:
    """(spans around calls of which the client says what all of it cost, the spans inside). What it says of the whole is more than a price list
    says of the parts; where it says what a part cost, that counts."""
    wholes: set[int] = set()
    parts: set[int] = set()
    for node in by_time:
        if node.cost is None or node.call or node.counts:
            continue
        inside = list(node.children)
        for inner in inside:
            if inner.cost is not None:
                break
            inside.extend(inner.children)
        else:
            wholes.add(id(node))
            parts.update(map(id, inside))
    return wholes, parts


def _cost(node: Node, price: Callable[[Node], float | None]) -> float | None:
    if node.cost is not None:
        return node.cost
    if not node.counts or (node.input_tokens is None and node.output_tokens is None):
        return None
    cost = price(node)
    return None if cost is None else round(cost, 8)


def sums(by_time: list[Node], costs: dict[int, float | None]) -> dict[str, Any]:
    counted = [node for node in by_time if node.counts]
    calls = [node for node in by_time if node.call]
    tools = [node for node in by_time if node.kind == "tool" and is_tool_call(node)]
    return {
        "inputTokens": _added([node.input_tokens for node in counted]),
        "outputTokens": _added([node.output_tokens for node in counted]),
        "cachedTokens": _added([node.cached_tokens for node in counted]),
        "tokenUsage": _added([total_of(node) for node in counted]),
        "estimatedCost": _money(costs.values()),
        "llmCalls": len(calls),
        "toolCalls": len(tools),
    }


def is_tool_call(node: Node) -> bool:
    """An application's tool; handing over to an agent is a message, not a tool call. Where two libraries trace one call, the outer one is it."""
    return (
        node.kind == "tool" and "to" not in node.more and not node.delegates and not _is_traced_outside(node)
    )


def _is_traced_outside(node: Node) -> bool:
    above = node.parent
    for _ in range(_NEAR):
        if above is None or above.kind != "step":
            break
        above = above.parent
    if above is None or above.kind != "tool":
        return False
    calls = node.more.get("call"), above.more.get("call")
    return calls[0] == calls[1] if all(calls) else node.more.get("tl") == above.more.get("tl")


def contributions(
    task_id: str,
    by_time: list[Node],
    invocations: list[Invocation],
    exchanges: list[Exchange],
    agent_ids: dict[str, str],
    costs: dict[int, float | None],
    *,
    over: bool,
) -> list[dict[str, Any]]:
    """What each agent did in this run; agents that were only named have a row of zeros.

    While the run is not `over`, an invocation whose span has not come yet is no execution: nobody knows how it will end.
    """
    started_at = by_time[0].started_at
    parts: dict[str, dict[str, Any]] = {
        name: {
            "taskId": task_id, "agentId": agent_id, "at": started_at, "lastAt": started_at, "executions": 0, "failures": 0,
            "executionTime": None, "inputTokens": None, "outputTokens": None, "estimatedCost": None, "llmCalls": 0,
            "toolCalls": 0, "retrievals": 0, "delegations": 0, "model": None, "tools": set(),
            "broke": 0, "doing": None, "waitsFor": None,
        }
        for name, agent_id in agent_ids.items()
    }  # fmt: skip
    for invocation in invocations:
        part, node = parts[invocation.agent], invocation.node
        part["lastAt"] = max(part["lastAt"], node.ended_at)
        if not (over or invocation.ended):
            continue
        part["executions"] += 1
        part["failures"] += invocation.failed
        if node.row_id or node.ended_at > node.started_at:
            part["executionTime"] = (part["executionTime"] or 0) + (node.ended_at - node.started_at) // 1000
    for exchange in exchanges:
        if exchange.kind == "request":
            parts[exchange.sender]["delegations"] += 1
    used: dict[str, list[Node]] = {}
    spent: dict[str, list[float | None]] = {}
    for node in by_time:
        if node.invocation is None:
            continue
        part = parts[node.invocation.agent]
        if node.call:
            part["llmCalls"] += 1
            part["model"] = node.model or part["model"]
        elif is_tool_call(node):
            part["toolCalls"] += 1
            part["tools"].add(node.more.get("tl", node.name))
        elif node.kind == "retrieval" or "ev" in node.more:
            part["retrievals"] += 1
        if node.counts:
            used.setdefault(node.invocation.agent, []).append(node)
        if (cost := costs.get(id(node))) is not None:
            spent.setdefault(node.invocation.agent, []).append(cost)
    for name, nodes in used.items():
        part = parts[name]
        part["inputTokens"] = _added([node.input_tokens for node in nodes])
        part["outputTokens"] = _added([node.output_tokens for node in nodes])
    for name, costs_known in spent.items():
        parts[name]["estimatedCost"] = _money(costs_known)
    if not over:
        _say_what_they_do(parts, invocations, agent_ids)
    for part in parts.values():
        part["tools"] = sorted(part["tools"])[:50]
    return sorted(_joined(parts.values()), key=lambda part: part["agentId"])


def _joined(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two names of one run may be one agent, where people said so."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        known = found.setdefault(part["agentId"], part)
        if known is part:
            continue
        for column in ("executions", "failures", "llmCalls", "toolCalls", "retrievals", "delegations"):
            known[column] += part[column]
        for column in ("executionTime", "inputTokens", "outputTokens"):
            known[column] = _added([known[column], part[column]])
        known["estimatedCost"] = _money([known["estimatedCost"], part["estimatedCost"]])
        known["lastAt"] = max(known["lastAt"], part["lastAt"])
        known["model"] = known["model"] or part["model"]
        known["tools"] = sorted({*known["tools"], *part["tools"]})[:50]
        if part["doing"] is not None and known["doing"] != "working":
            known |= {"doing": part["doing"], "waitsFor": part["waitsFor"]}
    return list(found.values())


def _say_what_they_do(
    parts: dict[str, dict[str, Any]], invocations: list[Invocation], agent_ids: dict[str, str]
) -> None:
    """In a run that is not over: an agent whose invocation has not ended works, or waits for the one that it called. Where all that is known
    has ended, whoever did something last is at work."""
    pending = [invocation for invocation in invocations if not invocation.real]
    for invocation in pending:
        parts[invocation.agent]["doing"] = "working"
    for invocation in pending:
        caller = invocation.above
        if caller is not None and not caller.real and agent_ids[caller.agent] != agent_ids[invocation.agent]:
            parts[caller.agent] |= {"doing": "waiting", "waitsFor": agent_ids[invocation.agent]}
    if not pending and parts:
        last = max(parts.values(), key=lambda part: (part["lastAt"], part["agentId"]))
        last["doing"] = "working"
