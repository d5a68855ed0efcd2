"""What the text of a message says, as far as words tell: that something ran, failed, was assumed, given up or confirmed.

The words are English, and those of shells, interpreters and HTTP. A text in another language has fewer signs, never wrong ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from swarm_ui.diagnosis.case import Case, Turn

# Who asks, in the words that frameworks use for it. They do not break a run.
PEOPLE = frozenset({"human", "user", "userproxy", "customer", "client", "system"})
FENCE = "```"

_OUTPUT = re.compile(
    r"\s*(exit ?code:|traceback \(most recent|(std)?(out|err):|(code )?output:|error:|http/\d|\$ |(tool|function|command) (output|result|returned))",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"exit ?code: [1-9-]|execution failed|traceback \(most recent call last\)|^\s*\w*(error|exception)\b:|\n\w+(error|exception): |\btimed? ?out\b"
    r"|\b(40[0134]|429|50[0234]) (client|server|forbidden|not found|error|unauthorized|too many)|permission denied|command not found"
    r"|no such file|unknown language|rate limit",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"there is no code|no results|\bnone\s*$|\bno data|not found|error:|failed to|\[\]\s*$|\bnan\b|\bempty\b",
    re.IGNORECASE,
)
_ASSUMED = re.compile(
    r"\b(assum(?:e|ed|ing|ptions?)|hypothetical(?:ly)?|placeholders?|simulat(?:e|ed|ing|ion)|mock(?:ed)?|dummy|your_\w+"
    r"|for (?:the sake|illustration|demonstration)|let's say|suppose|(?:sample|example) data|fictional|typically|generally"
    r"|based on (?:my|general|our) knowledge|from memory)\b",
    re.IGNORECASE,
)
_CONFIRMS = re.compile(
    r"\b(verified|confirm(?:ed|s)?|correct(?:ly)?|accurate(?:ly)?|validated|matches|conclude|consistent)\b",
    re.IGNORECASE,
)
_GAVE_UP = re.compile(
    r"\b(unable to|cannot|can't|could ?n[o']t|not able to|did ?n[o']t (?:find|provide|return)|no (?:information|direct)"
    r"|not (?:available|accessible|possible|found)|unsuccessful|difficult(?:y|ies))\b",
    re.IGNORECASE,
)
_BY_HAND = re.compile(r"\bmanual(?:ly)?\b|\bby hand\b", re.IGNORECASE)
_STATES = re.compile(r"\d|\n\s*[-*]|\*\*")
_ENDS = re.compile(r"\W*(terminate|done|finished?|stop|exit|end|complete)?\W*", re.IGNORECASE)
_WORD = re.compile(r"\w+")
SHORTEST = 12


@dataclass(slots=True)
class Read:
    """The signs in one message. `own` is false for people, for output of tools, and for a mere end mark: none of them is anybody's work."""

    own: bool = False
    says_nothing: bool = False
    is_output: bool = False
    failed: bool = False
    empty: bool = False
    ends: bool = False
    has_code: bool = False
    states: bool = False
    assumed: str | None = None
    confirms: str | None = None
    gave_up: str | None = None
    by_hand: str | None = None


def read(case: Case) -> list[Read]:
    """One `Read` a message. Who mostly hands in output is a tool: an interpreter, a terminal, a browser's console."""
    turns = case.turns
    looks = [_OUTPUT.match(turn.text) is not None for turn in turns]
    heard: dict[str | None, list[int]] = {}
    for turn, look in zip(turns, looks, strict=True):
        count = heard.setdefault(turn.sender, [0, 0])
        count[0] += 1
        count[1] += look
    tools = {agent for agent, (said, output) in heard.items() if output * 2 >= said}
    people = {
        agent
        for agent in heard
        if agent and "".join(_WORD.findall(case.name(agent))).replace("_", "").lower() in PEOPLE
    }
    return [_read_one(turn.text, turn.type, turn.sender in tools, turn.sender in people) for turn in turns]


# A page that lives reads the same run again and again, and the patterns take most of that time.
@lru_cache(maxsize=1_000)
def _read_one(text: str, kind: str, is_output: bool, is_person: bool) -> Read:
    # A mark of its own would be a word; a blank answer is work that was not done.
    if not text.strip() and not is_person and not is_output and kind in ("response", "broadcast"):
        return Read(own=True, says_nothing=True)
    ends = _ENDS.fullmatch(text[:40]) is not None or len(text.strip()) < SHORTEST
    if is_output or is_person or ends:
        failed = is_output and (kind == "error" or _FAILED.search(text[:1500]) is not None)
        return Read(
            is_output=is_output,
            failed=failed,
            ends=ends and not is_output,
            empty=is_output and _EMPTY.search(text) is not None,
        )
    return Read(
        own=True,
        failed=kind == "error",
        has_code=FENCE in text,
        states=_STATES.search(text) is not None and not text.rstrip().endswith("?"),
        assumed=_found(_ASSUMED, text),
        confirms=_found(_CONFIRMS, text),
        gave_up=_found(_GAVE_UP, text),
        by_hand=_found(_BY_HAND, text),
    )


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0] if found else None


def answers(turns: Sequence[Turn], within: int = 3) -> dict[int, int]:
    """The messages that answer one given to their sender a few messages before: place of the answer → place of the question."""
    found: dict[int, int] = {}
    for place, turn in enumerate(turns):
        for before in range(place - 1, max(-1, place - 1 - within), -1):
            asked = turns[before]
            if asked.recipient and asked.recipient == turn.sender and asked.sender != asked.recipient:
                found[place] = before
                break
    return found
