"""What a diagnosis looks at: the steps, messages and log lines of one run. No database, no markup; agents are ids, `names` says whose."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from swarm_ui.tasks.tree import Span, Tree

# Kinds that a framework opens around the work.
WRAPPERS = frozenset({"step", "workflow"})


class Turn(NamedTuple):
    """One message; `text` is its beginning, `at` µs, `via` the tool that carried it, `cut` why its model stopped before the end."""

    id: str
    sender: str | None
    recipient: str | None
    type: str
    text: str
    at: int | None = None
    span_id: str | None = None
    via: str | None = None
    is_whole: bool = True
    cut: str | None = None


class Line(NamedTuple):
    """A log line of level error or worse."""

    id: str
    agent: str | None
    message: str
    at: int | None
    span_id: str | None = None


class Usage(NamedTuple):
    """One model call."""

    at: int
    agent: str | None
    tokens: int | None
    cost: float | None


class Reply(NamedTuple):
    """What a model answered in words, what it had been told to do, and the texts that it knew."""

    text: str
    orders: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@dataclass
class Case:
    """`turns` and `lines` are in order; `tools` names the tool of a span of kind tool by its index, `delegating` are those of them
    that hand work over. `failed_span_id` is the verdict's, None where there is none."""

    steps: Sequence[Span] = ()
    turns: Sequence[Turn] = ()
    lines: Sequence[Line] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    status: str = "failed"
    failed_span_id: str | None = None
    tools: Mapping[int, str] = field(default_factory=dict)
    delegating: frozenset[int] = frozenset()
    # By index of a tool's span: what it was called with, where that was looked up.
    arguments: Mapping[int, str] = field(default_factory=dict)
    # By index of a model's call: why it stopped before the end; those that said nothing; where it was looked up, what they said.
    cut: Mapping[int, str] = field(default_factory=dict)
    mute: frozenset[int] = frozenset()
    replies: Mapping[int, Reply] = field(default_factory=dict)
    # By index of a tool's span: what it answered, where that was looked up.
    results: Mapping[int, str] = field(default_factory=dict)
    usage: Sequence[Usage] = ()
    now: int = 0

    @cached_property
    def tree(self) -> Tree:
        return Tree(self.steps, self.failed_span_id)

    @cached_property
    def places(self) -> dict[int, int]:
        """The 0-based place of each step in the order in which the steps began."""
        order = sorted(
            range(len(self.steps)), key=lambda one: (self.steps[one].started_at, self.steps[one].span_id)
        )
        return {index: place for place, index in enumerate(order)}

    def name(self, agent: str | None, without: str = "the run") -> str:
        return self.names.get(agent, "an agent that is gone") if agent else without

    def step_name(self, index: int) -> str:
        return self.tools.get(index) or self.steps[index].name

    @cached_property
    def errors(self) -> list[int]:
        """Steps that failed with nothing failed below them, first ended first; a framework's step that only repeats an error is left out."""
        spans, parents = self.steps, self.tree.parents
        inside: set[int] = set()
        for index in reversed(self.tree.order):
            parent = parents[index]
            if parent is not None and (spans[index].status == "error" or index in inside):
                inside.add(parent)
        deepest = [
            index for index in self.tree.order if spans[index].status == "error" and index not in inside
        ]
        deepest.sort(key=lambda index: (spans[index].ended_at, spans[index].started_at, spans[index].span_id))
        said = {spans[index].error_message for index in deepest if spans[index].kind not in WRAPPERS}
        return [
            index
            for index in deepest
            if spans[index].kind not in WRAPPERS
            or index == self.tree.first_failing
            or not (said and spans[index].error_message in (said | {None}))
        ]

    @cached_property
    def _good_work(self) -> dict[str | None, list[int]]:
        """When each agent began its calls of models and tools that went well."""
        found: dict[str | None, list[int]] = {}
        for index in self.tree.by_start:
            step = self.steps[index]
            if step.kind in ("llm", "tool") and step.status != "error":
                found.setdefault(step.agent_id, []).append(step.started_at)
        return found

    def works_after(self, agent: str | None, since: int, until: int | None = None) -> bool:
        begun = self._good_work.get(agent, [])
        place = bisect_left(begun, since)
        return place < len(begun) and (until is None or begun[place] < until)

    @cached_property
    def asked_at(self) -> dict[str | None, list[int]]:
        """When each agent was given work."""
        found: dict[str | None, list[int]] = {}
        for turn in self.requests():
            if turn.at is not None:
                found.setdefault(turn.recipient, []).append(turn.at)
        return {agent: sorted(moments) for agent, moments in found.items()}

    def is_tool_call(self, index: int) -> bool:
        """An application's tool; handing over is a message."""
        return self.steps[index].kind == "tool" and index not in self.delegating

    def requests(self) -> list[Turn]:
        """Hand-offs: work given by one agent to another."""
        return [
            turn
            for turn in self.turns
            if turn.type == "request" and turn.sender and turn.recipient and turn.sender != turn.recipient
        ]
