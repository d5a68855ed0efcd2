"""What every view uses: page or fragment, validated input, keyset paging. The only place that knows about HTMX headers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, TypeVar

from flask import (
    Response,
    current_app,
    has_request_context,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup
from pydantic import BaseModel, StringConstraints, ValidationError
from sqlalchemy import ColumnElement, Result, Select, or_
from sqlalchemy.orm import InstrumentedAttribute

from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.jsontext import dump_bytes, dumps, loads
from swarm_ui.orm import UTCTime

M = TypeVar("M", bound=BaseModel)
# An id in a query. Columns of ids are ASCII: MySQL refuses to compare them with anything else.
RowId = Annotated[str, StringConstraints(max_length=36, pattern=r"^[!-~]*$")]


def wants_fragment() -> bool:
    """HTMX asks for a part. A history restore needs the whole page."""
    return bool(request.headers.get("HX-Request")) and not request.headers.get("HX-History-Restore-Request")


def page(full: str, *, part: str | None = None, status: int = 200, **context: Any) -> Response:
    """The page, or its partial `part` for HTMX."""
    template = part if part and wants_fragment() else full
    response = make_response(render_template(template, **context), status)
    response.vary.add("HX-Request")
    return response


def done(location: str, *, part: str | None = None, **context: Any) -> Response:
    """After a change: the partial for HTMX, else a redirect (303) to where the change shows."""
    if part and wants_fragment():
        return page(part, **context)
    if wants_fragment():
        response = current_app.response_class("", 204)
        response.headers["HX-Redirect"] = location
        return response
    return redirect(location, 303)  # type: ignore[return-value]


def link(endpoint: str, **values: Any) -> str:
    """`url_for` of the templates. A list has hundreds of links, and building one takes as long as ten cells: those to a path of this site are
    remembered."""
    plain = endpoint[0] != "." and has_request_context()
    if plain and all(value is None or (type(value) is str and len(value) < 100) for value in values.values()):
        return _link(request.root_path, endpoint, *values.items())
    return url_for(endpoint, **values)


@lru_cache(maxsize=8_192)
def _link(_root: str, endpoint: str, *values: tuple[str, Any]) -> str:
    return url_for(endpoint, **dict(values))


def kept(row: Callable[..., Markup], rows: Iterable[tuple[Any, ...]], *shared: Any) -> Markup:
    """`row(values, *shared)`, a macro's, for all of `rows`, each as it was written before for the same values: of a list that somebody watches
    few rows change at a time. All that a row shows must be among its values, as plain ones that do not change: texts, numbers, tuples."""
    root = request.root_path
    return Markup("".join([_kept(root, row, values, shared) for values in rows]))  # noqa: S704  # a macro's each


@lru_cache(maxsize=4_096)
def _kept(_root: str, row: Callable[..., Markup], values: tuple[Any, ...], shared: tuple[Any, ...]) -> Markup:
    return row(values, *shared)


def json_response(value: Any, status: int = 200) -> Response:
    return current_app.response_class(dump_bytes(value), status, mimetype="application/json")


def parse(model: type[M], source: Any) -> M:
    """`source` (query, form or JSON) as `model`; raises Refused 422 with a message a field. Empty fields count as not given."""
    values = source.to_dict() if hasattr(source, "to_dict") else source
    if not isinstance(values, dict):
        raise Refused(400, "The body must be a JSON object.")
    given = {key: value for key, value in values.items() if value != ""}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fields = {".".join(map(str, item["loc"])) or "body": item["msg"] for item in error.errors()}
        first = next(iter(fields.items()))
        raise Refused(422, f"{first[0]}: {first[1]}", fields=fields) from error


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of a list, and the cursor of the next ones (None at the end)."""

    items: Sequence[Any]
    next: str | None


def keyset(
    statement: Select[Any],
    at: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[Any],
    *,
    limit: int,
    cursor: str | None = None,
    ascending: bool = False,
) -> Slice:
    """One page of `statement` ordered by (at, id), newest first unless `ascending`; `at` and `row_id` must be among its columns
    or attributes of its entity. Rows without a time come last, or first where `ascending`, as databases order them.

    The condition is the expanded form, `at <= x AND (at < x OR id < y)`: MySQL and MariaDB do not use an index for row values.
    """
    order = (at.asc(), row_id.asc()) if ascending else (at.desc(), row_id.desc())
    statement = statement.order_by(*order)
    rows: list[Any] = []
    for condition in _still_to_come(at, row_id, cursor, ascending):
        if len(rows) <= limit:
            rows += named(db.session.execute(statement.where(*condition).limit(limit + 1 - len(rows))))
    single = len(rows) > 0 and len(rows[0]) == 1
    items = [row[0] for row in rows] if single else rows
    more = len(items) > limit
    items = items[:limit]
    return Slice(
        items, make_cursor(getattr(items[-1], at.key), getattr(items[-1], row_id.key)) if more else None
    )


def named(result: Result[Any]) -> list[Any]:
    """All rows, as named tuples. SQLAlchemy's own raise and catch an error inside for each name that they are asked for, which is a tenth of
    the time of a page with fifty of them."""
    return [*map(_row_with(tuple(result.keys()))._make, result)]


@lru_cache(maxsize=512)
def _row_with(keys: tuple[str, ...]) -> Any:
    return namedtuple("Row", keys, rename=True)  # what a statement selects decides


def _still_to_come(
    at: Any, row_id: Any, cursor: str | None, ascending: bool
) -> list[tuple[ColumnElement[bool], ...]]:
    """What is left after the cursor, in stretches that an index answers each: the rest of those with a time, and those without."""
    if not cursor:
        return [()]
    seen_at, seen_id = read_cursor(cursor)
    nullable = getattr(at, "nullable", False)
    wanted_type = isinstance(seen_at, datetime) == isinstance(at.type, UTCTime)
    if not (wanted_type if seen_at is not None else nullable):
        raise Refused(422, "cursor: not one that this list gave out", fields={"cursor": "unknown cursor"})
    beyond = row_id > seen_id if ascending else row_id < seen_id
    if seen_at is None:
        return [(at.is_(None), beyond), *([(at.is_not(None),)] if ascending else [])]
    if ascending:
        return [(at >= seen_at, or_(at > seen_at, beyond))]
    return [(at <= seen_at, or_(at < seen_at, beyond)), *([(at.is_(None),)] if nullable else [])]


def make_cursor(at: Any, row_id: str) -> str:
    value = at.isoformat() if isinstance(at, datetime) else at
    return urlsafe_b64encode(dumps([value, row_id]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[Any, str]:
    """What `make_cursor` packed; raises Refused 422 on anything else."""
    try:
        at, row_id = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if (
            not isinstance(row_id, str)
            or not row_id.isascii()
            or not isinstance(at, (str, int, float, NoneType))
        ):
            raise ValueError
        if isinstance(at, str):
            moment = datetime.fromisoformat(at)
            at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return at, row_id
    except (ValueError, TypeError) as error:
        raise Refused(
            422, "cursor: not one that this list gave out", fields={"cursor": "unknown cursor"}
        ) from error
