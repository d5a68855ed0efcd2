"""A machine that sends over REST, and what becomes of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.tenancy import bind_owner
from tests.browser.installation import Installation, database_beside
from tests.captures import HEADERS
from tests.conftest import TEST_DATABASE_URL
from tests.ingest.conftest import key, open_everything, sender  # noqa: F401
from tests.projection.conftest import told  # noqa: F401


class Machine:
    """Speaks JSON with Alice's key; `last` is the latest answer."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.last: Any = None

    def ask(self, method: str, url: str, body: Any = None, status: int | None = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        given = (
            {"data": body} if isinstance(body, (bytes, str)) else {"json": body} if body is not None else {}
        )
        self.last = self.client.open(
            f"/api/v1{url}",
            method=method,
            headers={"Content-Type": "application/json"} | HEADERS | sent,
            **given,
        )
        assert status is None or self.last.status_code == status, self.last.get_data(as_text=True)[:1_000]
        return self.last.get_json()

    def post(self, url: str, body: Any, status: int | None = 201, **headers: str) -> Any:
        return self.ask("POST", url, body, status, **headers)

    def patch(self, url: str, body: Any, status: int | None = 200, **headers: str) -> Any:
        return self.ask("PATCH", url, body, status, **headers)

    def get(self, url: str, status: int | None = 200) -> Any:
        return self.ask("GET", url, None, status)

    def items(self, url: str) -> list[Any]:
        return self.get(f"{url}?limit=500")["items"]

    def task(self, **fields: Any) -> str:
        return self.post("/tasks", {"name": "Nightly report"} | fields)["id"]

    def wrong(self, url: str, body: Any, method: str = "POST", status: int = 422) -> dict[str, str]:
        """What is wrong with this, by field."""
        return self.ask(method, url, body, status).get("errors", {})


@pytest.fixture
def machine(sender, alice) -> Machine:  # noqa: F811
    bind_owner(db.session, alice.id)
    return Machine(sender)


def rows(model: Any) -> list[Any]:
    """All of Alice's, as they are now."""
    db.session.commit()
    return list(db.session.scalars(select(model)))


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Iterator[Installation]:
    """Server and worker in processes of their own."""
    folder = tmp_path_factory.mktemp("sending")
    with (
        database_beside(TEST_DATABASE_URL, "sending") as database,
        Installation(folder, database).running() as running,
    ):
        yield running
