"""How SQLite answers the statements of every page: by an index that leads to the rows, never by reading all that the owner has.

It plans without statistics here, as it does in a new installation. A list that reads its index in order and stops after a page is fine.
"""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from swarm_ui.extensions import db
from tests.conftest import TEST_DATABASE_URL
from tests.test_tenancy import SAFE, build, fill, routes

pytestmark = pytest.mark.skipif(bool(TEST_DATABASE_URL), reason="SQLite's plans")

# Their statements look at no more rows of a table than a bound, to say about how much there is.
BOUNDED = ("/settings/data", "/settings/data/erase")
# By the thousand, and reached by run or trace alone.
LARGE = (
    "spans",
    "messages",
    "execution_logs",
    "execution_history",
    "metrics",
    "payload_blocks",
    "log_records",
    "search_docs",
)
# By the thousand too, but there are lists of them in the order of an index.
LISTED = ("tasks", "task_agents", "task_traces", "alerts")
_READS = re.compile(
    r"^(SCAN|SEARCH) (\w+)(?: AS \w+)?(?: USING (?:INTEGER PRIMARY KEY|(?:COVERING )?INDEX \S+|PRIMARY KEY) \((.*)\))?"
)


def plans_of(client, url: str) -> Iterator[tuple[str, str]]:
    """(statement, step of its plan) of everything that this page asks."""
    asked: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert client.get(url).status_code < 400, url
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    with db.engine.connect() as connection:
        driver = connection.connection.driver_connection
        for statement, parameters in asked:
            for *_ids, step in driver.execute(f"EXPLAIN QUERY PLAN {statement}", parameters):
                yield statement, step


def is_too_much(step: str) -> bool:
    found = _READS.match(step)
    if found is None:
        return False
    verb, table, constraint = found.groups()
    if table in LARGE:
        return verb == "SCAN" or constraint in (None, "userId=?")
    return table in LISTED and verb == "SCAN"


def test_no_page_reads_all_rows_of_its_owner(make, alice, client):
    world = build(make, alice)
    pages = [
        rule
        for rule, method in routes(True) + routes(False)
        if method in SAFE and not rule.startswith("/-/") and rule not in BOUNDED
    ]
    urls = [fill(rule, world) for rule in pages]
    urls += [
        "/tasks?status=failed",
        f"/tasks?agent={world['agent_id']}",
        f"/tasks?workflow={world['workflow_id']}",
        "/tasks?session=zanzibar+talk",
        "/conversations?session=zanzibar+talk",
    ]
    urls += [
        "/tasks?q=zanzibar",
        "/alerts?severity=critical",
        f"/tasks/{world['task_id']}?span={world['span_id']}",
    ]
    urls += [
        f"/tasks/{world['task_id']}/logs?level=error",
        f"/tasks/{world['task_id']}/messages?type=request",
    ]
    seen = 0
    for url in urls:
        for statement, step in plans_of(client, url):
            seen += 1
            assert not is_too_much(step), f"{url} reads too much: {step}\n{statement}"
    assert seen > 200


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("SEARCH spans USING INDEX sqlite_autoindex_spans_1 (userId=?)", True),
        ("SEARCH spans USING INDEX sqlite_autoindex_spans_1 (userId=? AND traceId=?)", False),
        ("SCAN messages", True),
        ("SCAN tasks", True),
        ("SEARCH tasks USING INDEX ix_tasks_userId_startedAt_id (userId=?)", False),
        ("USE TEMP B-TREE FOR ORDER BY", False),
    ],
)
def test_what_is_too_much(step, expected):
    assert is_too_much(step) is expected
