"""A real browser signs in through real providers: two of OpenID Connect, one of which checks PKCE, and one like GitHub."""

import html
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from swarm_ui.accounts.models import User
from swarm_ui.extensions import db
from tests import identity
from tests.browser import canaille
from tests.browser.installation import Installation, database_beside, until
from tests.browser.looks import Looker

# The provider of the tests' own use of what Authlib gives up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@dataclass
class Site:
    """The product with three providers, and what they know."""

    installation: Installation
    hub: identity.Provider
    mock: str
    canaille: str

    @property
    def url(self) -> str:
        return self.installation.url

    def people(self) -> dict[str, tuple[str | None, str | None]]:
        """openId → address and name."""
        with self.installation.app.app_context():
            rows = db.session.execute(select(User.open_id, User.email, User.name)).all()
        return {open_id: (email, name) for open_id, email, name in rows if open_id}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, own_database: None) -> Iterator[Site]:
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        import oidc_provider_mock

        database = stack.enter_context(database_beside(os.environ.get("TEST_DATABASE_URL"), "providers"))
        installation = Installation(tmp_path_factory.mktemp("providers"), database)
        person = oidc_provider_mock.User(
            sub="m-1", claims={"email": "noor@example.org", "email_verified": True, "name": "Noor"}
        )
        server = stack.enter_context(oidc_provider_mock.run_server_in_thread(user_claims=[person]))
        hub = stack.enter_context(
            identity.running(github=True, person={"id": 4711, "login": "ada", "name": "Ada Hubber"})
        )
        hub.addresses = [{"email": "ada@example.org", "primary": True, "verified": True}]
        issuer, wait_for_canaille = stack.enter_context(
            canaille.running(
                installation.folder / "canaille", free_port(), f"{installation.url}/login/canaille/callback"
            )
        )
        mock = f"http://localhost:{server.server_port}"
        installation.environ |= {
            "OAUTH_PROVIDERS": "canaille,mock,github",
            "OAUTH_CANAILLE_ISSUER": issuer,
            "OAUTH_CANAILLE_CLIENT_ID": canaille.CLIENT_ID,
            "OAUTH_CANAILLE_CLIENT_SECRET": canaille.CLIENT_SECRET,
            "OAUTH_MOCK_ISSUER": mock,
            "OAUTH_MOCK_CLIENT_ID": "any",
            "OAUTH_MOCK_CLIENT_SECRET": "any",
            "OAUTH_MOCK_LABEL": "Mock provider",
            "ALLOWED_EMAILS": "example.org",
            **identity.settings_of(hub, "github"),
        }
        running = stack.enter_context(installation.running())
        wait_for_canaille()
        yield Site(running, hub, mock, issuer)


@pytest.fixture
def stranger(new_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    def open_page(**options: Any) -> Page:
        context = new_context(**options)
        context.set_default_timeout(10_000)
        return context.new_page()

    return open_page


def test_through_a_provider_that_checks_pkce(site, stranger):
    """It does not say that an address is verified: only who has an account comes in, which is known by issuer and subject."""
    page = stranger()
    page.goto(f"{site.url}/tasks?status=failed")
    page.get_by_role("button", name="Sign in with Canaille").click()
    page.locator("input[name=login]").fill(canaille.USER)
    page.get_by_role("button", name="Continue").click()
    page.locator("input[name=password]").fill(canaille.PASSWORD)
    page.get_by_role("button", name=re.compile("Continue|Sign in")).click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your e-mail address is not verified")

    granted = int(time.time())  # at the latest
    account = f"{site.canaille}|{canaille.USER}"
    assert account not in site.people()
    with site.installation.app.app_context():
        db.session.connection(execution_options={"writes": True})
        db.session.add(User(open_id=account, name="Mira Okafor"))
        db.session.commit()
    page.get_by_role("link", name="To the sign-in page").click()
    # It remembers Mira, and sends her straight back. Two tokens of hers of one second would be the same, at which it fails.
    until(lambda: int(time.time()) > granted, "the next second")
    page.get_by_role("button", name="Sign in with Canaille").click()
    page.wait_for_url(f"{site.url}/tasks?status=failed")
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")

    # The same with a proof key that is not the one it was asked with: it is this provider that refuses.
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/login")
    answer = page.context.request.post(f"{site.url}/login/canaille/begin")
    address = html.unescape(re.search(r'content="0;url=([^"]+)"', answer.text())[1])
    change_cookie(page.context, site, lambda begun: begun | {"verifier": "x" * 48})
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Canaille takes the answer back")


def change_cookie(context: BrowserContext, site: Site, change: Callable[[dict], dict]) -> None:
    app = site.installation.app
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    cookie = next(one for one in context.cookies() if one["name"] == app.config["SESSION_COOKIE_NAME"])
    kept = signer.loads(cookie["value"])
    kept["sign_ins"] = [change(begun) for begun in kept["sign_ins"]]
    context.add_cookies([{**cookie, "value": signer.dumps(kept)}])


def test_through_a_second_provider_by_keyboard(site, stranger):
    page = stranger()
    page.goto(f"{site.url}/agents")
    button = page.get_by_role("button", name="Sign in with Mock provider")
    for _ in range(4):
        page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.mock}/**")
    page.locator("[name=sub]").first.fill("m-1") if page.locator(
        "input[type=text][name=sub]"
    ).count() else None
    page.get_by_role("button", name=re.compile("m-1|Authorize|Allow", re.I)).first.click()
    page.wait_for_url(f"{site.url}/agents")
    assert site.people()[f"{site.mock}|m-1"] == ("noor@example.org", "Noor")
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("noor@example.org").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_through_a_server_like_github(site, stranger, script):
    page = stranger(java_script_enabled=script)
    page.goto(f"{site.url}/alerts?state=resolved")
    page.get_by_role("button", name="Sign in with GitHub").click()
    page.wait_for_url(f"{site.hub.url}/**")
    page.get_by_role("link", name="Allow").click()
    page.wait_for_url(f"{site.url}/alerts?state=resolved")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
    assert site.people()[f"{site.hub.url}|4711"] == ("ada@example.org", "Ada Hubber")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site.url}/login")
    page.goto(f"{site.url}/settings")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_the_pages_are_fit_to_be_looked_at(site, browser: Browser):
    looker = Looker(browser.new_context().new_page())
    for path, status in (("/login?next=/tasks", 200), ("/login/github/callback", 400)):
        assert looker.go_to(f"{site.url}{path}") == status
        assert looker.faults() == [], path
    looker.page.context.close()
