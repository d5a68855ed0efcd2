"""Every page in both themes, wide and narrow: accessible, within its width, light to load, without a complaint of the browser."""

from dataclasses import dataclass

import pytest

from tests.browser import swarm
from tests.browser.installation import Installation, Person
from tests.browser.looks import FirstVisit, faults


@dataclass
class Gallery:
    """Somebody with a swarm, somebody without, and where their pages are."""

    full: Person
    empty: Person
    paths: dict[str, str]


@pytest.fixture(scope="session")
def gallery(installation: Installation) -> Gallery:
    full, empty = installation.person("mira", role="admin"), installation.person("newcomer")
    full.send(*swarm.brief(1, failed=True), *swarm.brief(2), *swarm.unfinished(3), *swarm.brief(4, at=-7200)[1:])
    full.send(*swarm.brief(5, failed=True, at=swarm.RECENTLY - 60))
    full.send_logs(swarm.lines(1))
    full.ask("POST", "/v1/metrics", swarm.usage())
    failed, completed, running = full.run(1, "failed"), full.run(2, "completed"), full.run(3, "running")
    full.run(4, "timeout")
    resolved = full.run(5, "failed")
    alert = full.ask("GET", f"/api/v1/alerts?relatedTaskId={resolved['id']}")["items"][0]
    full.ask("PATCH", f"/api/v1/alerts/{alert['id']}", {"resolved": True})
    used = empty.link().removeprefix(installation.url)
    return Gallery(
        full,
        empty,
        {
            "failed": f"/tasks/{failed['id']}",
            "completed": f"/tasks/{completed['id']}",
            "running": f"/tasks/{running['id']}",
            "agent": f"/agents/{failed['failedAgentId']}",
            "workflow": f"/workflows/{failed['workflowId']}",
            "span": failed["failedSpanId"],
            "link": used,
        },
    )


FULL = {
    "overview": "/",
    "connect": "/connect",
    "agents": "/agents",
    "agents, no match": "/agents?q=nobody",
    "agent": "{agent}",
    "tasks": "/tasks",
    "tasks, no match": "/tasks?q=nothing&status=failed",
    "failed run": "{failed}",
    "completed run": "{completed}",
    "running run": "{running}",
    "opened step": "{completed}?span={span}&steps=all",
    "messages": "{failed}/messages",
    "logs": "{failed}/logs?level=info",
    "workflows": "/workflows",
    "workflow": "{workflow}",
    "open alerts": "/alerts",
    "resolved alerts": "/alerts?state=resolved",
    "metrics": "/metrics",
    "settings": "/settings",
    "patterns": "/patterns",
}
EMPTY = {"overview": "/", "agents": "/agents", "tasks": "/tasks", "alerts": "/alerts", "workflows": "/workflows", "metrics": "/metrics", "settings": "/settings"}  # fmt: skip
STRANGER = {"sign in": ("/login?next=/tasks", 200), "good link": ("{link}", 200), "unknown link": ("/login/none", 404)}
ERRORS = {"/tasks/00000000000000000000": 404, "/tasks?cursor=none": 422, "/logout": 405}


def check(tab, path: str, status: int = 200) -> None:
    visit = FirstVisit(tab.page)
    tab.open(path, status)
    found = visit.faults() + faults(tab.page)
    assert not found, "\n".join([f"{path}:", *found])


@pytest.mark.parametrize("name", FULL)
def test_pages_with_data(tab, gallery, name):
    check(tab(gallery.full), FULL[name].format_map(gallery.paths))


@pytest.mark.parametrize("name", EMPTY)
def test_pages_without_data(tab, gallery, name):
    check(tab(gallery.empty), EMPTY[name])


@pytest.mark.parametrize("name", STRANGER)
def test_pages_before_signing_in(tab, gallery, name):
    path, status = STRANGER[name]
    check(tab(None), path.format_map(gallery.paths), status)


@pytest.mark.parametrize("path", ERRORS)
def test_error_pages(tab, gallery, path):
    check(tab(gallery.full), path, ERRORS[path])


def test_the_checks_find_what_is_planted(tab, gallery):
    opened = tab(gallery.full)
    opened.open("/patterns")
    opened.page.evaluate("""() => {
      const main = document.getElementById("main");
      const button = main.appendChild(document.createElement("button"));
      const words = main.appendChild(document.createElement("p"));
      words.textContent = "hardly to be seen";
      words.style.color = "#888";
      words.style.background = "#808080";
      words.style.width = "600px";
    }""")
    found = "\n".join(faults(opened.page))
    assert "button-name" in found
    assert all(f"{look}: color-contrast: <p" in found for look in ("wide, light", "wide, dark", "narrow, dark"))
    assert "wider than 390 px: <p" in found
    opened.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://localhost:9/x.png'}))")
    opened.page.wait_for_timeout(0)
    assert opened.complaints
    opened.complaints.clear()
