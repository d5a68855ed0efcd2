"""Maintenance of several agents at once where no script runs, and ticks that a live list leaves alone."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def two(mira):
    """Two agents made by hand; mira's id for each."""
    return [mira.ask("POST", "/api/v1/agents", {"name": name})["id"] for name in ("clerk", "scribe")]


def test_many_go_into_maintenance_without_scripts(tab, mira, two):
    opened = tab(mira, script=False)
    page = opened.page
    opened.open("/agents")
    for name in ("clerk", "scribe"):
        page.get_by_label(f"Choose {name}", exact=True).check()
    page.get_by_label("Reason of the maintenance").fill("New keys")
    page.get_by_role("button", name="Begin maintenance").click()
    for name in ("clerk", "scribe"):
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("Maintenance")
    page.get_by_role("link", name="clerk", exact=True).click()
    expect(page.locator(".pagehead")).to_contain_text("New keys")
    page.get_by_role("button", name="End maintenance").click()
    expect(page.locator(".pagehead")).to_contain_text("New")
    expect(page.locator("#maintenance")).to_be_visible()


def test_ticks_survive_what_happens_meanwhile(tab, mira, two):
    opened = tab(mira)
    page = opened.page
    opened.open("/agents")
    box = page.get_by_label("Choose scribe", exact=True)
    box.check()
    page.locator("h1").click()
    mira.ask("PATCH", f"/api/v1/agents/{two[0]}", {"description": "Changed meanwhile."})
    page.evaluate("document.body.dispatchEvent(new Event('tick'))")
    page.wait_for_load_state("networkidle")
    expect(box).to_be_checked()


@pytest.mark.parametrize("script", [True, False])
def test_what_to_do_with_chosen_agents_shows_once_some_are(tab, mira, two, script):
    opened = tab(mira, script=script)
    begin = opened.page.get_by_role("button", name="Begin maintenance")
    opened.open("/agents")
    expect(begin).to_be_hidden()
    opened.page.get_by_label("Choose scribe", exact=True).check()
    expect(begin).to_be_visible()
    begin.click()
    expect(opened.page.get_by_role("row").filter(has_text="scribe")).to_contain_text("Maintenance")
    assert opened.path == "/agents"


def test_with_none_chosen_it_says_so(tab, mira, two):
    """As in a browser that shows the bar at all times."""
    opened = tab(mira)
    opened.open("/agents")
    opened.page.get_by_label("Choose scribe", exact=True).check()
    begin = opened.page.get_by_role("button", name="Begin maintenance")
    begin.evaluate("""(button) => {
      for (const tick of document.querySelectorAll(".tick")) tick.checked = false;
      button.click();
    }""")
    expect(opened.page.locator("#toasts")).to_contain_text("No agent is chosen")
    assert opened.loads == ["/agents"]
    opened.forgive("422")
