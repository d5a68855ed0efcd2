"""From the link in the terminal to a run on the screen."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import task_id_of
from tests.browser.installation import Installation, database_beside


@pytest.fixture
def started(tmp_path: Path, own_database: None) -> Iterator[Installation]:
    """Started for this test: the link of the terminal is good for a quarter of an hour, less than all tests may take."""
    with (
        database_beside(os.environ.get("TEST_DATABASE_URL"), "started") as database,
        Installation(tmp_path, database).running() as running,
    ):
        yield running


def test_the_link_of_the_terminal_opens_an_empty_space_once(tab, started):
    """It is the first administrator's."""
    opened = tab(None, at=started)
    opened.open("/tasks")
    assert opened.path == "/login?next=/tasks"
    opened.open(started.first_link.removeprefix(started.url))
    opened.page.get_by_role("button", name="Sign in").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Tasks")  # the page that was wanted
    opened.page.get_by_role("link", name="Overview").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Connect your first agent")
    expect(opened.page.get_by_text("Listening, nothing received yet")).to_be_visible()

    again = tab(None, at=started)
    again.open(started.first_link.removeprefix(started.url), 410)
    expect(again.page.get_by_role("heading", level=1)).to_have_text("This link was used already")


def test_a_run_shows_by_itself_within_two_seconds(tab, mira):
    """The key is made on the page, and what is sent is the page's own snippet: a real exporter of OpenTelemetry."""
    opened = tab(mira)
    opened.open("/")
    opened.page.get_by_role("button", name="Make a key").click()
    key = opened.page.locator("#fresh-key").inner_text()
    assert re.fullmatch(r"swk_\w{40}", key)
    for language in ("Environment", "Python", "TypeScript", "curl"):
        opened.page.locator(".seg").get_by_text(language, exact=True).click()
        expect(opened.page.locator(".snippet:visible .code")).to_have_count(1)
        expect(opened.page.locator(".snippet:visible .code")).to_contain_text(key)

    snippet = opened.page.locator("[data-lang=python] pre").text_content()
    command = [sys.executable, "-c", f"{snippet}\nimport time\nprint(time.time())"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (said.returncode, said.stderr) == (0, "")
    opened.page.wait_for_url("**/tasks/*")
    expect(opened.page.locator(".wf-row").first).to_be_visible()
    painted = opened.page.wait_for_function(
        "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    )
    shown = opened.page.evaluate("performance.timeOrigin") + painted.json_value()
    assert shown / 1000 - float(said.stdout) <= 2
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("researcher")
    assert mira.ask("GET", f"/api/v1/tasks/{task_id_of(opened)}")["status"] == "completed"

    opened.open("/connect")
    expect(opened.page.get_by_text("Listening, last run")).to_be_visible()
    expect(opened.page.locator("#fresh-key")).to_have_count(0)  # shown once
    assert key not in opened.page.content()
    opened.open("/")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Overview")
    opened.open("/settings/integrations")
    expect(opened.page.locator("#integrations").get_by_role("row", name="my-swarm")).to_contain_text(
        re.compile(r"\ds\b")
    )


def test_code_is_copied(tab, mira, installation):
    opened = tab(mira)
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.open("/connect")
    opened.page.get_by_role("button", name="Copy").first.click()
    expect(opened.page.get_by_role("button", name="Copied")).to_be_visible()
    expect(opened.page.locator("#announce")).to_have_text("Copied")
    assert opened.page.evaluate("navigator.clipboard.readText()") == installation.url


def test_a_key_is_made_and_revoked_in_the_settings(tab, mira):
    opened = tab(mira)
    opened.open("/settings/keys")
    opened.page.get_by_label("Name", exact=True).fill("night swarm")
    opened.page.get_by_label("send traces").uncheck()
    opened.page.get_by_role("button", name="Make key").click()
    expect(opened.page.get_by_role("alert")).to_contain_text("The key was not made")
    expect(opened.page.get_by_label("Name", exact=True)).to_have_value("night swarm")
    opened.forgive("422")
    opened.page.get_by_label("send traces").check()
    opened.page.get_by_role("button", name="Make key").click()
    expect(opened.page.locator("#fresh-key")).to_have_text(re.compile(r"swk_\w{40}"))
    opened.page.reload()
    expect(opened.page.locator("#fresh-key")).to_have_count(0)
    row = opened.page.get_by_role("row", name="night swarm")
    expect(row.get_by_role("button", name="Revoke night swarm")).to_be_hidden()
    row.locator("summary").click()
    expect(row).to_contain_text("It was never used.")
    row.get_by_role("button", name="Revoke night swarm").click()
    expect(row).to_contain_text("Revoked")
