"""The main paths in a browser that runs no script."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import swarm


@pytest.fixture
def opened(tab, mira):
    return tab(mira, script=False)


def test_a_newcomer_makes_a_key(tab, person):
    newcomer = person("newcomer")
    opened = tab(None, script=False)
    opened.open(newcomer.link().removeprefix(opened.address))
    opened.page.get_by_role("button", name="Sign in").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Connect your first agent")
    opened.page.get_by_role("button", name="Make a key").click()
    key = opened.page.locator("#fresh-key").inner_text()
    assert re.fullmatch(r"swk_\w{40}", key)
    opened.page.get_by_text("curl", exact=True).click()
    expect(opened.page.locator("[data-lang=curl] pre")).to_contain_text(key)
    expect(opened.page.locator("[data-lang=env]")).to_be_hidden()
    newcomer.send(*swarm.brief(1))
    newcomer.run(1, "completed")
    opened.page.get_by_role("link", name="Reload").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_runs_are_filtered_and_steps_opened(opened, mira):
    mira.send(*swarm.brief(1, failed=True, at=100), *swarm.brief(2, at=200))
    mira.run(1, "failed"), mira.run(2, "completed")
    opened.open("/tasks")
    expect(opened.page.locator("[data-live-mark]")).to_be_hidden()
    expect(opened.page.get_by_role("button", name="Copy")).to_have_count(0)
    opened.page.get_by_label("Status").select_option("completed")
    opened.page.locator("#q").fill("weekly")
    opened.page.get_by_role("button", name="Apply").click()
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)
    expect(opened.page.get_by_label("Status")).to_have_value("completed")
    expect(opened.page.locator("#q")).to_have_value("weekly status:completed")
    opened.page.get_by_role("link", name="weekly_brief").first.click()
    panel = opened.page.locator("#span")
    expect(panel).to_be_hidden()
    opened.page.locator("a.wf-row", has_text="fetch_page").click()
    expect(panel).to_contain_text("execute_tool fetch_page")
    expect(panel).to_be_in_viewport()
    panel.get_by_role("link", name="researcher", exact=True).click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("researcher")
    opened.page.go_back()
    panel.get_by_role("link", name="Close step").click()
    expect(panel).to_be_hidden()


def test_logs_and_messages_are_read(opened, mira):
    mira.send(*swarm.brief(1, failed=True))
    mira.send_logs(swarm.lines(1))
    run = mira.run(1, "failed", warningCount=1)
    opened.open(f"/tasks/{run['id']}")
    opened.page.locator("#logs").get_by_label("Level").select_option("error")
    opened.page.locator("#logs").get_by_role("button", name="Apply").click()
    expect(opened.page.get_by_role("heading", level=1)).to_contain_text("Logs")
    expect(opened.page.locator(".log > li").filter(has_text="503 from example.org")).to_have_count(1)
    expect(opened.page.locator(".log > li").filter(has_text="change log read")).to_have_count(0)
    opened.page.get_by_role("link", name="weekly_brief").click()
    opened.page.locator("#messages").get_by_role("link", name="Error").click()
    expect(opened.page.get_by_role("heading", level=1)).to_contain_text("Messages")
    expect(opened.page.locator("article.msg")).to_have_count(1)


def test_alerts_are_resolved_and_reopened(opened, mira):
    mira.send(*swarm.brief(1, failed=True), *swarm.brief(2, failed=True, at=100))
    mira.run(1, "failed"), mira.run(2, "failed")
    opened.open("/alerts")
    opened.page.get_by_role("button", name="Resolve").first.click()
    expect(opened.page.locator("#list .list > li")).to_have_count(1)
    expect(opened.page.locator("#nav-alerts")).to_have_text("1 open")
    opened.page.get_by_role("link", name="Resolved").click()
    opened.page.get_by_role("button", name="Reopen").click()
    expect(opened.page.locator("#nav-alerts")).to_have_text("2 open")


def test_the_theme_is_switched_and_one_signs_out(opened):
    opened.open("/agents")
    opened.page.get_by_role("button", name="Theme is auto").click()
    expect(opened.page.locator("html")).to_have_attribute("data-theme", "light")
    opened.page.get_by_role("button", name="Sign out").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in")
