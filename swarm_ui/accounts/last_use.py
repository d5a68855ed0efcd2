"""When a key or a session was last used: written after the answer, and only where nobody has to be waited for."""

from typing import Any

from flask import after_this_request
from sqlalchemy import Connection, Executable, Select
from sqlalchemy.exc import DBAPIError

from swarm_ui.extensions import db


def note_afterwards(row: Select[Any], change: Executable) -> None:
    """Runs `change`, which touches `row` alone, after the view, whose own transaction is over by then."""

    @after_this_request
    def note(response: Any) -> Any:
        try:
            with db.engine.connect() as connection:
                write(connection, row, change)
        except DBAPIError:
            pass  # busy: the next request tries again
        return response


def write(connection: Connection, row: Select[Any], change: Executable) -> None:
    """Commits `change` without waiting for anybody; raises DBAPIError where it would have to."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]
        driver.execute("PRAGMA busy_timeout=0")
        try:
            connection = connection.execution_options(writes=True)
            connection.execute(change)
            connection.commit()
        finally:
            driver.execute(f"PRAGMA busy_timeout={int(waits)}")
    else:
        connection.execute(row.with_for_update(nowait=True))
        connection.execute(change)
        connection.commit()
