"""Who may come in when a provider has said who it is, and as whom."""

import threading

import pytest
from sqlalchemy import select

from swarm_ui.accounts import admission, entry
from swarm_ui.accounts.models import User
from swarm_ui.accounts.oauth import Identity
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.tenancy import everyone
from tests.accounts.conftest import Visitor, accounts, refused

MIRA = "mira@example.org"


def actions() -> list[tuple]:
    rows = db.session.scalars(
        everyone(select(AuditEvent).where(AuditEvent.action != "session.begin"), "test")
    )
    return [(event.action, event.user_id, event.after) for event in rows]


def test_with_an_empty_list_the_first_person_alone_comes_in_by_themselves(app, visitor, corp):
    assert visitor.come().status_code == 303
    corp.person = {"sub": "second", "email": "second@example.org", "email_verified": True}
    second = Visitor(app.test_client(), corp, "corp")
    answer = second.come("/tasks")
    assert answer.status_code == 403
    assert "You are not invited yet" in answer.get_data(as_text=True)
    assert "second@example.org" in answer.get_data(as_text=True)
    assert [account[1] for account in accounts()] == [MIRA]


def test_the_first_person_needs_no_address(visitor, corp):
    corp.person = {"sub": "nobody", "email": MIRA, "email_verified": False}
    assert visitor.come().status_code == 303
    assert accounts() == [
        (f"{corp.url}|nobody", None, None, "admin")
    ]  # an address that is not proved is not kept


def test_whoever_was_invited_comes_in_with_what_was_prepared(visitor, corp, make, root):
    invited = make.user(email=MIRA, name="mira")
    make.membership(root, invited, "editor")
    assert visitor.come("/settings").status_code == 303
    assert accounts()[1:] == [(f"{corp.url}|mira-1", MIRA, "Mira Okafor", "user")]
    assert actions() == [("user.link", invited.id, {"openId": f"{corp.url}|mira-1"})]


def test_a_name_that_somebody_chose_stays(visitor, make, root):
    make.user(email=MIRA, name="M. Okafor")
    visitor.come()
    assert accounts()[1][2] == "M. Okafor"


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes", []])
def test_an_address_that_is_not_verified_takes_nothing_over(visitor, corp, make, root, verified):
    make.user(email=MIRA, name="mira")
    before = accounts()
    corp.claims = {"email_verified": verified}
    page = refused(visitor, visitor.come(), 403, "is not verified")
    assert MIRA not in page.text
    assert accounts() == before


def test_an_address_and_its_proof_come_from_one_place(visitor, corp, make, root):
    """The ID token says of no address that it is verified, the user info has one that is not."""
    make.user(email=MIRA)
    corp.claims = {"email": None, "email_verified": True}
    corp.person["email_verified"] = False
    refused(visitor, visitor.come(), 403, "is not verified")


def test_some_providers_write_true_in_quotes(visitor, corp, make, root):
    make.user(email=MIRA)
    corp.claims = {"email_verified": "true"}
    assert visitor.come().status_code == 303


@pytest.mark.parametrize(
    "address",
    [
        "\u212aira@example.org",
        "mıra@example.org",
        "mira@exämple.org",
        "mira",
        "@example.org",
        17,
        ["mira@example.org"],
        "m ira@example.org",
    ],
)
def test_an_address_that_only_looks_like_somebodys(visitor, corp, make, root, address):
    """The Kelvin sign is a small k once it is lower-cased."""
    make.user(email="kira@example.org", name="Kira")
    before = accounts()
    corp.claims = {"email": address}
    refused(visitor, visitor.come(), 403)
    assert accounts() == before


def test_case_does_not_matter_in_an_address(visitor, corp, make, root):
    make.user(email=MIRA)
    corp.claims = {"email": "Mira@Example.ORG"}
    assert visitor.come().status_code == 303


def test_an_address_of_an_account_with_another_sign_in(visitor, corp, hub, make, root):
    make.user(email=MIRA, open_id=f"{hub.url}|4711", name="Mira")
    before = accounts()
    page = refused(visitor, visitor.come(), 409, "signs in another way", "It signs in with GitHub")
    assert MIRA in page.text
    assert accounts() == before
    assert actions() == []


def test_how_an_address_signs_in_is_told_to_its_holder_alone(visitor, corp, hub, make, root):
    make.user(email=MIRA, open_id=f"{hub.url}|4711", name="Mira")
    corp.claims = {"email_verified": False}
    page = refused(visitor, visitor.come(), 403)
    assert "GitHub" not in page.text
    assert MIRA not in page.text


def test_an_account_whose_provider_is_gone_names_none(visitor, corp, make, root):
    make.user(email=MIRA, open_id="https://gone.example|1", name="Mira")
    page = refused(visitor, visitor.come(), 409)
    assert "It signs in with" not in page.text


@pytest.mark.parametrize("allowed", ["example.org", "@example.org", "else.example, MIRA@example.org"])
def test_whoever_is_on_the_list_comes_in(visitor, corp, configure, root, allowed):
    configure(ALLOWED_EMAILS=allowed)
    assert visitor.come().status_code == 303
    assert accounts()[1:] == [(f"{corp.url}|mira-1", MIRA, "Mira Okafor", "user")]
    assert [action for action, _owner, _after in actions()] == ["user.create"]


@pytest.mark.parametrize(
    "allowed", ["example.com", "ple.org", "sub.example.org", "ira@example.org", "org.example"]
)
def test_whoever_is_not_on_the_list_does_not_even_as_the_first(visitor, configure, allowed):
    configure(ALLOWED_EMAILS=allowed)
    refused(visitor, visitor.come(), 403, "not invited")
    assert accounts() == []


def test_an_address_beside_the_domain_does_not_match(visitor, corp, configure):
    configure(ALLOWED_EMAILS="example.org")
    for address in (
        "mira@evil.org@example.org.evil.org",
        "mira@evilexample.org",
        "mira@sub.example.org",
        "example.org@evil.org",
    ):
        corp.claims = {"email": address}
        refused(visitor, visitor.come(), 403, about=address)
    corp.claims = {}
    for missing in ({"email_verified": False}, {"email": None}):
        corp.person |= missing
        refused(visitor, visitor.come(), 403, about=missing)
    assert accounts() == []


def test_a_list_holds_for_the_invited_too(visitor, configure, make, root):
    make.user(email=MIRA)
    configure(ALLOWED_EMAILS="example.com")
    refused(visitor, visitor.come(), 403, "not invited")


def test_an_account_stays_when_the_list_changes(app, visitor, corp, configure):
    visitor.come()
    configure(ALLOWED_EMAILS="example.com")
    corp.person["email"] = None
    assert Visitor(app.test_client(), corp, "corp").come().status_code == 303


@pytest.mark.parametrize("known", [True, False])
def test_who_is_disabled_does_not_come_in(visitor, corp, make, root, time, known):
    make.user(email=MIRA, open_id=f"{corp.url}|mira-1" if known else None, disabled_at=time.now)
    before = accounts()
    refused(visitor, visitor.come(), 403, "switched off")
    assert accounts() == before


def test_a_missing_address_is_filled_in_when_it_is_free(app, visitor, corp, make):
    corp.person["email"] = None
    visitor.come()
    taken = make.user(email="taken@example.org")
    for address, kept in (("taken@example.org", None), (MIRA, MIRA), ("later@example.org", MIRA)):
        corp.claims = {"email": address}
        assert Visitor(app.test_client(), corp, "corp").come().status_code == 303
        assert accounts()[0][1] == kept
    assert db.session.get(User, taken.id).open_id is None


def test_the_same_subject_of_another_provider_is_somebody_else(coder, hub, corp, make, root):
    make.user(email="mira@else.example", open_id=f"{corp.url}|4711", name="Mira")
    refused(coder, coder.come(), 403)


def test_a_name_is_cut_and_cleaned(visitor, corp):
    corp.person["name"] = "<b>M</b>\x00" + "x" * 5000
    visitor.come()
    name = accounts()[0][2]
    assert len(name) == 200
    assert "\x00" not in name
    assert "<b>M</b>" not in visitor.client.get("/settings").get_data(as_text=True)


def at_once(app, identities: list[Identity]) -> list[str]:
    """What becomes of them when all come at the same moment."""
    ready, ends = threading.Barrier(len(identities)), []

    def come(identity: Identity) -> None:
        with app.test_request_context("/"):
            ready.wait()
            try:
                admission.sign_in(identity, "corp")
                ends.append("in")
            except admission.NotAdmitted as refused:
                ends.append(refused.reason)

    db.session.rollback()
    threads = [threading.Thread(target=come, args=(identity,)) for identity in identities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(ends)


def test_of_several_who_come_first_at_once_one_comes_in(app, configure):
    people = [Identity(f"https://id.example|{n}", f"P{n}", f"p{n}@example.org") for n in range(4)]
    assert at_once(app, people) == ["in", "uninvited", "uninvited", "uninvited"]
    assert [account[3] for account in accounts()] == ["admin"]


def test_of_several_who_are_allowed_at_once_one_administers(app, configure):
    configure(ALLOWED_EMAILS="example.org")
    people = [Identity(f"https://id.example|{n}", f"P{n}", f"p{n}@example.org") for n in range(4)]
    assert at_once(app, people) == ["in"] * 4
    assert sorted(account[3] for account in accounts()) == ["admin", "user", "user", "user"]


def test_an_invitation_is_taken_up_once(app, configure, make, root):
    make.user(email=MIRA)
    people = [Identity(f"https://id.example|{n}", "Mira", MIRA) for n in range(3)]
    assert at_once(app, people) == ["in", "in_use", "in_use"]


def test_one_person_in_two_tabs_at_once_is_one_account(app, configure):
    assert at_once(app, [Identity("https://id.example|1", "Mira", MIRA)] * 3) == ["in"] * 3
    assert len(accounts()) == 1


# The page, the doors, the start


def test_the_page_has_a_button_for_each_provider_and_no_word_of_links(visitor):
    page = visitor.client.get("/login").get_data(as_text=True)
    assert "Sign in with Corp" in page
    assert "Sign in with GitHub" in page
    assert "one-time link" not in page
    assert "login-link" not in page


def test_a_link_still_opens_where_providers_are_configured(visitor, alice):
    assert (
        visitor.client.post(entry.make_link(alice.email).removeprefix("http://127.0.0.1:8000")).status_code
        == 303
    )


def test_a_foreign_page_begins_nothing(visitor):
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert visitor.begin(headers=headers).status_code == 403
    assert visitor.client.get("/login/corp/begin").status_code == 405


@pytest.mark.parametrize("name", ["nobody", "CORP", "link", "%2e%2e", "corp%00"])
def test_an_unknown_provider(visitor, name):
    assert visitor.client.post(f"/login/{name}/begin").status_code == 404
    assert visitor.client.get(f"/login/{name}/callback?state=x&code=y").status_code == 404


def test_the_host_header_decides_nothing(visitor, configure, corp):
    configure(PUBLIC_URL="https://swarm.example.org/ui")
    for host in ("evil.example", "swarm.example.org:1", "evil.example@swarm.example.org"):
        headers = {"Host": host, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
        page = visitor.begin(headers=headers).get_data(as_text=True)
        assert "redirect_uri=https%3A%2F%2Fswarm.example.org%2Fui%2Flogin%2Fcorp%2Fcallback&" in page
        assert "evil" not in page
        assert "evil" not in visitor.client.get("/tasks", headers=headers).location
    with visitor.client.application.test_request_context(headers={"Host": "evil.example"}):
        assert entry.make_link().startswith("https://swarm.example.org/ui/login/")


def test_the_page_keeps_its_strict_policy(visitor):
    for answer in (visitor.client.get("/login"), visitor.begin()):
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_start_says_where_to_sign_in_and_makes_no_link(app, configure):
    message = entry.startup_message(app)
    assert "Sign in with Corp or GitHub: http://127.0.0.1:8000/login\n" in message
    assert "https" not in message
    configure(PUBLIC_URL="http://swarm.example.org")
    assert "Put a proxy that speaks https in front" in entry.startup_message(app)
