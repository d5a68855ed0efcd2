"""From a failed run to what is different about it, by mouse, and with scripts off."""

import pytest
from playwright.sync_api import expect

from tests.browser import swarm


@pytest.fixture
def runs(mira):
    """A good run, a change that was told of, and a failed run."""
    mira.send(*swarm.brief(1, at=swarm.RECENTLY - 120))
    good = mira.run(1, "completed")
    mira.send(*swarm.brief(2, failed=True))
    mira.ask("POST", "/api/v1/changes", {"title": "Release 7", "service": "demo", "at": good["completedAt"]})
    return good, mira.run(2, "failed")


def test_one_click_leads_to_the_last_good_run(tab, mira, runs):
    good, bad = runs
    opened = tab(mira)
    opened.open(f"/tasks/{bad['id']}")
    opened.page.get_by_role("link", name="Compare with the last good run").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Compare weekly_brief")
    assert opened.path == f"/tasks/{bad['id']}/compare/{good['id']}"
    expect(opened.page.get_by_role("region", name="Where they part")).to_contain_text(
        "researcher, execute_tool fetch_page"
    )
    expect(opened.page.locator("#changes")).to_contain_text("Release 7")
    opened.page.get_by_role("link", name="Show step").click()
    expect(opened.page.locator("#span")).to_contain_text("503 Service Unavailable")
    opened.page.go_back()
    opened.page.get_by_role("link", name="All steps").click()
    expect(opened.page.locator("#steps tr[data-how=same]")).not_to_have_count(0)
    opened.page.locator("#choose select").select_option(good["id"])
    opened.page.get_by_role("button", name="Compare").click()
    assert opened.path == f"/tasks/{bad['id']}/compare/{good['id']}"


def test_what_changed_is_asked_for_when_it_comes_into_view(tab, mira, runs):
    _good, bad = runs
    opened = tab(mira)
    opened.open(f"/tasks/{bad['id']}")
    section = opened.page.locator("#changes")
    section.scroll_into_view_if_needed()
    expect(section).to_contain_text("Release 7")
    expect(section.get_by_role("link", name="Compare the two")).to_be_visible()


def test_all_of_it_works_without_scripts(tab, mira, runs):
    good, bad = runs
    opened = tab(mira, script=False)
    opened.open(f"/tasks/{bad['id']}")
    opened.page.get_by_role("link", name="Show what changed").click()
    expect(opened.page.locator("#changes")).to_contain_text("Release 7")
    opened.page.get_by_role("link", name="Compare the two").click()
    assert opened.path == f"/tasks/{bad['id']}/compare/{good['id']}"
    opened.page.get_by_label("Find runs by name, error text or id").fill("503")
    opened.page.get_by_role("button", name="Find").click()
    expect(opened.page.locator("#choose")).to_contain_text("No run matches")
