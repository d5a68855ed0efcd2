"""The tables that a space is made of, whatever features bring: each that has `userId`."""

from typing import Any

from sqlalchemy import Column, Select, Table, and_, literal_column, or_, select
from sqlalchemy.sql import ColumnElement

from swarm_ui.extensions import db

# Marks of traces come last: whoever finds one finds the rest of its run too. Runs come before their traces for the same reason.
_LAST = ("tasks", "task_traces", "trace_dirty")


def owned_tables() -> list[Table]:
    """In an order in which rows can be inserted."""
    found = [table for table in db.metadata.sorted_tables if "userId" in table.c]
    return sorted(found, key=lambda table: _LAST.index(table.name) + 1 if table.name in _LAST else 0)


def key_columns(table: Table) -> list[Column[Any]]:
    """What orders the rows of one owner: the primary key without the owner."""
    return [column for column in table.primary_key.columns if column.name != "userId"]


def portion(
    table: Table, owner_id: int, columns: list[Column[Any]], last: tuple[Any, ...] | None, limit: int
) -> Select[Any]:
    """The owner's next rows in the order of the primary key.

    That order is forced: by the index on the owner, which planners like better, each portion would sort all of the owner's rows. So one walk through
    a table reads past the rows of other owners once.
    """
    keys = key_columns(table)
    statement = select(*columns).order_by(*keys).limit(limit)
    if next(iter(table.primary_key.columns)).name == "userId":
        statement = statement.where(table.c.userId == owner_id)
    else:
        statement = statement.with_hint(table, "FORCE INDEX (PRIMARY)", "mysql")
        statement = statement.with_hint(table, "FORCE INDEX (PRIMARY)", "mariadb")
        statement = statement.where(_owner_of(table) == owner_id)
    return statement.where(_beyond(keys, last)) if last is not None else statement


def _owner_of(table: Table) -> ColumnElement[Any]:
    """`+userId` is the same value, for which SQLite uses no index; MySQL reads it alike."""
    return literal_column(f"+{table.name}.userId", table.c.userId.type)


def _beyond(keys: list[Column[Any]], last: tuple[Any, ...]) -> ColumnElement[bool]:
    """`(a, b) > (x, y)`, spelled out: MySQL uses no index for row values."""
    first, *rest = keys
    if not rest:
        return first > last[0]
    return and_(first >= last[0], or_(first > last[0], _beyond(rest, last[1:])))
