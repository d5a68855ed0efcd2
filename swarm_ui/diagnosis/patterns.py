"""Work that goes round in circles: loops in who asks whom, identical calls and messages, storms, and who waits for whom."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from swarm_ui.diagnosis.case import Case, Turn
from swarm_ui.diagnosis.failures import SAME
from swarm_ui.formatting import clip, plural

SECOND = 1_000_000
STORM_US = 10 * SECOND
# Messages of one agent to one other (or to all) within STORM_US, and of all agents together.
STORM, STORM_OF_ALL = 50, 200
MOST = 50
LONGEST_SAME = 2_000
# A hand-off is no wait: whoever gets it begins a moment later. Only what stands still for so long is stuck.
STUCK_US = 30 * SECOND


@dataclass(frozen=True, slots=True)
class Pattern:
    """`kind` is loop, repeat, storm or deadlock; `tokens` and `cost` are what the agents in it used between its first and its last
    message or call, None where nothing was measured. `message_ids` and `keys` (of steps) lead to its first ones."""

    kind: str
    says: str
    agent_ids: tuple[str, ...]
    agents: tuple[str, ...]
    times: int
    since: int | None
    until: int | None
    tokens: int | None = None
    cost: float | None = None
    message_ids: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def is_serious(self) -> bool:
        """Worth a line on the page: swarms pass work back once or twice without harm."""
        return self.kind != "loop" or self.times >= 3 or (self.times >= 2 and len(self.agents) > 2)


@dataclass(frozen=True, slots=True)
class Wait:
    agent_id: str
    agent: str
    for_id: str
    waits_for: str
    since: int | None
    message_id: str


@dataclass(slots=True)
class Patterns:
    items: list[Pattern] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    @property
    def serious(self) -> list[Pattern]:
        return [one for one in self.items if one.is_serious]


def find(case: Case) -> Patterns:
    """Worst first: deadlocks, then by tokens, then by how often."""
    waits = waiting(case) if case.status in ("running", "pending") else []
    found = [
        *_deadlocks(case, waits),
        *_loops(case),
        *_same_calls(case),
        *_same_messages(case),
        *_storms(case),
    ]
    found.sort(key=lambda one: (one.kind != "deadlock", -(one.tokens or 0), -one.times, one.kind, one.agents))
    return Patterns(found[:MOST], waits[:MOST])


def burnt(
    case: Case, agents: Iterable[str], since: int | None, until: int | None
) -> tuple[int | None, float | None]:
    """Tokens and cost of these agents' model calls in this time, both ends included."""
    if since is None or until is None:
        return None, None
    among = set(agents)
    calls = [call for call in case.usage if since <= call.at <= until and call.agent in among]
    tokens = [call.tokens for call in calls if call.tokens is not None]
    costs = [call.cost for call in calls if call.cost is not None]
    return sum(tokens) if tokens else None, round(sum(costs), 8) if costs else None


def _pattern(
    case: Case, kind: str, says: str, agents: Sequence[str], times: int, turns: Sequence[Turn]
) -> Pattern:
    moments = [turn.at for turn in turns if turn.at is not None]
    since, until = min(moments, default=None), max(moments, default=None)
    tokens, cost = burnt(case, agents, since, until)
    ids = tuple(turn.id for turn in turns[:10])
    return Pattern(
        kind, says, tuple(agents), tuple(map(case.name, agents)), times, since, until, tokens, cost, ids
    )


# Loops.


def _loops(case: Case) -> list[Pattern]:
    """A way that work went round: from an agent over others back to it. One pattern a circle, however often it was gone round."""
    edges: dict[str, dict[str, list[Turn]]] = {}
    for turn in case.requests():
        edges.setdefault(turn.sender or "", {}).setdefault(turn.recipient or "", []).append(turn)
    found = []
    for circle in _circles({agent: list(to) for agent, to in edges.items()}):
        hops = [edges[one][other] for one, other in zip(circle, (*circle[1:], circle[0]), strict=True)]
        times = min(len(hop) for hop in hops)
        if len(circle) == 2 and times == 1:
            continue  # handed over and handed back
        turns = sorted((turn for hop in hops for turn in hop), key=lambda turn: (turn.at or 0, turn.id))
        way = " → ".join(case.name(agent) for agent in (*circle, circle[0]))
        says = f"Work went round {way}" + (f" {plural(times, 'time')}" if times > 1 else "")
        found.append(_pattern(case, "loop", says, circle, times, turns))
    return found


def _circles(graph: dict[str, list[str]]) -> list[tuple[str, ...]]:
    """For each agent that can come back to itself the shortest circle through it, each circle once."""
    found: dict[tuple[str, ...], None] = {}
    for start in sorted(graph):
        if len(found) >= MOST:
            break
        circle = _shortest_way(graph, start, start)
        if circle:
            first = circle.index(min(circle))
            found[(*circle[first:], *circle[:first])] = None
    return list(found)


def _shortest_way(graph: dict[str, list[str]], start: str, goal: str) -> tuple[str, ...] | None:
    before: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in graph.get(here, ()):
            if there == goal:
                way = [here]
                while way[-1] != start:
                    way.append(before[way[-1]])
                return tuple(reversed(way))
            if there not in before and there != start:
                before[there] = here
                waiting.append(there)
    return None


# Identical calls and messages.


def _same_calls(case: Case) -> list[Pattern]:
    groups: dict[tuple[str | None, str, str], list[int]] = {}
    for index in case.tree.by_start if case.arguments else ():
        arguments = case.arguments.get(index)
        if arguments is not None:
            groups.setdefault((case.steps[index].agent_id, case.step_name(index), arguments), []).append(
                index
            )
    found = []
    for (agent, name, arguments), calls in groups.items():
        if len(calls) < SAME:
            continue
        failed = sum(1 for index in calls if case.steps[index].status == "error")
        said = (
            f", {failed} of them failed"
            if 0 < failed < len(calls)
            else (", all of them failed" if failed else "")
        )
        with_what = f" with {clip(arguments, 80)}" if arguments not in ("", "{}", "null") else ""
        says = f"{case.name(agent, 'The run')} called {name} {plural(len(calls), 'time')}{with_what}{said}"
        agents = (agent,) if agent else ()
        since, until = case.steps[calls[0]].started_at, case.steps[calls[-1]].ended_at
        tokens, cost = burnt(case, agents, since, until)
        found.append(
            Pattern("repeat", says, agents, tuple(map(case.name, agents)), len(calls), since, until, tokens, cost,
                    keys=tuple(case.tree.key(index) for index in calls[:10]))
        )  # fmt: skip
    return found


def _same_messages(case: Case) -> list[Pattern]:
    """The same words from one agent to the same other. An empty message says nothing, so it repeats nothing."""
    groups: dict[tuple[str, str | None, str], list[Turn]] = {}
    for turn in case.turns:
        words = " ".join(turn.text[:LONGEST_SAME].split())
        if turn.sender and len(words) >= 20 and turn.recipient != turn.sender:
            groups.setdefault((turn.sender, turn.recipient, words), []).append(turn)
    found = []
    for (sender, recipient, words), turns in groups.items():
        if len(turns) >= SAME:
            whom = case.name(recipient, "everyone")
            says = (
                f"{case.name(sender)} told {whom} the same {plural(len(turns), 'time')}: “{clip(words, 80)}”"
            )
            agents = tuple(dict.fromkeys(agent for agent in (sender, recipient) if agent))
            found.append(_pattern(case, "repeat", says, agents, len(turns), turns))
    return found


# Storms.


def _storms(case: Case) -> list[Pattern]:
    streams: dict[tuple[str | None, str | None], list[Turn]] = {}
    everybody = []
    for turn in case.turns:
        if turn.at is not None and turn.sender and turn.sender != turn.recipient:
            streams.setdefault((turn.sender, turn.recipient), []).append(turn)
            everybody.append(turn)
    found = []
    for (sender, recipient), turns in streams.items():
        if burst := _densest(turns, STORM):
            says = f"{case.name(sender)} sent {case.name(recipient, 'everyone')} {len(burst)} messages within {STORM_US // SECOND} s"
            agents = tuple(agent for agent in (sender, recipient) if agent)
            found.append(_pattern(case, "storm", says, agents, len(burst), burst))
    if not found and (burst := _densest(everybody, STORM_OF_ALL)):
        senders = [agent for agent, _ in Counter(turn.sender for turn in burst).most_common() if agent]
        says = f"{plural(len(senders), 'agent')} sent {len(burst)} messages within {STORM_US // SECOND} s"
        found.append(_pattern(case, "storm", says, senders[:MOST], len(burst), burst))
    return found


def _densest(turns: list[Turn], most: int) -> list[Turn]:
    """The window with most messages, where it holds at least `most`. `turns` are in the order of time."""
    if len(turns) < most:
        return []
    best = (0, 0, 0)
    start = 0
    for end, turn in enumerate(turns):
        while (turn.at or 0) - (turns[start].at or 0) > STORM_US:
            start += 1
        best = max(best, (end + 1 - start, -start, end + 1))
    count, start, end = best[0], -best[1], best[2]
    return turns[start:end] if count >= most else []


# Who waits for whom.


def waiting(case: Case) -> list[Wait]:
    """Requests without an answer, of agents that did nothing else since: who works on does not wait."""
    open_: dict[tuple[str, str], Turn] = {}
    for turn in case.turns:
        sender, recipient = turn.sender, turn.recipient
        if not sender or sender == recipient:
            continue
        if turn.type == "request" and recipient:
            open_.setdefault((sender, recipient), turn)
        if turn.type in ("response", "error"):
            open_ = {
                pair: asked
                for pair, asked in open_.items()
                if not (pair[1] == sender and recipient in (None, pair[0]))
            }
        elif turn.type == "broadcast":
            open_ = {pair: asked for pair, asked in open_.items() if pair[1] != sender}
    busy = _last_work(case)
    still = [item for item in open_.items() if busy.get(item[0][0], -1) <= (item[1].at or 0)]
    return [
        Wait(agent, case.name(agent), other, case.name(other), turn.at, turn.id)
        for (agent, other), turn in sorted(still, key=lambda item: (item[1].at or 0, item[1].id))
    ]


def _last_work(case: Case) -> dict[str, int]:
    """When each agent last began a call of a model or tool, or said something that was no request."""
    found: dict[str, int] = {}
    for step in case.steps:
        if step.agent_id and step.kind in ("llm", "tool", "retrieval"):
            found[step.agent_id] = max(found.get(step.agent_id, 0), step.started_at)
    for turn in case.turns:
        if turn.sender and turn.at is not None and turn.type != "request":
            found[turn.sender] = max(found.get(turn.sender, 0), turn.at)
    return found


def _deadlocks(case: Case, waits: list[Wait]) -> list[Pattern]:
    """Agents that wait for each other in a circle: nobody of them can go on."""
    graph: dict[str, list[str]] = {}
    for wait in waits:
        graph.setdefault(wait.agent_id, []).append(wait.for_id)
    by_pair = {(wait.agent_id, wait.for_id): wait for wait in waits}
    turns = {turn.id: turn for turn in case.turns}
    found = []
    for circle in _circles(graph):
        pairs = list(zip(circle, (*circle[1:], circle[0]), strict=True))
        asked = [turns[by_pair[pair].message_id] for pair in pairs]
        if case.now - max(turn.at or 0 for turn in asked) < STUCK_US:
            continue
        way = ", ".join(f"{case.name(one)} waits for {case.name(other)}" for one, other in pairs)
        pattern = _pattern(case, "deadlock", f"{way}: none of them can go on", circle, 1, asked)
        found.append(pattern)
    return found
