"""A run that goes on, while somebody reads its page: it grows, and nothing is taken from under the reader."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import swarm
from tests.browser.conftest import Tab, lane_of
from tests.otlp import Draft, agent, llm, tool

SEARCH = f"{6:016x}"
LONG = "word " * 700


def handed(number: int, words: str) -> list[Draft]:
    """planner hands a piece of work to the researcher, who answers."""
    return [
        swarm.lately(draft, swarm.RECENTLY)
        for draft in (
            agent(100 + number, "researcher", 2, at=20 + number, seconds=0.5, attributes=swarm.asked_and_answered(words, "done")),
            llm(200 + number, 100 + number, at=20.1 + number, seconds=0.2),
        )
    ]  # fmt: skip


def lines(first: int, count: int) -> dict[str, Any]:
    """Log records of the run, in order."""
    found = swarm.lines(1)
    records = found["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    at = int(records[0]["timeUnixNano"])
    records[:] = [
        records[0]
        | {"timeUnixNano": str(at + number * 1_000_000), "body": {"stringValue": f"line {number:04d}"}}
        for number in range(first, first + count)
    ]
    return found


@pytest.fixture
def growing(tab, mira) -> Tab:
    """The page of a run that goes on."""
    planner = swarm.lately(agent(2, "planner", 1, at=0.2, seconds=49), swarm.RECENTLY)
    mira.send(planner, *(draft for draft in swarm.brief(1) if draft.id in (3, 4, 5, 6)))
    mira.send(*handed(1, LONG))
    mira.send_logs(lines(1, 60))
    run = mira.run(1, "running")
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    expect(opened.page.locator("#log-lines > li")).not_to_have_count(0)
    return opened


def same(tab: Tab, selector: str) -> None:
    """Remembers an element; `still` says whether it is that one."""
    tab.page.evaluate("selector => { window.kept = document.querySelector(selector) }", selector)


def still(tab: Tab, selector: str) -> bool:
    return tab.page.evaluate("selector => document.querySelector(selector) === window.kept", selector)


def test_the_timeline_grows_around_focus_selection_and_what_is_closed(growing, mira):
    page = growing.page
    row = page.locator("a.wf-row", has_text="web_search")
    row.click()
    expect(page.locator("#span")).to_contain_text("fabrikam changelog")
    planner = lane_of(page, "planner").last  # after the lane of what no agent did, called as the run
    planner.locator("summary").click()
    row.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    expect(row).to_be_focused()
    same(growing, f"a.wf-row[href*='{SEARCH}']")
    mira.send(*(draft for draft in swarm.brief(1) if draft.id in (7, 8, 9)))
    expect(page.locator("a.wf-row", has_text="fetch_page")).to_be_visible()
    expect(lane_of(page, "writer").locator("summary")).to_be_visible()
    expect(row).to_be_focused()
    expect(row).to_have_attribute("aria-current", "true")
    assert still(growing, f"a.wf-row[href*='{SEARCH}']")
    assert planner.get_attribute("open") is None
    expect(page.locator("#span")).to_contain_text("fabrikam changelog")
    assert growing.path.endswith(f"?span={SEARCH}")


def test_messages_come_in_while_one_is_read_in_full(growing, mira):
    page = growing.page
    messages = page.locator("#messages article")
    whole = messages.filter(has_text="word word").first
    whole.get_by_role("link", name="Show all").click()
    expect(whole.get_by_role("link", name="Show all")).to_have_count(0)
    page.evaluate("""() => {
      const said = document.querySelector("#messages .said p");
      said.scrollIntoView({block: "center"});
      getSelection().setBaseAndExtent(said.firstChild, 0, said.firstChild, 4);
    }""")
    before, selected = messages.count(), page.evaluate("String(getSelection())")
    assert selected
    place = page.evaluate("document.querySelector('#messages .said p').getBoundingClientRect().top")
    mira.send(*handed(2, "another piece of work"))
    expect(messages).not_to_have_count(before)
    expect(whole.get_by_role("link", name="Show all")).to_have_count(0)
    assert page.evaluate("String(getSelection())") == selected
    expect(lane_of(page, "researcher").locator("summary")).to_contain_text("7 steps")
    now = f"document.querySelector('#messages .said p').getBoundingClientRect().top - {place}"
    page.wait_for_function(f"() => Math.abs({now}) < 2")


def test_logs_grow_past_a_page_without_moving_what_is_read(growing, mira):
    page = growing.page
    rows = page.locator("#log-lines > li", has_text="line 0")
    expect(rows).to_have_count(60)
    page.evaluate("document.getElementById('log-lines').scrollTop = 120")
    same(growing, "#log-lines > li:nth-child(5)")
    mira.send_logs(lines(61, 90))
    expect(rows.filter(has_text="line 0150")).to_have_count(1)
    expect(rows.filter(has_text="line 0001")).to_have_count(1)  # the server sends the newest hundred alone
    assert [text[-9:] for text in rows.locator(".msgtext").all_inner_texts()] == [
        f"line {number:04d}" for number in range(1, 151)
    ]
    assert page.evaluate("document.getElementById('log-lines').scrollTop") == 120
    assert still(growing, "#log-lines > li:nth-child(5)")

    page.evaluate("document.getElementById('log-lines').scrollTop = 1e6")
    mira.send_logs(lines(151, 5))
    expect(rows.filter(has_text="line 0155")).to_have_count(1)
    page.wait_for_function(
        "() => { const box = document.getElementById('log-lines'); return box.scrollHeight - box.scrollTop - box.clientHeight < 8 }"
    )

    mira.send(*(draft for draft in swarm.brief(1) if draft.id == 1))
    expect(page.locator(".pagehead .status")).to_have_text("Completed")
    expect(page.locator("[data-live]")).to_have_count(0)
    expect(rows.filter(has_text="line 0155")).to_have_count(1)  # whoever reads the end goes on reading


def test_input_stays_selected_and_scrolled_while_the_run_goes_on(growing, mira):
    page = growing.page
    mira.send(
        swarm.lately(
            llm(300, 2, at=1, seconds=1, attributes=swarm.asked_and_answered("line\n" * 80, "fine")),
            swarm.RECENTLY,
        )
    )
    page.evaluate("document.getElementById('content').scrollIntoView()")
    same(growing, "#content")
    mira.send(*handed(3, "more"))
    expect(page.locator("#messages article", has_text="more")).not_to_have_count(0)
    assert still(growing, "#content")


def test_a_filter_stays_while_lines_come(growing, mira):
    page = growing.page
    level = page.locator("#logs").get_by_label("Level")
    level.select_option("error")
    expect(page.locator("#log-lines > li")).to_have_count(0)
    level.focus()
    mira.send_logs(swarm.lines(1))
    expect(page.locator("#log-lines > li")).to_have_count(1)
    expect(level).to_have_value("error")
    expect(level).to_be_focused()


def test_a_click_is_not_lost_while_the_page_asks_what_is_new(growing):
    page, asked = growing.page, []
    page.route(
        re.compile("part=timeline"), lambda route: asked.append(route)
    )  # it is on its way for a long time
    page.wait_for_event("request", lambda request: "part=timeline" in request.url)
    page.locator("a.wf-row", has_text="web_search").click()
    expect(page.locator("#span")).to_contain_text("fabrikam changelog")
    assert len(asked) == 1
    page.unroute_all()


def test_a_wide_run_keeps_the_lane_that_somebody_opened(tab, mira):
    """Above about 100 rows lanes come closed and are filled when they are opened."""
    planner = swarm.lately(agent(2, "planner", 1, at=0.2, seconds=49), swarm.RECENTLY)
    steps = [
        swarm.lately(tool(1000 + n, f"step_{n}", 2, at=1 + n / 20, seconds=0.01), swarm.RECENTLY)
        for n in range(700)
    ]
    mira.send(planner, *steps)
    run = mira.run(1, "running", spanCount=701)
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    page = opened.page
    lane = lane_of(page, "planner")
    if lane.get_attribute("open") is None:
        lane.locator("summary").click()
    expect(lane.locator("a.wf-row", has_text="step_7").first).to_be_visible()
    more = lane.locator("a.wf-more", has_text="Later steps").last
    more.click()
    expect(lane.locator("a.wf-row", has_text="step_150")).to_be_visible()
    page.evaluate("window.rows = document.querySelectorAll('.wf a.wf-row').length")
    opened.requests.clear()
    mira.send(swarm.lately(agent(5000, "writer", 2, at=40, seconds=5), swarm.RECENTLY))
    expect(lane_of(page, "writer").locator("summary")).to_be_visible()
    expect(lane.locator("a.wf-row", has_text="step_150")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('.wf a.wf-row').length >= window.rows")
    assert not [request.url for request in opened.requests if "part=lane" in request.url]
