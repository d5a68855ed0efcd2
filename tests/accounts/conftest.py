"""Providers on loopback, an app that they are configured in, and a browser's way through them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from swarm_ui import config, create_app
from swarm_ui.accounts.models import BrowserSession, User
from swarm_ui.extensions import db
from tests import identity
from tests.conftest import Browser
from tests.pages import Page


@dataclass
class Visitor:
    """A stranger's browser. `come()` goes the whole way; `begin`, `authorize` and `back` are its steps."""

    client: Any
    provider: identity.Provider
    name: str
    texts: list[str] = field(default_factory=list)

    def begin(self, wanted: str = "", **options: Any) -> Any:
        return self.client.post(
            f"/login/{self.name}/begin", data={"next": wanted} if wanted else {}, **options
        )

    def address(self, wanted: str = "") -> str:
        """Where the page that `begin` answers with leads to."""
        answer = self.begin(wanted)
        assert answer.status_code == 200, answer.get_data(as_text=True)[:2000]
        page = Page(answer, f"/login/{self.name}/begin")
        target = page.find("meta", attrs={"http-equiv": "refresh"})["content"].removeprefix("0;url=")
        assert page.find("a", href=target)
        return target

    def authorize(self, address: str) -> str:
        """The path that the provider sends the browser back to."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        return self.provider.authorize(query).removeprefix("http://127.0.0.1:8000")

    def back(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def come(self, wanted: str = "") -> Any:
        return self.back(self.authorize(self.address(wanted)))

    @property
    def is_in(self) -> bool:
        return self.client.get("/settings").status_code == 200


@pytest.fixture
def corp(time) -> Iterator[identity.Provider]:
    with identity.running() as provider:
        provider.now = lambda: time.now.timestamp()
        yield provider


@pytest.fixture
def hub() -> Iterator[identity.Provider]:
    """GitHub's kind."""
    with identity.running(
        github=True, person={"id": 4711, "login": "mira", "name": "Mira Okafor"}
    ) as provider:
        provider.addresses = [
            {"email": "old@example.com", "primary": False, "verified": True},
            {"email": "Mira@Example.org", "primary": True, "verified": True},
        ]
        yield provider


@pytest.fixture
def oauth_settings(corp: identity.Provider, hub: identity.Provider) -> dict[str, str]:
    return {
        "OAUTH_PROVIDERS": "corp,github",
        **identity.settings_of(corp, "corp"),
        **identity.settings_of(hub, "github"),
    }


@pytest.fixture
def configure(app, environ, oauth_settings) -> Callable[..., None]:
    """Gives the app its providers, and further variables: `configure(ALLOWED_EMAILS="example.org")`."""

    def give(**variables: str) -> None:
        app.config["SETTINGS"] = config.load(environ | oauth_settings | variables)
        app.extensions.pop("identity_providers", None)

    give()
    return give


@pytest.fixture
def visitor(app, configure, corp) -> Visitor:
    """Comes by `corp`."""
    return Visitor(app.test_client(), corp, "corp")


@pytest.fixture
def coder(app, configure, hub) -> Visitor:
    """Comes by the provider like GitHub."""
    return Visitor(app.test_client(), hub, "github")


def refused(visitor: Visitor, answer: Any, status: int, *words: str, about: object = "") -> Page:
    """A page with these words, nobody signed in, nothing that should not be read."""
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, f"{about}: {answer.status_code}: {text[:3000]}"
    page = Page(answer, answer.request.path)
    for word in words:
        assert word in page.text, f"{about}: {page.text}"
    for secret in (identity.CLIENT_SECRET, "access-of-the-person", "eyJ", "Traceback", "<script>alert"):
        assert secret not in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.link("To the sign-in page")["href"].startswith("/login")
    assert not visitor.is_in
    db.session.rollback()
    assert db.session.scalars(select(BrowserSession)).all() == []
    return page


def accounts() -> list[tuple]:
    db.session.rollback()
    return [
        tuple(row)
        for row in db.session.execute(
            select(User.open_id, User.email, User.name, User.role).order_by(User.id)
        )
    ]


@pytest.fixture
def other_process(environ, app):
    """The same product on the same database, as another process has it."""
    other = create_app(config.load(environ))
    other.testing, other.test_client_class = True, Browser
    yield other
    with other.app_context():
        db.engine.dispose()
