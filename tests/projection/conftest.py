import pytest

from tests.captures import KEY


@pytest.fixture
def key(alice, make):
    """Alice's key; `tests.captures.HEADERS` presents it."""
    from hashlib import sha256

    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])


@pytest.fixture
def sender(app, key):
    """A client without a session, for requests with the key."""
    return app.test_client()
