"""Which agent did what: invocations of agents, and the invocation that each span belongs to.

One rule for all libraries. A span of kind agent with a name opens an invocation; spans inside that carry the same name are part of it.
Where no such span exists, or has not arrived, the outermost span that names an agent opens one in its place, and spans beside it under the
same parent join it. A tool that hands the work to somebody stands for that agent where it has work inside and no invocation.
"""

import re
from functools import lru_cache
from typing import Any

from swarm_ui.ingest.conventions import GENERIC_NAME
from swarm_ui.ingest.facts import framework_in
from swarm_ui.ingest.handovers import SOMEBODY
from swarm_ui.ingest.values import readable
from swarm_ui.projection.tree import Node

_NOT_A_WORD = re.compile(r"[\W_]+")
# What spellings of one name differ in. "C++" and "C#" are two names.
_BETWEEN_WORDS = re.compile(r"[\s_.-]+")
_WORK = frozenset({"llm", "tool", "retrieval"})


class Invocation:
    """`real` where a span of kind agent says so; `via` is the delegating tool that it stands behind."""

    __slots__ = ("above", "agent", "node", "real", "via", "works")

    def __init__(
        self, agent: str, node: Node, above: "Invocation | None", *, real: bool, via: Node | None = None
    ) -> None:
        self.agent = agent
        self.node = node
        self.above = above
        self.real = real
        self.works = False
        self.via = via

    @property
    def failed(self) -> bool:
        return self.node.failed

    @property
    def ended(self) -> bool:
        """Its own span has come, and says how it ended."""
        return self.real and "opn" not in self.node.more


@lru_cache(maxsize=8_192)
def plain(name: str) -> str:
    """Spellings of one name: research-specialist, Research Specialist, research_specialist."""
    return _BETWEEN_WORDS.sub("_", name).strip("_").casefold() or name.strip().casefold()


def find_invocations(ordered: list[Node]) -> tuple[list[Invocation], "Names"]:
    """Sets `invocation` on each node; returns the invocations by start, and the run's names of agents."""
    names = Names(ordered)
    found: list[Invocation] = []
    joint: dict[tuple[str, str | None, str], Invocation] = {}
    for node in ordered:
        above = (node.parent.inner or node.parent.invocation) if node.parent else None
        invocation = _own(node, above, names, joint, found)
        node.invocation = invocation
        if invocation is not None and node.kind in _WORK:
            invocation.works = True
        if "may" in node.more and names.known(node.more["may"]):
            node.more["to"] = node.more["may"]
        destination = node.more.get("to")
        if destination and destination != SOMEBODY:
            agent = names.of(destination)
            if agent and not (invocation and invocation.agent == agent):
                node.inner = Invocation(agent, node, invocation, real=False, via=node)
                found.append(node.inner)
    kept = [invocation for invocation in found if invocation.real or invocation.works]
    if len(kept) < len(found):
        _dissolve_empty(ordered)
        for invocation in kept:
            invocation.above = _nearest_kept(invocation.above)
    for invocation in kept:
        if (
            (tool := tool_above(invocation)) is not None
            and invocation.above is not None
            and invocation.above.agent != invocation.agent
        ):
            tool.delegates = True
    kept.sort(
        key=lambda invocation: (
            invocation.node.started_at,
            invocation.node.ended_at,
            invocation.node.span_id,
            invocation.agent,
        )
    )
    return kept, names


def tool_above(invocation: Invocation) -> Node | None:
    """The tool call of the caller that this invocation stands under or behind."""
    if invocation.via is not None:
        return invocation.via
    begun = invocation.node
    node = begun.parent
    while node is not None and node.invocation is invocation.above:
        if node.kind == "tool":
            return node
        node = node.parent
    for beside in begun.parent.children if begun.parent is not None else ():
        # Some libraries open the agent beside the tool that runs it, within its time.
        if (
            beside.kind == "tool"
            and beside.started_at <= begun.started_at
            and begun.ended_at <= beside.ended_at
        ):
            return beside
    return None


def _own(
    node: Node,
    above: Invocation | None,
    names: "Names",
    joint: dict[tuple[str, str | None, str], Invocation],
    found: list[Invocation],
) -> Invocation | None:
    agent = names.named_by(node)
    real = "inv" in node.more
    if agent is None and above is None and node.kind == "step" and node.parent_id is not None:
        agent = names.named_by_all(node.children)
    if agent is None or (
        not real and above is not None and above.real and not names.invoked(agent) and "said" not in node.more
    ):
        # A name that nobody is invoked under, inside an invocation, is a library's placeholder.
        return above
    if above is not None and above.agent == agent:
        if real and not above.real:
            above.real = True
            if above.via is not None:
                above.node = node
        return above
    if not real:
        key = (node.trace_id, node.parent_id, agent)
        if (known := joint.get(key)) is not None and known.above is above:
            return known
    invocation = Invocation(agent, node, above, real=real)
    found.append(invocation)
    if not real:
        joint[node.trace_id, node.parent_id, agent] = invocation
    return invocation


def _dissolve_empty(ordered: list[Node]) -> None:
    for node in ordered:
        node.invocation = _nearest_kept(node.invocation)
        node.inner = _nearest_kept(node.inner) if node.inner is not None else None


def _nearest_kept(invocation: Invocation | None) -> Invocation | None:
    while invocation is not None and not (invocation.real or invocation.works):
        invocation = invocation.above
    return invocation


class Names:
    """The names of agents in one run, and what stands for an agent that has none."""

    def __init__(self, ordered: list[Node]) -> None:
        self._by_plain: dict[str, str] = {}
        self._invoked: set[str] = set()
        self._steps: dict[str, str | None] = {}
        explicit = False
        for node in ordered:
            more = node.more
            name = more.get("ag")
            if name and "gen" not in more:
                known = self._by_plain.get(plain(name))
                if known is None or name < known:
                    self._by_plain[plain(name)] = name
                if "inv" in more:
                    self._invoked.add(plain(name))
                explicit = explicit or "imp" not in more
        self._some_explicit = explicit
        self._some_named = bool(self._by_plain)
        self._stand_in: str | None = None
        if not self._some_named:
            self._stand_in = next(
                (name for node in ordered if "inv" in node.more and (name := self._stand_in_for(node))), None
            )

    def of(self, name: str) -> str | None:
        """The run's spelling of this name; the name itself where nobody here carries it."""
        return self._by_plain.get(plain(name)) or (name if _NOT_A_WORD.sub("", name) else None)

    def known(self, name: str) -> str | None:
        return self._by_plain.get(plain(name))

    def invoked(self, agent: str) -> bool:
        return plain(agent) in self._invoked

    def named_by_all(self, nodes: list[Node]) -> str | None:
        """The one agent that these spans name, as the turns of an agent do under a step that does not say whose it is."""
        if any("inv" in node.more for node in nodes):
            return None
        named = {agent for node in nodes if (agent := self.named_by(node))}
        return named.pop() if len(named) == 1 else None

    def named_by(self, node: Node) -> str | None:
        """The agent that this span names. A nameless invocation is one only in a run where no agent has a name."""
        more = node.more
        if "gen" in more:
            return self._stand_in
        name = more.get("ag")
        if not name:
            return self._of_step(node.name) if node.kind == "step" and self._invoked else None
        if "inv" in more and any(
            child.kind == "workflow" and plain(child.more.get("wf", "")) == plain(name)
            for child in node.children
        ):
            return None  # the whole run again, as an agent around it
        if "imp" in more and node.parent is None and self._some_explicit:
            return None  # the whole run, named by its span alone, above agents that say who they are
        return self._by_plain[plain(name)]

    def _of_step(self, span_name: str) -> str | None:
        """A step that is called like an agent of the run is that agent's."""
        found = self._steps.get(span_name, "")
        if found == "":
            name = plain(readable(span_name))
            found = self._steps[span_name] = self._by_plain[name] if name in self._invoked else None
        return found

    @staticmethod
    def _stand_in_for(node: Node) -> str:
        """The nearest telling name above, else the service, else the framework."""
        above: Any = node.parent
        while above is not None:
            name = above.more.get("wf") or readable(above.name)
            if name and not GENERIC_NAME.match(name):
                return name
            above = above.parent
        service = node.more.get("svc", "")
        if service and not service.startswith("unknown_service"):
            return service
        return framework_in(node.scope, node.kind) or "agent"
