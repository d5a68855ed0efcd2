"""What broke a run: its steps and messages ranked by the evidence against them."""

from dataclasses import dataclass

from swarm_ui.diagnosis import failures, spoken
from swarm_ui.diagnosis.case import Case

MOST = 20


@dataclass(frozen=True, slots=True)
class Evidence:
    kind: str
    points: int
    says: str


@dataclass(frozen=True, slots=True)
class Suspect:
    """A step (`key` is its address, `span_id` its id) or a message. `position` counts from 0: a step among the steps by start, a message
    among the messages."""

    agent_id: str | None
    agent: str | None
    position: int
    score: int
    evidence: tuple[Evidence, ...]
    at: int | None
    what: str
    key: str | None = None
    span_id: str | None = None
    message_id: str | None = None


def rank(case: Case, most: int = MOST) -> list[Suspect]:
    """The most suspect first; of two alike the earlier one. Nothing where nothing speaks against anybody."""
    found = _steps(case)
    spans = {suspect.span_id for suspect in found}
    # A step that failed says more than words: messages are read where no step failed.
    if not case.errors:
        found += [
            suspect for suspect in _messages(case) if not (suspect.span_id and suspect.span_id in spans)
        ]
    found.sort(key=lambda suspect: (-suspect.score, suspect.position))
    # Where nothing speaks against anybody, a failed run still has a likeliest place.
    return [suspect for suspect in found if suspect.score > 0][:most] or found[: case.status != "completed"]


def _steps(case: Case) -> list[Suspect]:
    if not case.steps:
        return []
    seen = failures.Failures(case)
    found = []
    for index in failures.candidates(seen):
        evidence = tuple(
            Evidence(rule.kind, rule.points, says)
            for rule in failures.RULES
            if (says := rule.says(seen, index)) is not None
        )
        if not evidence:
            continue
        step = case.steps[index]
        agent = case.names.get(step.agent_id) if step.agent_id else None
        score = sum(one.points for one in evidence)
        found.append(
            Suspect(step.agent_id, agent, case.places[index], score, evidence, step.started_at, case.step_name(index),
                    key=case.tree.key(index), span_id=step.span_id)
        )  # fmt: skip
    return found


def _messages(case: Case) -> list[Suspect]:
    talk = spoken.Talk(case)
    found = []
    for place, turn in enumerate(case.turns):
        if not talk.signs[place].own:
            continue
        evidence = tuple(
            Evidence(rule.kind, rule.points, says)
            for rule in spoken.RULES
            if (says := rule.says(talk, place))
        )
        score = sum(one.points for one in evidence)
        if case.status == "completed" and not any(one.kind == "reported-error" for one in evidence):
            continue
        agent = case.names.get(turn.sender) if turn.sender else None
        found.append(
            Suspect(turn.sender, agent, place, score, evidence, turn.at, f"message {place + 1}",
                    span_id=turn.span_id, message_id=turn.id)
        )  # fmt: skip
    return found
