"""What every view uses: page or fragment, validated input, keyset paging. The only place that knows about HTMX headers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from flask import Response, current_app, make_response, redirect, render_template, request
from pydantic import BaseModel, StringConstraints, ValidationError
from sqlalchemy import ColumnElement, Select, and_, or_
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
    or attributes of its entity.

    The condition is the expanded form, `at <= x AND (at < x OR id < y)`: MySQL and MariaDB do not use an index for row values.
    """
    if cursor:
        seen_at, seen_id = read_cursor(cursor)
        if isinstance(at.type, UTCTime) != isinstance(seen_at, datetime):
            raise Refused(422, "cursor: not one that this list gave out", fields={"cursor": "unknown cursor"})
        statement = statement.where(_after(at, row_id, seen_at, seen_id, ascending))
    order = (at.asc(), row_id.asc()) if ascending else (at.desc(), row_id.desc())
    rows = db.session.execute(statement.order_by(*order).limit(limit + 1)).all()
    single = len(rows) > 0 and len(rows[0]) == 1
    items = [row[0] for row in rows] if single else rows
    more = len(items) > limit
    items = items[:limit]
    return Slice(items, make_cursor(getattr(items[-1], at.key), getattr(items[-1], row_id.key)) if more else None)


def _after(at: Any, row_id: Any, seen_at: Any, seen_id: str, ascending: bool) -> ColumnElement[bool]:
    if ascending:
        return and_(at >= seen_at, or_(at > seen_at, row_id > seen_id))
    return and_(at <= seen_at, or_(at < seen_at, row_id < seen_id))


def make_cursor(at: Any, row_id: str) -> str:
    value = at.isoformat() if isinstance(at, datetime) else at
    return urlsafe_b64encode(dumps([value, row_id]).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[Any, str]:
    """What `make_cursor` packed; raises Refused 422 on anything else."""
    try:
        at, row_id = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(row_id, str) or not row_id.isascii() or not isinstance(at, (str, int, float)):
            raise ValueError
        if isinstance(at, str):
            moment = datetime.fromisoformat(at)
            at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return at, row_id
    except (ValueError, TypeError) as error:
        raise Refused(422, "cursor: not one that this list gave out", fields={"cursor": "unknown cursor"}) from error
