"""An agent's whole life in a browser: by keyboard alone, and where no script runs."""

import pytest
from playwright.sync_api import expect

from tests.browser import swarm
from tests.browser.conftest import NARROW
from tests.browser.installation import until


def words_of(person):
    return {agent["healthWord"] for agent in person.ask("GET", "/api/v1/agents")["items"]}


def tab_to(page, locator, most=60):
    """Presses Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if locator.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{locator} is not reached by Tab")


def test_by_keyboard_alone(tab, mira):
    opened = tab(mira)
    page = opened.page
    opened.open("/agents")
    tab_to(page, page.get_by_role("link", name="New agent").first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("New agent")
    tab_to(page, page.get_by_label("Parameters"))
    page.keyboard.type('{"temperature": }')
    tab_to(page, page.get_by_role("button", name="Make agent"))
    page.keyboard.press("Enter")
    problems = page.locator("#problems")
    expect(problems).to_contain_text("look at 2 fields")
    tab_to(page, problems.get_by_role("link", name="Name"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("researcher")
    tab_to(page, page.get_by_label("Parameters"))
    page.keyboard.press("Control+a")
    page.keyboard.type('{"temperature": 0.2}')
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    opened.forgive("Failed to load resource")
    expect(page.get_by_role("heading", level=1)).to_have_text("researcher")
    tab_to(page, page.get_by_role("link", name="Edit", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Capabilities"))
    page.keyboard.type("web_search, quote")
    tab_to(page, page.get_by_role("button", name="Save agent"))
    page.keyboard.press("Enter")
    expect(page.locator(".tags .tag")).to_have_text(["web_search", "quote"])
    tab_to(page, page.get_by_role("link", name="Delete…"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Delete agent"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Restore researcher"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("researcher")


@pytest.mark.parametrize("width", [1440, NARROW])
def test_without_scripts(tab, mira, width):
    mira.send(*swarm.brief(1))
    mira.run(1, "completed")
    # What the worker says of its agents comes after the run itself, and without a script no page shows it by itself.
    until(lambda: words_of(mira) == {"healthy"}, "healthy agents")
    opened = tab(mira, script=False, width=width)
    page = opened.page
    opened.open("/agents")
    page.get_by_role("link", name="writer").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Author")
    page.get_by_label("Type").select_option("analysis")
    page.get_by_role("button", name="Save agent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Author")
    expect(page.locator("#main")).to_contain_text("analysis set by hand")
    page.get_by_role("button", name="Deactivate").click()
    expect(page.locator(".pagehead .status")).to_have_text("Inactive")
    page.get_by_role("button", name="Activate").click()
    expect(page.locator(".pagehead .status")).to_have_text("Healthy")
    page.get_by_role("link", name="2 revisions").click()
    page.get_by_role("link", name="Revision 2").click()
    expect(page.locator("#diff ins")).to_have_text(["is: Author", "is: analysis"])
    page.get_by_role("link", name="Older").click()
    page.get_by_role("button", name="Restore this revision").click()
    expect(page.locator("#list tbody tr")).to_have_count(3)
    page.get_by_role("link", name="writer").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete agent").click()
    opened.open("/agents")
    expect(page.get_by_role("link", name="writer")).to_have_count(0)
    page.get_by_role("link", name="Deleted agents").click()
    page.get_by_role("button", name="Restore writer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("writer")


def test_two_people_edit_the_same_agent(tab, mira):
    made = mira.ask("POST", "/api/v1/agents", {"name": "planner"})
    one, other = tab(mira), tab(mira)
    for opened in (one, other):
        opened.open(f"/agents/{made['id']}/edit")
    one.page.get_by_label("Description").fill("First.")
    one.page.get_by_role("button", name="Save agent").click()
    expect(one.page.locator(".lede")).to_have_text("First.")
    other.page.get_by_label("Description").fill("Second.")
    other.page.get_by_role("button", name="Save agent").click()
    expect(other.page.locator("#problems")).to_contain_text("changed this agent while you were editing it")
    expect(other.page.locator(".diff ins")).to_have_text("is: First.")
    other.forgive("Failed to load resource")
    other.page.get_by_role("button", name="Save over their change").click()
    expect(other.page.locator(".lede")).to_have_text("Second.")
