"""A search text read for one list: conditions, free words, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from sqlalchemy import ColumnElement

from swarm_ui.errors import Refused
from swarm_ui.search.fields import Field, Wrong
from swarm_ui.search.tokens import LONGEST, MOST_TOKENS, Token, clean, cut

Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Problem:
    """A token that is left out, and why."""

    token: str
    message: str


@dataclass(slots=True)
class Search:
    """`tokens` are those that hold; each has become one of `conditions`, or is one of the free `words`."""

    text: str
    tokens: list[Token] = field(default_factory=list)
    conditions: list[ColumnElement[bool]] = field(default_factory=list)
    made_of: list[Token] = field(default_factory=list)  # of each condition its token
    words: list[Token] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def of(self, key: str) -> list[Token]:
        """What was said of this key, and not negated."""
        return [token for token in self.tokens if token.key == key and not token.negated]

    def without_condition(self, token: Token) -> "Search":
        """The same where the list itself sees to this token."""
        kept = [
            (condition, made_of)
            for condition, made_of in zip(self.conditions, self.made_of, strict=True)
            if made_of is not token
        ]
        return replace(self, conditions=[one for one, _ in kept], made_of=[other for _, other in kept])

    def refuse_problems(self) -> None:
        """For programs: nothing is left out quietly. Raises Refused (422)."""
        if self.problems:
            said = {"q": "; ".join(f"{problem.token}: {problem.message}" for problem in self.problems)}
            raise Refused(422, f"q: {said['q']}", fields=said)


def read(text: str | None, fields: Fields, apart: frozenset[str] = frozenset()) -> Search:
    """`apart` are keys that the list makes something else of than a condition; they are checked all the same."""
    search = Search(clean(text or ""))
    if len(search.text) > LONGEST:
        search.problems.append(
            Problem("The search", f"is longer than {LONGEST} characters; its end is left out")
        )
    for token in cut(search.text[:LONGEST]):
        if len(search.tokens) == MOST_TOKENS:
            search.problems.append(
                Problem(token.text, f"is one too many: a search has at most {MOST_TOKENS} parts")
            )
            break
        try:
            _take(search, token, fields, apart)
        except Wrong as wrong:
            search.problems.append(Problem(token.text, str(wrong)))
    return search


def _take(search: Search, token: Token, fields: Fields, apart: frozenset[str]) -> None:
    known = fields.get(token.key)
    if token.key and known is None and not token.values:
        token = Token(token.text, "", (token.text,))  # "Error: it broke", as it was copied
    if not token.key:
        if token.values[0].strip():
            search.words.append(token)
            search.tokens.append(token)
        return
    if known is None:
        near = get_close_matches(token.key, fields, 1, 0.6)
        meant = f"Did you mean {near[0]}:? " if near else ""
        raise Wrong(
            f"there is no {token.key}:. {meant}Keys are {', '.join(fields)}; put text with a colon in quotes"
        )
    condition = known.condition(token)
    search.tokens.append(token)
    if token.key not in apart or token.negated:
        search.conditions.append(condition)
        search.made_of.append(token)
