"""Every page in both themes, wide and narrow: accessible, within its width, light to load, without a complaint of the browser."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from tests.browser import swarm
from tests.browser.conftest import Tab, sign_in
from tests.browser.installation import Installation, Person
from tests.browser.looks import BYTES, REQUESTS, Looker
from tests.otlp import Draft


@dataclass
class Gallery:
    """Somebody with a swarm, somebody without, and where their pages are."""

    full: Person
    empty: Person
    paths: dict[str, str]


def talking(run: list[Draft]) -> list[Draft]:
    """The run belongs to a conversation."""
    return [draft.but(attributes=draft.attributes | {"gen_ai.conversation.id": "thread-1"}) for draft in run]


@pytest.fixture(scope="session")
def gallery(installation: Installation) -> Gallery:
    full, empty = installation.person("mira", role="admin"), installation.person("newcomer")
    full.send(
        *swarm.brief(1, failed=True),
        *talking(swarm.brief(2)),
        *swarm.unfinished(3),
        *swarm.brief(4, at=-7200)[1:],
    )
    full.send(*swarm.brief(5, failed=True, at=swarm.RECENTLY - 60))
    full.send_logs(swarm.lines(1))
    full.ask(
        "POST",
        "/api/v1/changes",
        {"id": "release-1", "title": "Release 1", "url": "https://ci.example.org/1"},
    )
    full.ask("POST", "/v1/metrics", swarm.usage())
    failed, completed, running = full.run(1, "failed"), full.run(2, "completed"), full.run(3, "running")
    full.run(4, "timeout")
    resolved = full.run(5, "failed")
    alert = full.ask("GET", f"/api/v1/alerts?relatedTaskId={resolved['id']}")["items"][0]
    full.ask("PATCH", f"/api/v1/alerts/{alert['id']}", {"resolved": True})
    guest = full.invite(installation.person("guest"), "operator")
    installation.person("host").invite(full, "editor")
    made = full.ask("POST", "/api/v1/agents", {"name": "reviewer", "parameters": {"strict": True}})
    full.ask(
        "PATCH", f"/api/v1/agents/{made['id']}", {"description": "Reads it twice. " * 60, "switchedOff": True}
    )
    watched = f"/api/v1/agents/{failed['failedAgentId']}"
    full.ask("PATCH", watched, {"heartbeatPeriod": 600})
    full.ask("POST", f"{watched}/heartbeat", {"status": "ok", "message": "All is well."})
    full.ask("POST", f"/api/v1/agents/{made['id']}/maintenance", {"reason": "New keys"})
    gone = full.ask("POST", "/api/v1/agents", {"name": "nobody"})
    full.ask("DELETE", f"/api/v1/agents/{gone['id']}")
    used = empty.link().removeprefix(installation.url)
    return Gallery(
        full,
        empty,
        {
            "failed": f"/tasks/{failed['id']}",
            "completed": f"/tasks/{completed['id']}",
            "good": completed["id"],
            "first": f"/tasks/{resolved['id']}",
            "running": f"/tasks/{running['id']}",
            "agent": f"/agents/{failed['failedAgentId']}",
            "made": f"/agents/{made['id']}",
            "workflow": f"/workflows/{failed['workflowId']}",
            "span": failed["failedSpanId"],
            "guest": str(guest),
            "link": used,
        },
    )


FULL = {
    "overview": "/",
    "connect": "/connect",
    "agents": "/agents",
    "agents by service": "/agents?group=service",
    "agent": "{agent}",
    "agent made by hand": "{made}",
    "new agent": "/agents/new",
    "edited agent": "{agent}/edit",
    "agent to delete": "{agent}/delete",
    "agent to merge": "{agent}/merge",
    "deleted agents": "/agents/deleted",
    "revisions": "{made}/revisions",
    "no revisions": "{agent}/revisions",
    "revision": "{made}/revisions/2",
    "tasks": "/tasks",
    "tasks, no match": "/tasks?q=nothing+status:failed",
    "search": "/search?q=brief",
    "tasks, sorted": "/tasks?q=-status:running&sort=cost&col=errors&col=calls",
    "failed run": "{failed}",
    "completed run": "{completed}",
    "running run": "{running}",
    "opened step": "{completed}?span={span}&steps=all",
    "two runs": "{failed}/compare/{good}",
    "two runs, all steps": "{failed}/compare/{good}?steps=all",
    "no good run": "{first}/compare",
    "what changed": "{failed}/changes",
    "conversation": "/conversations?session=thread-1",
    "conversations": "/conversations",
    "messages": "{failed}/messages",
    "messages as lanes": "{completed}/messages?view=lanes",
    "agents of a run": "{completed}/graph",
    "critical path": "{completed}?steps=critical&gaps=short&usual=marked",
    "logs": "{failed}/logs?level=info",
    "diagnosis": "{failed}/diagnosis",
    "workflows": "/workflows",
    "workflow": "{workflow}",
    "open alerts": "/alerts",
    "resolved alerts": "/alerts?state=resolved",
    "metrics": "/metrics",
    "profile": "/settings",
    "sessions": "/settings/sessions",
    "keys": "/settings/keys",
    "members": "/settings/members?invited={guest}",
    "integrations": "/settings/integrations",
    "audit trail": "/settings/audit",
    "audit trail, no match": "/settings/audit?action=agent&subject=nothing",
    "about": "/settings/about",
    "spaces": "/spaces",
    "people": "/admin",
    "person": "/admin/people/{guest}",
    "how one signs in": "/login/connect",
    "patterns": "/patterns",
}
EMPTY = {
    "overview": "/",
    "members": "/settings/members",
    "spaces": "/spaces",
    "audit trail": "/settings/audit",
    "tasks": "/tasks",
    "alerts": "/alerts",
    "metrics": "/metrics",
    "conversations": "/conversations",
}
STRANGER = {
    "sign in": ("/login?next=/tasks", 200),
    "good link": ("{link}", 200),
    "unknown link": ("/login/none", 404),
}


Check = Callable[..., None]


@pytest.fixture(scope="module")
def check(browser: Browser, installation: Installation) -> Iterator[Check]:
    """`check(person, path, status)`, in a tab that the person keeps from page to page."""
    looking: dict[str, tuple[Tab, Looker]] = {}
    with ExitStack() as contexts:

        def look(person: Person | None, path: str, status: int = 200) -> None:
            who = person.email if person else ""
            if who not in looking:
                context = contexts.enter_context(browser.new_context())
                if person:
                    sign_in(context, person)
                page = context.new_page()
                looking[who] = Tab(page, installation.url), Looker(page)
                looking[who][0].listen()
            tab, looker = looking[who]
            assert looker.go_to(f"{installation.url}{path}") == status
            found = looker.faults()
            if status >= 400:
                tab.forgive("Failed to load resource")  # the browser says so of the page itself
            found += [f"the browser complained: {said}" for said in tab.complaints]
            tab.complaints.clear()
            assert not found, "\n".join([f"{path}:", *found])

        yield look


@pytest.mark.parametrize("name", FULL)
def test_pages_with_data(check, gallery, name):
    check(gallery.full, FULL[name].format_map(gallery.paths))


@pytest.mark.parametrize("name", EMPTY)
def test_pages_without_data(check, gallery, name):
    check(gallery.empty, EMPTY[name])


@pytest.mark.parametrize("name", STRANGER)
def test_pages_before_signing_in(check, gallery, name):
    path, status = STRANGER[name]
    check(None, path.format_map(gallery.paths), status)


def test_another_space(check, gallery, installation):
    """The bar that says so, as an administrator sees it, and the word for who lost their place."""
    looking = installation.person("looking", role="admin")
    looking.show(gallery.full)
    check(looking, "/agents")
    lost = installation.person("lost")
    lost.show(gallery.full)
    check(lost, "/agents")


def test_an_error_page(check, gallery):
    check(gallery.full, "/tasks/00000000000000000000", 404)


def test_forms_with_errors_and_with_somebody_elses_change(gallery, tab):
    """What a form answers is looked at where it stands: it has no address of its own."""
    opened = tab(gallery.full)
    looker = Looker(opened.page)
    for path, typed in (
        ("/agents/new", {"name": "", "parameters": "{"}),
        (gallery.paths["made"] + "/edit", {"description": "mine", "revision": "1"}),
    ):
        looker.go_to(f"{opened.address}{path}")
        for name, value in typed.items():
            opened.page.evaluate(
                "([name, value]) => { document.forms.namedItem('agent')[name].value = value }", [name, value]
            )
        opened.page.locator("form[name=agent] button").click()
        opened.page.wait_for_selector("#problems")
        found = [fault for fault in looker.faults() if "first visit" not in fault]
        assert not found, "\n".join(found)
    opened.forgive("Failed to load resource")


def test_the_checks_find_what_is_planted(tab, gallery):
    opened = tab(gallery.full)
    looker = Looker(opened.page)
    looker.go_to(f"{opened.address}/login/none")
    opened.forgive("Failed to load resource")
    opened.page.evaluate("""() => {
      const main = document.getElementById("main");
      main.append(document.createElement("button"));
      const words = main.appendChild(document.createElement("p"));
      words.textContent = "hardly to be seen";
      words.style.cssText = "color: #888; background: #808080; width: 600px";
    }""")
    looker.sizes += [BYTES] * REQUESTS
    found = "\n".join(looker.faults())
    assert "button-name" in found
    assert all(
        f"{look}: color-contrast: <p" in found
        for look in ("wide, light", "wide, dark", "narrow, dark", "narrow, light")
    )
    assert "wider than 390 px: <p" in found
    assert "a first visit takes 8" in found
    assert " requests" in found

    opened.page.evaluate("new Image().src = 'http://localhost:9/x.png'")
    opened.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.hacked = 1'}))"
    )
    opened.page.evaluate("setTimeout(() => { throw new Error('planted') })")
    opened.page.wait_for_function("() => true")
    said = "\n".join(opened.complaints)
    assert "x.png" in said
    assert "planted" in said
    assert "script-src" in said
    opened.complaints.clear()
