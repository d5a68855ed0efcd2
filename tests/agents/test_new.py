"""Making agents by hand: what the form takes, and how it says what it does not."""

import pytest

from swarm_ui.agents.models import Agent, AgentRevision
from swarm_ui.ingest.identity import agent_id_of
from tests.pages import Page


def shown(response) -> Page:
    return Page(response, response.request.path)


def test_an_agent_is_made(save, rows, events, alice, page):
    answer = save(
        "/agents/new", name="  researcher ", serviceName="my-swarm", type="analysis", capabilities="web_search, fetch_page\nquote",
        llmModel="gpt-4.1", description="Reads.\r\nAsk Mira.", parameters='{"temperature": 0.2}',
    )  # fmt: skip
    assert answer.status_code == 303
    (agent,) = rows(Agent)
    assert agent.id == agent_id_of(alice.space_key, "my-swarm", "researcher")
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
