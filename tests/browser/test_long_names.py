"""Names as long as they may be, without a place to break: no page is wider than the screen, and what one came for stays on it."""

import time

import pytest
from playwright.sync_api import Locator, Page

from tests.browser import swarm
from tests.browser.conftest import NARROW, WIDE
from tests.browser.looks import OUTSIDE
from tests.otlp import Draft, agent, failing, llm, metric, tool, workflow


def long(word: str, length: int = 200) -> str:
    return (word * length)[:length]


SERVICE, FLOW = long("service_"), long("workflow_")
PLANNER, WRITER, STEP = long("planner_"), long("writer_"), long("step_")
COORDINATOR = "customer_support_escalation_coordinator_agent"
ASKED = "Where is the parcel that was ordered on Monday?"


def run(trace: int, planner: str, writer: str, **broken: object) -> list[Draft]:
    spoken = swarm.asked_and_answered(ASKED)
    steps = [
        workflow(1, FLOW, seconds=50, attributes=spoken, **broken),
        agent(2, planner, 1, at=0.2, seconds=49, attributes=spoken, **broken),
        agent(3, writer, 2, at=7, seconds=30, attributes=spoken, **broken),
        llm(4, 3, (2400, 180), at=7.5, seconds=5),
        tool(5, STEP, 3, at=13, seconds=4, **(failing(long("Error"), long("said_")) if broken else {})),
    ]
    return [swarm.lately(step.but(trace=trace, service=SERVICE), swarm.RECENTLY) for step in steps]


@pytest.fixture(scope="module")
def owner(installation):
    owner = installation.person("long")
    owner.send(*run(1, PLANNER, WRITER, status="error", message="failed"))
    owner.send(*run(2, PLANNER, WRITER))
    owner.send(*run(3, COORDINATOR, f"{COORDINATOR}_2"))
    for trace, status in ((1, "failed"), (2, "completed"), (3, "completed")):
        owner.run(trace, status)
    point = {"asInt": "1200", "timeUnixNano": str(time.time_ns())}
    owner.ask(
        "POST",
        "/v1/metrics",
        metric(
            long("tokens_"),
            [point | {"attributes": [{"key": long("key_"), "value": {"stringValue": long("value_")}}]}],
        ),
    )
    return owner


@pytest.fixture(scope="module")
def paths(owner):
    failed, good, brief = (
        owner.run(trace, status) for trace, status in ((1, "failed"), (2, "completed"), (3, "completed"))
    )
    task, agent_page = f"/tasks/{failed['id']}", f"/agents/{failed['failedAgentId']}"
    return [
        "/", "/agents", "/agents?group=service", agent_page, f"{agent_page}/edit", f"{agent_page}/merge",
        f"{agent_page}/delete", f"{agent_page}/revisions", "/tasks", task, f"{task}?span={failed['failedSpanId']}",
        f"{task}/messages", f"{task}/messages?view=lanes", f"{task}/graph", f"{task}/logs", f"{task}/diagnosis",
        f"{task}/changes", f"{task}/compare/{good['id']}", f"/tasks/{brief['id']}/messages",
        "/workflows", f"/workflows/{failed['workflowId']}", "/alerts", "/metrics", "/conversations",
        f"/search?q={WRITER}", "/settings", "/settings/keys", "/settings/integrations", "/settings/audit",
    ]  # fmt: skip


def test_no_page_is_wider_than_the_screen(tab, owner, paths):
    opened, faults = tab(owner), []
    for path in paths:
        opened.open(path)
        for width in (WIDE, NARROW):
            opened.page.set_viewport_size({"width": width, "height": 900})
            faults += [f"{path} at {width}: {element}" for element in opened.page.evaluate(OUTSIDE)]
    assert not faults, "\n".join(faults)


def left_of_the_edge(shown: Locator) -> None:
    """As wide as it is, it stands on the screen: nobody has to scroll sideways for it."""
    box, width = shown.bounding_box(), shown.page.viewport_size["width"]
    assert box, shown
    assert box["x"] >= 0, box
    assert box["x"] + box["width"] <= width, box


def meet(one: Locator, other: Locator) -> bool:
    first, second = one.bounding_box(), other.bounding_box()
    return (
        first["x"] < second["x"] + second["width"]
        and second["x"] < first["x"] + first["width"]
        and (first["y"] < second["y"] + second["height"] and second["y"] < first["y"] + first["height"])
    )


def overfull(page: Page, selector: str) -> list[str]:
    """Elements whose words stand outside of them."""
    return page.locator(selector).evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.outerHTML.slice(0, 120))"
    )


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_agents_keep_name_health_and_sign_of_life_on_the_screen(tab, owner, width):
    opened = tab(owner, width=width)
    opened.open("/agents")
    for row in opened.page.locator("#agents tbody tr").all():
        for cell in (".name a", ".health .status", "td:last-child"):
            left_of_the_edge(row.locator(cell))
        assert row.locator(".name").bounding_box()["width"] > 80
        assert not meet(row.locator(".name a"), row.locator(".health .status"))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_who_wrote_stands_beside_what_they_wrote(tab, owner, paths, width):
    opened = tab(owner, width=width)
    for path in (path for path in paths if path.endswith("/messages")):
        opened.open(path)
        messages = opened.page.locator("article.msg")
        assert messages.count()
        assert not overfull(opened.page, ".msg .route")
        for message in messages.all():
            for name in message.locator(".route bdi").all():
                assert not meet(name, message.locator(".said"))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_figures_of_long_series_are_on_the_screen(tab, owner, width):
    opened = tab(owner, width=width)
    opened.open("/metrics")
    row = opened.page.locator("[aria-labelledby=h-reported] tbody tr")
    for cell in row.locator("th, td").all():
        if cell.is_visible():
            left_of_the_edge(cell)
    assert not overfull(opened.page, "[aria-labelledby=h-reported] th")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_key_with_a_long_name_can_be_revoked(tab, owner, width):
    opened = tab(owner, width=width)
    name, page = long(f"key_{width}_", 100), opened.page
    opened.open("/settings/keys")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Make key").click()
    row = page.locator("#keys tbody tr", has_text=name)
    left_of_the_edge(row.locator("summary"))
    row.locator("summary").click()
    question = row.locator(".confirm form")
    left_of_the_edge(question)
    assert "never used" in question.inner_text()
    left_of_the_edge(question.get_by_role("button"))
    assert page.evaluate(OUTSIDE) == []
    question.get_by_role("button").click()
    row.get_by_text("Revoked").wait_for()


def test_a_view_with_a_long_name_does_not_widen_the_list(tab, owner):
    opened = tab(owner, width=NARROW)
    opened.open("/tasks?q=status:failed")
    opened.page.locator(".saving summary").click()
    opened.page.get_by_label("Name of the view").fill(long("view_", 100))
    opened.page.get_by_role("button", name="Save view").click()
    opened.page.locator(".views .tabs").wait_for()
    assert opened.page.evaluate(OUTSIDE) == []
