"""What surrounds every page: the theme, signing out, the way past the menu."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NARROW

BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_the_theme_is_switched_and_kept(tab, mira):
    opened = tab(mira)
    opened.open("/agents")
    seen = {}
    for theme in ("light", "dark"):
        opened.page.get_by_role("button", name=re.compile("Theme is")).click()
        expect(opened.page.locator("html")).to_have_attribute("data-theme", theme)
        seen[theme] = opened.page.evaluate(BACKGROUND)
    assert seen["light"] != seen["dark"]
    assert opened.path == "/agents"
    opened.page.get_by_role("link", name="Workflows").click()
    assert opened.page.evaluate(BACKGROUND) == seen["dark"]
    opened.page.get_by_role("button", name="Sign out").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert opened.page.evaluate(BACKGROUND) == seen["dark"]


def test_auto_follows_the_system(tab, mira):
    opened = tab(mira)
    opened.open("/agents")
    expect(opened.page.locator("html")).to_have_attribute("data-theme", "auto")
    light = opened.page.evaluate(BACKGROUND)
    opened.page.emulate_media(color_scheme="dark")
    assert opened.page.evaluate(BACKGROUND) != light


def test_after_signing_out_nothing_is_shown(tab, mira):
    opened = tab(mira)
    opened.open("/settings")
    opened.page.get_by_role("button", name="Sign out").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    opened.page.go_back()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Sign in")
    opened.open("/settings")
    assert opened.path == "/login?next=/settings"


def test_the_menu_can_be_skipped_and_is_at_hand_on_a_phone(tab, mira):
    opened = tab(mira, width=NARROW)
    opened.open("/agents")
    opened.page.keyboard.press("Tab")
    expect(opened.page.get_by_role("link", name="Skip to content")).to_be_focused()
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("#main")).to_be_focused()
    menu = opened.page.get_by_role("navigation", name="Main")
    expect(menu).to_be_in_viewport()
    menu.get_by_role("link", name="Tasks").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Tasks")
