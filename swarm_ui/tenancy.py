"""Whose data it is: the only place where the owner filter is written.

A session belongs to one owner (`bind_owner`). Every ORM statement that touches a class with the `Owned` mixin then gets
`userId = owner`, in joins, counts, lazy loads, bulk updates and deletes too; new rows are stamped, another owner's refused. With no
owner bound such a statement raises. Raw SQL is outside this hook: it lives in named functions that take the owner as an argument.
"""

from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ForeignKey, Integer, event
from sqlalchemy.orm import (
    Mapped,
    Mapper,
    ORMExecuteState,
    Session,
    declared_attr,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.sql import Executable

S = TypeVar("S", bound=Executable)


class NoOwner(RuntimeError):
    """Owned rows were asked for, and nobody said whose."""


class ForeignOwner(RuntimeError):
    """A row of another owner was about to be written."""


class Owned:
    """A row that belongs to one owner, the tenant. Registry tables carry the foreign key."""

    @declared_attr
    def user_id(cls) -> Mapped[int]:
        return mapped_column("userId", Integer, ForeignKey("users.id"), nullable=False)


class OwnedInBulk(Owned):
    """The same for high-volume tables: no foreign key, because on TiDB each insert would lock the owner's row."""

    @declared_attr
    def user_id(cls) -> Mapped[int]:
        return mapped_column("userId", Integer, nullable=False)


def bind_owner(session: Any, owner_id: int) -> None:
    """Give the session its owner. It keeps it: changing it after rows were loaded is refused."""
    info = _info(session)
    if info.get("owner_id") not in (None, owner_id):
        raise ForeignOwner("a session never changes its owner")
    info["owner_id"] = owner_id


def release_owner(session: Any) -> None:
    """Forget owner and rows, for a worker that goes on to the next owner."""
    session.rollback()
    session.expunge_all()
    _info(session).pop("owner_id", None)


def owner_of(session: Any) -> int:
    owner_id = _info(session).get("owner_id")
    if owner_id is None:
        raise NoOwner("no owner is bound to this session")
    return owner_id


def bound_owner(session: Any) -> int | None:
    return _info(session).get("owner_id")


def everyone(statement: S, why: str) -> S:
    """Open one statement for the rows of all owners; `why` is for the reader, and for the test that lists the uses."""
    return statement.execution_options(everyone=why)


def _info(session: Any) -> dict[Any, Any]:
    return session().info if hasattr(session, "registry") else session.info


def _touches_owned(state: ORMExecuteState) -> bool:
    mappers: list[Mapper[Any]] = list(state.all_mappers)
    return any(issubclass(mapper.class_, Owned) for mapper in mappers)


@event.listens_for(Session, "do_orm_execute")
def _filter_by_owner(state: ORMExecuteState) -> None:
    if state.is_column_load or state.execution_options.get("everyone"):
        return
    owner_id = state.session.info.get("owner_id")
    if owner_id is None:
        if _touches_owned(state):
            raise NoOwner(f"no owner is bound for: {state.statement}")
        # Owned rows may still be read inside a subquery: there are none.
        state.statement = state.statement.options(_NOBODYS)
        return
    if (state.is_insert or state.is_update) and _touches_owned(state):
        _check_written_owner(state, owner_id)
    if not state.is_insert:
        state.statement = state.statement.options(_only_of(owner_id))


@lru_cache(maxsize=1_024)
def _only_of(owner_id: int) -> Any:
    """The filter. Made once for an owner: a page of twenty statements would spend a tenth of its time on making it."""
    return with_loader_criteria(Owned, lambda cls: cls.user_id == owner_id, include_aliases=True)


_NOBODYS = with_loader_criteria(Owned, lambda cls: cls.user_id.is_(None), include_aliases=True)


def _check_written_owner(state: ORMExecuteState, owner_id: int) -> None:
    """Rows of an INSERT are stamped; neither it nor an UPDATE may name another owner."""
    statement: Any = state.statement
    rows: Any = (
        state.parameters
        if isinstance(state.parameters, list)
        else [state.parameters]
        if state.parameters
        else []
    )
    if state.is_update and isinstance(state.parameters, list):
        raise ForeignOwner("an UPDATE by a list of keys passes by the owner filter; use WHERE")
    if state.is_insert and statement.select is not None:
        raise ForeignOwner(
            "an INSERT from a SELECT cannot be stamped; it belongs into a function that names the owner"
        )
    written = [statement._values or {}, *(row for part in statement._multi_values or () for row in part)]
    for row in (*rows, *written):
        given = [
            _plain(value) for key, value in row.items() if getattr(key, "key", key) in ("user_id", "userId")
        ]
        if any(value != owner_id for value in given):
            raise ForeignOwner("a statement writes another owner's row")
    if not state.is_insert:
        return
    for row in rows:
        row.setdefault("user_id", owner_id)
    if statement._multi_values:
        if any(not _names_owner(row) for row in written[1:]):
            raise NoOwner("several rows in VALUES are not stamped; pass them as parameters")
    elif not rows and not _names_owner(written[0]):
        state.statement = statement.values(user_id=owner_id)


def _names_owner(row: Any) -> bool:
    return any(getattr(key, "key", key) in ("user_id", "userId") for key in row)


def _plain(value: Any) -> Any:
    """What a bound parameter holds; an expression equals no owner's id."""
    return getattr(value, "value", value)


@event.listens_for(Session, "before_flush")
def _stamp_owner(session: Session, _context: Any, _instances: Any) -> None:
    owner_id = session.info.get("owner_id")
    for row in session.new:
        if isinstance(row, Owned):
            if row.user_id is None:
                if owner_id is None:
                    raise NoOwner(f"a new {type(row).__name__} has no owner")
                row.user_id = owner_id
            elif owner_id is not None and row.user_id != owner_id:
                raise ForeignOwner(f"a new {type(row).__name__} belongs to another owner")
    for row in (*session.dirty, *session.deleted):
        if isinstance(row, Owned) and owner_id is not None and row.user_id != owner_id:
            raise ForeignOwner(f"a changed {type(row).__name__} belongs to another owner")
