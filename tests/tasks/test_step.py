"""One step opened: its panel, its payload."""

import pytest

from swarm_ui import clock
from swarm_ui.extensions import db
from swarm_ui.ingest.models import PayloadBlock, Resource
from swarm_ui.ingest.payload import Blocks, pack
from swarm_ui.jsontext import dump_bytes
from tests.pages import Page


@pytest.fixture
def task(make, alice):
    return make.task(alice)


@pytest.fixture
def panel(client, task):
    """The panel as HTMX gets it."""

    def open_step(step) -> Page:
        response = client.get(f"/tasks/{task.id}/spans/{step.span_id}", headers={"HX-Request": "true"})
        assert response.status_code == 200
        return Page(response, response.request.path, fragment=True)

    return open_step


def pairs(page: Page, selector: str = "dl.kv:not(.mono)") -> dict[str, str]:
    found = page.soup.select_one(selector)
    return {dt.get_text(): " ".join(dt.find_next("dd").get_text(" ").split()) for dt in found.select("dt")}


def code(page: Page, label: str) -> str:
    return page.find("pre", attrs={"aria-label": label}).get_text()


def packed(**document) -> bytes:
    return pack(dump_bytes(document))


def test_a_failed_tool_call(panel, make, alice, task):
    agent = make.agent(alice, name="browser", type="execution")
    top = make.span(alice, task, name="invoke browser", kind="agent", agent_id=agent.id)
    start = clock.to_us(task.started_at)
    step = make.span(
        alice, task, name="fetch_page", kind="tool", agent_id=agent.id, parent_span_id=top.span_id, status="error",
        started_at=start + 38_200_000, ended_at=start + 68_200_000, error_type="HTTPStatusError", error_message="403 Forbidden",
        payload=packed(
            attributes={
                "gen_ai.tool.call.arguments": '{"url": "https://acme.example", "render": true}',
                "gen_ai.tool.call.result": {"ok": False, "status": 403},
                "swarm.proxy": "none",
            },
            events=[
                {"name": "exception", "at": start + 68_200_000, "attributes": {"exception.type": "E", "exception.stacktrace": "Traceback\n  line 7"}}
            ],
        ),
    )  # fmt: skip
    make.log(alice, task, span_id=step.span_id, message="giving up", level="error")
    make.log(alice, task, message="of another step")
    page = panel(step)
    assert page.select("header .status")[0].get_text() == "Failed"
    assert page.find("h2").get_text() == "fetch_page"
    assert page.find("p", class_="code").get_text() == "HTTPStatusError: 403 Forbidden"
    assert pairs(page) == {
        "Agent": "browser execution",
        "Inside": "invoke browser",
        "Starts": "+38.2s",
        "Takes": "30.0s",
    }
    assert code(page, "Input") == '{\n  "url": "https://acme.example",\n  "render": true\n}'
    assert code(page, "Output") == '{\n  "ok": false,\n  "status": 403\n}'
    assert code(page, "Stack trace") == "Traceback\n  line 7"
    assert [line.get_text() for line in page.select(".log .msgtext")] == ["giving up"]
    assert page.link("invoke browser")["href"] == f"?span={top.span_id}#span"
    assert page.link("browser")["href"] == f"/agents/{agent.id}"
    attributes = pairs(page, "details:not(:has(h3)) > dl.kv.mono")
    assert attributes["swarm.proxy"] == "none"
    assert attributes["trace id"] == task.trace_id


def test_a_model_call_with_an_estimated_cost(panel, make, alice, task):
    step = make.span(
        alice,
        task,
        kind="llm",
        name="chat",
        model="gpt-4.1",
        provider="openai",
        input_tokens=1200,
        output_tokens=80,
        cached_tokens=700,
    )
    make.metric(alice, task, span_id=step.span_id, estimated_cost=0.0123)
    found = pairs(panel(step))
    assert found["Model"] == "gpt-4.1 openai"
    assert found["Tokens"] == "1.2k in, 80 out 700 cached"
    assert found["Cost"] == "$0.01 estimated"


def test_the_cost_that_the_client_sent_is_not_an_estimate(panel, make, alice, task):
    step = make.span(alice, task, kind="llm", cost=0.5)
    make.metric(alice, task, span_id=step.span_id, estimated_cost=0.5)
    assert pairs(panel(step))["Cost"] == "$0.50"


def test_a_model_call_of_which_nothing_is_known(panel, make, alice, task):
    found = pairs(panel(make.span(alice, task, kind="llm")))
    assert (found["Model"], found["Tokens"], found["Cost"]) == ("–", "–", "–")


def test_a_payload_that_cannot_be_read_hides_nothing_else(panel, make, alice, task):
    page = panel(make.span(alice, task, name="damaged", payload=b"\x01not zstd"))
    assert page.find("h2").get_text() == "damaged"
    assert page.find("pre") is None


def test_a_payload_in_a_block_and_the_process_that_sent_it(panel, client, make, alice, task):
    blocks = Blocks(clock.now_us())
    blocks.add(dump_bytes({"attributes": {"of": "another"}}))
    payload = blocks.add(dump_bytes({"attributes": {"input.value": "question"}, "resource": "ab" * 8}))
    db.session.add_all(PayloadBlock(id=id_, user_id=alice.id, body=body) for id_, body in blocks.rows())
    db.session.add(Resource(user_id=alice.id, hash="ab" * 8, attributes={"service.name": "atlas"}))
    db.session.commit()
    step = make.span(alice, task, payload=payload)
    page = panel(step)
    assert code(page, "Input") == "question"
    assert "service.name atlas" in page.text
    whole = client.get(f"/tasks/{task.id}/spans/{step.span_id}/payload").get_json(force=True)
    assert whole == {"attributes": {"input.value": "question"}, "resource": {"service.name": "atlas"}}


def test_long_content_is_cut_and_leads_to_the_whole(panel, client, make, alice, task):
    long = "<b>line</b>\n" * 9000
    step = make.span(
        alice,
        task,
        payload=packed(
            attributes={"input.value": long, "output.value": {"rows": list(range(9000))}, "k": "v" * 3000}
        ),
    )
    page = panel(step)
    assert len(page.html) < 60_000
    assert "… (3,000 characters)" in page.text
    links = [link for link in page.select("a.more") if "Show all" in link.get_text()]
    whole_input, whole_output = (client.get(link["href"]) for link in links)
    assert whole_input.get_data(as_text=True) == long
    assert whole_output.get_json(force=True)["rows"][-1] == 8999
    assert whole_input.mimetype == "text/plain"
    assert whole_input.headers["X-Content-Type-Options"] == "nosniff"
    assert whole_input.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_hostile_content(panel, make, alice, task):
    evil = '<script>alert("x")</script>汉字🎉\u202e'
    step = make.span(
        alice, task, name=evil, status="error", error_type=evil, error_message=evil + "\x00",
        payload=packed(
            attributes={evil: evil, "input.value": {evil: [evil, {"deep": evil}]}, "output.value": evil + "\x00"},
            events=[{"name": evil, "at": 0, "attributes": {evil: evil, "exception.stacktrace": evil}}, {"name": "bare", "at": 0}],
            links=[{"traceId": evil, "spanId": evil}],
        ),
    )  # fmt: skip
    page = panel(step)
    assert page.select("script, img") == []
    assert "\x00" not in page.html
    assert evil in code(page, "Output").replace("\ufffd", "")
    assert page.find("dt", string=evil)


def test_links_to_other_traces(panel, make, alice, bob, task):
    other, theirs = make.task(alice), make.task(bob)
    step = make.span(
        alice, task,
        payload=packed(
            links=[{"traceId": trace_id, "spanId": "c" * 16} for trace_id in (task.trace_id, other.trace_id, theirs.trace_id)]
        ),
    )  # fmt: skip
    items = panel(step).select("li.mono")
    assert [" ".join(item.get_text(" ").split()) for item in items] == [
        f"{'c' * 16} in this run", f"{'c' * 16} in another run", f"{theirs.trace_id} not here",
    ]  # fmt: skip
    assert items[1].a["href"] == f"/tasks/{other.id}?span={'c' * 16}#span"


def test_the_step_is_open_on_the_page_too(page, client, make, alice, task):
    step = make.span(alice, task, name="plan", kind="step")
    opened = page(f"/tasks/{task.id}?span={step.span_id}")
    assert opened.find(id="span").h2.get_text() == "plan"
    assert opened.soup.select_one("a.wf-row[aria-current]")["href"].startswith(f"?span={step.span_id}")
    plain = client.get(f"/tasks/{task.id}/spans/{step.span_id}")
    assert plain.status_code == 302
    assert plain.location == f"/tasks/{task.id}?span={step.span_id}#span"


def test_no_step_is_open_unless_chosen(page, make, alice, task):
    step = make.span(alice, task, status="error")
    assert page(f"/tasks/{task.id}").find(id="span").has_attr("hidden")
    failed = make.task(alice, status="failed", failed_span_id="d" * 16)
    make.span(alice, failed, span_id="d" * 16, name="cause", status="error")
    assert page(f"/tasks/{failed.id}").find(id="span").h2.get_text() == "cause"
    assert page(f"/tasks/{failed.id}?span=none").find(id="span").has_attr("hidden")
    assert "No such step" in page(f"/tasks/{task.id}?span=abc").text
    assert "No such step" in page(f"/tasks/{failed.id}?span={step.span_id}").text


def test_a_step_of_another_run_or_part_is_not_found(client, make, alice, task):
    other = make.span(alice, make.task(alice))
    own = make.span(alice, task)
    for path in (
        f"{other.span_id}",
        f"{other.span_id}/payload",
        f"{own.span_id}/payload?part=x",
        f"{own.span_id}/payload?part=stack",
    ):
        assert (
            client.get(f"/tasks/{task.id}/spans/{path}", headers={"HX-Request": "true"}).status_code == 404
        ), path
