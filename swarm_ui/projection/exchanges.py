"""Who gave work to whom: the messages between the agents of a run.

Found in four places, and each exchange told once: an invocation inside another's (a delegation: request and response), a tool that hands
over, a model's answer that asks for such a tool where no span of it came, and an invocation that names its caller. Messages that a runtime
carries itself (sender and recipient on the span) are broadcasts where they go to several.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swarm_ui.ingest.contents import stored
from swarm_ui.ingest.handovers import SOMEBODY
from swarm_ui.projection.invocations import Invocation, Names, tool_above
from swarm_ui.projection.tree import Node

Content = Callable[[Node, str], Any]


@dataclass(slots=True)
class Exchange:
    """One message. `role` tells those of one span apart; `content` and `details` are ready for their columns."""

    node: Node
    role: str
    kind: str
    at: int
    sender: str
    recipient: str | None
    content: dict[str, Any] | None
    details: dict[str, Any] | None = None
    failed: bool = False


def find_exchanges(
    ordered: list[Node], invocations: list[Invocation], names: Names, content: Content
) -> list[Exchange]:
    found: list[Exchange] = []
    covered: set[int] = set()
    hand_offs = [node for node in ordered if "to" in node.more]
    for invocation in invocations:
        _delegation(invocation, hand_offs, names, content, found, covered)
    for node in hand_offs:
        if id(node) not in covered:
            _hand_off(node, names, invocations, content, found)
    told = Counter((exchange.sender, exchange.recipient) for exchange in found if exchange.kind == "request")
    for node in ordered:
        if "calls" in node.more:
            _asked_for(node, names, told, found)
    for invocation in invocations:
        _named_caller(invocation, names, found, content)
    _carried(ordered, names, content, found)
    found.sort(
        key=lambda exchange: (exchange.at, exchange.node.trace_id, exchange.node.span_id, exchange.role)
    )
    return found


def _delegation(
    invocation: Invocation,
    hand_offs: list[Node],
    names: Names,
    content: Content,
    found: list[Exchange],
    covered: set[int],
) -> None:
    caller = invocation.above
    node = invocation.node
    tool = tool_above(invocation)
    if caller is None or caller.agent == invocation.agent:
        if tool is not None:
            covered.add(id(tool))
        return
    if tool is None:
        tool = _tool_beside(invocation, caller, hand_offs, names, covered)
    if tool is not None:
        covered.add(id(tool))
    asked = _first_content((tool, "input"), (node, "input"), content=content)
    details = {"via": tool.more.get("tl")} if tool is not None else None
    found.append(
        Exchange(
            node,
            f"request {invocation.agent}",
            "request",
            (tool or node).started_at,
            caller.agent,
            invocation.agent,
            asked,
            details,
            node.failed,
        )
    )
    if "opn" in (tool or node).more:
        return  # there is no answer yet
    told: dict[str, Any] | None
    if node.failed:
        told = {"text": node.error_message or node.error_type or "failed"}
    else:
        told = _first_content((tool, "output"), (node, "output"), content=content)
    kind = "error" if node.failed else "response"
    found.append(
        Exchange(
            node,
            f"response {invocation.agent}",
            kind,
            (tool or node).ended_at,
            invocation.agent,
            caller.agent,
            told,
            details,
            node.failed,
        )
    )


def _tool_beside(
    invocation: Invocation, caller: Invocation, hand_offs: list[Node], names: Names, covered: set[int]
) -> Node | None:
    """The hand-off that started this invocation although its span does not contain it."""
    for tool in hand_offs:
        if (
            id(tool) in covered
            or tool.invocation is not caller
            or tool.started_at > invocation.node.started_at
        ):
            continue
        if tool.more["to"] == SOMEBODY or names.of(tool.more["to"]) == invocation.agent:
            return tool
    return None


def _hand_off(
    node: Node, names: Names, invocations: list[Invocation], content: Content, found: list[Exchange]
) -> None:
    sender = node.invocation.agent if node.invocation else None
    if sender is None:
        return
    if node.more["to"] == SOMEBODY:
        # The destination was not recorded: it is whoever begins next.
        begun = _begun_next(node, invocations)
        recipient = begun.agent if begun is not None else None
    else:
        recipient = names.of(node.more["to"])
        begun = _begun_next(node, invocations, recipient)
    if recipient is None or sender == recipient:
        return
    said = _first_content((node, "input"), content=content)
    if said is None or said.get("text") in (sender, recipient):
        # Many hand-offs carry no words of their own; what the next agent was given says more.
        said = _first_content((begun.node, "input"), content=content) if begun is not None else None
    details = {"via": node.more.get("tl")}
    found.append(
        Exchange(node, "hand-off", "request", node.ended_at, sender, recipient, said, details, node.failed)
    )


def _begun_next(node: Node, invocations: list[Invocation], agent: str | None = None) -> Invocation | None:
    """The first invocation (of `agent`) after this step; `invocations` are in the order of their start."""
    for one in invocations:
        if one.node.started_at < node.ended_at or one.node is node:
            continue
        if one.agent == agent if agent else one.node.trace_id == node.trace_id:
            return one
    return None


def _asked_for(
    node: Node, names: Names, told: Counter[tuple[str, str | None]], found: list[Exchange]
) -> None:
    sender = node.invocation.agent if node.invocation else None
    if sender is None or not node.call:
        return
    for number, call in enumerate(node.more["calls"]):
        tool, _, destination = call.partition(">")
        recipient = names.known(destination) if destination else None
        if recipient and recipient != sender and not told[sender, recipient]:
            found.append(
                Exchange(
                    node,
                    f"hand-off {number}",
                    "request",
                    node.ended_at,
                    sender,
                    recipient,
                    None,
                    {"via": tool},
                )
            )


def _named_caller(invocation: Invocation, names: Names, found: list[Exchange], content: Content) -> None:
    caller = names.known(invocation.node.more.get("pa", ""))
    if caller is None or caller == invocation.agent:
        return
    if any(
        exchange.sender == caller and exchange.recipient == invocation.agent and exchange.kind == "request"
        for exchange in found
    ):
        return
    asked = _first_content((invocation.node, "input"), content=content)
    found.append(
        Exchange(
            invocation.node, "called", "request", invocation.node.started_at, caller, invocation.agent, asked
        )
    )


def _carried(ordered: list[Node], names: Names, content: Content, found: list[Exchange]) -> None:
    groups: dict[tuple[str, str], list[Node]] = {}
    for node in ordered:
        if "snd" in node.more and "rcp" in node.more:
            groups.setdefault((node.more["snd"], node.more.get("mid") or node.span_id), []).append(node)
    told = {(exchange.sender, exchange.recipient) for exchange in found if exchange.kind == "request"}
    for (said_by, _message), nodes in groups.items():
        sender = names.known(said_by)
        recipients = sorted(
            {agent for node in nodes if (agent := names.known(node.more["rcp"])) and agent != sender}
        )
        if sender is None or not recipients:
            continue
        node = nodes[0]
        kind = _kind_of(node.more.get("mt", ""), len({node.more["rcp"] for node in nodes}))
        if kind == "broadcast":
            found.append(
                Exchange(
                    node,
                    "broadcast",
                    kind,
                    node.started_at,
                    sender,
                    None,
                    _first_content((node, "input"), content=content),
                    {"to": recipients},
                )
            )
        elif kind != "request" or (sender, recipients[0]) not in told:
            said = _first_content((node, "input"), content=content)
            found.append(Exchange(node, "message", kind, node.started_at, sender, recipients[0], said))


def _kind_of(said: str, recipients: int) -> str:
    word = said.lower()
    if "status" in word or "progress" in word:
        return "status_update"
    if "error" in word or "failure" in word:
        return "error"
    if recipients > 1 or "broadcast" in word or "publish" in word:
        return "broadcast"
    if "response" in word or "reply" in word or "result" in word:
        return "response"
    return "request"


def _first_content(*places: tuple[Node | None, str], content: Content) -> dict[str, Any] | None:
    for node, which in places:
        if node is not None and (found := stored(content(node, which))) is not None:
            return found
    return None
