"""Jump to anything by name or id: the page of results, and the part that the dialog shows."""

import pytest

from swarm_ui.search import jumping


@pytest.fixture
def world(make, alice):
    agent = make.agent(alice, name="browser-agent")
    make.agent(alice, name="browser-gone", deleted_at=alice.created_at)
    workflow = make.workflow(alice, name="Browser checks")
    task = make.task(alice, name="crawl", status="failed", error_message="the browser crashed")
    alert = make.alert(alice, title="browser agent failed")
    make.index_words(alice)
    return agent, workflow, task, alert


def test_everything_with_a_name_is_found(page, world):
    agent, workflow, task, _alert = world
    opened = page("/search?q=BROWSER")
    assert [heading.get_text() for heading in opened.select("#places h2")] == [
        "Agents",
        "Workflows",
        "Runs",
        "Alerts",
    ]
    assert opened.link("browser-agent")["href"] == f"/agents/{agent.id}"
    assert opened.link("Browser checks")["href"] == f"/workflows/{workflow.id}"
    assert opened.link("crawl")["href"] == f"/tasks/{task.id}"
    assert opened.link("All runs that say")["href"] == "/tasks?q=BROWSER"
    assert opened.link("browser agent failed")["href"].startswith("/alerts?q=browser")
    assert "browser-gone" not in opened.text


def test_an_id_leads_there(page, world):
    for row, name in zip(
        world, ("browser-agent", "Browser checks", "crawl", "browser agent failed"), strict=True
    ):
        assert page(f"/search?q={row.id}").link(name)
    assert page(f"/search?q={world[2].trace_id}").link("crawl")


def test_pages_are_places_too(page):
    assert page("/search?q=api k").link("Settings: API keys")["href"] == "/settings/keys"
    assert page("/search").link("Workflows")["href"] == "/workflows"


def test_what_may_be_said_of_runs_may_be_said_here(page, world):
    assert page("/search?q=status:failed").link("crawl")
    assert "Nothing is called so" in page("/search?q=statuss:failed").text


@pytest.mark.parametrize(
    "asked", ["<script>alert(1)</script>", "汉字 🎉", "%", "' OR 1=1 --", '"', "\x00", "x" * 400]
)
def test_whatever_is_typed(page, world, asked):
    opened = page("/search", query_string={"q": asked})
    assert opened.select("#places script") == []


def test_too_much_is_refused(client):
    assert client.get("/search", query_string={"q": "x" * 401}).status_code == 422


def test_the_dialog_gets_the_list_alone(client, world):
    html = client.get("/search?q=browser", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert html.lstrip().startswith('<div class="places"')


def test_others_are_not_found(page, make, bob):
    agent = make.agent(bob, name="spy")
    task = make.task(bob, name="secret run", agents=[agent])
    make.workflow(bob, name="secret flow")
    make.alert(bob, title="secret alert")
    make.index_words(bob)
    for asked in ("secret", "spy", agent.id, task.id):
        assert "Nothing is called so" in page(f"/search?q={asked}").text


def test_it_is_bounded(client, make, alice, statements):
    def number() -> int:
        with statements() as sent:
            assert client.get("/search?q=same").status_code == 200
        return len(sent)

    make.agent(alice, name="same")
    make.task(alice, name="same")
    make.index_words(alice)
    number()  # the first search asks what the database can do
    few = number()
    for number_ in range(jumping.EACH + 4):
        make.agent(alice, name="same", service_name=f"service {number_}")
        make.workflow(alice, name="same", service_name=f"service {number_}")
        make.task(alice, name="same")
        make.alert(alice, title="same")
    make.index_words(alice)
    assert number() == few
    text = client.get("/search?q=same", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert text.count("<li>") == 4 * jumping.EACH + 1
