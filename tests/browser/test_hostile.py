"""Data that attacks: every text of it is markup that would run. It is shown as it is, everywhere, and nothing of it runs."""

import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import swarm
from tests.browser.conftest import Tab
from tests.otlp import Draft, failing, logs, metric, span_id, trace_id

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
# Out of an attribute, out of the elements that hold plain text, and as htmx would read it.
HOSTILE = f"\"'></title></textarea></svg>{SCRIPT}{IMAGE}<a hx-get=/ hx-trigger=load data-live href=javascript:window.hacked=1>{{{{7*7}}}}"
MOST = HOSTILE[:255]


def hostile_run() -> list[Draft]:
    words = dict.fromkeys(
        ("gen_ai.provider.name", "gen_ai.request.model", "session.id", "gen_ai.tool.type", HOSTILE), HOSTILE
    )
    content = {
        "gen_ai.input.messages": json.dumps(
            [{"role": HOSTILE, "parts": [{"type": "text", "content": HOSTILE}]}]
        ),
        "gen_ai.output.messages": HOSTILE,
    }
    broken = failing(HOSTILE, HOSTILE)
    common: dict[str, Any] = {"service": MOST, "scope": (MOST, MOST)}

    def step(number: int, operation: str, naming: str, parent: int = 0, **more: Any) -> Draft:
        attributes = words | content | {"gen_ai.operation.name": operation, f"gen_ai.{naming}.name": MOST}
        return Draft(number, HOSTILE, parent, attributes=attributes, **common | more)

    drafts = [
        step(1, "invoke_workflow", "workflow", seconds=30, **broken),
        step(2, "invoke_agent", "agent", 1, seconds=20, **broken),
        Draft(3, HOSTILE, 2, attributes=words | content | {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": f"b{MOST[:200]}"}, seconds=15, **common, **broken),
        step(4, "chat", "tool", 3, seconds=3),
        step(5, "execute_tool", "tool", 3, seconds=9, **broken | {"links": ((99, 99),)}),
    ]  # fmt: skip
    return [swarm.lately(draft, swarm.RECENTLY) for draft in drafts]


@pytest.fixture
def victim(person):
    mira = person("victim")
    line = {
        "timeUnixNano": str(time.time_ns()),
        "severityNumber": 17,
        "body": {"stringValue": HOSTILE},
        "eventName": HOSTILE,
        "traceId": trace_id(1),
        "spanId": span_id(5),
    }
    mira.send_logs(
        logs(line | {"attributes": [{"key": HOSTILE, "value": {"stringValue": HOSTILE}}]}, service=MOST)
    )
    mira.send(*hostile_run())
    counted = metric(
        MOST,
        [
            {
                "asInt": "1",
                "timeUnixNano": str(time.time_ns()),
                "attributes": [{"key": HOSTILE, "value": {"stringValue": HOSTILE}}],
            }
        ],
    )
    mira.ask("POST", "/v1/metrics", counted)
    return mira


def assert_unhurt(opened: Tab) -> None:
    assert opened.page.evaluate("window.hacked") is None, opened.path
    assert opened.page.locator("img, script:not([src]), a[href^='javascript:'], [onerror]").count() == 0, (
        opened.path
    )
    assert "49" not in opened.page.title()


def test_nothing_of_a_hostile_run_is_executed(tab, victim):
    run = victim.run(1, "failed")
    opened = tab(victim)
    task, span = f"/tasks/{run['id']}", run["failedSpanId"]
    paths = [
        "/",
        "/connect",
        "/agents",
        f"/agents/{run['failedAgentId']}",
        "/tasks",
        task,
        f"{task}?steps=all&span={span}",
        f"{task}/messages",
    ]
    paths += [
        f"{task}/logs",
        f"{task}/logs?span={span}",
        f"{task}/spans/{span}/payload",
        f"{task}/content/input",
        "/workflows",
    ]
    paths += [
        f"/workflows/{run['workflowId']}",
        "/alerts",
        "/metrics",
        "/settings",
        "/settings/integrations",
        "/settings/keys",
        "/settings/audit",
    ]
    for path in paths:
        opened.open(path)
        assert "window.hacked=1" in opened.page.locator("body").inner_text() or path in (
            "/connect",
            "/metrics",
            "/settings",
            "/settings/keys",
            "/settings/audit",
        ), path
        assert_unhurt(opened)


def test_nor_when_parts_of_pages_are_swapped(tab, victim):
    run = victim.run(1, "failed")
    opened = tab(victim)
    opened.open(f"/tasks/{run['id']}")
    for row in (0, -1):
        opened.page.locator("a.wf-row").nth(row).click()
        expect(opened.page.locator("#span")).to_contain_text("window.hacked=1")
        opened.page.evaluate(
            "for (const part of document.querySelectorAll('#span details')) part.open = true"
        )
        assert_unhurt(opened)
    for path in ("/tasks", "/alerts"):
        opened.open(path)
        opened.page.locator("#q").fill(HOSTILE)
        opened.page.wait_for_url(re.compile("q=.*hacked"))
        expect(opened.page.locator("#list")).to_contain_text("onerror")
        assert_unhurt(opened)
    opened.page.get_by_role("button", name="Resolve").click()
    expect(opened.page.get_by_role("button", name="Reopen")).to_be_visible()
    assert_unhurt(opened)


def test_nor_what_an_address_carries(tab, mira):
    opened = tab(mira)
    for path, status in ((f"/tasks?cursor={IMAGE}", 422), (f"/agents?q={IMAGE}", 200), (f"/{IMAGE}", 404)):
        opened.open(path, status)
        assert_unhurt(opened)
    opened.page.context.clear_cookies()
    for path, status in (("/login?next=javascript:window.hacked=1", 200), (f"/login/{IMAGE}", 404)):
        opened.open(path, status)
        assert_unhurt(opened)
