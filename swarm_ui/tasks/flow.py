"""What the steps of a run tell about its course: attempts, whom an agent waits for, idle gaps, the critical path.

Pure functions over a `Tree`; times are µs. Each takes about as long as sorting the steps.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from swarm_ui.tasks.tree import NO_AGENT, Span, Tree

_CALLS = ("llm", "tool", "retrieval")
_REPEATED = (*_CALLS, "agent")
# A pause of the whole run counts as idle from this share of it on.
GAP_SHARE = 0.1
GAP_LEAST = 1_000_000
MOST_GAPS = 20


class Exchange(NamedTuple):
    """A message between two agents; a request opens a wait of its sender, a reply ends it."""

    sender_id: str | None
    recipient_id: str | None
    at: int
    kind: str


class Wait(NamedTuple):
    """`whom` is an agent's id; `ended` is None while it still waits."""

    began: int
    ended: int | None
    whom: str


def attempts(tree: Tree) -> dict[int, tuple[int, int]]:
    """Step → (number, of how many), where an agent tried the same call again after it had failed."""
    spans = tree.spans
    scopes: dict[tuple[int | None, str, str, str | None], list[int]] = {}
    scope_of = _scopes(tree)
    for index in tree.by_start:
        span = spans[index]
        if span.kind in _REPEATED:
            scopes.setdefault((scope_of[index], span.kind, span.name, span.agent_id), []).append(index)
    found: dict[int, tuple[int, int]] = {}
    for indexes in scopes.values():
        for series in _series(spans, indexes):
            found |= {index: (number, len(series)) for number, index in enumerate(series, 1)}
    return found


def _series(spans: Sequence[Span], indexes: list[int]) -> Iterable[list[int]]:
    """Runs of one call after the other, each but the last failed."""
    series: list[int] = []
    for index in indexes:
        last = spans[series[-1]] if series else None
        if last is None or last.status != "error" or last.ended_at > spans[index].started_at:
            if len(series) > 1:
                yield series
            series = []
        series.append(index)
    if len(series) > 1:
        yield series


def _scopes(tree: Tree) -> list[int | None]:
    """The agent's or workflow's step that each step happens in, not counting itself."""
    scope_of: list[int | None] = [None] * len(tree.spans)
    for index in tree.order:
        parent = tree.parents[index]
        if parent is not None:
            opens = tree.spans[parent].kind in ("agent", "workflow")
            scope_of[index] = parent if opens else scope_of[parent]
    return scope_of


def critical_path(tree: Tree) -> dict[int, int]:
    """Step → how long the run waited for exactly this step: shortening any other does not shorten the run.

    From the end backwards: of what was going on, the step that ended last is what everything waited for; before it began, the
    one that ended last before that; and so on, level by level.
    """
    spans, took = tree.spans, dict[int, int]()
    roots = [index for index, parent in enumerate(tree.parents) if parent is None]
    if not roots:
        return took
    stack: list[tuple[int | None, list[int], int, int]] = [
        (None, roots, min(spans[index].started_at for index in roots), max(spans[index].ended_at for index in roots))
    ]  # fmt: skip
    while stack:
        above, inside, began, until = stack.pop()
        own = 0
        for index in sorted(inside, key=lambda one: (-spans[one].ended_at, -spans[one].started_at, one)):
            span = spans[index]
            ended = min(span.ended_at, until)
            start = max(span.started_at, began)
            if ended <= start:
                continue
            own += until - ended
            stack.append((index, tree.children[index], start, ended))
            until = start
        if above is not None:
            took[above] = own + until - began
    return took


def waits(tree: Tree, exchanges: Iterable[Exchange] = (), until: int | None = None) -> dict[str, list[Wait]]:
    """Lane → when its agent did nothing but wait for another; `until` is now for a run that goes on."""
    spans = tree.spans
    asked: dict[str, list[tuple[int, int, str]]] = {}
    open_: dict[str, list[Wait]] = {}
    busy: dict[str, list[tuple[int, int]]] = {}
    delegated = _delegated(tree)
    for index, span in enumerate(spans):
        lane = span.agent_id or NO_AGENT
        if span.kind in _CALLS and index not in delegated:
            busy.setdefault(lane, []).append((span.started_at, span.ended_at))
        parent = tree.parents[index]
        if parent is None or lane == NO_AGENT:
            continue
        above = spans[parent]
        if above.agent_id and above.agent_id != lane:
            asked.setdefault(above.agent_id, []).append(
                (max(span.started_at, above.started_at), min(span.ended_at, above.ended_at), lane)
            )
    for sender, whom, began, ended in _answered(exchanges):
        if ended is not None:
            asked.setdefault(sender, []).append((began, ended, whom))
        elif until is not None:
            open_.setdefault(sender, []).append(Wait(began, None, whom))
    found = {lane: _without(sorted(times), sorted(busy.get(lane, ()))) for lane, times in asked.items()}
    for lane, waiting in open_.items():
        last = max((ended for _, ended in busy.get(lane, ())), default=0)
        found.setdefault(lane, []).extend(
            Wait(max(one.began, last), None, one.whom) for one in waiting if until and last < until
        )
    return {lane: times for lane, times in found.items() if times}


def _delegated(tree: Tree) -> set[int]:
    """Steps that another agent's step hangs below: a call of a tool that is an agent is waiting, not work."""
    found: set[int] = set()
    for index, span in enumerate(tree.spans):
        parent = tree.parents[index]
        if parent is None or not span.agent_id or tree.spans[parent].agent_id == span.agent_id:
            continue
        above = tree.spans[parent].agent_id
        while parent is not None and parent not in found and tree.spans[parent].agent_id == above:
            found.add(parent)
            parent = tree.parents[parent]
    return found


def _answered(exchanges: Iterable[Exchange]) -> list[tuple[str, str, int, int | None]]:
    """(sender, recipient, asked at, answered at or None), each reply with the oldest open request of that pair."""
    open_: dict[tuple[str, str], list[int]] = {}
    found: list[tuple[str, str, int, int | None]] = []
    for one in sorted(exchanges, key=lambda exchange: exchange.at):
        if not one.sender_id or not one.recipient_id or one.sender_id == one.recipient_id:
            continue
        if one.kind == "request":
            open_.setdefault((one.sender_id, one.recipient_id), []).append(one.at)
        elif one.kind in ("response", "error"):
            asked = open_.get((one.recipient_id, one.sender_id))
            if asked:
                found.append((one.recipient_id, one.sender_id, asked.pop(0), one.at))
    found += [(sender, whom, at, None) for (sender, whom), times in open_.items() for at in times]
    return found


def _without(asked: list[tuple[int, int, str]], busy: list[tuple[int, int]]) -> list[Wait]:
    """The times of `asked`, each moment once, without those of `busy`; both sorted."""
    found: list[Wait] = []
    covered, place = 0, 0
    for began, ended, whom in asked:
        at = max(began, covered)
        covered = max(covered, ended)
        while place < len(busy) and busy[place][1] <= at:
            place += 1
        following = place
        while at < ended:
            if following < len(busy) and busy[following][0] < ended:
                start, end = busy[following]
                if start > at:
                    found.append(Wait(at, start, whom))
                at = max(at, end)
                following += 1
            else:
                found.append(Wait(at, ended, whom))
                at = ended
    return found


def gaps(tree: Tree) -> list[tuple[int, int]]:
    """The longest times in which no call and no other innermost step went on, in order."""
    spans = tree.spans
    if not spans:
        return []
    inner = [
        (spans[index].started_at, spans[index].ended_at)
        for index in tree.by_start
        if spans[index].kind in _CALLS or not tree.children[index]
    ]
    began, ended = min(span.started_at for span in spans), max(span.ended_at for span in spans)
    least = max(GAP_LEAST, int((ended - began) * GAP_SHARE))
    found, at = [], began
    for start, end in inner:
        if start - at >= least:
            found.append((at, start))
        at = max(at, end)
    if ended - at >= least:
        found.append((at, ended))
    return found[:MOST_GAPS]
