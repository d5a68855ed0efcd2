"""One run as a case for the diagnosis: what is read for it, how much at most, and what of it the page and the API show.

Nothing of a diagnosis is stored. It follows from rows that a projection may rewrite, few runs are ever opened, and a better ranking holds
for old runs at once; the price is bounded work on read. A page reads the steps that it shows anyway and the first messages; what needs all
messages, arguments or usage (`whole`) is asked for by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from swarm_ui import clock
from swarm_ui.diagnosis import failures, patterns, spoken, story
from swarm_ui.diagnosis.case import Case, Line, Turn, Usage
from swarm_ui.diagnosis.suspects import Suspect, rank
from swarm_ui.extensions import db
from swarm_ui.formatting import duration
from swarm_ui.ingest.answered import is_cut
from swarm_ui.jsontext import loads
from swarm_ui.tasks import heard, queries
from swarm_ui.tasks.models import ExecutionLog, Message, Task
from swarm_ui.tasks.pretty import plain
from swarm_ui.tasks.tree import RUNNING, open_until
from swarm_ui.tasks.tree import Span as Step

# A run of more steps or messages than this is looked through on request.
AT_ONCE = 200
MOST_TURNS, MOST_LINES, MOST_CALLS, MOST_USAGE = 10_000, 50, 500, 20_000
# What is read of a message; all together no more than TEXT.
SAID, LEAST_SAID, TEXT = 4_000, 300, 4_000_000
RULES = (*failures.RULES, *spoken.RULES)
Said = TypeVar("Said")
Names = Mapping[str, tuple[str, str | None]]


@dataclass
class Diagnosis:
    """Worked out part by part, when it is asked for. `is_whole` where nothing of the run was left out; `looks_for_patterns` and `reads` say
    what the page may work out of the part that it has."""

    task: Task
    case: Case
    is_whole: bool
    looks_for_patterns: bool = True
    reads: bool = True

    @cached_property
    def story(self) -> story.Story:
        task = self.task
        took = duration(task.execution_time) if task.execution_time is not None else ""
        said = " ".join((task.error_message or "")[:200].split())
        return story.tell(
            self.case, error=": ".join(part for part in (task.error_type, said) if part), took=took
        )

    @cached_property
    def suspects(self) -> list[Suspect]:
        # The step that failed the run is past its retention: who spoke before is no culprit in its place.
        is_gone = self.task.failed_span_id and not self.case.steps
        return rank(self.case) if self.reads and not is_gone else []

    @cached_property
    def patterns(self) -> patterns.Patterns | None:
        """None where they were not looked for."""
        return patterns.find(self.case) if self.looks_for_patterns else None

    @property
    def is_beyond_the_page(self) -> bool:
        """The page of the run had too many messages before it to suspect any of them, or did not read what speaks against one."""
        case, read = self.case, failures.READ
        found = any(one.kind in read for suspect in self.suspects for one in suspect.evidence)
        return not case.errors and (len(case.turns) > AT_ONCE or found)

    @property
    def first(self) -> Suspect | None:
        return self.suspects[0] if self.suspects else None


def at_once(task: Task, steps: Sequence[Step], turns: list[Turn], names: Names) -> Diagnosis:
    """What the page can say by what it has read already."""
    case = _case(task, steps, turns[:AT_ONCE], names)
    is_whole = len(steps) <= AT_ONCE and len(turns) <= AT_ONCE and not _likely(case) and not _is_unheard(case)
    # Half of a conversation is no ground to suspect anybody.
    reads = len(turns) <= AT_ONCE or bool(case.errors)
    return Diagnosis(task, case, is_whole, looks_for_patterns=is_whole, reads=reads)


def _is_unheard(case: Case) -> bool:
    """No step says what broke the run, and there are answers that were not read."""
    return case.status in ("failed", "timeout") and not case.errors and any(heard.worth_reading(case))


def suspect_message(task: Task) -> str | None:
    """The message that is most suspect, where the page of the run names one."""
    if task.status not in ("failed", "timeout") or task.failed_span_id:
        return None
    steps, turns = steps_of(task, queries.MOST_SPANS), turns_of(task, AT_ONCE + 1)
    first = at_once(task, steps, turns, queries.names_of(agents_in(steps, turns))).first
    return first.message_id if first else None


def whole(task: Task) -> Diagnosis:
    """All that there is, up to MOST_TURNS messages."""
    steps = steps_of(task, queries.MOST_SPANS)
    turns = turns_of(task, MOST_TURNS, sum(queries.counts_by(Message.message_type, task.id).values()))
    usage = [
        Usage(clock.to_us(row.at), row.agent_id, row.token_usage, row.estimated_cost)
        for row in db.session.execute(queries.usage_of(task.id).limit(MOST_USAGE))
        if row.at
    ]
    case = _case(task, steps, turns, queries.names_of(agents_in(steps, turns)), usage)
    likely = _likely(case)
    answers, results = heard.worth_reading(case)
    documents = heard.payloads(case, {*likely, *answers, *results})
    case.arguments = _said_by(documents, likely, heard.argument_of)
    case.results = _said_by(documents, results, heard.result_of)
    case.replies = _said_by(documents, answers, heard.reply_of)
    is_whole = len(turns) < MOST_TURNS and len(steps) < queries.MOST_SPANS and len(likely) < MOST_CALLS
    return Diagnosis(task, case, is_whole)


def _case(
    task: Task, steps: Sequence[Step], turns: list[Turn], names: Names, usage: Sequence[Usage] = ()
) -> Case:
    tools, delegating = _tools(steps, turns)
    cut, mute = heard.endings(steps)
    case = Case(
        steps=steps,
        turns=turns,
        names={agent_id: name for agent_id, (name, _type) in names.items()},
        status=task.status,
        failed_span_id=task.failed_span_id,
        tools=tools,
        delegating=delegating,
        cut=cut,
        mute=mute,
        usage=usage,
        now=clock.now_us(),
    )
    if task.status in ("failed", "timeout") and not case.errors:
        case.lines = _lines(task)
    return case


def _said_by(
    documents: Mapping[int, dict[str, Any]],
    indices: list[int],
    reads: Callable[[Mapping[str, Any]], Said | None],
) -> dict[int, Said]:
    read = ((index, reads(documents[index])) for index in indices if index in documents)
    return {index: said for index, said in read if said is not None}


def agents_in(steps: Sequence[Step], turns: Iterable[Turn]) -> set[str | None]:
    return {step.agent_id for step in steps} | {
        agent for turn in turns for agent in (turn.sender, turn.recipient)
    }


def _tools(steps: Sequence[Step], turns: Iterable[Turn]) -> tuple[dict[int, str], frozenset[int]]:
    """The names of the tools, and which of them only hand work over: their spans say so, or a message came by them."""
    carried = {(turn.sender, turn.via) for turn in turns if turn.via and turn.type == "request"}
    names: dict[int, str] = {}
    delegating: set[int] = set()
    for index, step in enumerate(steps):
        if step.kind != "tool":
            continue
        facts = heard.facts_of(step.facts)
        tool = facts.get("tl")
        if isinstance(tool, str) and tool:
            names[index] = tool
        if "to" in facts or (step.agent_id, tool) in carried:
            delegating.add(index)
    return names, frozenset(delegating)


def steps_of(task: Task, most: int) -> list[Step]:
    """A step that has not ended lasts until now, and in a run that is over until its last sign of life."""
    steps = [Step._make(row) for row in db.session.execute(queries.spans_of(task.id).limit(most))]
    if not any(step.status == RUNNING for step in steps):
        return steps
    until = open_until(task.status, max(step.ended_at for step in steps))
    return [
        step._replace(ended_at=max(step.ended_at, until)) if step.status == RUNNING else step
        for step in steps
    ]


def turns_of(task: Task, most: int, there_are: int = 1) -> list[Turn]:
    """The first `most` messages; of each the less, the more `there_are`."""
    characters = max(LEAST_SAID, min(SAID, TEXT // max(there_are, 1)))
    rows = db.session.execute(queries.conversation_of(task.id, characters).limit(most))
    return [
        Turn(row.id, row.sender_id, row.recipient_id, row.message_type, beginning(row.text), clock.to_us(row.at) if row.at else None,
             row.span_id, _detail(row.details, ("via",)), len(row.text or "") < characters, _cut(row.details))
        for row in rows
    ]  # fmt: skip


def _detail(details: Any, names: tuple[str, ...]) -> str | None:
    found = [details.get(name) for name in names] if isinstance(details, dict) else []
    return next((value for value in found if isinstance(value, str)), None)


def _cut(details: Any) -> str | None:
    reason = _detail(details, ("finish_reason", "finishReason", "stop_reason"))
    return reason if is_cut(reason) else None


def beginning(stored: str | None) -> str:
    """The text in the beginning of a JSON column. What is cut in its middle is no JSON any more: then its string is opened by hand."""
    if not stored:
        return ""
    try:
        return plain(loads(stored))[0] or ""
    except ValueError:
        pass
    key, colon, rest = stored.partition(":")
    opening = rest.lstrip()
    if not colon or key.strip("{ \n") not in ('"text"', '"content"', '"data"') or opening[:1] != '"':
        return stored
    text = opening[1:]
    # At most the twelve characters of two halves of one letter are incomplete.
    for end in range(len(text), max(len(text) - 13, 0), -1):
        try:
            return str(loads(f'"{text[:end]}"'))
        except ValueError:
            continue
    return text


def _lines(task: Task) -> list[Line]:
    columns = (
        ExecutionLog.id,
        ExecutionLog.agent_id,
        ExecutionLog.message,
        ExecutionLog.at,
        ExecutionLog.span_id,
    )
    statement = queries.logs_of(task.id, *columns, level="error").order_by(ExecutionLog.at, ExecutionLog.id)
    rows = db.session.execute(statement.limit(MOST_LINES))
    return [
        Line(
            row.id,
            row.agent_id,
            (row.message or "")[:400],
            clock.to_us(row.at) if row.at else None,
            row.span_id,
        )
        for row in rows
    ]


def _likely(case: Case) -> list[int]:
    """Calls that may be the same: of one agent to one tool, three times or more."""
    groups: dict[tuple[str | None, str], list[int]] = {}
    for index in case.tools:
        if case.is_tool_call(index):
            groups.setdefault((case.steps[index].agent_id, case.step_name(index)), []).append(index)
    return [index for calls in groups.values() if len(calls) >= failures.SAME for index in calls][:MOST_CALLS]
