"""The sample swarm: there with one click, gone with another, and nothing of one's own with it."""

from playwright.sync_api import expect

from tests.browser import swarm


def test_it_is_loaded_looked_through_and_removed(tab, mira):
    opened = tab(mira)
    opened.open("/")
    opened.page.get_by_role("button", name="Load the sample swarm").click()
    heading = opened.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Overview", timeout=30_000)
    notice = opened.page.get_by_role("complementary", name="Sample data")
    expect(notice).to_be_visible()
    expect(opened.page.locator(".hive > a.cell")).not_to_have_count(0)
    opened.page.get_by_role("link", name="Open the failed run").click()
    expect(opened.page.locator(".wf .flag")).to_be_visible()
    expect(opened.page.locator("#span")).to_be_visible()
    opened.page.get_by_role("link", name="Workflows").click()
    opened.page.locator("#list tbody a").first.click()
    opened.page.locator(".graph a").first.click()
    expect(opened.page.locator(".pagehead .tag")).to_have_text("Sample")

    mira.send(*swarm.brief(1, name="my_own"))
    mira.run(1, "completed")
    opened.page.get_by_role("link", name="Overview").click()
    remove = notice.get_by_role("button", name="Remove sample data")
    expect(remove).to_be_hidden()
    notice.locator("summary").click()
    opened.ask()
    remove.click()
    expect(notice).to_have_count(0)
    opened.page.get_by_role("link", name="Tasks").click()
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)
    expect(opened.page.get_by_role("row", name="my_own")).to_be_visible()
