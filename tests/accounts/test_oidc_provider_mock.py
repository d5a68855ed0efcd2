"""Signing in with somebody else's idea of an OpenID Connect provider."""

import warnings
from urllib.parse import urlsplit

import pytest
import requests

from tests.accounts.conftest import Visitor, accounts

# Its own use of what Authlib gives up; as errors they would break it.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def mock(app, configure, time):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock

    with oidc_provider_mock.run_server_in_thread(
        user_claims=[
            oidc_provider_mock.User(
                sub="m-1", claims={"email": "mira@example.org", "email_verified": True, "name": "Mira"}
            )
        ]
    ) as server:
        url = f"http://localhost:{server.server_port}"
        configure(
            OAUTH_PROVIDERS="mock",
            OAUTH_MOCK_ISSUER=url,
            OAUTH_MOCK_CLIENT_ID="any",
            OAUTH_MOCK_CLIENT_SECRET="any",
        )
        yield url


@pytest.fixture
def now(time):
    """This server looks at the real clock."""
    from swarm_ui import clock

    clock.use(None)


def test_it_signs_in(app, mock, now):
    visitor = Visitor(app.test_client(), None, "mock")
    address = visitor.address("/tasks")
    sent = requests.post(address, data={"sub": "m-1"}, allow_redirects=False, timeout=5)
    back = urlsplit(sent.headers["Location"])
    answer = visitor.back(f"{back.path}?{back.query}")
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert accounts() == [(f"{mock}|m-1", "mira@example.org", "Mira", "admin")]


def test_consent_is_refused(app, mock, now):
    visitor = Visitor(app.test_client(), None, "mock")
    sent = requests.post(
        visitor.address(), data={"sub": "m-1", "action": "deny"}, allow_redirects=False, timeout=5
    )
    back = urlsplit(sent.headers["Location"])
    answer = visitor.back(f"{back.path}?{back.query}")
    assert answer.status_code == 403
    assert "was cancelled" in answer.get_data(as_text=True)
    assert accounts() == []
