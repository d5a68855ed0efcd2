"""Lists: filters that change rows and address without loading the page, the way back, and the keys."""

import pytest
from playwright.sync_api import expect

from tests.browser import swarm
from tests.browser.conftest import task_id_of


@pytest.fixture
def runs(mira):
    """A failed and a completed brief, and a completed triage, which is the newest."""
    mira.send(
        *swarm.brief(1, failed=True, at=100),
        *swarm.brief(2, at=200),
        *swarm.brief(3, name="bug_triage", at=300),
    )
    return {trace: mira.run(trace) for trace in (1, 2, 3)}


def test_filters_change_rows_and_address_without_a_load(tab, mira, runs):
    opened = tab(mira)
    opened.open("/tasks")
    rows = opened.page.locator("#list tbody tr")
    expect(rows).to_have_count(3)
    opened.page.evaluate("window.kept = true")
    opened.page.get_by_label("Status").select_option("completed")
    expect(rows).to_have_count(2)
    assert opened.path == "/tasks?q=status:completed"
    find = opened.page.locator("#q")
    expect(find).to_have_value("status:completed")
    expect(opened.page.locator("#announce")).to_have_text("2 runs")
    find.fill("triage status:completed")
    expect(rows).to_have_count(1)
    expect(opened.page).to_have_url(f"{opened.address}/tasks?q=triage+status:completed")
    opened.page.get_by_label("Status").select_option("failed")
    expect(opened.page.get_by_role("heading", name="No run matches")).to_be_visible()
    assert opened.loads == ["/tasks"]
    assert opened.page.evaluate("window.kept")

    opened.page.go_back()
    expect(rows).to_have_count(1)
    assert opened.path == "/tasks?q=triage+status:completed"
    expect(opened.page.locator("#q")).to_have_value("triage status:completed")
    expect(opened.page.get_by_label("Status")).to_have_value("completed")
    opened.page.get_by_role("link", name="Clear filters").click()
    expect(rows).to_have_count(3)
    assert opened.path == "/tasks"


def test_an_emptied_filter_shows_the_list_again_and_nothing_twice(tab, mira, runs):
    opened = tab(mira)
    opened.open("/tasks")
    find = opened.page.locator("#q")
    find.fill("triage")
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)
    with opened.page.expect_response("**/tasks") as answer:
        find.press("Escape")
    assert answer.value.request.headers["hx-request"] == "true"
    expect(opened.page.locator("#list tbody tr")).to_have_count(3)
    expect(find).to_have_count(1)
    expect(find).to_have_value("")


def test_leaving_the_search_box_does_not_ask_again(tab, mira, runs):
    """The answer would replace what is being clicked on."""
    opened = tab(mira)
    opened.open("/tasks")
    opened.page.locator("#q").fill("triage")
    expect(opened.page).to_have_url(f"{opened.address}/tasks?q=triage")
    opened.requests.clear()
    opened.page.locator("#q").blur()
    asked = [
        name for name in opened.asked_for() if not name.startswith("favicon")
    ]  # Chromium's, for the new address
    assert asked == ["healthy"]


def test_the_box_completes_by_keys_and_says_what_is_wrong(tab, mira, runs):
    opened = tab(mira)
    opened.open("/tasks")
    find, problem = opened.page.locator("#q"), opened.page.locator("#problem")
    find.click()
    opened.page.keyboard.type("ag")
    options = opened.page.locator("#options > li")
    expect(options).to_have_count(2)
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("Enter")
    expect(find).to_have_value("agent:")
    opened.page.keyboard.type("res")
    expect(options).to_have_count(1)
    opened.page.keyboard.press("ArrowDown")
    opened.page.keyboard.press("Tab")
    expect(find).to_have_value("agent:researcher ")
    expect(find).to_be_focused()
    expect(opened.page).to_have_url(f"{opened.address}/tasks?q=agent:researcher")
    opened.page.keyboard.type("statuss:failed")
    expect(problem).to_contain_text("Did you mean status:?")
    expect(opened.page.locator("#list tbody tr").first).to_be_visible()
    opened.page.keyboard.press("Escape")
    expect(options).to_have_count(0)
    find.fill("status:failed")
    expect(problem).to_be_empty()
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)
    assert opened.loads == ["/tasks"]


def test_text_is_found_in_names_errors_and_ids(tab, mira, runs):
    opened = tab(mira)
    for words in ("weekly", "Service Unavailable", runs[1]["id"], f"{1:032x}"):
        opened.open("/tasks")
        opened.page.locator("#q").fill(words)
        expect(opened.page.get_by_role("row", name="bug_triage")).to_have_count(0)
        expect(opened.page.get_by_role("row", name="Failed")).to_have_count(1)


def test_the_box_in_the_rail_leads_to_results(tab, mira, runs):
    opened = tab(mira)
    opened.open("/")
    opened.page.locator("#jump").fill("triage")
    opened.page.locator("#jump").press("Enter")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Search")
    opened.page.get_by_role("link", name="All runs that say").click()
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)


def test_jumping_by_keys(tab, mira, runs):
    opened = tab(mira)
    opened.open("/metrics")
    press, dialog = opened.page.keyboard.press, opened.page.get_by_role("dialog")
    press("Control+k")
    expect(dialog.get_by_role("combobox")).to_be_focused()
    expect(dialog.get_by_role("option").first).to_contain_text("Overview")
    opened.page.keyboard.type("writ")
    expect(dialog.get_by_role("option").first).to_contain_text("writer")
    expect(dialog.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    press("Escape")
    expect(dialog).to_have_count(0)
    press("Control+k")
    opened.page.keyboard.type(runs[2]["id"])
    expect(dialog.get_by_role("option")).to_have_count(2)  # the run, and all that say so
    press("ArrowDown")
    press("ArrowUp")
    press("Enter")
    opened.page.wait_for_url("**/tasks/*")
    assert task_id_of(opened) == runs[2]["id"]


def test_the_list_is_walked_by_keys(tab, mira, runs):
    opened = tab(mira)
    opened.open("/")
    opened.page.keyboard.press("g")
    opened.page.keyboard.press("t")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Tasks")
    press = opened.page.keyboard.press
    links = opened.page.locator("#list tbody a")
    press("j")
    expect(links.nth(0)).to_be_focused()
    press("j")
    press("j")
    expect(links.nth(2)).to_be_focused()
    press("k")
    expect(links.nth(1)).to_be_focused()
    press("Enter")
    opened.page.wait_for_url("**/tasks/*")
    assert task_id_of(opened) == runs[2]["id"]


def test_keys_do_nothing_while_somebody_types(tab, mira, runs):
    opened = tab(mira)
    opened.open("/tasks")
    find = opened.page.locator("#q")
    opened.page.keyboard.press("/")
    expect(find).to_be_focused()
    opened.page.keyboard.type("gaj/")
    expect(find).to_have_value("gaj/")
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Tasks")
    opened.page.keyboard.press("Escape")
    expect(find).not_to_be_focused()
    expect(opened.page.locator("#list tbody tr")).to_have_count(3)


def test_what_was_found_is_opened_with_one_click(tab, mira, runs):
    opened = tab(mira)
    opened.open("/agents")
    expect(opened.page.locator("#list tbody tr")).to_have_count(3)
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("writ")
    expect(opened.page).to_have_url(f"{opened.address}/agents?q=writ")
    expect(opened.page.locator("#list tbody tr")).to_have_count(1)
    opened.page.get_by_role("link", name="writer", exact=True).click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("writer")
