"""Making and changing agents by hand: forms, revisions, audit."""

import re

import pytest
from sqlalchemy import event, select, update

from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.audit import AuditEvent
from swarm_ui.extensions import db
from swarm_ui.ingest.identity import agent_id_of
from swarm_ui.tenancy import bind_owner
from tests.pages import Page

FIELDS = ("name", "serviceName", "type", "capabilities", "llmModel", "description", "parameters")


@pytest.fixture
def rows(alice):
    """What is in a table of Alice's now: `rows(Agent)`."""

    def read(model, *conditions):
        db.session.rollback()
        db.session.expire_all()
        bind_owner(db.session, alice.id)
        found = list(
            db.session.scalars(select(model).where(*conditions).order_by(model.created_at, model.id))
        )
        db.session.expunge_all()  # what is read stays as it was read
        return found

    return read


@pytest.fixture
def events(rows):
    """(action, before, after) of the audit trail, oldest first."""
    return lambda: [(found.action, found.before, found.after) for found in rows(AuditEvent)]


@pytest.fixture
def client(client, time):
    """A second passes with each change, so that their order can be told."""
    send = client.post
    client.post = lambda *args, **options: (time.forward(seconds=1), send(*args, **options))[1]
    return client


@pytest.fixture
def save(client, time):
    """Posts a form as a browser does: what is in it, but for what is typed here."""

    def post(url, by=client, **typed):
        time.forward(seconds=1)
        seen = Page(by.get(url), url)
        form = next(form for form in seen.select("main form") if form.get("method") == "post")
        values = {tag["name"]: tag.get("value", "") for tag in form.select("input[name]")}
        values |= {tag["name"]: tag.get_text()[1:] for tag in form.select("textarea[name]")}
        for tag in form.select("select[name]"):
            chosen = tag.select_one("option[selected]") or tag.select_one("option")
            values[tag["name"]] = chosen["value"]
        return by.post(form["action"], data=values | typed)

    return post


def shown(response) -> Page:
    return Page(response, response.request.path)


# ── making one ──


def test_an_agent_is_made(save, rows, events, alice, page):
    answer = save(
        "/agents/new", name="  researcher ", serviceName="my-swarm", type="analysis", capabilities="web_search, fetch_page\nquote",
        llmModel="gpt-4.1", description="Reads.\r\nAsk Mira.", parameters='{"temperature": 0.2}',
    )  # fmt: skip
    assert answer.status_code == 303
    (agent,) = rows(Agent)
    assert agent.id == agent_id_of(alice.id, "my-swarm", "researcher")
    assert answer.location == f"/agents/{agent.id}"
    assert (agent.name, agent.service_name, agent.type, agent.llm_model) == (
        "researcher",
        "my-swarm",
        "analysis",
        "gpt-4.1",
    )
    assert agent.capabilities == ["web_search", "fetch_page", "quote"]
    assert agent.description == "Reads.\nAsk Mira."
    assert agent.parameters == {"temperature": 0.2}
    assert (agent.origin, agent.condition, agent.status, agent.revision) == ("authored", "new", "active", 1)
    assert agent.edited == ["capabilities", "llmModel", "type"]
    (kept,) = rows(AgentRevision)
    assert (kept.number, kept.actor, kept.actor_id) == (1, "Alice Archer", alice.id)
    ((action, before, after),) = events()
    assert (action, before) == ("agent.create", None)
    assert (after["name"], after["parameters"]) == ("researcher", {"temperature": 0.2})
    seen = page(f"/agents/{agent.id}")
    assert "made here" in seen.text
    assert "Analysis agent, gpt-4.1" in seen.text
    assert "researcher" in page("/agents").text


def test_a_name_is_enough(save, rows):
    assert save("/agents/new", name="planner").status_code == 303
    (agent,) = rows(Agent)
    assert (agent.type, agent.edited, agent.capabilities, agent.parameters) == ("reasoning", [], None, None)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "", "An agent needs a name that can be seen."),
        ("name", "\u200b \u00ad", "An agent needs a name that can be seen."),
        ("name", "x" * 256, "At most 255 characters; these are 256."),
        ("serviceName", "s" * 256, "At most 255 characters"),
        ("type", "magic", "Choose one of reasoning, execution, coordination, analysis."),
        ("capabilities", "\n".join(map(str, range(101))), "At most 100 entries; these are 101."),
        ("capabilities", "fine\n" + "c" * 201, "Entry 2 has 201 characters; at most 200 are kept."),
        ("llmModel", "m" * 256, "At most 255 characters"),
        ("description", "d" * 100_001, "At most 100,000 characters; these are 100,001."),
        ("parameters", "[1]", "Write an object"),
        ("parameters", '{"a": 1,\n "b": }', "Line 2, column 7: a value is expected here."),
        ("parameters", '{"a": 1 "b": 2}', "Line 1, column 9: a comma or the end"),
        ("parameters", '{a: 1}', "Line 1, column 2: a key in double quotes"),
        ("parameters", '{"a": "NaN",\n  "b": NaN}', "Line 2, column 8: NaN is not JSON; write a number or null."),
        ("parameters", '{"a": -Infinity}', "Line 1, column 7: -Infinity is not JSON"),
        ("parameters", '{"limits": {"max": 1e999}}', "limits.max: JSON knows no number like this."),
        ("parameters", '{"a": [0, 99999999999999999999]}', "a.1: this number needs more than 64 bits"),
        ("parameters", '{"a": "\\ud800"}', "a: this text holds a character that cannot be stored."),
        ("parameters", '{"\\u0000": 1}', "The object: a key holds a character that cannot be stored."),
        ("parameters", '{"a": ' + "[" * 24 + "]" * 24 + "}", "nested deeper than 24 levels."),
        ("parameters", '{"a": ' + "[" * 9_000 + "]" * 9_000 + "}", "deeper than 24 levels."),
        ("parameters", '{"a": 1, "a": 2}', "The key a is there twice."),
        ("parameters", '{"a": "' + "x" * 100_000 + '"}', "Larger than 100 KB."),
        ("parameters", '{"a": ' + "9" * 5_000 + "}", "A number is too long."),
        ("parameters", '{"a": "', "Line 1, column 7: the text that begins here does not end."),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_is_saved(save, rows, events, field, typed, said):
    answer = save("/agents/new", **({"name": "planner", "description": "kept"} | {field: typed}))
    assert answer.status_code == 422
    seen = shown(answer)
    control = seen.find(id=f"f-{field}")
    assert control["aria-invalid"] == "true"
    assert said in seen.find(id=f"error-{field}").get_text()
    assert f"error-{field}" in control["aria-describedby"].split()
    summary = seen.find(id="problems")
    assert summary["role"] == "alert"
    assert summary.find("a", href=f"#f-{field}")
    if field != "description":
        assert seen.find(id="f-description").get_text().strip() == "kept"
    assert rows(Agent) == rows(AgentRevision) == events() == []


def test_several_faults_are_listed_together(save):
    seen = shown(save("/agents/new", name="", parameters="{", type="magic"))
    assert [link["href"] for link in seen.select("#problems a")] == ["#f-name", "#f-type", "#f-parameters"]
    assert "look at 3 fields" in seen.text


def test_hostile_texts_are_kept_and_escaped(save, rows, page):
    evil = "<script>alert(1)</script>\"'&\u202e"
    save(
        "/agents/new",
        name=evil,
        serviceName=evil,
        capabilities=evil,
        llmModel=evil,
        description=evil,
        parameters='{"<b>": "</pre>"}',
    )
    (agent,) = rows(Agent)
    assert (agent.name, agent.description, agent.capabilities) == (evil, evil, [evil])
    for url in (f"/agents/{agent.id}", f"/agents/{agent.id}/edit", f"/agents/{agent.id}/revisions", f"/agents/{agent.id}/revisions/1", f"/agents/{agent.id}/delete"):  # fmt: skip
        seen = page(url)
        assert evil in seen.html.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace(
            "&#39;", "'"
        ).replace("&amp;", "&")
        assert "<script>alert" not in seen.html
    assert page(f"/agents/{agent.id}/edit").find(id="f-description").get_text().strip() == evil


@pytest.mark.parametrize("letter", ["d", "🐝"])
def test_a_description_of_a_hundred_thousand_characters(save, rows, page, events, letter):
    text = letter * 99_999 + "."
    assert save("/agents/new", name="talker", description=text).status_code == 303
    (agent,) = rows(Agent)
    assert agent.description == text
    assert "All 100,000 characters" in page(f"/agents/{agent.id}").text
    assert len(events()[0][2]["description"]) < 1_100
    assert save(f"/agents/{agent.id}/edit", description=text[:-1] + "!").status_code == 303
    seen = page(f"/agents/{agent.id}/revisions/2")
    assert len(seen.html) < 60_000
    assert seen.select("#diff del")[0].get_text().endswith(f"{letter}.")
    assert seen.select("#diff ins")[0].get_text().endswith(f"{letter}!")


@pytest.mark.parametrize("deleted", [False, True])
def test_a_taken_name_is_said_at_the_field(save, make, alice, bob, time, rows, deleted):
    make.agent(alice, name="planner", service_name="shop", deleted_at=time() if deleted else None)
    make.agent(bob, name="writer", service_name="shop")
    assert save("/agents/new", name="writer", serviceName="shop").status_code == 303
    assert save("/agents/new", name="planner", serviceName="other").status_code == 303
    answer = save("/agents/new", name="planner", serviceName="shop")
    assert answer.status_code == 422
    said = (
        "A deleted agent of the service shop has this name"
        if deleted
        else "Another agent of the service shop has this name."
    )
    assert said in shown(answer).find(id="error-name").get_text()
    answer = save(f"/agents/{rows(Agent, Agent.name == 'writer')[0].id}/edit", name="planner")
    assert said in shown(answer).find(id="error-name").get_text()
    assert len(rows(Agent)) == 3


# ── changing one ──


def test_the_first_edit_keeps_the_state_before(save, rows, events, make, alice, page):
    agent = make.agent(
        alice, name="browser", type="execution", llm_model="gpt-4.1-mini", capabilities=["open_page"]
    )
    assert save(f"/agents/{agent.id}/edit", type="analysis", description="Reads pages.").status_code == 303
    (now,) = rows(Agent)
    assert (now.type, now.description, now.edited, now.revision) == ("analysis", "Reads pages.", ["type"], 2)
    assert (now.llm_model, now.capabilities, now.name) == ("gpt-4.1-mini", ["open_page"], "browser")
    first, second = rows(AgentRevision)
    assert (first.number, first.actor, first.snapshot["type"], first.snapshot["edited"]) == (
        1,
        "traces",
        "execution",
        [],
    )
    assert (second.number, second.actor, second.snapshot["edited"]) == (2, "Alice Archer", ["type"])
    assert events() == [
        (
            "agent.update",
            {"type": "execution", "description": None, "edited": None},
            {"type": "analysis", "description": "Reads pages.", "edited": ["type"]},
        )
    ]
    listed = page(f"/agents/{agent.id}/revisions")
    assert "Type, Description" in listed.rows()[0]
    assert "as it was found" in listed.rows()[1]
    diff = page(f"/agents/{agent.id}/revisions/2").find(id="diff")
    assert [tag.get_text() for tag in diff.select("del, ins")] == [
        "was: as traces say: execution", "is: analysis", "is: Reads pages."
    ]  # fmt: skip


def test_saving_without_a_change_leaves_no_trace(save, rows, events, make, alice):
    agent = make.agent(
        alice, type="execution", llm_model="gpt", capabilities=["a"], parameters={"b": 1, "a": [2]}
    )
    assert save(f"/agents/{agent.id}/edit").status_code == 303
    assert rows(AgentRevision) == events() == []
    save(
        "/agents/new",
        name="made",
        capabilities="x\ny",
        type="analysis",
        parameters='{"z": 1, "a": {"k": null}}',
        description="a\nb",
    )
    made = rows(Agent, Agent.name == "made")[0]
    assert save(f"/agents/{made.id}/edit").status_code == 303
    assert len(rows(AgentRevision)) == len(events()) == 1


def test_a_revision_is_restored_as_a_new_one(save, client, rows, events, make, alice):
    agent = make.agent(alice, name="browser", type="execution", llm_model="mini")
    save(f"/agents/{agent.id}/edit", name="Surfer", type="analysis", llmModel="large", parameters='{"a": 1}')
    (now,) = rows(Agent)
    assert (now.name, now.traced_name, now.id) == ("Surfer", "browser", agent.id)
    answer = client.post(f"/agents/{agent.id}/revisions/1/restore")
    assert answer.status_code == 303
    (now,) = rows(Agent)
    assert (now.name, now.traced_name, now.edited, now.parameters, now.revision) == (
        "browser",
        None,
        [],
        None,
        3,
    )
    assert [kept.number for kept in rows(AgentRevision)] == [1, 2, 3]
    assert [action for action, _, _ in events()] == ["agent.update", "agent.restore_revision"]
    client.post(f"/agents/{agent.id}/revisions/3/restore")
    assert len(rows(AgentRevision)) == 3
    client.post(f"/agents/{agent.id}/revisions/2/restore")
    assert rows(Agent)[0].name == "Surfer"
    assert client.post(f"/agents/{agent.id}/revisions/9/restore").status_code == 404
    assert client.get(f"/agents/{agent.id}/revisions/{2**40}").status_code == 404


def test_a_revision_whose_name_is_taken_by_now_says_so(save, client, rows, make, alice):
    agent = make.agent(alice, name="browser", service_name="")
    save(f"/agents/{agent.id}/edit", name="Surfer")
    make.agent(alice, name="browser", service_name="")
    answer = client.post(f"/agents/{agent.id}/revisions/1/restore")
    assert answer.status_code == 422
    assert "Another agent without a service has this name." in shown(answer).text
    assert rows(Agent, Agent.id == agent.id)[0].name == "Surfer"


def test_revisions_are_paged(client, rows, make, alice, page):
    agent = make.agent(alice)
    for number in range(1, 61):
        make.agent_revision(alice, agent, number, snapshot={"name": f"n{number}", "edited": []})
    seen = page(f"/agents/{agent.id}/revisions")
    assert len(seen.rows()) == 50
    older = page(seen.link("Older revisions")["href"])
    assert [row.split()[1] for row in older.rows()] == [str(number) for number in range(10, 0, -1)]


def test_a_service_that_traces_say_stays(client, rows, make, alice, page):
    agent = make.agent(alice, name="browser", service_name="shop")
    assert page(f"/agents/{agent.id}/edit").find(id="f-serviceName").has_attr("readonly")
    answer = client.post(
        f"/agents/{agent.id}/edit", data={"name": "browser", "serviceName": "else", "revision": "0"}
    )
    assert answer.status_code == 422
    assert "Traces say which service" in shown(answer).find(id="error-serviceName").get_text()
    assert rows(AgentRevision) == []


def test_an_agent_no_trace_has_met_moves_with_its_name(save, client, rows, alice, page):
    save("/agents/new", name="wirter", serviceName="shop", description="typo")
    (old,) = rows(Agent)
    answer = save(f"/agents/{old.id}/edit", name="writer", serviceName="press")
    (now,) = rows(Agent)
    assert now.id == agent_id_of(alice.id, "press", "writer") != old.id
    assert now.traced_name is None
    assert answer.location == f"/agents/{now.id}"
    assert {kept.agent_id for kept in rows(AgentRevision)} == {now.id}
    assert client.get(f"/agents/{old.id}").location == f"/agents/{now.id}"
    assert save(f"/agents/{old.id}/edit", name="author").status_code == 303
    (again,) = rows(Agent)
    assert client.get(f"/agents/{old.id}").location == f"/agents/{again.id}"
    assert [row.split()[1] for row in page(f"/agents/{again.id}/revisions").rows()] == ["3", "2", "1"]
    assert client.post(f"/agents/{again.id}/revisions/1/restore").status_code == 303
    assert rows(Agent)[0].id == old.id
    assert client.get(f"/agents/{again.id}").location == f"/agents/{old.id}"


# ── two at once ──


def test_the_second_of_two_editors_is_told(save, client, client_of, rows, events, make, alice, bob):
    make.membership(alice, bob, "editor")
    other = client_of(bob, owner=alice)
    agent = make.agent(alice, name="browser")
    opened = {"name": "browser", "serviceName": "demo", "description": "mine", "revision": "0"}
    assert (
        save(f"/agents/{agent.id}/edit", by=other, description="theirs", type="analysis").status_code == 303
    )
    answer = client.post(f"/agents/{agent.id}/edit", data=opened)
    assert answer.status_code == 409
    seen = shown(answer)
    assert "Bob Baker changed this agent while you were editing it" in seen.text
    assert [tag.get_text() for tag in seen.select(".diff ins")] == ["is: analysis", "is: theirs"]
    assert seen.find(id="f-description").get_text().strip() == "mine"
    assert rows(Agent)[0].description == "theirs"
    assert len(events()) == 1
    # Having seen it, the second may decide.
    revision = seen.find("input", attrs={"name": "revision"})["value"]
    assert client.post(f"/agents/{agent.id}/edit", data=opened | {"revision": revision}).status_code == 303
    assert rows(Agent)[0].description == "mine"


def test_what_traces_say_meanwhile_is_no_conflict_and_no_edit(client, rows, make, alice):
    agent = make.agent(alice, name="browser", type="reasoning")
    with db.engine.begin() as connection:
        table = db.metadata.tables["swarm_agents"]
        connection.execute(update(table).where(table.c.id == agent.id).values(type="execution"))
    answer = client.post(
        f"/agents/{agent.id}/edit",
        data={"name": "browser", "serviceName": "demo", "description": "x", "revision": "0"},
    )
    assert answer.status_code == 303
    (now,) = rows(Agent)
    assert (now.type, now.edited, now.description) == ("execution", [], "x")


def test_a_name_that_somebody_takes_in_the_same_moment(client, rows, make, alice, app):
    """After the name was found free, and before the row is written."""
    taken = []

    def take(_mapper, _connection, agent):
        if agent.name == "planner" and not taken:
            taken.append(1)
            _connection.exec_driver_sql(
                f"INSERT INTO swarm_agents (id,userId,name,serviceName,type,status,createdAt,updatedAt) VALUES ('x{1:019d}',{alice.id},'planner','','reasoning','active','2026-01-01','2026-01-01')"
            )

    event.listen(Agent, "before_insert", take)
    try:
        answer = client.post("/agents/new", data={"name": "planner"})
    finally:
        event.remove(Agent, "before_insert", take)
    assert answer.status_code == 422
    assert "Another agent has just got this name." in shown(answer).find(id="error-name").get_text()
    assert rows(AuditEvent) == rows(AgentRevision) == []


# ── on and off ──


def test_it_is_switched_off_and_on(client, rows, events, make, alice, page, time):
    agent = make.agent(alice, condition="failing", status="error", health_score=20, last_heartbeat=time())
    for _ in range(2):
        assert client.post(f"/agents/{agent.id}/deactivate").status_code == 303
    (now,) = rows(Agent)
    assert (now.condition, now.status, now.switched_off) == ("inactive", "inactive", True)
    seen = page(f"/agents/{agent.id}")
    assert seen.select(".pagehead .status[data-s=inactive] use")[0]["href"] == "#s-inactive"
    assert "Switched off" in seen.text
    client.post(f"/agents/{agent.id}/activate")
    (now,) = rows(Agent)
    assert (now.condition, now.status, now.switched_off) == ("failing", "error", False)
    assert events() == [
        ("agent.deactivate", {"switchedOff": False}, {"switchedOff": True}),
        ("agent.activate", {"switchedOff": True}, {"switchedOff": False}),
    ]


# ── who may ──


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_than_editors_look_only(client_of, make, alice, bob, rows, events, page, role):
    make.membership(alice, bob, role)
    other, agent = client_of(bob, owner=alice), make.agent(alice)
    make.agent_revision(alice, agent)
    for method, path in [
        ("GET", "/agents/new"), ("POST", "/agents/new"), ("GET", f"/agents/{agent.id}/edit"), ("POST", f"/agents/{agent.id}/edit"),
        ("GET", f"/agents/{agent.id}/delete"), ("POST", f"/agents/{agent.id}/delete"), ("POST", f"/agents/{agent.id}/deactivate"),
        ("POST", f"/agents/{agent.id}/activate"), ("POST", f"/agents/{agent.id}/restore"),
        ("POST", f"/agents/{agent.id}/revisions/1/restore"), ("POST", "/api/v1/agents"), ("PATCH", f"/api/v1/agents/{agent.id}"),
        ("DELETE", f"/api/v1/agents/{agent.id}"),
    ]:  # fmt: skip
        body = (
            {"json": {"name": "n"}} if path.startswith("/api") else {"data": {"name": "n", "revision": "1"}}
        )
        assert other.open(path, method=method, **(body if method != "GET" else {})).status_code == 403, path
    assert events() == []
    for path in (
        f"/agents/{agent.id}",
        "/agents",
        "/agents/deleted",
        f"/agents/{agent.id}/revisions",
        f"/agents/{agent.id}/revisions/1",
    ):
        seen = page(path, client=other)
        assert not re.search(r"Edit|New agent|Deactivate|Delete…|Restore", seen.find(id="main").get_text()), (
            path
        )


def test_the_number_of_statements_does_not_grow(client, make, alice, statements):
    agent = make.agent(alice)
    make.agent_revision(alice, agent)
    urls = [f"/agents/{agent.id}/revisions", "/agents/deleted", f"/agents/{agent.id}/edit"]

    def counted():
        numbers = []
        for url in urls:
            with statements() as sent:
                assert client.get(url).status_code == 200
            numbers.append(len(sent))
        return numbers

    few = counted()
    for number in range(2, 20):
        make.agent_revision(alice, agent, number, snapshot={"name": f"n{number}", "edited": []})
        make.agent(alice, deleted_at=alice.created_at)
    assert counted() == few
