"""Signing in with an OpenID Connect provider, and everything that it or somebody on the way may do wrong."""

import threading

import pytest
from sqlalchemy import select

from swarm_ui.accounts.models import BrowserSession, UsedState
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests import identity
from tests.accounts.conftest import Visitor, accounts, refused
from tests.pages import Page

MIRA = "mira@example.org"


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in outgoing_query(address).items()}


def outgoing_query(address: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs, urlsplit

    return parse_qs(urlsplit(address).query)


# As it should be


def test_the_first_person_comes_in_and_administers(visitor, corp):
    answer = visitor.come()
    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.is_in
    assert accounts() == [(f"{corp.url}|mira-1", MIRA, "Mira Okafor", "admin")]
    assert db.session.scalars(select(BrowserSession.provider)).all() == ["corp"]
    events = db.session.scalars(everyone(select(AuditEvent).order_by(AuditEvent.id), "test")).all()
    assert {(event.action, event.via) for event in events} == {
        ("user.create", "sign_in"),
        ("session.begin", "sign_in"),
    }


def test_what_is_asked_for(visitor, corp):
    address = visitor.address()
    asked = query_of(address)
    assert address.startswith(f"{corp.url}/authorize?")
    assert asked["redirect_uri"] == "http://127.0.0.1:8000/login/corp/callback"
    assert asked["scope"] == "openid email profile"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert len(asked["state"]) >= 30
    assert len(asked["nonce"]) >= 20
    assert len(asked["code_challenge"]) == 43
    again = query_of(visitor.address())
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


def test_a_second_sign_in_is_the_same_account(app, visitor, corp):
    visitor.come()
    corp.person |= {"name": "Mira Renamed", "email": "else@example.org"}
    other = Visitor(app.test_client(), corp, "corp")
    assert other.come().status_code == 303
    assert [account[:3] for account in accounts()] == [(f"{corp.url}|mira-1", MIRA, "Mira Okafor")]


def test_what_a_provider_says_of_itself_is_asked_once_in_a_while(visitor, corp, time):
    def discovered() -> int:
        return corp.asked.count("/.well-known/openid-configuration")

    visitor.come()
    visitor.come()
    assert discovered() == 1
    time.forward(minutes=11)
    visitor.come()
    assert discovered() == 2


def test_a_new_key_of_the_provider_is_fetched(visitor, corp):
    visitor.come()
    corp.faults["kid"] = "second"
    corp.faults["keys"] = {"keys": [{**identity.KEY.as_dict(private=False), "kid": "second"}]}
    assert visitor.come().status_code == 303


def test_it_leads_to_the_page_that_was_wanted(visitor):
    wall = visitor.client.get("/settings?tab=keys")
    login = Page(visitor.client.get(wall.location), "/login")
    assert login.find("input", attrs={"name": "next"})["value"] == "/settings?tab=keys"
    assert visitor.come("/settings?tab=keys").location == "/settings?tab=keys"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "evil",
        "/" + "x" * 5000,
    ],
)
def test_it_never_leads_to_another_site(visitor, target):
    assert visitor.come(target).location == "/"


def test_several_tabs_at_once(visitor):
    first, second = visitor.address("/tasks"), visitor.address("/alerts")
    assert visitor.back(visitor.authorize(first)).location == "/tasks"
    assert visitor.is_in
    # The sign-in began a new session, of which the other tab's knows nothing.
    assert visitor.back(visitor.authorize(second)).status_code == 400


def test_many_begun_sign_ins_do_not_fill_the_cookie(visitor):
    addresses = [visitor.address("/tasks?q=" + "x" * 400) for _ in range(12)]
    with visitor.client.session_transaction() as session:
        assert len(session["sign_ins"]) == 3
    assert len(visitor.begin("/tasks?q=" + "x" * 400).headers["Set-Cookie"]) < 4000
    assert visitor.back(visitor.authorize(addresses[0])).status_code == 400
    assert visitor.back(visitor.authorize(addresses[-1])).status_code == 303


def test_nothing_of_the_session_before_is_kept(visitor):
    with visitor.client.session_transaction() as session:
        session["planted"] = "by another"
        before = dict(session)
    visitor.come()
    with visitor.client.session_transaction() as session:
        assert not {"planted", "sign_ins", "next"} & set(session)
        assert session["_user_id"] not in before.values()


def test_an_address_in_the_user_info_alone(visitor, corp):
    corp.faults["only_userinfo"] = ("email", "email_verified", "name")
    visitor.come()
    assert accounts() == [(f"{corp.url}|mira-1", MIRA, "Mira Okafor", "admin")]


def test_a_provider_that_wants_the_secret_in_the_body(visitor, corp):
    corp.faults["discovery"] = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert visitor.come().status_code == 303


def test_several_audiences_with_this_one_authorised(visitor, corp):
    corp.claims = {"aud": [identity.CLIENT_ID, "another"], "azp": identity.CLIENT_ID}
    assert visitor.come().status_code == 303


# What comes back in the address


def test_cancelled_consent(visitor, corp):
    corp.faults["authorize_error"] = "access_denied"
    page = refused(visitor, visitor.come("/tasks"), 403, "Sign-in was cancelled", "Corp")
    assert page.link("To the sign-in page")["href"] == "/login?next=/tasks"
    assert accounts() == []
    assert "/token" not in corp.asked


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("server_error", "has a problem"),
        ("temporarily_unavailable", "has a problem"),
        ("invalid_scope", "is not set up right"),
        ("<b>new</b>", "has a problem"),
    ],
)
def test_an_error_of_the_provider(visitor, corp, error, words):
    corp.faults["authorize_error"] = error
    page = refused(visitor, visitor.come(), 502, words)
    assert "new" not in page.text


def test_a_replayed_answer(visitor, app, corp):
    path = visitor.authorize(visitor.address())
    assert visitor.back(path).status_code == 303
    other = Visitor(app.test_client(), corp, "corp")
    for browser in (visitor, other):
        answer = browser.back(path)
        assert answer.status_code == 410
        assert "used already" in answer.get_data(as_text=True)
    assert not other.is_in


def test_a_replay_with_an_older_copy_of_the_cookie(visitor, app, corp):
    path = visitor.authorize(visitor.address())
    with visitor.client.session_transaction() as session:
        kept = dict(session)
    visitor.back(path)
    thief = Visitor(app.test_client(), corp, "corp")
    with thief.client.session_transaction() as session:
        session.update(kept)
    corp.codes["again"] = query_of(path) | {"redirect_uri": "http://127.0.0.1:8000/login/corp/callback"}
    asked = len(corp.asked)
    assert thief.back(path).status_code == 410
    assert not thief.is_in
    assert len(corp.asked) == asked  # the provider is not even asked


def test_two_answers_with_one_state_at_once(visitor, app, corp):
    path = visitor.authorize(visitor.address())
    with visitor.client.session_transaction() as session:
        kept = dict(session)
    ready, answers = threading.Barrier(3), []

    def come() -> None:
        client = app.test_client()
        with client.session_transaction() as session:
            session.update(kept)
        ready.wait()
        answers.append(client.get(path).status_code)

    threads = [threading.Thread(target=come) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 410, 410]


@pytest.mark.parametrize(
    "state", ["", "x", "…", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "a" * 5000]
)
def test_a_forged_state(visitor, state):
    visitor.address()
    answer = visitor.client.get("/login/corp/callback", query_string={"code": "abc", "state": state})
    refused(visitor, answer, 400, "was not begun here")


def test_a_missing_state_and_a_missing_code(visitor):
    refused(visitor, visitor.back("/login/corp/callback"), 400, "was not begun here")
    refused(visitor, visitor.back("/login/corp/callback?error=access_denied"), 400, "was not begun here")
    state = query_of(visitor.address())["state"]
    refused(visitor, visitor.back(f"/login/corp/callback?state={state}"), 400, "sent no answer")


def test_an_answer_that_another_browser_began(visitor, app, corp):
    """Somebody's own answer, planted in a victim's browser, would sign the victim in as them."""
    path = visitor.authorize(visitor.address())
    victim = Visitor(app.test_client(), corp, "corp")
    victim.address()
    refused(victim, victim.back(path), 400, "was not begun here")


def test_an_answer_at_the_door_of_another_provider(visitor):
    path = visitor.authorize(visitor.address())
    refused(visitor, visitor.back(path.replace("/corp/", "/github/")), 400, "was not begun here")


def test_an_answer_too_late(visitor, time):
    path = visitor.authorize(visitor.address())
    time.forward(minutes=16)
    refused(visitor, visitor.back(path), 400, "was not begun here")


def test_used_states_are_cleared_away(visitor, time):
    visitor.come()
    time.forward(minutes=16)
    visitor.come()
    assert len(db.session.scalars(select(UsedState)).all()) == 1


def test_a_code_that_is_not_theirs(visitor):
    state = query_of(visitor.address())["state"]
    answer = visitor.back(f"/login/corp/callback?state={state}&code=stolen")
    refused(visitor, answer, 400, "takes the answer back")


def test_a_code_of_another_sign_in_fails_the_proof_key(visitor, app, corp):
    theirs = query_of(Visitor(app.test_client(), corp, "corp").authorize(visitor.address()))["code"]
    state = query_of(visitor.address())["state"]
    refused(
        visitor,
        visitor.back(f"/login/corp/callback?state={state}&code={theirs}"),
        400,
        "takes the answer back",
    )


def test_an_answer_that_names_another_issuer(visitor, corp):
    corp.faults["answer_iss"] = "https://evil.example"
    refused(visitor, visitor.come(), 502, "could not prove who you are")
    corp.faults["answer_iss"] = corp.url
    assert visitor.come().status_code == 303


def test_who_tries_out_answers_has_to_wait(visitor, time):
    for _ in range(20):
        assert visitor.back("/login/corp/callback?state=guess&code=guess").status_code == 400
    assert visitor.back("/login/corp/callback?state=guess&code=guess").status_code == 429
    assert visitor.begin().status_code == 429
    time.forward(minutes=11)
    assert visitor.come().status_code == 303
