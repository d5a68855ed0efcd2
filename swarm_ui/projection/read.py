"""What the projection reads: the slim facts of a run's spans, its log records, and what was derived before. Every statement names the owner."""

from typing import Any

from swarm_ui.ingest import payload
from swarm_ui.ingest.contents import input_of, output_of
from swarm_ui.jsontext import loads
from swarm_ui.projection.mapping import LogFact
from swarm_ui.projection.tree import Node
from swarm_ui.rawsql import Raw

LARGEST_GROUP = 2_000
_COLUMNS = (
    "id,traceId,spanId,parentSpanId,kind,name,status,startedAt,endedAt,provider,model,inputTokens,outputTokens,cachedTokens,cost,"
    "errorType,errorMessage,scope,facts,arrivedAt,taskId,agentId,payload"
)
# The kinds whose inputs and outputs agents exchange.
_EXCHANGED = frozenset({"agent", "workflow", "tool"})


class Facts:
    """The nodes of some runs by trace, and their contents."""

    def __init__(self, raw: Raw, owner_id: int) -> None:
        def blocks(block_ids: list[int]) -> dict[int, bytes]:
            statement = "SELECT id,body FROM payload_blocks WHERE userId=? AND id IN {}"
            return dict(raw.rows_in(statement, (owner_id,), block_ids))

        self.by_trace: dict[str, list[Node]] = {}
        self._open: dict[int, dict[str, Any]] = {}
        # No method of this object: all that was read would stay until a search for cycles.
        self._reader = payload.Reader(blocks)

    def expect_contents(self) -> None:
        """Fetch in one go what `content` will most likely be asked for."""
        nodes = [node for nodes in self.by_trace.values() for node in nodes]
        self._reader.expect(
            node.packed for node in nodes if node.parent_id is None or node.kind in _EXCHANGED
        )

    def content(self, node: Node, which: str) -> Any:
        """The node's input or output."""
        document = self._open.get(id(node))
        if document is None:
            document = self._open[id(node)] = self._reader.open(node.packed)
        return input_of(document) if which == "input" else output_of(document)


def read_facts(raw: Raw, owner_id: int, trace_ids: list[str]) -> Facts:
    facts = Facts(raw, owner_id)
    statement = f"SELECT {_COLUMNS} FROM spans WHERE userId=? AND traceId IN {{}}"
    for row in raw.rows_in(statement, (owner_id,), trace_ids):
        node = Node()
        (
            node.row_id, node.trace_id, node.span_id, node.parent_id, node.kind, node.name, node.status, node.started_at,
            node.ended_at, node.provider, node.model, node.input_tokens, node.output_tokens, node.cached_tokens, cost,
            node.error_type, node.error_message, node.scope, more, node.arrived_at, node.stored_task, node.stored_agent, node.packed,
        ) = row  # fmt: skip
        node.cost = float(cost) if cost is not None else None
        node.more = loads(more) if more else {}
        facts.by_trace.setdefault(node.trace_id, []).append(node)
    facts.expect_contents()
    return facts


def read_logs(raw: Raw, owner_id: int, trace_ids: list[str]) -> dict[str, list[LogFact]]:
    statement = "SELECT traceId,spanId,hash,at,severity,eventName,payload,arrivedAt,id FROM log_records WHERE userId=? AND traceId IN {}"
    found: dict[str, list[LogFact]] = {}
    for trace_id, span_id, digest, at, severity, event, packed, arrived_at, row_id in raw.rows_in(
        statement, (owner_id,), trace_ids
    ):
        document = payload.unpack(packed)
        found.setdefault(trace_id, []).append(
            LogFact(trace_id, span_id, digest, at, severity, event, document, arrived_at, row_id)
        )
    return found


def group_of(raw: Raw, owner_id: int, trace_id: str) -> list[str]:
    """All traces that span links join to this one, itself included, in order; alone where they would be too many."""
    known = {trace_id}
    waiting = [trace_id]
    while waiting:
        # Enough to see that they are too many: something that everything links to has a hundred thousand of them.
        most = len(known) + LARGEST_GROUP + 1
        statement = (
            f"SELECT DISTINCT linkedTraceId FROM trace_links WHERE userId=? AND traceId IN {{}} LIMIT {most}"
        )
        found = {row[0] for row in raw.rows_in(statement, (owner_id,), waiting)} - known
        known |= found
        if len(known) > LARGEST_GROUP:
            return [trace_id]
        waiting = sorted(found)
    return sorted(known)


def split_tasks(raw: Raw, owner_id: int, trace_id: str) -> dict[str, list[str]]:
    """Where links have become too many for one run: the tasks that this trace and its neighbours shared until now, with their traces."""
    statement = "SELECT linkedTraceId FROM trace_links WHERE userId=? AND traceId=?"
    near = [trace_id, *(row[0] for row in raw.rows(statement, (owner_id, trace_id)))]
    tasks = sorted(set(stored_tasks(raw, owner_id, near).values()))
    statement = "SELECT taskId,traceId FROM task_traces WHERE userId=? AND taskId IN {}"
    members: dict[str, list[str]] = {}
    for task_id, member in raw.rows_in(statement, (owner_id,), tasks):
        members.setdefault(task_id, []).append(member)
    return {task_id: traces for task_id, traces in members.items() if len(traces) > 1}


def linked_traces(raw: Raw, owner_id: int, trace_ids: list[str]) -> set[str]:
    """Those of the traces that are linked to any other."""
    statement = "SELECT DISTINCT traceId FROM trace_links WHERE userId=? AND traceId IN {}"
    return {row[0] for row in raw.rows_in(statement, (owner_id,), trace_ids)}


def stored_tasks(raw: Raw, owner_id: int, trace_ids: list[str]) -> dict[str, str]:
    """The task that each trace was projected to before."""
    statement = "SELECT traceId,taskId FROM task_traces WHERE userId=? AND traceId IN {}"
    return dict(raw.rows_in(statement, (owner_id,), trace_ids))
