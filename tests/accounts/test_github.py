"""Signing in with GitHub, or a server that speaks as it does: OAuth 2 without OpenID Connect."""

import pytest

from tests import identity
from tests.accounts.conftest import accounts, refused
from tests.accounts.test_oauth import query_of


def test_the_account_is_the_number_and_the_address_the_verified_primary_one(coder, hub):
    address = coder.address()
    asked = query_of(address)
    assert address.startswith(f"{hub.url}/login/oauth/authorize?")
    assert asked["scope"] == "read:user user:email"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/login/github/callback"
    assert coder.back(coder.authorize(address)).status_code == 303
    assert accounts() == [(f"{hub.url}|4711", "mira@example.org", "Mira Okafor", "admin")]
    assert hub.asked == ["/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"]


@pytest.mark.parametrize(
    "addresses",
    [
        None,
        [],
        [{"email": "mira@example.org", "primary": True, "verified": False}],
        [{"email": "mira@example.org", "primary": False, "verified": True}],
        [{"email": None, "primary": True, "verified": True}],
    ],
    ids=["not shown", "none", "not verified", "not primary", "empty"],
)
def test_an_address_may_be_missing(coder, hub, addresses, root):
    """Then an account that exists comes in, and nobody else."""
    hub.addresses = addresses
    refused(coder, coder.come(), 403)
    hub.addresses = [{"email": root.email, "primary": True, "verified": True}]
    assert coder.come().status_code == 303
    hub.addresses = addresses
    coder.client.post("/logout")
    assert coder.come().status_code == 303


def test_the_first_person_may_have_none(coder, hub):
    hub.addresses, hub.person["name"] = None, None
    assert coder.come().status_code == 303
    assert accounts() == [(f"{hub.url}|4711", None, "mira", "admin")]


@pytest.mark.parametrize("number", [None, "4711", True, 4.5, [], {}])
def test_an_account_without_a_number(coder, hub, number):
    hub.person["id"] = number
    refused(coder, coder.come(), 502)


def test_what_goes_wrong(coder, hub):
    """GitHub says its errors with a 200."""
    state = query_of(coder.address())["state"]
    refused(
        coder, coder.back(f"/login/github/callback?state={state}&code=stolen"), 400, "takes the answer back"
    )
    for fault, status in (
        ({"authorize_error": "access_denied"}, 403),
        ({"token": (200, {"error": "incorrect_client_credentials"})}, 502),
        ({"token": (200, {"error": "unverified_user_email"})}, 502),
        ({"raw": {"/api/v3/user": (200, b"[]")}}, 502),
        ({"raw": {"/api/v3/user": (500, b"no")}}, 502),
        ({"raw": {"/api/v3/user/emails": (200, b'{"message": "no"}')}}, 502),
        ({"raw": {"/api/v3/user/emails": (200, b"[1, null]")}}, 502),
        ({"redirect": {"/api/v3/user": "http://127.0.0.1:1/"}}, 502),
    ):
        hub.faults = fault
        refused(coder, coder.come(), status, about=fault)
    assert accounts() == []


def test_a_wrong_proof_key_is_refused_there(coder, hub, app):
    code = query_of(coder.authorize(coder.address()))["code"]
    state = query_of(coder.address())["state"]
    refused(coder, coder.back(f"/login/github/callback?state={state}&code={code}"), 400)


def test_what_the_server_of_the_tests_is_like():
    """It refuses as the real ones do."""
    with identity.running() as provider:
        asked = {"redirect_uri": "x", "code_challenge": "y", "nonce": "n"}
        provider.codes["c"] = asked
        form = {
            "code": "c",
            "redirect_uri": "x",
            "code_verifier": "wrong",
            "client_id": "swarm",
            "client_secret": identity.CLIENT_SECRET,
        }
        assert provider.token(form, "")[0] == 400
        assert provider.token(form | {"client_secret": "wrong"}, "")[0] == 401
