"""What a run tells: its execution logs, and the alert where it failed."""

from hashlib import blake2b
from typing import Any

from swarm_ui import ids
from swarm_ui.formatting import duration
from swarm_ui.ingest.loose import event_type_of, level_of, log_id, message_of
from swarm_ui.jsontext import clean_text
from swarm_ui.projection.accounts import is_tool_call
from swarm_ui.projection.exchanges import Exchange
from swarm_ui.projection.invocations import Invocation
from swarm_ui.projection.tree import Node
from swarm_ui.projection.verdict import Verdict


def logs(
    space: int,
    task_id: str,
    by_time: list[Node],
    invocations: list[Invocation],
    exchanges: list[Exchange],
    verdict: Verdict,
    agent_ids: dict[str, str],
    log_facts: list[Any],
    root: Node,
) -> list[tuple[Any, ...]]:
    """Columns: id, taskId, agentId, eventType, level, message, metadata, at, spanId."""
    rows: list[tuple[Any, ...]] = []

    def add(
        node: Node,
        role: str,
        agent: str | None,
        kind: str,
        level: str,
        message: str,
        at: int,
        details: Any = None,
    ) -> None:
        row_id = ids.derived(at, space, node.trace_id, node.span_id, role)
        agent_id = agent_ids.get(agent) if agent else None
        rows.append((row_id, task_id, agent_id, kind, level, message, details, at, node.ref))

    for invocation in invocations:
        if verdict.status == "running" and not invocation.ended:
            continue  # its span has not come: it is still at work
        node = invocation.node
        if not node.row_id:
            continue  # nobody said when it began and ended
        took = duration((node.ended_at - node.started_at) / 1000)
        word, level = ("failed after", "error") if invocation.failed else ("finished in", "info")
        add(
            node,
            f"invocation {invocation.agent}",
            invocation.agent,
            "execution",
            level,
            f"{invocation.agent} {word} {took}",
            node.ended_at,
        )
    for node in by_time:
        if is_tool_call(node):
            agent = node.invocation.agent if node.invocation else None
            tool = node.more.get("tl", node.name)
            add(
                node,
                "choice",
                agent,
                "decision",
                "info",
                f"{agent or 'The run'} chose {tool}",
                node.started_at,
            )
    for exchange in exchanges:
        if exchange.kind == "request" and exchange.recipient:
            said = f"{exchange.sender} handed over to {exchange.recipient}"
            add(
                exchange.node,
                f"decision {exchange.role}",
                exchange.sender,
                "decision",
                "info",
                said,
                exchange.at,
            )
    for node in verdict.errors:
        agent = node.invocation.agent if node.invocation else None
        what = ": ".join(part for part in (node.error_type, node.error_message) if part) or "no reason given"
        said = clean_text(f"{node.more.get('tl') or node.name} failed: {what}", 4_000)
        add(
            node,
            "error",
            agent,
            "error",
            "error",
            said,
            node.ended_at,
            {"errorType": node.error_type} if node.error_type else None,
        )
    if verdict.status != "running":
        ended = verdict.ended_at
        took = duration((ended - by_time[0].started_at) / 1000)
        word = {
            "completed": "Run completed in",
            "failed": "Run failed after",
            "timeout": "Run timed out, last sign of it after",
        }[verdict.status]
        level = {"completed": "info", "failed": "error", "timeout": "warning"}[verdict.status]
        add(root, "verdict", None, "state_change", level, f"{word} {took}", ended)
    rows += _records(space, task_id, log_facts, by_time, agent_ids)
    return rows


def _records(
    space: int, task_id: str, log_facts: list[Any], by_time: list[Node], agent_ids: dict[str, str]
) -> list[tuple[Any, ...]]:
    """The log records of the run's traces, given to the agent of their span."""
    if not log_facts:
        return []
    by_id = {(node.trace_id, node.span_id): node for node in by_time}
    rows = []
    for fact in log_facts:
        node = by_id.get((fact.trace_id, fact.span_id))
        agent = node.invocation.agent if node is not None and node.invocation is not None else None
        body = fact.document.get("body")
        details = {
            key: value
            for key, value in (("event", fact.event_name), ("attributes", fact.document["attributes"]))
            if value
        }
        rows.append((
            log_id(space, fact.trace_id, fact.hash, fact.at), task_id, agent_ids.get(agent) if agent else None,
            event_type_of(fact.severity, fact.event_name, body), level_of(fact.severity), message_of(fact.event_name, body),
            details or None, fact.at, fact.span_id,
        ))  # fmt: skip
    return rows


def alerts(
    space: int, task: dict[str, Any], verdict: Verdict, agent_ids: dict[str, str], title: str
) -> list[dict[str, Any]]:
    """One for a failed run, named after agent and step; one for a timed-out run."""
    if verdict.status == "failed" and verdict.told != "cancelled":
        culprit = verdict.culprit
        agent = culprit.invocation.agent if culprit is not None and culprit.invocation is not None else None
        step = task["failedStep"] or title
        kind = task["errorType"] or "an error"
        how = f"failed with {kind}" if task["failedStep"] or task["errorType"] else "failed"
        who = f"{agent}: {step}" if agent else f"{title}: {step}" if step != title else title
        return [
            _alert(
                space,
                task,
                "agent_failure",
                "critical",
                f"{who} {how}",
                task["errorMessage"],
                agent,
                step,
                kind,
            )
        ]
    if verdict.status == "timeout":
        message = "Its root never ended, and nothing of it arrived any more."
        if verdict.told:
            message = "Whoever ran it says that it took too long."
        return [
            _alert(
                space,
                task,
                "task_timeout",
                "warning",
                f"{title} timed out",
                message,
                None,
                title,
                "timeout",
            )
        ]
    return []


def _alert(
    space: int,
    task: dict[str, Any],
    kind: str,
    severity: str,
    title: str,
    message: str | None,
    agent: str | None,
    step: str,
    cause: str,
) -> dict[str, Any]:
    fingerprint = blake2b(
        f"{kind}\x1f{agent}\x1f{step}\x1f{cause}".encode("utf-8", "replace"), digest_size=16
    ).hexdigest()
    return {
        # A run has one time-out, whatever it is called meanwhile.
        "id": ids.stable(space, task["id"], kind, "" if kind == "task_timeout" else fingerprint),
        "alertType": kind,
        "severity": severity,
        "title": clean_text(title, 512),
        "message": message,
        "relatedAgentId": task["failedAgentId"] if kind == "agent_failure" else None,
        "relatedTaskId": task["id"],
        "fingerprint": fingerprint,
    }
