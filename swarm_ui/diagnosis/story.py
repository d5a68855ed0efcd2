"""The run in a few plain sentences, made from its steps and messages by templates. No markup: sentences are pieces that a page draws."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from swarm_ui.diagnosis.case import WRAPPERS, Case, Turn
from swarm_ui.formatting import clip, plural
from swarm_ui.tasks.tree import Span

LONGEST = 8
_TIMES = {1: "once more", 2: "twice more"}


class Piece(NamedTuple):
    """A bit of a sentence. `name` is anything from outside: it is shown apart from our own words; `time` is µs in `at`."""

    kind: Literal["text", "name", "time"]
    text: str
    at: int | None = None


@dataclass(slots=True)
class Sentence:
    """`key` is the step it speaks of, `message_id` the message. `weight` decides what stays where there is too much to tell."""

    pieces: list[Piece]
    at: int
    weight: int
    key: str | None = None
    message_id: str | None = None
    kind: str = ""


@dataclass(slots=True)
class Story:
    """`hand_offs` counts (from, to) by name, `tool_calls` by tool: all of them, also those that no sentence has room for."""

    sentences: list[Sentence] = field(default_factory=list)
    hand_offs: list[tuple[str, str, int]] = field(default_factory=list)
    tool_calls: dict[str, int] = field(default_factory=dict)


def tell(case: Case, *, error: str = "", took: str = "") -> Story:
    """`error` is the run's own, `took` how long it took; both only for the last sentence."""
    told = [*_hand_offs(case), *_calls(case), *_model_errors(case), *_spoken_errors(case)]
    told = _merged(sorted(told, key=lambda one: (one.at, -one.weight)))
    ending = _ending(case, error, took)
    room = LONGEST - len(ending)
    kept = sorted(range(len(told)), key=lambda place: (-told[place].weight, place))[:room]
    sentences = [told[place] for place in sorted(kept)]
    handed = Counter((turn.sender, turn.recipient) for turn in case.requests())
    tools = Counter(case.step_name(index) for index in case.tree.by_start if case.is_tool_call(index))
    return Story(
        sentences + ending,
        [(case.name(one), case.name(other), times) for (one, other), times in handed.items()],
        dict(tools),
    )


def _text(*parts: str | Piece) -> list[Piece]:
    return [part if isinstance(part, Piece) else Piece("text", part) for part in parts if part != ""]


def _name(text: str) -> Piece:
    return Piece("name", clip(text, 80))


def _at(us: int) -> Piece:
    return Piece("time", "", us)


def _listed(names: Sequence[str]) -> list[str | Piece]:
    """a, b and c."""
    parts: list[str | Piece] = []
    for place, name in enumerate(names):
        if place:
            parts.append(" and " if place == len(names) - 1 else ", ")
        parts.append(_name(name))
    return parts


# Hand-offs.


def _hand_offs(case: Case) -> Iterable[Sentence]:
    """One sentence for each row of requests of one agent, up to the next one that asks, or to a failure."""
    failures = sorted(
        [turn.at for turn in case.turns if turn.type == "error" and turn.at is not None]
        + [step.started_at for step in case.steps if step.kind == "tool" and step.status == "error"]
    )
    row: list[Turn] = []
    first = True
    for turn in [*case.requests(), None]:
        if (
            turn is not None
            and row
            and row[-1].sender == turn.sender
            and not _between(failures, row[-1].at, turn.at)
        ):
            row.append(turn)
            continue
        if row:
            yield _asked(case, row, 40 if first else 20)
            first = False
        row = [turn] if turn is not None else []


def _between(moments: list[int], since: int | None, until: int | None) -> bool:
    place = bisect_left(moments, since or 0)
    return until is not None and place < len(moments) and moments[place] < until


def _asked(case: Case, row: list[Turn], weight: int) -> Sentence:
    times = Counter(case.name(turn.recipient) for turn in row)
    names = list(times)
    said = (
        _listed(names)
        if len(names) <= 4
        else [*_listed(names[:3])[:-2], ", ", _name(names[2]), f" and {len(names) - 3} more agents"]
    )
    often = f" {_often(len(row))}" if len(names) == 1 and len(row) > 1 else ""
    at = row[0].at or 0
    pieces = _text(
        _name(case.name(row[0].sender)), " asked ", *said, often, *((" at ", _at(at)) if row[0].at else ())
    )
    return Sentence(pieces, at, weight, message_id=row[0].id, kind="hand-off")


def _often(times: int) -> str:
    return "twice" if times == 2 else f"{times} times"


# Calls of tools.


def _calls(case: Case) -> Iterable[Sentence]:
    """A sentence for each failed call with what came of it, and one for the good calls of an agent in between; what an agent does for one
    request is told apart from what it does for the next."""
    calls: dict[tuple[str | None, int], list[int]] = {}
    for index in case.tree.by_start:
        step = case.steps[index]
        if case.is_tool_call(index) or step.kind == "retrieval":
            request = bisect_right(case.asked_at.get(step.agent_id, []), step.started_at)
            calls.setdefault((step.agent_id, request), []).append(index)
    for (agent, request), indices in calls.items():
        moments = case.asked_at.get(agent, [])
        until = moments[request] if request < len(moments) else None
        for row in _rows(case, indices):
            if case.steps[row[0]].status == "error":
                yield _failed(case, row, until, is_last=row[-1] == indices[-1])
            else:
                yield _called(case, row)


def _rows(case: Case, indices: list[int]) -> Iterable[list[int]]:
    """Good calls up to one that fails; a call that fails, with its later tries up to one that works."""
    row: list[int] = []
    for index in indices:
        is_good = case.steps[index].status != "error"
        if row and case.steps[row[0]].status == "error" and case.step_name(row[0]) == case.step_name(index):
            row.append(index)
            if is_good:
                yield row
                row = []
        elif row and is_good and case.steps[row[0]].status != "error":
            row.append(index)
        else:
            if row:
                yield row
            row = [index]
    if row:
        yield row


def _called(case: Case, indices: list[int]) -> Sentence:
    step = case.steps[indices[0]]
    names = list(dict.fromkeys(case.step_name(index) for index in indices))
    said = _listed(names[:3]) + ([f" and {len(names) - 3} more tools"] if len(names) > 3 else [])
    often = f" {_often(len(indices))}" if len(names) == 1 and len(indices) > 1 else ""
    pieces = _text(_who(case, step), " called ", *said, often)
    return Sentence(pieces, step.started_at, 10, key=case.tree.key(indices[0]), kind="call")


def _failed(case: Case, tries: list[int], until: int | None, *, is_last: bool) -> Sentence:
    first, last = case.steps[tries[0]], case.steps[tries[-1]]
    goes_on = not is_last or case.works_after(last.agent_id, last.ended_at, until)
    pieces = _text(
        _who(case, first),
        " called ",
        _name(case.step_name(tries[0])),
        f", which failed {_took(first)}",
        *_with(first),
    )
    again = len(tries) - 1
    if again:
        more = _TIMES.get(again, f"{again} times more")
        if last.status != "error":
            pieces += _text(
                "; it tried again and that worked"
                if again == 1
                else f"; it tried {more}, and the last try worked"
            )
        else:
            pieces += _text(
                f"; it tried {more}, then gave up"
                if not goes_on
                else f"; it tried {more} in vain, then went on without"
            )
    elif goes_on:
        pieces += _text("; it went on without it")
    return Sentence(
        pieces, first.started_at, _weight(case, tries), key=case.tree.key(tries[0]), kind="failure"
    )


def _who(case: Case, step: Span) -> Piece:
    return (
        _name(case.names.get(step.agent_id, "an agent that is gone"))
        if step.agent_id
        else Piece("text", "the run")
    )


def _took(step: Span) -> str:
    """at once, after 120 ms, after 4.1 s, after 3 min 12 s."""
    seconds = max(step.ended_at - step.started_at, 0) / 1_000_000
    if seconds < 0.001:
        return "at once"
    if seconds < 59.95:
        return f"after {seconds * 1000:.0f} ms" if seconds < 0.9995 else f"after {seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"after {minutes} min {rest} s" if minutes < 60 else f"after {minutes // 60} h {minutes % 60} min"


def _with(step: Span) -> list[str | Piece]:
    """The error: its last name, and what it says."""
    kind = (step.error_type or "").rpartition(".")[2]
    said = clip(step.error_message, 120)
    parts: list[str | Piece] = []
    if kind:
        parts += [" with ", _name(kind)]
    if said:
        parts += [" (" if kind else ": ", Piece("name", said), ")" if kind else ""]
    return parts


def _weight(case: Case, tries: list[int]) -> int:
    if case.tree.first_failing in tries:
        return 100
    if case.steps[tries[0]].kind in WRAPPERS:
        return 15
    return 60 if any(index in case.errors[:20] for index in tries) else 30


# Errors of models, and of whatever else is no tool.


def _model_errors(case: Case) -> Iterable[Sentence]:
    """Failed calls of one agent's model in a row are one sentence."""
    rows: dict[tuple[str | None, str, str | None], list[int]] = {}
    for index in case.errors:
        step = case.steps[index]
        if not case.is_tool_call(index) and step.kind != "retrieval":
            rows.setdefault((step.agent_id, case.step_name(index), step.error_type), []).append(index)
    for (_agent, name, _error), indices in list(rows.items())[:20]:
        first = case.steps[indices[0]]
        tries = len(indices) - 1
        if first.kind == "llm":
            what = (
                _text("the model call ", _name(name), " of ", _who(case, first))
                if first.agent_id
                else _text("the model call ", _name(name))
            )
        elif first.kind in WRAPPERS:
            what = _text("the step ", _name(name), *((" of ", _who(case, first)) if first.agent_id else ()))
        else:
            what = _text(_who(case, first))
        pieces = [*what, *_text(f" failed {_took(first)}", *_with(first))]
        if tries:
            pieces += _text(f", and {_TIMES.get(tries, f'{tries} times more')} after that")
        yield Sentence(
            pieces, first.started_at, _weight(case, indices), key=case.tree.key(indices[0]), kind="failure"
        )


def _spoken_errors(case: Case) -> Iterable[Sentence]:
    """Errors that agents told each other. Where steps failed, those tell it already."""
    if case.errors:
        return
    for turn in [turn for turn in case.turns if turn.type == "error"][:3]:
        whom = _text(" to ", _name(case.name(turn.recipient))) if turn.recipient else []
        said = [Piece("text", ": "), Piece("name", clip(turn.text, 120))] if turn.text.strip() else []
        pieces = [*_text(_name(case.name(turn.sender))), *_text(" reported an error"), *whom, *said]
        yield Sentence(pieces, turn.at or 0, 50, message_id=turn.id, kind="failure")


# All of it.


def _merged(told: list[Sentence]) -> list[Sentence]:
    """An agent that is asked and then does one thing is one sentence: "planner asked researcher; researcher called search_kb, which failed"."""
    merged: list[Sentence] = []
    for sentence in told:
        before = merged[-1] if merged else None
        if (
            before is not None
            and before.kind == "hand-off"
            and sentence.kind in ("failure", "call")
            and _asked_name(before) == _first_name(sentence)
        ):
            before.pieces += [Piece("text", "; "), *sentence.pieces]
            before.weight = max(before.weight, sentence.weight)
            before.kind = sentence.kind
            if sentence.weight > 20:
                before.key, before.message_id = sentence.key, None
            continue
        merged.append(sentence)
    return merged


def _asked_name(sentence: Sentence) -> str | None:
    names = [piece.text for piece in sentence.pieces if piece.kind == "name"]
    return names[1] if len(names) == 2 else None


def _first_name(sentence: Sentence) -> str | None:
    return next((piece.text for piece in sentence.pieces if piece.kind == "name"), None)


def _ending(case: Case, error: str, took: str) -> list[Sentence]:
    at = max([step.ended_at for step in case.steps] + [turn.at for turn in case.turns if turn.at] or [0])
    talk = _conversation(case)
    after = f" after {took}" if took else ""
    if case.status == "failed":
        # The error was told where it happened.
        why: list[str | Piece] = []
        if error and case.tree.first_failing is None:
            why = [": ", Piece("name", clip(error, 120))]
        return [*talk, Sentence(_text(f"the run failed{after}", *why), at, 90, kind="end")]
    if case.status == "timeout":
        last = case.tree.last()
        if last is None:
            return [*talk, Sentence(_text("nothing more of the run arrived"), at, 90, kind="end")]
        step = case.steps[last]
        pieces = _text(
            "nothing more arrived after ",
            _name(case.step_name(last)),
            *((" of ", _who(case, step)) if step.agent_id else ()),
        )
        return [*talk, Sentence(pieces, at, 90, key=case.tree.key(last), kind="end")]
    if case.status in ("running", "pending"):
        return talk
    recovered = " all the same" if case.errors else ""
    return [
        *talk,
        Sentence(
            _text(f"the run completed{recovered}" + (f" in {took}" if took else "")), at, 90, kind="end"
        ),
    ]


def _conversation(case: Case) -> list[Sentence]:
    """How much was said, where messages are all that there is."""
    if case.steps or len(case.turns) < 2:
        return []
    said = Counter(turn.sender for turn in case.turns if turn.sender)
    if len(said) < 2:
        return []
    most, times = said.most_common(1)[0]
    pieces = _text(
        f"{plural(len(said), 'agent')} exchanged {plural(len(case.turns), 'message')}, ",
        _name(case.name(most)),
        f" {times} of them",
    )
    return [Sentence(pieces, case.turns[0].at or 0, 30, message_id=case.turns[0].id, kind="talk")]
