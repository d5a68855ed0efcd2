"""Providers that misbehave: tokens that are not for us, answers that are none, hosts that are somebody else's. Nobody is signed in."""

import logging

import pytest
from sqlalchemy import create_engine, insert

from swarm_ui.accounts import outgoing
from swarm_ui.accounts.models import UsedState
from swarm_ui.extensions import db
from tests import identity
from tests.accounts.conftest import Visitor, accounts, refused
from tests.conftest import TEST_DATABASE_URL

# What the ID token says

UNTRUSTED = "could not prove who you are"
FORGED = {
    "nonce of another": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another"},
    "no audience": {"aud": None},
    "empty audience": {"aud": []},
    "another audience, authorised for us": {"aud": "another", "azp": identity.CLIENT_ID},
    "ours among the audiences, authorised for another": {
        "aud": [identity.CLIENT_ID, "another"],
        "azp": "another",
    },
    "ours among the audiences, authorised for nobody": {"aud": [identity.CLIENT_ID, "another"]},
    "another issuer": {"iss": "https://evil.example"},
    "an issuer that begins like ours": {"iss": "http://127.0.0.1:1"},
    "no issuer": {"iss": None},
    "no subject": {"sub": None},
    "empty subject": {"sub": ""},
    "blank subject": {"sub": " "},
    "a number for a subject": {"sub": 17},
    "a list for a subject": {"sub": ["mira-1"]},
    "a subject that is too long": {"sub": "m" * 256},
    "a subject that is not plain": {"sub": "mirа"},
    "no expiry": {"exp": None},
    "text for an expiry": {"exp": "tomorrow"},
    "not a number for an expiry": {"exp": float("nan")},
    "no time of issue": {"iat": None},
    "a hash of another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


def test_an_id_token_that_is_not_for_this_sign_in(visitor, corp):
    for what, claims in FORGED.items():
        corp.claims = claims
        refused(visitor, visitor.come(), 502, about=what)
    assert accounts() == []


@pytest.mark.parametrize(
    "fault", [{"signed_by_another": True}, {"alg": "none"}, {"alg": "HS256"}, {"kid": "unknown"}], ids=str
)
def test_an_id_token_that_the_provider_did_not_sign(visitor, corp, configure, fault):
    corp.faults = fault
    refused(visitor, visitor.come(), 502, UNTRUSTED)
    # Nor when it says that it signs so.
    configure()
    corp.faults = {
        **fault,
        "discovery": {"id_token_signing_alg_values_supported": ["none", "HS256", "RS256"]},
    }
    refused(visitor, visitor.come(), 502, UNTRUSTED)


def test_a_provider_that_signs_with_nothing_but_shared_keys(visitor, corp):
    corp.faults["discovery"] = {"id_token_signing_alg_values_supported": ["none", "HS256"]}
    refused(visitor, visitor.begin(), 502, "is not set up right")


@pytest.mark.parametrize(
    "answer", [{"id_token": None}, {"id_token": ""}, {"id_token": "a.b.c"}, {"id_token": 17}], ids=str
)
def test_no_id_token(visitor, corp, answer):
    corp.faults["answer"] = answer
    refused(visitor, visitor.come(), 502)


@pytest.mark.parametrize(("offset", "status"), [(-119, 303), (119, 303), (-121, 502), (121, 502)])
def test_clocks_may_differ_by_two_minutes(visitor, corp, time, offset, status):
    now = int(time.now.timestamp())
    corp.claims = (
        {"iat": now + offset, "exp": now + offset}
        if offset < 0
        else {"iat": now + offset, "nbf": now + offset}
    )
    answer = visitor.come()
    assert answer.status_code == status
    if status == 502:
        refused(visitor, answer, 502, "has expired" if offset < 0 else UNTRUSTED)


def test_user_info_about_somebody_else(visitor, corp):
    corp.faults |= {"only_userinfo": ("email", "email_verified"), "userinfo": {"sub": "another"}}
    refused(visitor, visitor.come(), 502, UNTRUSTED)


# Providers in trouble


def test_a_provider_that_is_down(app, configure, corp):
    with identity.running() as gone:
        url = gone.url
    configure(OAUTH_CORP_ISSUER=url)
    visitor = Visitor(app.test_client(), corp, "corp")
    refused(visitor, visitor.begin("/tasks"), 502, "cannot be reached")


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
def test_a_provider_that_does_not_answer_in_time(visitor, corp, path, monkeypatch):
    monkeypatch.setattr(outgoing, "READ_SECONDS", 0.05)
    corp.faults |= {"slow": (path,), "only_userinfo": ("email",)}
    answer = visitor.begin() if "well-known" in path else visitor.come()
    refused(visitor, answer, 504, "takes too long")


def test_an_answer_that_drips(visitor, monkeypatch):
    monkeypatch.setattr(outgoing, "WHOLE_SECONDS", -1)
    refused(visitor, visitor.begin(), 504, "takes too long")


NONSENSE = {
    "html": b"<html>Log in to the hotel's network</html>",
    "nothing": b"",
    "list": b"[]",
    "null": b"null",
    "number": b"17",
    "bytes": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
def test_a_provider_that_answers_nonsense(visitor, corp, configure, path):
    corp.faults["only_userinfo"] = ("email",)
    for what, body in NONSENSE.items():
        configure()  # nothing is remembered of it
        corp.faults["raw"] = {path: (200, body)}
        refused(visitor, visitor.begin() if "well-known" in path else visitor.come(), 502, about=what)


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_that_answers_with_an_error(visitor, corp, configure, path):
    for status in (400, 403, 404, 429, 500, 503):
        configure()
        corp.faults["raw"] = {path: (status, b"no")}
        refused(visitor, visitor.begin() if "well-known" in path else visitor.come(), 502, about=status)


def test_an_answer_that_is_too_long(visitor, corp):
    corp.faults["raw"] = {"/.well-known/openid-configuration": (200, b" " * (2 << 20))}
    refused(visitor, visitor.begin(), 502, "cannot be understood")


@pytest.mark.parametrize(
    "token", [(401, {"error": "invalid_client"}), (400, {"error": "unauthorized_client"})]
)
def test_a_provider_that_does_not_know_this_installation(visitor, corp, token):
    corp.faults["token"] = token
    refused(visitor, visitor.come(), 502, "is not set up right")


@pytest.mark.parametrize(
    "answer", [{"access_token": None}, {"access_token": 7}, {"error": ["x"]}, {"error": {"a": 1}}], ids=str
)
def test_an_odd_answer_of_the_token_endpoint(visitor, corp, answer):
    corp.faults["answer"] = answer
    refused(visitor, visitor.come(), 502)


# Where requests go, and what is held meanwhile


@pytest.mark.parametrize(
    "name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"]
)
def test_endpoints_elsewhere_are_not_asked(visitor, corp, configure, name):
    with identity.running() as evil:
        for address in (
            f"{evil.url}/x",
            "http://169.254.169.254/latest",
            "https://evil.example/x",
            "file:///etc/passwd",
            "//evil",
            17,
        ):
            configure()
            corp.faults["discovery"] = {name: address}
            refused(visitor, visitor.begin(), 502, "is not set up right", about=address)
        assert evil.asked == []


def test_a_host_that_the_operator_names_is_one_of_the_providers(visitor, corp, configure):
    """As Google has them."""
    with identity.running(now=corp.now) as second:
        corp.faults["discovery"] = {"jwks_uri": f"{second.url}/keys"}
        refused(visitor, visitor.begin(), 502)
        configure(OAUTH_CORP_HOSTS=second.url.removeprefix("http://"))
        assert visitor.come().status_code == 303
        assert second.asked == ["/keys"]


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"])
def test_redirects_are_not_followed(visitor, corp, path):
    with identity.running() as evil:
        corp.faults |= {"redirect": {path: f"{evil.url}{path}"}, "only_userinfo": ("email",)}
        refused(
            visitor, visitor.begin() if "well-known" in path else visitor.come(), 502, "is not set up right"
        )
        corp.faults["redirect"] = {path: f"{corp.url}/somewhere"}
        refused(
            visitor, visitor.begin() if "well-known" in path else visitor.come(), 502, "is not set up right"
        )
        assert evil.asked == []
    assert "/somewhere" not in corp.asked


@pytest.mark.parametrize("issuer", ["https://evil.example", "", None, 17, "{url}/tenant"])
def test_a_description_of_another_provider(visitor, corp, issuer):
    corp.faults["discovery"] = {
        "issuer": issuer.replace("{url}", corp.url) if isinstance(issuer, str) else issuer
    }
    refused(visitor, visitor.begin(), 502, "is not set up right")


def test_a_slash_at_the_end_of_the_issuer_is_as_the_provider_writes_it(visitor, corp):
    corp.faults["discovery"] = {"issuer": f"{corp.url}/"}
    refused(visitor, visitor.come(), 502)
    corp.claims = {"iss": f"{corp.url}/"}
    assert visitor.come().status_code == 303
    assert accounts()[0][0] == f"{corp.url}/|mira-1"


def test_a_description_sets_no_option_of_the_client(visitor, corp):
    """Authlib takes every name in it for an option: no certificates checked, another scope, keys of its own."""
    stranger = {"keys": [identity.OTHER_KEY.as_dict(private=False)]}
    corp.faults["discovery"] = {
        "verify": False,
        "scope": "all",
        "code_challenge_method": None,
        "jwks": stranger,
        "hosts": ["evil:80"],
    }
    address = visitor.address()
    assert "scope=openid+email+profile&" in address
    assert "code_challenge=" in address
    assert visitor.back(visitor.authorize(address)).status_code == 303


def test_nobody_waits_for_the_database_while_a_provider_takes_its_time(app, visitor, corp):
    """Whoever writes meanwhile does not even have to wait a moment."""
    other = create_engine(db.engine.url, connect_args={} if TEST_DATABASE_URL else {"timeout": 0})
    pool, asked, troubles = db.engine.pool, [], []

    def write(path: str) -> None:
        asked.append(path)
        try:
            with other.begin() as connection:
                row = {"hash": f"{len(asked):064x}", "expires_at": 9_000_000_000_000_000}
                connection.execute(insert(UsedState).values(row))
            assert pool.checkedout() == 0, path
        except Exception as error:
            troubles.append(error)

    db.session.rollback()
    corp.meanwhile = write
    corp.faults["only_userinfo"] = ("email",)
    assert visitor.come().status_code == 303
    assert not troubles
    assert asked == ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"]
    other.dispose()


def test_secrets_are_not_logged(visitor, corp, caplog, capsys):
    logging.getLogger().setLevel("DEBUG")
    with caplog.at_level(logging.DEBUG):
        path = visitor.authorize(visitor.address())
        with visitor.client.session_transaction() as session:
            begun = session["sign_ins"][0]
        visitor.back(path)
        corp.faults["alg"] = "none"
        visitor.come()
    said = (
        caplog.text
        + capsys.readouterr().err
        + repr([record.__dict__ for record in caplog.records if record.name.startswith("swarm_ui")])
    )
    assert "sign-in refused" in said
    for secret in (identity.CLIENT_SECRET, begun["verifier"], begun["nonce"], "access-of-the-person", "eyJ"):
        assert secret not in said
