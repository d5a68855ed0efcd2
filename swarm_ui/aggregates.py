"""Aggregates that SQL spells differently from one database to the next, or only in a roundabout way.

Times are bucketed by whole hours or days since a moment, so that a window may start anywhere. Percentiles are by nearest rank.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, case, cast, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from swarm_ui.orm import UTCTime


class hours_since(FunctionElement):  # noqa: N801  # reads as a function of SQL
    """`hours_since(start, column)`: whole hours that passed; both times must lie at or after `start`."""

    type = Integer()
    inherit_cache = True

    def __init__(self, start: datetime, column: ColumnElement[Any]) -> None:
        super().__init__(literal(start, UTCTime()), column)


@compiles(hours_since, "sqlite")
def _hours_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    start, column = (compiler.process(part, **options) for part in element.clauses)
    # Half a millisecond: a Julian day is a float, and a whole hour must not fall into the one before.
    return f"CAST((julianday({column}) - julianday({start})) * 24 + 0.00000014 AS INTEGER)"


@compiles(hours_since, "mysql", "mariadb")
def _hours_mysql(element: Any, compiler: Any, **options: Any) -> str:
    start, column = (compiler.process(part, **options) for part in element.clauses)
    return f"TIMESTAMPDIFF(HOUR, {start}, {column})"


def day_of(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The UTC day, "2026-11-17": how every database spells the start of a time."""
    return func.substr(cast(column, String(26)), 1, 10, type_=String)


def rank_of(value: ColumnElement[Any], *groups: ColumnElement[Any]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Columns `place` and `out_of` for an inner select: the place of `value` among those of its group, and their number.

    Rows without a value must be filtered out before.
    """
    return (
        func.row_number().over(partition_by=groups or None, order_by=value).label("place"),
        func.count().over(partition_by=groups or None).label("out_of"),
    )


def percentile(inner: Any, percent: int, value: str) -> ColumnElement[Any]:
    """For the select around it: the smallest value whose place reaches `percent`."""
    columns = inner.c
    return func.min(case((columns.place * 100 >= columns.out_of * percent, columns[value])))
