"""A large failed run is looked through when its page has been drawn; without scripts by a link."""

import pytest
from playwright.sync_api import expect

from swarm_ui.tasks.explain import AT_ONCE
from tests.browser import swarm
from tests.otlp import agent, failing, tool, workflow

SAID = "seeker called search"


@pytest.fixture
def circling(mira):
    """An agent that makes the same call more often than a page looks at."""
    asked = {"gen_ai.tool.call.arguments": '{"query": "birds"}'}
    times = AT_ONCE + 5
    drafts = [
        workflow(1, "lookup", seconds=50, status="error", message="gave up"),
        agent(2, "seeker", 1, seconds=49, status="error", message="gave up"),
        *(tool(10 + number, "search", 2, at=1 + number / 10, seconds=0.05, attributes=asked) for number in range(times)),
        tool(9, "fetch", 2, at=40, **failing("Timeout", "late")),
    ]  # fmt: skip
    mira.send(*(swarm.lately(draft.but(trace=1), swarm.RECENTLY) for draft in drafts))
    return mira.run(1, "failed", spanCount=times + 3), times


def test_it_comes_by_itself(tab, mira, circling):
    run, times = circling
    opened = tab(mira)
    opened.open(f"/tasks/{run['id']}")
    circles = opened.page.get_by_role("region", name="Going round in circles")
    expect(circles).to_contain_text(f"{SAID} {times} times")
    expect(opened.page.get_by_role("link", name="Look through every step")).to_have_count(0)
    circles.get_by_role("link", name="First call").click()
    expect(opened.page.locator("#span")).to_contain_text("birds")
    assert opened.loads == [f"/tasks/{run['id']}"]


def test_without_scripts_it_is_a_page_of_its_own(tab, mira, circling):
    run, times = circling
    opened = tab(mira, script=False)
    opened.open(f"/tasks/{run['id']}")
    opened.page.get_by_role("link", name="Look through every step").click()
    expect(opened.page.get_by_role("heading", level=1)).to_have_text("Diagnosis")
    expect(opened.page.get_by_role("region", name="Going round in circles")).to_contain_text(
        f"{SAID} {times} times"
    )
    expect(opened.page.get_by_role("region", name="What broke it")).to_contain_text("fetch")
    opened.page.locator("#broke > header").get_by_role("link").click()
    expect(opened.page.locator("#span")).to_contain_text("Timeout")
