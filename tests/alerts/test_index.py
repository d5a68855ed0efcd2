from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.conftest import NOW


def titles(seen):
    return [title.get_text() for title in seen.select(".list .title")]


def test_open_alerts_stand_newest_first(page, make, alice):
    make.alert(alice, title="older", created_at=NOW - timedelta(hours=2))
    make.alert(alice, title="newer", created_at=NOW - timedelta(hours=1))
    make.alert(alice, title="done", resolved=True, resolved_at=NOW)
    seen = page("/alerts")
    assert titles(seen) == ["newer", "older"]
    assert "2 open" in seen.text
    assert titles(page("/alerts?state=resolved")) == ["done"]


def test_an_alert_leads_to_its_run_agent_and_workflow(page, make, alice):
    agent, flow = make.agent(alice, name="browser"), make.workflow(alice, name="brief")
    run = make.task(alice, agents=[agent], workflow_id=flow.id)
    make.alert(alice, related_agent_id=agent.id, related_task_id=run.id, message="403 Forbidden")
    row = page("/alerts").select(".list > li")[0]
    assert row.select_one("a.title")["href"] == f"/tasks/{run.id}"
    assert [link["href"] for link in row.select(".meta a")] == [
        f"/agents/{agent.id}",
        f"/workflows/{flow.id}",
    ]
    assert "403 Forbidden" in row.get_text()


def test_an_alert_whose_run_is_gone_leads_nowhere_else(page, make, alice):
    alert = make.alert(alice, related_task_id="gone", related_agent_id="gone")
    assert page("/alerts").select("a.title")[0]["href"] == f"#alert-{alert.id}"


def test_filters_are_in_the_url(page, make, alice):
    make.alert(alice, title="browser failed", severity="critical", message="Forbidden")
    make.alert(alice, title="brief did not end", severity="warning", alert_type="task_timeout")
    assert titles(page("/alerts?severity=warning")) == ["brief did not end"]
    assert titles(page("/alerts?type=agent_failure")) == ["browser failed"]
    assert titles(page("/alerts?q=FORBID")) == ["browser failed"]
    seen = page("/alerts?severity=info")
    assert "No alert matches" in seen.text
    assert (
        page("/alerts?state=resolved&severity=info").link("Clear the filters")["href"]
        == "/alerts?state=resolved"
    )


def test_all_clear_is_said(page):
    assert "All clear" in page("/alerts").text
    assert "Nothing resolved yet" in page("/alerts?state=resolved").text


def test_fifty_one_alerts_are_two_pages(page, make, alice):
    for number in range(51):
        make.alert(alice, title=f"alert {number}", severity="warning")
    first = page("/alerts?severity=warning")
    second = page(first.link("Next alerts")["href"])
    assert len(titles(first)) == 50
    assert set(titles(first)) | set(titles(second)) == {f"alert {number}" for number in range(51)}
    assert second.link("First alerts")["href"] == "/alerts?severity=warning"


def test_others_alerts_are_not_shown(page, make, bob):
    make.alert(bob, title="theirs")
    assert titles(page("/alerts")) == []


def test_a_viewer_sees_no_buttons(page, client_of, make, alice, bob):
    make.membership(alice, bob, "viewer")
    make.alert(alice, title="seen by all")
    seen = page("/alerts", client=client_of(bob, owner=alice))
    assert titles(seen) == ["seen by all"]
    assert not seen.select(".list form")


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def fill(times):
        for _ in range(times):
            agent = make.agent(alice)
            run = make.task(alice, agents=[agent], workflow_id=make.workflow(alice).id)
            make.alert(alice, related_agent_id=agent.id, related_task_id=run.id)

    fill(1)
    with statements() as few:
        client.get("/alerts")
    fill(10)
    with statements() as many:
        client.get("/alerts")
    assert len(few) == len(many) <= 6


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("severity:warning", ["late"]),
        ("-severity:warning", ["broken"]),
        ("agent:coder", ["broken"]),
        ("workflow:nightly*", ["broken"]),
        ("type:task_timeout", ["late"]),
        ("age:<1h", ["broken"]),
        ("age:>1h", ["late"]),
        ("-forbidden", ["late"]),
        ('forbidden agent:coder "by the edge"', ["broken"]),
        ("forbidden agent:nobody", []),
    ],
)
def test_the_box_takes_keys(page, make, alice, time, text, found):
    agent, workflow = make.agent(alice, name="coder"), make.workflow(alice, name="Nightly")
    run = make.task(alice, workflow_id=workflow.id)
    make.alert(
        alice,
        title="broken",
        message="403 Forbidden by the edge",
        related_agent_id=agent.id,
        related_task_id=run.id,
        created_at=time.now,
    )
    make.alert(
        alice,
        title="late",
        severity="warning",
        alert_type="task_timeout",
        created_at=time.now - timedelta(hours=3),
    )
    assert titles(page(f"/alerts?q={quote(text)}")) == found


def test_a_part_that_makes_no_sense_is_named(page, make, alice):
    make.alert(alice, title="broken")
    opened = page("/alerts?q=severity:bad")
    assert "“bad” is none of its values; allowed are critical, warning, info" in opened.text
    assert titles(opened) == ["broken"]
