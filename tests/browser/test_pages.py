"""Every page, both themes, wide and narrow: accessible, within its width, without a complaint of the browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import NARROW, WIDE

pytestmark = pytest.mark.browser

PATHS = [
    "/",
    "/connect",
    "/agents",
    "/agents?q=nothing",
    "/workflows",
    "/alerts",
    "/alerts?state=resolved",
    "/metrics",
]


def swarm(make, owner):
    """A little of everything; answers the pages of one agent and one workflow."""
    planner = make.agent(
        owner,
        name="planner",
        health_score=97,
        condition="healthy",
        capabilities=["plan"] * 12 + ["a_tool_" * 30],
    )
    browser = make.agent(owner, name="browser-with-a-long-name" * 3, health_score=38, condition="failing")
    make.agent(owner, name="newcomer")
    nodes = [
        {"id": agent.id, "agentId": agent.id, "name": agent.name, "type": "reasoning"}
        for agent in (planner, browser)
    ]
    edges = [{"from": planner.id, "to": browser.id, "count": 9, "errors": 2}]
    flow = make.workflow(owner, name="brief", nodes=nodes, edges=edges)
    for status in ("completed", "failed", "timeout", "running"):
        run = make.task(
            owner, status=status, agents=[planner, browser], workflow_id=flow.id, failed_agent_id=browser.id,
            failed_step="fetch_page", error_type="HTTPStatusError", error_message="https://example.org/" + "x" * 200,
        )  # fmt: skip
        make.message(owner, run, planner, browser)
    make.alert(owner, related_agent_id=browser.id, related_task_id=run.id, message="y" * 500)
    make.alert(owner, severity="warning", resolved=True)
    return [f"/agents/{planner.id}", f"/agents/{browser.id}", f"/workflows/{flow.id}"]


def violations(tab):
    return [
        (rule["id"], [node["target"] for node in rule["nodes"]])
        for rule in Axe().run(tab.page).response["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("filled", [True, False])
def test_pages_are_accessible_and_fit(tab, make, alice, theme, width, filled):
    paths = PATHS + (swarm(make, alice) if filled else []) + ["/patterns"]
    opened = tab(width=width, theme=theme)
    for path in paths:
        opened.open(path)
        assert violations(opened) == [], path
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_first_visit_is_small(tab, make, alice, app):
    swarm(make, alice)
    opened = tab()
    sizes = []
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    opened.open("/")
    opened.page.wait_for_load_state("networkidle")
    assert len(sizes) <= 10
    assert sum(sizes) <= 80_000
