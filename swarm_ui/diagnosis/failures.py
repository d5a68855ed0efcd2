"""Evidence in steps: one small function a kind, in one table with its points. Each says why a step is suspect, or None."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from swarm_ui.diagnosis.case import WRAPPERS, Case
from swarm_ui.diagnosis.contradictions import Contradictions
from swarm_ui.diagnosis.rule import Rule
from swarm_ui.formatting import clip, plural

# Calls with the same arguments, from how many on they count as going round in circles.
SAME = 3


@dataclass
class Failures:
    """The steps of a run with what is known of their neighbours."""

    case: Case

    @cached_property
    def contradictions(self) -> Contradictions:
        return Contradictions(self.case)

    @cached_property
    def errors(self) -> set[int]:
        return set(self.case.errors)

    @cached_property
    def of_agent(self) -> dict[tuple[str | None, str], list[int]]:
        """Calls by who made them and what was called, in order."""
        found: dict[tuple[str | None, str], list[int]] = {}
        for index in self.case.tree.by_start:
            step = self.case.steps[index]
            if step.kind not in WRAPPERS and step.kind != "agent":
                found.setdefault((step.agent_id, self.case.step_name(index)), []).append(index)
        return found

    @cached_property
    def tries(self) -> dict[int, list[int]]:
        """By the first of them: failed calls of one agent to one thing, one after the other."""
        found: dict[int, list[int]] = {}
        for calls in self.of_agent.values():
            row: list[int] = []
            for index in calls:
                if self.case.steps[index].status == "error":
                    row.append(index)
                    found[row[0]] = row
                else:
                    row = []
        return {first: row for first, row in found.items() if len(row) > 1}

    @cached_property
    def repeated(self) -> dict[int, int]:
        """How often the same call was made, by the first of them. Only calls whose arguments are known are the same."""
        seen: dict[tuple[str | None, str, str], int] = {}
        count: Counter[int] = Counter()
        for index in self.case.tree.by_start:
            arguments = self.case.arguments.get(index)
            if arguments is not None:
                call = (self.case.steps[index].agent_id, self.case.step_name(index), arguments)
                count[seen.setdefault(call, index)] += 1
        return {index: times for index, times in count.items() if times >= SAME}

    @cached_property
    def unanswered(self) -> dict[str, str]:
        """Spans of hand-offs after which nothing was heard of the one who was asked: span id → who asked."""
        if self.case.status not in ("failed", "timeout"):
            return {}
        asked: dict[str, tuple[str | None, str | None, int]] = {}
        last: dict[str | None, int] = {}
        for index in self.case.tree.by_start:
            step = self.case.steps[index]
            last[step.agent_id] = max(last.get(step.agent_id, 0), step.ended_at)
        for turn in self.case.turns:
            if turn.sender and turn.at is not None:
                last[turn.sender] = max(last.get(turn.sender, 0), turn.at)
        for turn in self.case.requests():
            if turn.span_id and turn.at is not None:
                asked[turn.span_id] = (turn.sender, turn.recipient, turn.at)
        return {
            span: self.case.name(asker)
            for span, (asker, agent, at) in asked.items()
            if last.get(agent, 0) < at
        }


def _ended_the_run(found: Failures, index: int) -> str | None:
    if index != found.case.tree.first_failing:
        return None
    return (
        "The run failed with the error that began here"
        if found.case.status == "failed"
        else "The first error of this run"
    )


def _first_error(found: Failures, index: int) -> str | None:
    case = found.case
    if case.errors and case.errors[0] == index and index != case.tree.first_failing:
        return "The earliest error of the run; it went on after it"
    return None


def _failed(found: Failures, index: int) -> str | None:
    if index not in found.errors:
        return None
    step = found.case.steps[index]
    said = ": ".join(part for part in (step.error_type, clip(step.error_message, 120)) if part)
    what = (
        "It failed"
        if step.kind in WRAPPERS or step.kind == "agent"
        else "The call itself failed, nothing below it did"
    )
    return f"{what}: {said}" if said else f"{what}; no reason was recorded"


def _tried_again(found: Failures, index: int) -> str | None:
    row = found.tries.get(index)
    return f"It failed {plural(len(row), 'time')} in a row" if row else None


def _ignored(found: Failures, index: int) -> str | None:
    """The agent went on without the answer that it had asked for."""
    case, step = found.case, found.case.steps[index]
    if index not in found.errors or step.kind not in ("tool", "retrieval"):
        return None
    calls = found.of_agent.get((step.agent_id, case.step_name(index)), [])
    again = any(case.steps[other].started_at >= step.ended_at for other in calls)
    goes_on = case.works_after(step.agent_id, step.ended_at)
    return f"{case.name(step.agent_id)} went on without its answer" if goes_on and not again else None


def _same_again(found: Failures, index: int) -> str | None:
    times = found.repeated.get(index)
    return f"The same call with the same arguments was made {plural(times, 'time')}" if times else None


def _never_answered(found: Failures, index: int) -> str | None:
    asker = found.unanswered.get(found.case.steps[index].span_id)
    return f"{asker} handed work over here, and nothing came back" if asker else None


def _logged(found: Failures, index: int) -> str | None:
    """Only where no step says so itself."""
    if found.errors:
        return None
    span_id = found.case.steps[index].span_id
    line = next((line for line in found.case.lines if line.span_id == span_id), None)
    return f"It logged: {clip(line.message, 120)}" if line else None


def _last(found: Failures, index: int) -> str | None:
    if found.errors or found.case.status not in ("failed", "timeout"):
        return None
    return "The last sign of life of this run" if index == found.case.tree.last() else None


def _cut_off(found: Failures, index: int) -> str | None:
    reason = found.case.cut.get(index)
    return f"Its answer was cut off: the model stopped with “{clip(reason, 60)}”" if reason else None


def _said_nothing(found: Failures, index: int) -> str | None:
    return "The model answered without a word and without a call" if index in found.case.mute else None


def _denies_a_tool(found: Failures, index: int) -> str | None:
    return found.contradictions.steps.get(index)


def _disobeys(found: Failures, index: int) -> str | None:
    return found.contradictions.disobedient_steps.get(index)


RULES = (
    Rule(
        "ended-the-run",
        100,
        "the verdict names it: the error that ended the run began here, or the first error of a run that recovered",
        _ended_the_run,
    ),
    Rule(
        "original-error",
        60,
        "it failed, and nothing below it did; a framework's step that repeats the error is left out",
        _failed,
    ),
    Rule(
        "repeated-call",
        30,
        "the first of three or more calls of one agent with the same arguments",
        _same_again,
    ),
    Rule(
        "contradicts-tool",
        40,
        "it claims success, and every tool called for it had failed; or it gives a figure that stands nowhere in place of the tool's one",
        _denies_a_tool,
    ),
    Rule("cut-off", 35, "a limit or a filter ended the model's answer before it was finished", _cut_off),
    Rule("said-nothing", 35, "the model's answer was recorded, and it is empty", _said_nothing),
    Rule(
        "broke-instruction",
        25,
        "its answer has not the form or the length that was demanded, or it called a tool that was forbidden",
        _disobeys,
    ),
    Rule("logged-error", 30, "it logged an error, in a failed run where no step failed", _logged),
    Rule(
        "no-reply",
        25,
        "work was handed over here, and nothing was heard of the receiver after that",
        _never_answered,
    ),
    Rule("last-sign", 20, "the step that ended last, in a failed run where no step failed", _last),
    Rule("first-error", 10, "the earliest error, where another one ended the run", _first_error),
    Rule(
        "tried-again",
        5,
        "the first of several failures of one call in a row; the others are not listed",
        _tried_again,
    ),
    Rule("ignored-error", 5, "a tool failed, and its agent went on without the answer", _ignored),
)

# What only payloads tell.
READ = frozenset({"contradicts-tool", "broke-instruction"})


def candidates(found: Failures) -> set[int]:
    """The steps that a rule may speak of: looking at each of ten thousand for each rule would be wasted."""
    case = found.case
    by_span = {step.span_id: index for index, step in enumerate(case.steps)}
    named = (*found.unanswered, *(line.span_id for line in case.lines if line.span_id))
    again = {index for first, row in found.tries.items() for index in row if index != first}
    said = found.contradictions
    otherwise = (*list(case.cut)[:500], *sorted(case.mute)[:500], *said.steps, *said.disobedient_steps)
    chosen = {
        *case.errors[:500],
        *found.repeated,
        *otherwise,
        *(by_span[span] for span in named if span in by_span),
    }
    if (last := case.tree.last()) is not None:
        chosen.add(last)
    return (chosen - again) | ({case.tree.first_failing} if case.tree.first_failing is not None else set())
