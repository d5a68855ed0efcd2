"""People in a real browser: invited, in another's space, removed, signed out elsewhere. By keyboard, and without scripts."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NARROW


def tab_to(page: Page, locator) -> None:
    """Presses Tab until it has the focus: everything can be reached so."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if locator.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {locator}")


@pytest.mark.parametrize("script", [True, False], ids=["by keyboard", "without scripts"])
def test_invite_switch_and_remove(tab, person, script):
    owner, guest = person("owner"), person("guest")
    opened, other = tab(owner, script=script), tab(guest, script=script, width=NARROW if not script else 1440)
    page = opened.page

    def press(button) -> None:
        if script:
            tab_to(page, button)
            page.keyboard.press("Enter")
        else:
            button.click()

    opened.open("/settings/members")
    if script:
        tab_to(page, page.get_by_label("E-mail address"))
        page.keyboard.type(guest.email)
        tab_to(page, page.get_by_role("radio", name=re.compile("Viewer")))
        page.keyboard.press("ArrowDown")
    else:
        page.get_by_label("E-mail address").fill(guest.email)
        page.get_by_role("radio", name=re.compile("Operator")).check()
    press(page.get_by_role("button", name="Invite"))
    expect(page.get_by_role("heading", name=f"{guest.email} may enter this space")).to_be_visible()
    expect(page.locator(f"#member-{guest.id} select")).to_have_value("operator")

    other.open("/agents")
    other.page.locator("a.space").click()
    enter = other.page.get_by_role("button", name=re.compile("Enter"))
    if script:
        tab_to(other.page, enter)
        other.page.keyboard.press("Enter")
    else:
        enter.click()
    expect(other.page.locator("a.space")).to_contain_text("owner")
    other.open("/settings")
    expect(other.page.locator("main")).to_contain_text("where you are operator")

    summary = page.locator(f"#member-{guest.id} summary")
    press(summary)
    press(page.get_by_role("button", name=re.compile("^Remove")).last)
    expect(page.locator(f"#member-{guest.id}")).to_have_count(0)

    other.page.get_by_role("link", name="Tasks").click()
    expect(
        other.page.get_by_role("heading", name=re.compile("You are no longer in the space of"))
    ).to_be_visible()
    other.page.get_by_role("link", name="Tasks").click()
    expect(other.page.get_by_role("heading", level=1)).to_have_text("Tasks")


@pytest.mark.parametrize("script", [True, False], ids=["by keyboard", "without scripts"])
def test_a_session_elsewhere_is_ended(tab, mira, script):
    opened, elsewhere = tab(mira, script=script), tab(mira, script=script)
    elsewhere.open("/agents")
    opened.open("/settings/sessions")
    expect(opened.page.locator("tbody tr")).to_have_count(2)
    button = opened.page.get_by_role("button", name=re.compile("End the session"))
    if script:
        tab_to(opened.page, button)
        opened.page.keyboard.press("Enter")
    else:
        button.click()
    expect(opened.page.locator("tbody tr")).to_have_count(1)
    elsewhere.open("/settings")
    expect(elsewhere.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    elsewhere.forgive("401")  # the page left open may have asked for news in the meantime


def test_single_keys_are_silent_once_switched_off(tab, mira):
    opened = tab(mira)
    opened.open("/agents")
    opened.page.keyboard.press("g")
    opened.page.keyboard.press("t")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Tasks")
    opened.open("/settings")
    opened.page.get_by_role("checkbox", name=re.compile("Single keys")).uncheck()
    opened.page.get_by_role("button", name="Save profile").click()
    expect(opened.page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    opened.page.keyboard.press("/")
    expect(opened.page.locator("#jump")).not_to_be_focused()
    opened.page.keyboard.press("g")
    opened.page.keyboard.press("t")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Settings")


def test_the_trail_is_filtered_as_one_types(tab, mira):
    opened = tab(mira)
    opened.open("/settings/audit")
    opened.page.get_by_label("About").select_option("session")
    expect(opened.page).to_have_url(re.compile("action=session$"))
    expect(opened.page.locator(".trail > li").first).to_contain_text("signed in")
    with opened.page.expect_download() as download:
        opened.page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
