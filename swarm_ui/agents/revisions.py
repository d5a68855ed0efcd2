"""What an agent was set to, and what differs between two of its revisions, line by line. Long texts are cut around the place that differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from json import dumps
from typing import Any

from sqlalchemy import Select, select

from swarm_ui.agents.editing import settings_in
from swarm_ui.agents.models import TRACED, Agent, AgentRevision
from swarm_ui.extensions import db
from swarm_ui.web import Slice, keyset

PAGE = 50
NAMES = {
    "name": "Name",
    "serviceName": "Service",
    "type": "Type",
    "capabilities": "Capabilities",
    "description": "Description",
    "llmModel": "Model",
    "parameters": "Parameters",
    "heartbeatPeriod": "Heartbeat every",
    "heartbeatGrace": "Heartbeat grace",
}
# Comparing takes time that grows with the square of the lines.
MOST_LINES = 400
LONGEST_LINE = 600  # in a comparison
LONGEST_WHOLE = 10_000
AROUND = 2


@dataclass(frozen=True, slots=True)
class Line:
    kind: str  # same, del, ins or gap
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    column: str
    lines: list[Line]

    @property
    def name(self) -> str:
        return NAMES[self.column]


def listed(agent_id: str) -> Select[Any]:
    return select(AgentRevision).where(AgentRevision.agent_id == agent_id)


def page_of(agent: Agent, cursor: str | None) -> tuple[Slice, dict[int, list[str]]]:
    """Some revisions, newest first, and the names of what each changed."""
    found = keyset(listed(agent.id), AgentRevision.number, AgentRevision.id, limit=PAGE, cursor=cursor)
    items = list(found.items)
    older = one(agent.id, items[-1].number - 1) if items else None
    changed = {
        newer.number: [NAMES[column] for column in changed_in(before.snapshot, newer.snapshot)]
        for newer, before in zip(items, [*items[1:], *([older] if older else [])], strict=False)
    }
    return found, changed


def one(agent_id: str, number: int) -> AgentRevision | None:
    return db.session.scalars(listed(agent_id).where(AgentRevision.number == number)).first()


def changed_in(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The columns that are set otherwise. What traces said in the meantime is no change by a person."""
    one_, other = settings_in(before), settings_in(after)
    return [column for column in NAMES if one_[column] != other[column]]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change(column, compared(_lines(column, before), _lines(column, after)))
        for column in changed_in(before, after)
    ]


def shown(snapshot: Mapping[str, Any]) -> list[Change]:
    """All that a revision holds."""
    return [
        Change(
            column,
            [Line("same", _around(text, 0, LONGEST_WHOLE)) for text in lines[:MOST_LINES]] + _rest(lines),
        )
        for column in NAMES
        if (lines := _lines(column, snapshot))
    ]


def _rest(lines: list[str]) -> list[Line]:
    return [Line("gap", f"{len(lines) - MOST_LINES:,} more lines")] if len(lines) > MOST_LINES else []


def _lines(column: str, snapshot: Mapping[str, Any]) -> list[str]:
    value = snapshot.get(column)
    text = _text(value)
    if column in TRACED and column not in (snapshot.get("edited") or ()):
        return ["as traces say" + (f": {', '.join(text)}" if text else "")]
    return text if text or column not in TRACED else ["none"]


def _text(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [str(item) for item in value]
    if isinstance(value, dict):
        # Databases keep the keys of an object in orders of their own.
        return dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()
    return str(value).splitlines()


def compared(before: list[str], after: list[str]) -> list[Line]:
    """Lines that went and came, two unchanged ones around them."""
    if len(before) > MOST_LINES or len(after) > MOST_LINES:
        before, after, skipped = _without_ends(before, after)
        head = [Line("gap", f"{skipped:,} unchanged lines")] if skipped else []
        if len(before) > MOST_LINES or len(after) > MOST_LINES:
            return [*head, *_all("del", before), *_all("ins", after)]
        return head + compared(before, after)
    found: list[Line] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(AROUND))
    for place, group in enumerate(groups):
        if place or group[0][1] > 0:
            found.append(Line("gap", "…"))
        for kind, first, last, other_first, other_last in group:
            if kind == "equal":
                found += [Line("same", _around(text, 0)) for text in before[first:last]]
            elif last - first == other_last - other_first:
                for old, new in zip(before[first:last], after[other_first:other_last], strict=True):
                    at = _first_difference(old, new)
                    found += [Line("del", _around(old, at)), Line("ins", _around(new, at))]
            else:
                found += [Line("del", _around(text, 0)) for text in before[first:last]]
                found += [Line("ins", _around(text, 0)) for text in after[other_first:other_last]]
    if groups and groups[-1][-1][2] < len(before):
        found.append(Line("gap", "…"))
    return found


def _without_ends(before: list[str], after: list[str]) -> tuple[list[str], list[str], int]:
    """Without the lines that both begin and end with."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    rest = shorter - start
    end = next((place for place in range(rest) if before[-1 - place] != after[-1 - place]), rest)
    return before[start : len(before) - end], after[start : len(after) - end], start + end


def _all(kind: str, lines: list[str]) -> list[Line]:
    return [Line(kind, _around(text, 0)) for text in lines[:MOST_LINES]] + _rest(lines)


def _first_difference(one_: str, other: str) -> int:
    shorter = min(len(one_), len(other))
    return next((place for place in range(shorter) if one_[place] != other[place]), shorter)


def _around(text: str, at: int, most: int = LONGEST_LINE) -> str:
    """The text, or so much of it around one place."""
    if len(text) <= most:
        return text
    start = max(0, min(at - most // 4, len(text) - most))
    end = start + most
    left = f"({start:,} more characters) …" if start else ""
    right = f"… ({len(text) - end:,} more characters)" if end < len(text) else ""
    return left + text[start:end] + right
