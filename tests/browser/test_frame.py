"""What surrounds every page: the theme, signing out, the way past the menu."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser import swarm
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


def pairs(dialog) -> dict[str, str]:
    keys = dialog.locator("dt").all_inner_texts()
    return dict(zip((key.strip() for key in keys), dialog.locator("dd").all_inner_texts(), strict=True))


def test_a_question_mark_says_the_keys_of_the_page(tab, mira):
    mira.send(*swarm.brief(1, failed=True))
    run = mira.run(1, "failed")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    press, dialog = opened.page.keyboard.press, opened.page.get_by_role("dialog", name="Keys")
    row = opened.page.locator("a.wf-row").first
    row.focus()
    expect(dialog).to_be_hidden()
    press("?")
    expect(dialog).to_be_visible()
    said = pairs(dialog)
    assert said["/"] == "Search"
    assert said["j k"] == "Next, previous row"
    assert said["f"] == "Show step"
    assert (said["g o"], said["g l"], said["g s"]) == ("Overview", "Alerts", "Settings")
    assert Axe().run(opened.page).response["violations"] == []
    press("f")  # what is below keeps still
    expect(dialog).to_be_visible()
    press("Escape")
    expect(dialog).to_be_hidden()
    expect(row).to_be_focused()
    expect(opened.page.locator("#span")).to_be_visible()  # Escape was the dialog's
    press("?")
    press("?")
    expect(dialog).to_be_hidden()

    opened.open("/agents")
    press("?")
    expect(dialog).to_be_visible()
    assert "f" not in pairs(dialog)
    expect(dialog.get_by_role("heading", name="On this page")).to_be_hidden()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    opened.page.locator("#q").focus()
    opened.page.keyboard.type("what?")
    expect(opened.page.locator("#q")).to_have_value("what?")
    expect(dialog).to_be_hidden()


def test_the_keys_of_rows_are_named_once(tab, mira):
    for number in (1, 2):
        mira.send(*swarm.brief(number, failed=True, at=100 * number))
        mira.run(number, "failed")
    opened = tab(mira)
    opened.open("/alerts")
    expect(opened.page.get_by_role("button", name=re.compile("Resolve"))).not_to_have_count(0)
    opened.page.keyboard.press("?")
    said = pairs(opened.page.get_by_role("dialog", name="Keys"))
    assert said["e"] == "Resolve, in the row with the focus"


def test_where_single_keys_are_off_there_is_no_help_to_open(tab, mira):
    opened = tab(mira)
    opened.open("/settings")
    opened.page.get_by_label("Single keys do something").uncheck()
    opened.page.get_by_role("button", name="Save").first.click()
    expect(opened.page.locator("html")).to_have_attribute("data-keyboard", "off")
    opened.page.locator("h1").click()
    opened.page.keyboard.press("?")
    expect(opened.page.get_by_role("dialog")).to_have_count(0)
    expect(opened.page.locator("#help")).to_have_count(0)
