import pytest
from sqlalchemy import event

from swarm_ui.extensions import db
from tests.captures import KEY
from tests.projection.world import World


@pytest.fixture
def key(alice, make):
    """Alice's key; `tests.captures.HEADERS` presents it."""
    from hashlib import sha256

    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])


@pytest.fixture
def sender(app, key):
    """A client without a session, for requests with the key."""
    return app.test_client()


@pytest.fixture
def world(app, alice) -> World:
    """Alice's data. Commits do not wait for the disk here: durability is shown elsewhere, by killing processes."""

    def hurry(connection, _record) -> None:
        if type(connection).__module__.startswith("sqlite3"):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(db.engine, "connect", hurry)
    db.engine.dispose()
    return World(alice.id)
