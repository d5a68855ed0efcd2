"""Pages that follow by themselves, and leave alone what somebody works in."""

import pytest
from playwright.sync_api import expect

from tests.browser import swarm


@pytest.fixture
def failed(mira):
    mira.send(*swarm.brief(1, failed=True))
    return mira.run(1, "failed")


def fail_again(mira, trace: int) -> None:
    mira.send(*swarm.brief(trace, failed=True))
    mira.run(trace, "failed")


def settled(opened) -> None:
    """Scores are summed up a moment after a run has ended; until then a page has news."""
    for _ in range(50):
        if opened.ask() == 304:
            return
        opened.page.wait_for_timeout(100)
    raise AssertionError("the page never came to rest")


def test_a_list_follows_and_hears_304_while_nothing_changes(tab, mira, failed):
    opened = tab(mira)
    opened.open("/alerts")
    settled(opened)
    fail_again(mira, 2)
    assert opened.ask() == 200
    expect(opened.page.locator("#list .list > li")).to_have_count(2)
    expect(opened.page.locator("#nav-alerts")).to_have_text("2 open")
    settled(opened)


def test_the_overview_follows(tab, mira, failed):
    opened = tab(mira)
    opened.open("/")
    expect(opened.page.get_by_role("link", name="bug_triage")).to_have_count(0)
    mira.send(*swarm.brief(2, name="bug_triage"))
    mira.run(2, "completed")
    assert opened.ask() == 200
    expect(opened.page.get_by_role("link", name="bug_triage").first).to_be_visible()
    assert opened.loads == ["/"]


def test_the_mark_says_live_then_paused_then_live(tab, mira, failed):
    opened = tab(mira)
    opened.open("/agents")
    mark = opened.page.locator("[data-live-mark]")
    expect(mark).to_contain_text("Live, updated")
    opened.page.route("**/agents*", lambda route: route.fulfill(status=503, body="busy"))
    assert opened.ask() == 503
    expect(mark).to_contain_text("Paused, last update")
    expect(opened.page.locator("#toasts")).to_be_empty()
    expect(opened.page.locator("#list tbody tr")).to_have_count(2)
    opened.page.unroute("**/agents*")
    opened.ask()
    expect(mark).to_contain_text("Live, updated")
    opened.forgive("503")
    opened.forgive("htmx:responseError")


def test_what_somebody_works_in_is_left_alone(tab, mira, failed):
    opened = tab(mira)
    opened.open("/alerts")
    settled(opened)
    opened.page.keyboard.press("j")
    expect(opened.page.locator("#list a.title")).to_be_focused()
    fail_again(mira, 2)
    opened.requests.clear()
    opened.page.evaluate("htmx.trigger(document.body, 'tick')")
    assert opened.asked_for() == ["healthy"]
    opened.page.evaluate("document.activeElement.blur()")
    assert opened.ask() == 200
    expect(opened.page.locator("#list .list > li")).to_have_count(2)


def test_a_click_is_not_lost_when_news_arrive_in_the_middle_of_it(tab, mira, failed):
    opened = tab(mira)
    opened.open("/alerts")
    opened.page.locator("#list a.title").hover()
    fail_again(mira, 2)
    opened.page.mouse.down()
    opened.page.evaluate("htmx.trigger(document.body, 'tick')")
    opened.page.mouse.up()
    expect(opened.page.locator(".pagehead .status")).to_have_text("Failed")


def test_somebody_who_was_signed_out_elsewhere_is_asked_to_sign_in(tab, mira, failed):
    opened = tab(mira)
    opened.open("/agents")
    opened.page.context.clear_cookies()
    # Again and again: a part that still waits for an answer leaves a tick out.
    opened.page.evaluate("setInterval(() => htmx.trigger(document.body, 'tick'), 300)")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert opened.path == "/login?next=/agents"
    opened.forgive("401")
    opened.forgive("htmx:responseError")
