"""What agents said to each other, and what was logged."""

from datetime import timedelta

import pytest

from tests.pages import Page


@pytest.fixture
def task(make, alice):
    return make.task(alice, name="Brief 47")


@pytest.fixture
def agents(make, alice):
    return make.agent(alice, name="planner"), make.agent(alice, name="browser")


@pytest.fixture
def fragment(client):
    def get(url: str) -> Page:
        response = client.get(url, headers={"HX-Request": "true"})
        assert response.status_code == 200
        return Page(response, url, fragment=True)

    return get


def said(page: Page) -> list[str]:
    return [" ".join(message.get_text(" ").split()) for message in page.select("article.msg")]


def test_messages_in_order_with_who_what_and_when(page, make, alice, task, agents):
    planner, browser = agents
    at = task.started_at
    make.message(
        alice,
        task,
        browser,
        planner,
        message_type="error",
        content={"text": "403"},
        at=at + timedelta(seconds=143.9),
    )
    make.message(alice, task, planner, browser, content={"data": {"url": "x"}}, at=at + timedelta(seconds=15))
    make.message(
        alice,
        task,
        planner,
        None,
        message_type="broadcast",
        content={"text": "ready"},
        at=at + timedelta(seconds=200),
    )
    make.message(alice, task, planner, None, message_type="status_update", content=None, at=None)
    assert said(page(f"/tasks/{task.id}/messages")) == [
        "– planner to – Status update –",
        '+15.0s planner to browser Request { "url" : "x" }',
        "+143.9s browser to planner Error 403",
        "+200.0s planner to everyone Broadcast ready",
    ]


def test_messages_by_type(page, fragment, make, alice, task, agents):
    make.message(alice, task, *agents, content={"text": "ask"})
    make.message(alice, task, *reversed(agents), message_type="response", content={"text": "answer"})
    for opened in (
        page(f"/tasks/{task.id}/messages?type=response"),
        fragment(f"/tasks/{task.id}/messages?type=response"),
    ):
        assert len(said(opened)) == 1
        assert (
            opened.find("nav", attrs={"aria-label": "Message type"})
            .find("a", attrs={"aria-current": True})
            .get_text()
            == "Response"
        )
        assert opened.find(id="count-messages").get_text() == "2"
    page(f"/tasks/{task.id}/messages?type=shout", status=422)


def test_messages_continue_by_cursor(page, fragment, make, alice, task, agents):
    for number in range(120):
        make.message(
            alice,
            task,
            *agents,
            content={"text": f"message {number:03}"},
            at=task.started_at + timedelta(seconds=number // 7),
        )
    opened = page(f"/tasks/{task.id}")
    assert opened.find("a", href="#messages").get_text() == "Messages 120"
    seen = [part.get_text() for part in opened.select("#messages .said p")]
    more = opened.link("More messages")
    while more:
        opened = fragment(more["hx-get"])
        assert opened.find("section") is None
        seen += [part.get_text() for part in opened.select(".said p")]
        more = opened.find("a", string="More messages")
    assert sorted(seen) == [f"message {number:03}" for number in range(120)]
    assert len(set(seen)) == 120


def test_a_long_message_is_cut_and_can_be_had_whole(client, page, fragment, make, alice, task, agents):
    message = make.message(alice, task, *agents, content={"text": "<i>" + "x" * 88_000})
    opened = page(f"/tasks/{task.id}")
    assert len(opened.html) < 80_000
    link = opened.link("Show all 88,003 characters")
    assert link["hx-get"] == f"/tasks/{task.id}/messages/{message.id}"
    assert len(fragment(link["hx-get"]).soup.select_one(".said p").get_text()) == 88_003
    whole = client.get(link["href"])
    assert whole.mimetype == "text/plain"
    assert whole.get_data(as_text=True) == "<i>" + "x" * 88_000


def lines(page: Page) -> list[str]:
    return [line.get_text() for line in page.select(".log .msgtext")]


def test_logs_say_when_how_bad_who_and_what(page, make, alice, task, agents):
    make.log(
        alice,
        task,
        agent_id=agents[1].id,
        level="warning",
        message="403 in 690ms",
        at=task.started_at + timedelta(seconds=39.1),
    )
    opened = page(f"/tasks/{task.id}")
    (line,) = opened.select("#logs .log > li")
    assert " ".join(line.get_text(" ").split()) == "+39.1s Warning browser 403 in 690ms"
    assert line["data-level"] == "warning"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["debug", "info", "warning", "error", "critical"]),
        ("?level=debug", ["debug", "info", "warning", "error", "critical"]),
        ("?level=warning", ["warning", "error", "critical"]),
        ("?level=critical", ["critical"]),
        ("?agent={agent}", ["error"]),
        ("?agent={agent}&level=critical", []),
        ("?span=" + "a" * 16, ["info"]),
    ],
)
def test_logs_by_level_agent_and_step(page, fragment, make, alice, task, agents, query, found):
    for number, level in enumerate(("debug", "info", "warning", "error", "critical")):
        make.log(
            alice, task, level=level, message=level, at=task.started_at + timedelta(seconds=number),
            agent_id=agents[0].id if level == "error" else None, span_id="a" * 16 if level == "info" else None,
        )  # fmt: skip
    url = f"/tasks/{task.id}/logs" + query.format(agent=agents[0].id)
    assert lines(page(url)) == found
    assert lines(fragment(url)) == found
    page(f"/tasks/{task.id}/logs?level=loud", status=422)


def test_logs_continue_by_cursor_with_their_filter(page, fragment, make, alice, task):
    for number in range(230):
        make.log(
            alice, task, message=f"line {number}", level="error" if number % 2 else "info", at=task.started_at
        )
    opened = page(f"/tasks/{task.id}/logs?level=error")
    seen = lines(opened)
    assert len(seen) == 100
    rest = fragment(opened.link("More lines")["hx-get"])
    seen += [line.get_text() for line in rest.select(".msgtext")]
    assert set(seen) == {f"line {number}" for number in range(1, 230, 2)}
    assert rest.find("a", string="More lines") is None


def test_each_line_has_an_address(page, make, alice, task):
    made = [
        make.log(alice, task, message=f"line {number}", at=task.started_at + timedelta(seconds=number))
        for number in range(4)
    ]
    link = page(f"/tasks/{task.id}").find(id=f"log-{made[2].id}").a
    assert link["href"] == f"/tasks/{task.id}/logs?line={made[2].id}#log-{made[2].id}"
    assert lines(page(link["href"].partition("#")[0])) == ["line 2", "line 3"]


def test_a_long_line_is_cut_and_can_be_had_whole(client, page, make, alice, task):
    line = make.log(alice, task, message="y" * 5000, details={"status": 403})
    opened = page(f"/tasks/{task.id}")
    assert "y" * 1000 + "…" in opened.text
    assert "y" * 1001 not in opened.text
    link = opened.find(id=f"log-{line.id}").find("a", string="Show all")
    text = client.get(link["href"]).get_data(as_text=True)
    assert text.startswith("y" * 5000)
    assert '"status": 403' in text


def test_a_running_run_shows_its_newest_lines(page, make, alice):
    task = make.task(alice, status="running")
    for number in range(105):
        make.log(alice, task, message=f"line {number}", at=task.started_at + timedelta(seconds=number))
    opened = page(f"/tasks/{task.id}")
    assert lines(opened)[0] == "line 5"
    assert lines(opened)[-1] == "line 104"
    assert "105 lines, the newest 100" in opened.text


def test_nothing_was_said_or_logged(page, task):
    opened = page(f"/tasks/{task.id}")
    assert "No messages" in opened.find(id="messages").get_text()
    assert "No logs" in opened.find(id="logs").get_text()


@pytest.fixture
def logged(make, alice, task, agents):
    for number, level in enumerate(("info", "info", "error")):
        make.log(
            alice, task, level=level, message=f"line {number}", at=task.started_at + timedelta(seconds=number),
            agent_id=agents[0].id,
        )  # fmt: skip
    return task


@pytest.mark.parametrize("url", ["/tasks/{}/logs", "/tasks/{}"])
def test_a_filter_stands_in_the_address_of_the_logs_and_of_the_run(page, make, alice, logged, agents, url):
    url = url.format(logged.id)
    logged.assigned_agents = [agent.id for agent in agents]
    narrowed = page(f"{url}?level=error&q=LINE&agent={agents[0].id}")
    assert lines(narrowed) == ["line 2"]
    panel = narrowed.find(id="logs")
    assert panel.header.p.get_text() == "1 of 3 lines"
    assert narrowed.find(id="log-q")["value"] == "LINE"
    assert narrowed.find(id="log-level").find("option", selected=True)["value"] == "error"
    assert narrowed.find(id="log-agent").find("option", selected=True)["value"] == agents[0].id
    assert panel.find("a", string="Clear filters")["href"] == f"/tasks/{logged.id}/logs#logs"
    nothing = page(f"{url}?q=nowhere").find(id="logs")
    assert nothing.header.p.get_text() == "0 of 3 lines"
    assert "No line matches." in nothing.get_text()
    everything = page(url).find(id="logs")
    assert everything.header.p.get_text() == "3 lines"
    assert everything.find("a", string="Clear filters") is None
    page(f"{url}?level=loud", status=422)


def test_the_filter_of_a_running_run_is_kept_by_what_asks_again(page, make, alice):
    task = make.task(alice, status="running")
    make.log(alice, task, level="error", message="broken")
    make.log(alice, task, level="info", message="fine")
    asked = page(f"/tasks/{task.id}?level=error").find(id="logs")["hx-get"]
    assert asked == f"/tasks/{task.id}/logs?level=error"


def test_the_step_that_is_open_is_no_filter_of_the_lines(page, logged):
    assert len(lines(page(f"/tasks/{logged.id}?span=none"))) == 3
