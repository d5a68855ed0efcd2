"""A real browser on the product as it is started: each test gets people with empty spaces, and tabs that are signed in."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from tests.browser.installation import Installation, Person, database_beside

WIDE, NARROW = 1440, 390
# How long something may take to show on a busy machine; what has to be quick is measured where it matters.
expect.set_options(timeout=15_000)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """CHROMIUM names the browser; empty means Playwright's own."""
    chosen = os.environ.get("CHROMIUM", shutil.which("chromium") or shutil.which("google-chrome") or "")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    quiet += ["--disable-sync", "--no-first-run"]
    return {**browser_type_launch_args, "args": quiet, **({"executable_path": chosen} if chosen else {})}


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, own_database: None) -> Iterator[Installation]:
    """One server for all tests: whoever needs an empty one takes a new person, whose space is."""
    with (
        database_beside(os.environ.get("TEST_DATABASE_URL")) as database,
        Installation(tmp_path_factory.mktemp("installation"), database).running() as running,
    ):
        yield running


@pytest.fixture
def person(installation: Installation) -> Callable[..., Person]:
    return installation.person


@pytest.fixture
def mira(person: Callable[..., Person]) -> Person:
    """Owns a space, which is empty."""
    return person("mira")


def lane_of(page: Page, name: str) -> Locator:
    """An agent's lane in the timeline; the words of other lanes may name the agent too."""
    title = page.locator("summary .wf-name > span", has_text=re.compile(f"^{re.escape(name)}$"))
    return page.locator("details.wf-lane").filter(has=title)


@dataclass
class Tab:
    """A page of the browser, what it complained about, and what it asked the server for."""

    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def open(self, path: str, status: int = 200) -> Response:
        self.requests.clear()
        response = self.page.goto(self.address + path)
        assert response, path
        assert response.status == status, f"{path}: {response.status}"
        if status >= 400:
            self.forgive("Failed to load resource")  # the browser says so of the page itself
        return response

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.address)

    @property
    def loads(self) -> list[str]:
        """The whole pages that were asked for, as opposed to parts."""
        return [
            request.url.removeprefix(self.address)
            for request in self.requests
            if request.is_navigation_request()
        ]

    def asked_for(self) -> list[str]:
        """What the page asked for since the requests were cleared, by the last part of its path; the last one is the question itself.

        Assets are left out: a browser fetches the icon whenever it likes.
        """
        assert self.page.evaluate("fetch('/-/healthy').then((answer) => answer.status)") == 200
        return [request.url.rpartition("/")[2] for request in self.requests if "/assets/" not in request.url]

    def forgive(self, words: str) -> None:
        """Drops complaints that the test itself is the cause of."""
        self.complaints[:] = [said for said in self.complaints if words not in said]

    def ask(self) -> int:
        """Lets the page ask for news now instead of at its next tick; the status of the first answer."""
        with self.page.expect_response(lambda answer: "hx-request" in answer.request.headers) as answer:
            self.page.evaluate("htmx.trigger(document.body, 'tick')")
        return answer.value.status

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((self.address + "/", "data:", "blob:")):
            self.complaints.append(f"a request to another host: {request.url}")

    def listen(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)


def sign_in(context: BrowserContext, person: Person) -> None:
    answer = context.request.post(person.link())
    assert answer.ok, answer.status
    person.enter()


@pytest.fixture
def tab(
    new_context: Callable[..., BrowserContext], installation: Installation
) -> Iterator[Callable[..., Tab]]:
    """`tab(mira)` is signed in; `tab(mira, width=NARROW, theme="dark", script=False)`, `tab(None)` is a stranger's."""
    opened: list[Tab] = []

    def open_tab(
        person: Person | None,
        *,
        width: int = WIDE,
        theme: str = "light",
        script: bool = True,
        at: Installation = installation,
    ) -> Tab:
        context = new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, java_script_enabled=script
        )
        context.set_default_timeout(30_000)
        if person:
            sign_in(context, person)
        tab = Tab(context.new_page(), at.url)
        tab.listen()
        opened.append(tab)
        return tab

    yield open_tab
    complaints = [said for tab in opened for said in tab.complaints]
    assert not complaints, "\n".join(["the browser complained:", *complaints])


def task_id_of(tab: Tab) -> str:
    found = re.search(r"/tasks/([0-9a-z]{20})", tab.path)
    assert found, tab.path
    return found[1]
