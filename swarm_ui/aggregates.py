"""Aggregates that SQL spells differently from one database to the next, or only in a roundabout way.

Hours are counted from a moment, so that a window may start anywhere. Percentiles are by nearest rank.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, case, cast, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from swarm_ui.orm import UTCTime


class hours_since(FunctionElement):  # reads as a function of SQL
    """`hours_since(start, column)`: whole hours that passed; the column must not lie before `start`."""

    type = Integer()
    inherit_cache = True

    def __init__(self, start: datetime, column: Any) -> None:
        super().__init__(literal(start, UTCTime()), column)


@compiles(hours_since, "sqlite")
def _hours_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    start, column = (compiler.process(part, **options) for part in element.clauses)
    # A hundredth of a second: a Julian day is a float, and a full hour must not fall into the one before.
    return f"CAST((julianday({column}) - julianday({start})) * 24 + 0.0000028 AS INTEGER)"


@compiles(hours_since, "mysql", "mariadb")
def _hours_mysql(element: Any, compiler: Any, **options: Any) -> str:
    start, column = (compiler.process(part, **options) for part in element.clauses)
    return f"TIMESTAMPDIFF(HOUR, {start}, {column})"


def day_of(column: Any) -> ColumnElement[str]:
    """The UTC day, "2026-11-17": how every database spells the start of a time."""
    return func.substr(cast(column, String(26)), 1, 10, type_=String)


def latest_of(at: Any, row_id: Any) -> ColumnElement[str]:
    """The id of the newest row of a group, behind its time: `value[26:]`. Times sort as they are spelt."""
    return func.max(cast(at, String(26)) + row_id)


def earliest_of(at: Any, value: Any) -> ColumnElement[str]:
    """The value of the oldest row of a group that has one, behind its time: `value[26:]`."""
    return func.min(case((value.is_not(None), cast(at, String(26)) + value)))


def total(column: Any) -> ColumnElement[int]:
    """The sum of whole numbers, null where all are; MySQL would answer with a decimal."""
    return cast(func.sum(column), Integer)


def count_of(condition: Any) -> ColumnElement[int]:
    return total(case((condition, 1), else_=0))


def rank_of(value: Any, group: Any) -> tuple[ColumnElement[int], ...]:
    """Columns `place` and `known` for an inner select: the place of `value` in its group, and how many there are. No nulls."""
    place = func.row_number().over(partition_by=group, order_by=value)
    return place.label("place"), func.count().over(partition_by=group).label("known")


def percentile(inner: Any, percent: int, value: str) -> ColumnElement[Any]:
    """For the select around it: the smallest `value` whose place reaches `percent`."""
    return func.min(case((inner.place * 100 >= inner.known * percent, inner[value])))
