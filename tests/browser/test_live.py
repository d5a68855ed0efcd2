"""Pages that follow by themselves, and the keys."""

import re

import pytest
from playwright.sync_api import expect

from swarm_ui.extensions import db
from swarm_ui.live import bump

pytestmark = pytest.mark.browser


def changed(owner):
    bump(db.session(), owner.id)
    db.session.commit()


def asked(tab):
    """Makes the page ask now instead of in five seconds."""
    with tab.page.expect_response(
        lambda answer: answer.request.headers.get("hx-request") == "true"
    ) as answer:
        tab.page.evaluate("htmx.trigger(document.body, 'tick')")
    return answer.value.status


def test_a_list_follows_and_gets_304_while_nothing_changes(tab, make, alice):
    make.alert(alice, title="first alert")
    opened = tab()
    opened.open("/alerts")
    assert asked(opened) == 304
    make.alert(alice, title="second alert")
    changed(alice)
    assert asked(opened) == 200
    expect(opened.page.get_by_role("link", name="second alert")).to_be_visible()
    expect(opened.page.locator("#nav-alerts")).to_contain_text("2")
    assert asked(opened) == 304


def test_the_mark_says_live_then_paused_then_live(tab, make, alice):
    make.agent(alice)
    opened = tab()
    opened.open("/agents")
    mark = opened.page.locator("[data-live-mark]")
    expect(mark).to_contain_text("Live, updated")
    opened.page.route("**/agents*", lambda route: route.fulfill(status=503, body="busy"))
    assert asked(opened) == 503
    expect(mark).to_contain_text("Paused, last update")
    expect(opened.page.locator("#toasts")).to_be_empty()
    opened.page.unroute("**/agents*")
    asked(opened)
    expect(mark).to_contain_text("Live, updated")
    opened.complaints.clear()  # the browser logs the 503 that was asked for


def test_what_somebody_works_in_is_left_alone(tab, make, alice):
    make.alert(alice, title="first alert")
    opened = tab()
    opened.open("/alerts")
    opened.page.keyboard.press("j")
    expect(opened.page.locator("a.title")).to_be_focused()
    make.alert(alice, title="second alert")
    changed(alice)
    opened.requests.clear()
    opened.page.evaluate("htmx.trigger(document.body, 'tick')")
    opened.page.wait_for_timeout(200)
    assert opened.requests == []
    opened.page.evaluate("document.activeElement.blur()")
    assert asked(opened) == 200
    expect(opened.page.get_by_role("link", name="second alert")).to_be_visible()


def test_alerts_are_resolved_and_reopened_by_key_and_mouse(tab, make, alice):
    make.alert(alice, title="browser failed")
    make.alert(alice, title="judge failed")
    opened = tab()
    opened.open("/alerts")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("e")
    expect(opened.page.get_by_role("button", name="Reopen")).to_have_count(1)
    expect(opened.page.locator("#nav-alerts")).to_contain_text("1")
    expect(opened.page.locator("#announce")).to_contain_text("Resolved")
    opened.page.get_by_role("button", name="Reopen").click()
    expect(opened.page.get_by_role("button", name="Resolve")).to_have_count(2)
    expect(opened.page.locator("#nav-alerts")).to_contain_text("2")


def test_filters_change_the_list_and_the_address(tab, make, alice):
    make.agent(alice, name="browser", type="execution")
    make.agent(alice, name="planner", type="coordination")
    opened = tab()
    opened.open("/agents")
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("brow")
    expect(opened.page.locator("tbody tr")).to_have_count(1)
    assert opened.path() == "/agents?q=brow"
    expect(opened.page.locator("#announce")).to_have_text("1 agent")
    opened.page.get_by_label("Type").select_option("coordination")
    expect(opened.page.get_by_text("No agent matches")).to_be_visible()
    assert opened.path() == "/agents?q=brow&type=coordination"
    opened.page.go_back()
    expect(opened.page.locator("tbody tr")).to_have_count(1)
    expect(opened.page.locator("#q")).to_have_value("brow")


def test_keys_go_places_but_not_while_typing(tab, make, alice):
    make.agent(alice, name="browser")
    opened = tab()
    opened.open("/")
    opened.page.keyboard.press("g")
    opened.page.keyboard.press("a")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Agents")
    opened.page.keyboard.press("j")
    opened.page.keyboard.press("Enter")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("browser")
    opened.page.locator("#jump").fill("")
    opened.page.locator("#jump").press_sequentially("gam")
    expect(opened.page.locator("#jump")).to_have_value("gam")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("browser")


def test_the_waiting_page_turns_into_the_first_run_by_itself(tab, make, alice):
    opened = tab()
    opened.open("/")
    expect(opened.page.get_by_text("Listening, nothing received yet")).to_be_visible()
    run = make.task(alice, name="Week 47")
    changed(alice)
    opened.page.wait_for_url(f"**/tasks/{run.id}", timeout=5000)


def test_a_key_is_made_and_the_snippets_hold_it(tab):
    opened = tab()
    opened.open("/connect")
    opened.page.get_by_role("button", name="Make a key").click()
    key = opened.page.locator("#fresh-key").inner_text()
    expect(opened.page.locator("[data-lang=env]")).to_contain_text(key)
    opened.page.get_by_text("curl", exact=True).click()
    expect(opened.page.locator("[data-lang=curl]")).to_contain_text(key)
    expect(opened.page.locator("[data-lang=env]")).to_be_hidden()
    opened.page.reload()
    expect(opened.page.locator("#fresh-key")).to_have_count(0)


def test_code_is_copied(tab):
    opened = tab()
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.open("/connect")
    button = opened.page.get_by_role("button", name="Copy").first
    button.click()
    expect(opened.page.get_by_role("button", name="Copied")).to_be_visible()
    assert opened.page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:8000"


def test_the_theme_goes_round(tab):
    opened = tab(theme="auto")
    opened.open("/")
    for theme in ("light", "dark", "auto"):
        opened.page.get_by_role("button", name=re.compile("Theme is")).click()
        expect(opened.page.locator("html")).to_have_attribute("data-theme", theme)


def test_a_failed_action_says_so_in_a_toast(tab, make, alice):
    make.alert(alice)
    opened = tab()
    opened.open("/alerts")
    opened.page.route("**/resolve", lambda route: route.abort())
    opened.page.get_by_role("button", name="Resolve").click()
    expect(opened.page.locator("#toasts")).to_contain_text("The server cannot be reached")
    opened.page.get_by_role("button", name="Dismiss").click()
    expect(opened.page.locator("#toasts")).to_be_empty()
    opened.complaints.clear()


def test_everything_works_without_scripts(tab, make, alice):
    make.alert(alice, title="browser failed")
    make.alert(alice, title="judge failed")
    opened = tab(script=False)
    opened.open("/alerts")
    expect(opened.page.locator("[data-live-mark]")).to_be_hidden()
    opened.page.get_by_label("Title or message").fill("judge")
    opened.page.get_by_role("button", name="Apply").click()
    expect(opened.page.locator(".list > li")).to_have_count(1)
    opened.page.get_by_role("button", name="Resolve").click()
    expect(opened.page.locator(".list > li")).to_have_count(1)
    expect(opened.page.get_by_role("link", name="browser failed")).to_be_visible()
    opened.page.get_by_role("link", name="Resolved").click()
    expect(opened.page.get_by_role("link", name="judge failed")).to_be_visible()
