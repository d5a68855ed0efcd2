"""The page of a run: its steps by mouse and by key, each with an address of its own; and a run that grows while it is looked at."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import swarm
from tests.browser.conftest import lane_of

CHAT, SEARCH, FETCH = f"{3:016x}", f"{6:016x}", f"{7:016x}"


def row(tab, name: str):
    return tab.page.locator("a.wf-row", has=tab.page.locator(".wf-name", has_text=name))


@pytest.fixture
def logged(tab, mira):
    """A failed run that sent log lines, and a tab of its owner."""
    mira.send(*swarm.brief(1, failed=True))
    mira.send_logs(swarm.lines(1))
    return mira.run(1, "failed", warningCount=1), tab(mira)


def test_a_step_opens_beside_the_timeline_under_an_address_of_its_own(tab, mira):
    mira.send(*swarm.brief(1))
    run = mira.run(1, "completed")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    panel = opened.page.locator("#span")
    expect(panel).to_be_hidden()
    row(opened, "web_search").click()
    expect(panel.get_by_role("heading", level=2)).to_have_text("execute_tool web_search")
    expect(panel).to_contain_text("fabrikam changelog")
    assert opened.path == f"/tasks/{run['id']}?span={SEARCH}"
    expect(row(opened, "web_search")).to_have_attribute("aria-current", "true")
    assert opened.loads == [f"/tasks/{run['id']}"]

    row(opened, "fetch_page").click()
    expect(panel).to_contain_text("execute_tool fetch_page")
    expect(row(opened, "web_search")).not_to_have_attribute("aria-current", "true")
    opened.page.reload()
    expect(panel).to_contain_text("execute_tool fetch_page")
    expect(row(opened, "fetch_page")).to_have_attribute("aria-current", "true")
    opened.page.go_back()
    expect(panel).to_contain_text("execute_tool web_search")

    panel.get_by_role("link", name="Close step").click()
    expect(panel).to_be_hidden()
    assert opened.path == f"/tasks/{run['id']}?span=none"
    opened.page.reload()
    expect(panel).to_be_hidden()


def test_the_first_failing_step_is_open_and_marked(tab, mira):
    mira.send(*swarm.brief(1, failed=True))
    run = mira.run(1, "failed")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    panel = opened.page.locator("#span")
    expect(panel).to_contain_text("HTTPStatusError: 503 Service Unavailable")
    expect(opened.page.locator(".wf .flag")).to_be_visible()
    expect(opened.page.get_by_role("region", name="What broke it")).to_contain_text("fetch_page")

    opened.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    opened.page.keyboard.press("f")
    expect(panel).to_contain_text("HTTPStatusError")
    expect(panel).to_be_focused()  # who works by keys is taken along
    assert opened.path == f"/tasks/{run['id']}?span={FETCH}"
    opened.page.keyboard.press("Escape")
    expect(opened.page.get_by_role("link", name="Show step", exact=True)).to_be_focused()  # and back

    opened.page.get_by_role("link", name="Failed", exact=True).click()
    expect(row(opened, "web_search")).to_have_count(0)
    expect(row(opened, "fetch_page")).to_have_count(1)
    assert opened.path == f"/tasks/{run['id']}?steps=failed"


def test_the_timeline_is_walked_by_keys(tab, mira):
    mira.send(*swarm.brief(1))
    run = mira.run(1, "completed")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    lane = lane_of(opened.page, "researcher")
    rows = lane.locator("a.wf-row")
    rows.first.focus()
    opened.page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    opened.page.keyboard.press("ArrowUp")
    expect(rows.first).to_be_focused()
    opened.page.keyboard.press("ArrowLeft")
    expect(lane).not_to_have_attribute("open", re.compile(".*"))
    expect(lane.locator("summary")).to_be_focused()
    opened.page.keyboard.press("ArrowRight")
    expect(rows.first).to_be_visible()


def test_messages_and_logs_are_narrowed_in_place(logged):
    run, opened = logged
    opened.open(f"/tasks/{run['id']}")
    lines = opened.page.locator("#logs .log > li")
    expect(lines.filter(has_text="change log read")).to_have_count(1)
    opened.page.locator("#logs").get_by_label("Level").select_option("warning")
    expect(lines.filter(has_text="change log read")).to_have_count(0)
    expect(lines.filter(has_text="fabrikam answers slowly")).to_have_count(1)
    messages = opened.page.locator("#messages article")
    expect(messages).not_to_have_count(1)
    opened.page.locator("#messages").get_by_role("link", name="Error").click()
    expect(messages).to_have_count(1)
    assert opened.loads == [f"/tasks/{run['id']}"]


def test_a_running_run_grows_and_what_is_open_stays(tab, mira):
    drafts = {draft.id: draft for draft in swarm.brief(1)}
    mira.send(*(drafts[number] for number in (3, 4, 5, 6)))
    run = mira.run(1, "running")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    heading, panel = opened.page.locator(".pagehead .status"), opened.page.locator("#span")
    researcher = lane_of(opened.page, "researcher")
    expect(heading).to_have_text("Running")
    expect(opened.page.locator("[data-live-mark]").first).to_contain_text("Live, updated")
    row(opened, "web_search").click()
    expect(panel).to_contain_text("fabrikam changelog")
    panel.get_by_text("Attributes").click()
    researcher.locator("summary").click()
    expect(row(opened, "web_search")).to_be_hidden()
    opened.page.locator("h1").click()  # nothing of the timeline keeps the focus

    opened.page.evaluate("window.kept = true")
    mira.send(drafts[8], drafts[9])
    expect(lane_of(opened.page, "writer").locator("summary")).to_be_visible()
    expect(row(opened, "web_search")).to_be_hidden()
    researcher.locator("summary").click()
    opened.page.locator("h1").click()
    mira.send(drafts[7])
    expect(row(opened, "fetch_page")).to_be_visible()
    expect(row(opened, "web_search")).to_have_attribute("aria-current", "true")
    expect(panel.get_by_text("span id", exact=True)).to_be_visible()
    assert opened.path == f"/tasks/{run['id']}?span={SEARCH}"

    mira.send(drafts[1], drafts[2])
    expect(heading).to_have_text("Completed")
    expect(opened.page.locator("#content")).to_contain_text("Northwind shipped offline maps")
    expect(opened.page.locator("[data-live]")).to_have_count(0)
    expect(panel).to_contain_text("fabrikam changelog")
    assert opened.page.evaluate("window.kept")
    opened.requests.clear()
    opened.page.evaluate("htmx.trigger(document.body, 'tick')")
    assert opened.asked_for() == ["healthy"]  # it asks no more


def test_a_filter_of_the_lines_stands_in_the_address_of_the_run(logged):
    run, opened = logged
    url = f"/tasks/{run['id']}"
    opened.open(f"{url}?steps=all")
    logs = opened.page.locator("#logs")
    text, level = logs.get_by_label("Find in the lines"), logs.get_by_label("Level")
    expect(logs.get_by_role("link", name="Clear filters")).to_have_count(0)
    text.fill("no line says this")
    text.press("Enter")
    expect(logs).to_contain_text("No line matches.")
    expect(logs.locator("header p")).to_have_text(re.compile(r"^0 of \d+ lines$"))
    expect(text).to_be_focused()
    opened.page.wait_for_url(f"**{url}?steps=all&q=no+line+says+this#logs")
    text.fill("")
    text.press("Enter")
    expect(logs.locator(".log > li").filter(has_text="change log read")).to_have_count(1)
    level.focus()
    level.select_option("warning")
    opened.page.wait_for_url(f"**{url}?steps=all&level=warning#logs")
    expect(level).to_be_focused()

    # What else is chosen on the page keeps the filter in the address, and a reload keeps both.
    row(opened, "web_search").click()
    opened.page.wait_for_url(f"**{url}?steps=all&span={SEARCH}&level=warning")
    opened.page.reload()
    expect(level).to_have_value("warning")
    expect(opened.page.locator("#span")).to_contain_text("execute_tool web_search")
    expect(logs.locator(".log > li").filter(has_text="change log read")).to_have_count(0)
    for then in (
        f"{url}?steps=all&level=warning#logs",
        f"{url}?steps=all#logs",
        f"{url}?steps=all&q=no+line+says+this#logs",
    ):
        with opened.page.expect_event("load"):  # the address changes first, and the page is asked for
            opened.page.evaluate("history.back()")
        assert opened.path == then
    expect(text).to_have_value("no line says this")
    logs.get_by_role("link", name="Clear filters").click()
    expect(logs.locator(".log > li").filter(has_text="change log read")).to_have_count(1)
    opened.page.wait_for_url(f"**{url}?steps=all#logs")


def test_on_the_page_of_logs_alone_the_filter_is_its_address(logged):
    run, opened = logged
    opened.open(f"/tasks/{run['id']}/logs")
    opened.page.get_by_label("Level").select_option("warning")
    opened.page.wait_for_url(f"**/tasks/{run['id']}/logs?level=warning")
    opened.page.reload()
    expect(opened.page.get_by_label("Level")).to_have_value("warning")
    opened.page.get_by_role("link", name="Clear filters").click()
    opened.page.wait_for_url(f"**/tasks/{run['id']}/logs")
