"""Evidence in messages: one small function a kind, in one table with its points. Each says why, or None.

The points were fitted on one half of a public set of failed runs and rounded; docs/diagnosis.md says how, and how well they do on the
other half. They hold no name of an agent, a framework or a tool.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from swarm_ui.diagnosis.case import Case, Turn
from swarm_ui.diagnosis.contradictions import Contradictions
from swarm_ui.diagnosis.reading import FENCE, Read, answers, read
from swarm_ui.diagnosis.rule import Rule
from swarm_ui.formatting import clip

QUOTED = 60
# Figures and names that a message has to bring in before they count as a source.
SOME = 3
_FACT = re.compile(r"\d[\d.,]*\d|\b[A-Z][a-z]{3,}\b")


@dataclass
class Talk:
    """The messages of a run with what was read in them."""

    case: Case

    @cached_property
    def signs(self) -> list[Read]:
        return read(self.case)

    @cached_property
    def contradictions(self) -> Contradictions:
        return Contradictions(self.case)

    @cached_property
    def denials(self) -> dict[int, str]:
        return self.contradictions.turns(self.signs)

    @property
    def turns(self) -> Sequence[Turn]:
        return self.case.turns

    @cached_property
    def answers(self) -> dict[int, int]:
        return answers(self.turns)

    @cached_property
    def first_answer(self) -> int | None:
        return next((place for place in self.answers if self.signs[place].own), None)

    @cached_property
    def first_failure(self) -> int | None:
        """The first work that was run and failed."""
        return next((place for place in range(len(self.turns)) if self.ran_and_failed(place)), None)

    @cached_property
    def first_code(self) -> int | None:
        return next(
            (
                place
                for place in range(1, len(self.turns))
                if self.signs[place].own and self.signs[place].has_code
            ),
            None,
        )

    @cached_property
    def news(self) -> list[tuple[int, int]]:
        """Of each message the figures and names in it: how many nobody had said before, and how many there are."""
        known: set[str] = set()
        counts = []
        for turn in self.turns:
            said = set(_FACT.findall(turn.text))
            counts.append((len(said - known), len(said)))
            known |= said
        return counts

    def output_after(self, place: int) -> Read | None:
        following = self.signs[place + 1] if place + 1 < len(self.signs) else None
        return following if following is not None and following.is_output else None

    def ran_and_failed(self, place: int) -> bool:
        output = self.output_after(place)
        return self.signs[place].own and output is not None and output.failed

    def is_last_word(self, place: int) -> bool:
        return place + 1 >= len(self.turns) or self.signs[place + 1].ends

    def follows_output(self, place: int) -> bool:
        return place > 0 and self.signs[place - 1].is_output

    def is_thought(self, place: int) -> bool:
        turn = self.turns[place]
        return turn.sender is not None and turn.sender == turn.recipient

    def is_hand_off(self, place: int) -> bool:
        turn = self.turns[place]
        return turn.type == "request" and turn.recipient is not None and turn.recipient != turn.sender


def _failed_first(talk: Talk, place: int) -> str | None:
    if place != talk.first_failure:
        return None
    return (
        f"What it gave was run and failed, the first time in this run: “{_quote(talk.turns[place + 1].text)}”"
    )


def _brought_nothing(talk: Talk, place: int) -> str | None:
    output = talk.output_after(place)
    if output is None or output.failed or not output.empty:
        return None
    return f"What it gave was run and brought nothing: “{_quote(talk.turns[place + 1].text)}”"


def _reported(talk: Talk, place: int) -> str | None:
    turn = talk.turns[place]
    return f"It reports an error: “{_quote(turn.text)}”" if turn.type == "error" else None


def _code(talk: Talk, place: int) -> str | None:
    if not talk.signs[place].has_code:
        return None
    return "It holds code, which was run next" if talk.output_after(place) else "It holds code"


def _first_code(talk: Talk, place: int) -> str | None:
    return "The first code of this run" if place == talk.first_code else None


def _unbacked(talk: Talk, place: int) -> str | None:
    sign = talk.signs[place]
    if (
        place == 0
        or not sign.states
        or sign.has_code
        or talk.follows_output(place)
        or talk.is_thought(place)
        or talk.is_hand_off(place)
    ):
        return None
    return "It states results, and no tool ran before it that gave them"


def _new_facts(talk: Talk, place: int) -> str | None:
    new, all_ = talk.news[place]
    if not place or talk.signs[place].has_code or new < SOME or new * 2 <= all_:
        return None
    return f"It brings in {new} figures and names that nobody said before"


def _echo(talk: Talk, place: int) -> str | None:
    new, all_ = talk.news[place]
    if not place or talk.signs[place].has_code or not all_ or new * 4 >= all_:
        return None
    return "Nearly all figures and names in it were said before"


def _assumed(talk: Talk, place: int) -> str | None:
    word = talk.signs[place].assumed
    return f"It works with what is not known: “{word}”" if word and place else None


def _gave_up(talk: Talk, place: int) -> str | None:
    word = talk.signs[place].gave_up
    return f"It could not do what was asked: “{word}”" if word and place else None


def _by_hand(talk: Talk, place: int) -> str | None:
    word = talk.signs[place].by_hand
    return f"It leaves work to be done by hand: “{word}”" if word and place else None


def _answer(talk: Talk, place: int) -> str | None:
    if place not in talk.answers:
        return None
    return f"It answers what {talk.case.name(talk.turns[talk.answers[place]].sender)} asked for"


def _first_answer(talk: Talk, place: int) -> str | None:
    return "The first answer of the run: what follows builds on it" if place == talk.first_answer else None


def _confirmed_at_the_end(talk: Talk, place: int) -> str | None:
    sign = talk.signs[place]
    if not place or not sign.confirms or sign.has_code or not talk.is_last_word(place):
        return None
    return f"It confirms the result (“{sign.confirms}”), and the run ends there without another check"


def _thought(talk: Talk, place: int) -> str | None:
    return "It only thinks aloud" if talk.is_thought(place) else None


def _hand_off(talk: Talk, place: int) -> str | None:
    return "It only passes work on" if talk.is_hand_off(place) else None


def _opening(talk: Talk, place: int) -> str | None:
    return "It only states the task" if place == 0 and not talk.signs[place].has_code else None


def _breaks_off(talk: Talk, place: int) -> str | None:
    turn = talk.turns[place]
    if turn.cut:
        return f"It was cut off: its model stopped with “{_quote(turn.cut)}”"
    # What shows an open block of code and was read to its end stopped in the middle of it.
    is_open = turn.is_whole and turn.text.count(FENCE) % 2
    return "It breaks off within a block of code" if is_open else None


def _says_nothing(talk: Talk, place: int) -> str | None:
    return "It holds nothing" if talk.signs[place].says_nothing else None


def _denies_output(talk: Talk, place: int) -> str | None:
    return talk.denials.get(place)


def _disobeys(talk: Talk, place: int) -> str | None:
    return talk.contradictions.disobedient_turns.get(place)


RULES = (
    Rule("reported-error", 40, "it is a message of type error", _reported),
    Rule(
        "denies-output",
        30,
        "it claims success or another figure than the output before it, or than the tools of its sender",
        _denies_output,
    ),
    Rule("breaks-off", 25, "it was cut off by a limit, or ends within a block of code", _breaks_off),
    Rule("says-nothing", 25, "it answers somebody or is to all, and is empty", _says_nothing),
    Rule("disobeys", 20, "it has not the form or the length that its request demanded", _disobeys),
    Rule("code", 21, "it holds code", _code),
    Rule(
        "ran-and-failed",
        18,
        "a tool's output follows it and reports a failure, the first time in the run",
        _failed_first,
    ),
    Rule("by-hand", 16, "it leaves work to be done by hand", _by_hand),
    Rule(
        "new-facts",
        14,
        "without code, most figures and names in it (three at least) were said by nobody before",
        _new_facts,
    ),
    Rule("answer", 12, "it answers a request made at most three messages before", _answer),
    Rule(
        "unbacked",
        8,
        "it states figures or lists, without code, and no tool's output stands before it",
        _unbacked,
    ),
    Rule("first-answer", 5, "the first such answer", _first_answer),
    Rule("confirmed-at-the-end", 5, "it confirms the result, and is the last word", _confirmed_at_the_end),
    Rule("assumed", 4, "it speaks of assumptions, placeholders, samples or simulations", _assumed),
    Rule("first-code", 4, "the first code after the task was given", _first_code),
    Rule("brought-nothing", 3, "a tool's output follows it and is empty, or finds nothing", _brought_nothing),
    Rule("gave-up", 1, "it says that something cannot be done or found", _gave_up),
    Rule("opening", -3, "the first message, without code", _opening),
    Rule("thought", -3, "an agent speaks to itself", _thought),
    Rule("hand-off", -6, "it only passes work on", _hand_off),
    Rule(
        "echo",
        -10,
        "without code, more than three quarters of the figures and names in it were said before",
        _echo,
    ),
)


def _quote(text: str) -> str:
    return clip(text, QUOTED)
