"""Alerts, resolved and reopened by mouse and by key; the count in the menu follows."""

import pytest
from playwright.sync_api import expect

from tests.browser import swarm


@pytest.fixture
def alerts(mira):
    """Two failed runs, an alert of each."""
    mira.send(*swarm.brief(1, failed=True), *swarm.brief(2, failed=True, at=300))
    return [mira.run(trace, "failed") for trace in (1, 2)]


def test_resolving_and_reopening_update_the_count(tab, mira, alerts):
    opened = tab(mira)
    opened.open("/alerts")
    count = opened.page.locator("#nav-alerts")
    expect(count).to_have_text("2 open")
    opened.page.get_by_role("button", name="Resolve").first.click()
    expect(count).to_have_text("1 open")
    head = opened.page.locator("#list h2")
    expect(head).to_have_text("1 open")
    expect(opened.page.locator("#announce")).to_contain_text("Resolved: ")
    expect(opened.page.get_by_role("button", name="Resolve")).to_have_count(1)
    opened.page.get_by_role("button", name="Reopen").click()
    expect(count).to_have_text("2 open")
    expect(head).to_have_text("2 open")
    expect(opened.page.get_by_role("button", name="Resolve")).to_have_count(2)
    assert opened.loads == ["/alerts"]
    opened.page.reload()
    expect(count).to_have_text("2 open")


def test_an_alert_is_resolved_by_key_and_leads_to_its_run(tab, mira, alerts):
    opened = tab(mira)
    opened.open("/alerts")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("e")
    expect(opened.page.get_by_role("button", name="Reopen")).to_have_count(1)
    opened.page.get_by_role("link", name="Resolved").click()
    expect(opened.page.locator("#list .list > li")).to_have_count(1)
    assert opened.path == "/alerts?state=resolved"
    opened.page.locator("#list a.title").click()
    expect(opened.page.locator(".pagehead .status")).to_have_text("Failed")


def test_the_last_one_leaves_no_count(tab, mira):
    mira.send(*swarm.brief(1, failed=True))
    mira.run(1, "failed")
    opened = tab(mira)
    opened.open("/alerts")
    opened.page.get_by_role("button", name="Resolve").click()
    expect(opened.page.locator("#nav-alerts")).to_be_hidden()


def test_a_failed_action_says_so_and_changes_nothing(tab, mira, alerts):
    opened = tab(mira)
    opened.open("/alerts")
    opened.page.route("**/resolve", lambda route: route.abort())
    opened.page.get_by_role("button", name="Resolve").first.click()
    expect(opened.page.locator("#toasts")).to_contain_text("The server cannot be reached")
    opened.page.get_by_role("button", name="Dismiss").click()
    expect(opened.page.locator("#toasts")).to_be_empty()
    expect(opened.page.locator("#nav-alerts")).to_have_text("2 open")
    opened.forgive("ERR_FAILED")
    opened.forgive("htmx:")
