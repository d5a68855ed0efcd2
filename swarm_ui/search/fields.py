"""What may be said of a list: keys, the values that each takes, and the condition that a token becomes."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false, func, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.formatting import zone
from swarm_ui.live import while_unchanged
from swarm_ui.search.tokens import Token

# Of one name there may be several; more than these are not told apart.
MOST_NAMED = 200
OFFERED = 12
_COMPARE: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "": lambda column, value: column == value,
    "=": lambda column, value: column == value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}
_MAGNITUDES = {"": 1, "k": 1_000, "m": 1_000_000, "b": 1_000_000_000}
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LARGEST = 1e15


def help_of(fields: Mapping[str, "Field"]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """(key, what it is about, some examples) for the page's help."""
    return tuple((key, field.about, field.examples[:5]) for key, field in fields.items())


class Wrong(ValueError):
    """A token that makes no sense; the text says what would."""


class Field(ABC):
    """One key. `about` is for the help, `examples` for help and completion."""

    compares = False

    def __init__(self, about: str, *examples: str) -> None:
        self.about = about
        self.examples = examples

    @abstractmethod
    def where(self, token: Token) -> ColumnElement[bool]:
        """The condition without the negation. Raises Wrong."""

    def offers(self, typed: str) -> Sequence[str]:
        """Values that begin with, or hold, what is typed; at most OFFERED."""
        return [example for example in self.examples if typed.lower() in example.lower()][:OFFERED]

    def condition(self, token: Token) -> ColumnElement[bool]:
        if not token.values:
            raise Wrong(f"says no value; {self.allowed()}")
        if token.compare and not self.compares:
            raise Wrong(f"takes no {token.compare}; {self.allowed()}")
        found = self.where(token)
        # What is unknown is not the same as what is asked for: it is among the rest.
        return not_(func.coalesce(found, false())) if token.negated else found

    def allowed(self) -> str:
        return f"write for example {' or '.join(self.examples[:3])}"


class Word(Field):
    """One of a few words."""

    def __init__(self, about: str, column: InstrumentedAttribute[Any], words: Sequence[str]) -> None:
        super().__init__(about, *words)
        self.column = column

    def where(self, token: Token) -> ColumnElement[bool]:
        values = [value.lower() for value in token.values]
        for value in values:
            if value not in self.examples:
                raise Wrong(f"“{value[:40]}” is none of its values; {self.allowed()}")
        return self.column == values[0] if len(values) == 1 else self.column.in_(values)

    def allowed(self) -> str:
        return f"allowed are {', '.join(self.examples)}"


class Text(Field):
    """Holds these letters, whatever their case."""

    def __init__(self, about: str, columns: Sequence[Any], *examples: str, ascii_only: bool = False) -> None:
        super().__init__(about, *examples)
        self.columns = columns
        self.ascii_only = ascii_only

    def where(self, token: Token) -> ColumnElement[bool]:
        return or_(*(self._holds(value) for value in token.values))

    def _holds(self, value: str) -> ColumnElement[bool]:
        if self.ascii_only and not value.isascii():
            return false()
        return or_(*(func.lower(column).contains(value.lower(), autoescape=True) for column in self.columns))


class Exact(Field):
    """An id, as it is."""

    def __init__(
        self, about: str, where: Callable[[tuple[str, ...]], ColumnElement[bool]], *examples: str
    ) -> None:
        super().__init__(about, *examples)
        self._where = where

    def where(self, token: Token) -> ColumnElement[bool]:
        if not all(re.fullmatch(r"[!-~]{1,64}", value) for value in token.values):
            raise Wrong("is no id")
        return self._where(token.values)


class Named(Field):
    """A row of another table, by name or by id; `*` stands for any letters."""

    def __init__(
        self,
        about: str,
        model: Any,
        where: Callable[[list[str]], ColumnElement[bool]],
        *examples: str,
        shown: Callable[[], Sequence[ColumnElement[bool]]] = tuple,
    ) -> None:
        super().__init__(about, *examples)
        self.model = model
        self._where = where
        self._shown = shown

    def where(self, token: Token) -> ColumnElement[bool]:
        found = self.ids_of(token.values)
        return self._where(found) if found else false()

    def ids_of(self, values: Sequence[str]) -> list[str]:
        wanted: list[ColumnElement[bool]] = []
        for value in values:
            if "*" in value.strip("*"):
                raise Wrong("takes * at the beginning or the end")
            wanted.append(_like(self.model.name, value))
            if re.fullmatch(r"[!-~]{1,36}", value):
                wanted.append(self.model.id == value)
        statement = select(self.model.id).where(or_(*wanted)).order_by(self.model.name, self.model.id)
        return while_unchanged(
            f"{self.model.__tablename__} called {values!r}",
            lambda: list(db.session.scalars(statement.limit(MOST_NAMED))),
        )

    def offers(self, typed: str) -> Sequence[str]:
        name = self.model.name
        statement = select(name).where(*self._shown()).distinct().order_by(name).limit(OFFERED)
        if typed:
            statement = statement.where(func.lower(name).contains(typed.lower(), autoescape=True))
        return [value for value in db.session.scalars(statement) if value]


class Held(Field):
    """A value of the list's own column, whatever its case; `*` stands for any letters."""

    def __init__(
        self, about: str, column: Any, shown: Callable[[], Sequence[ColumnElement[bool]]], *examples: str
    ) -> None:
        super().__init__(about, *examples)
        self.column = column
        self._shown = shown

    def where(self, token: Token) -> ColumnElement[bool]:
        if any("*" in value.strip("*") for value in token.values):
            raise Wrong("takes * at the beginning or the end")
        return or_(*(_like(self.column, value) for value in token.values))

    def offers(self, typed: str) -> Sequence[str]:
        statement = select(self.column).where(*self._shown()).distinct().order_by(self.column).limit(OFFERED)
        if typed:
            statement = statement.where(func.lower(self.column).contains(typed.lower(), autoescape=True))
        return [value for value in db.session.scalars(statement) if value]


def _like(column: Any, value: str) -> ColumnElement[bool]:
    name, words = func.lower(column), value.strip("*").lower()
    if value.startswith("*") and value.endswith("*") and len(value) > 1:
        return name.contains(words, autoescape=True)
    if value.startswith("*"):
        return name.endswith(words, autoescape=True)
    return name.startswith(words, autoescape=True) if value.endswith("*") else name == words


class Compared(Field):
    """A measured value; rows where it is unknown match no comparison."""

    compares = True

    def __init__(self, about: str, column: Any, read: Callable[[str], float], *examples: str) -> None:
        super().__init__(about, *examples)
        self.column = column
        self.read = read

    def where(self, token: Token) -> ColumnElement[bool]:
        compare = _COMPARE[token.compare]
        return or_(*(compare(self.column, self._value(value)) for value in token.values))

    def _value(self, typed: str) -> float:
        try:
            value = self.read(typed.lower())
        except (ValueError, OverflowError):
            raise Wrong(f"“{typed[:40]}” cannot be read; {self.allowed()}") from None
        return int(value) if value == int(value) else value


class Age(Field):
    """How long ago it was: `<2h` is younger. A moment has no width, so that it is always compared."""

    compares = True

    def __init__(self, about: str, column: Any, *examples: str) -> None:
        super().__init__(about, *examples)
        self.column = column

    def where(self, token: Token) -> ColumnElement[bool]:
        moment = self.moment(token)
        if token.compare in (">", ">="):
            return self.column <= moment if token.compare == ">=" else self.column < moment
        return self.column >= moment

    def moment(self, token: Token) -> datetime:
        if len(token.values) != 1 or token.compare not in ("<", "<=", ">", ">="):
            raise Wrong(f"is compared with one duration; {self.allowed()}")
        try:
            return clock.now() - timedelta(seconds=seconds(token.values[0].lower()))
        except (ValueError, OverflowError):
            raise Wrong(f"“{token.values[0][:40]}” is no duration; {self.allowed()}") from None


class Moment(Field):
    """`since` and `until`: a day or a moment, in the zone of whoever looks."""

    def __init__(self, about: str, column: Any, until: bool, *examples: str) -> None:
        super().__init__(about, *examples)
        self.column = column
        self.until = until

    def where(self, token: Token) -> ColumnElement[bool]:
        moment = self.moment(token)
        return self.column < moment if self.until else self.column >= moment

    def moment(self, token: Token) -> datetime:
        if len(token.values) != 1:
            raise Wrong(f"takes one moment; {self.allowed()}")
        typed = token.values[0].strip().upper()
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
                day = date.fromisoformat(typed) + timedelta(days=self.until)
                return datetime.combine(day, time(), zone()).astimezone(UTC)
            moment = datetime.fromisoformat(typed)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone())).astimezone(UTC)
        except (ValueError, OverflowError):
            raise Wrong(f"“{token.values[0][:40]}” is no day; {self.allowed()}") from None


def amount(typed: str) -> float:
    """ "10k" → 10000; a dollar sign may stand before it."""
    found = re.fullmatch(r"\$?(\d+(?:\.\d*)?|\.\d+)([kmb]?)", typed.replace("_", ""))
    if not found:
        raise ValueError(typed)
    return _bounded(float(found[1]) * _MAGNITUDES[found[2]])


def seconds(typed: str) -> float:
    """ "2m" → 120, "1h30m" → 5400."""
    if not re.fullmatch(r"(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ms|[smhdw]))+", typed):
        raise ValueError(typed)
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ms|[smhdw])", typed)
    return _bounded(sum(float(number) * _SECONDS[unit] for number, unit in parts))


def milliseconds(typed: str) -> float:
    return seconds(typed) * 1_000


def _bounded(value: float) -> float:
    if value > _LARGEST:
        raise ValueError("too large")
    return value
