"""Lists as files for other programs: CSV and JSON lines, a line at a time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from flask import Response, current_app

from swarm_ui.extensions import db
from swarm_ui.jsontext import dump_bytes, dumps
from swarm_ui.tenancy import bind_owner, owner_of

T = TypeVar("T")

# A table program takes what begins so for a formula and runs it.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def batches(read: Callable[[str | None], tuple[Iterable[T], str | None]]) -> Iterator[T]:
    """All that `read(cursor)` gives, which answers with a batch and the next cursor.

    Whoever takes the items does so after the request: each batch has a context and a session of its own, of the owner shown. Memory
    stays small, and no transaction is held while a slow reader reads.
    """
    app: Any = current_app
    app, owner_id = app._get_current_object(), owner_of(db.session)

    def items() -> Iterator[T]:
        cursor = None
        batch: Iterable[T]
        while True:
            with app.app_context():
                bind_owner(db.session, owner_id)
                batch, cursor = read(cursor)
            yield from batch
            # Let go of it before the next is read: two would lie in memory.
            batch = ()
            if cursor is None:
                return

    return items()


def json_lines(items: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    for item in items:
        yield dump_bytes(item) + b"\n"


def csv_lines(columns: Iterable[str], items: Iterable[dict[str, Any]]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = list(columns)
    writer.writerow(columns)
    yield _taken(buffer)
    for item in items:
        writer.writerow([_cell(item[column]) for column in columns])
        yield _taken(buffer)


def attachment(lines: Iterator[Any], mimetype: str, name: str) -> Response:
    response = current_app.response_class(lines, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cell(value: Any) -> str:
    """Never a formula: an apostrophe before it makes it text. Numbers stay numbers."""
    if isinstance(value, (int, float)):
        return str(value)
    text = "" if value is None else dumps(value) if isinstance(value, (dict, list)) else str(value)
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
