"""The search box of the runs: what each key finds, what is refused and how, and how the menus write into the text."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from swarm_ui import clock


@pytest.fixture
def found(page):
    """The names that a text finds, sorted."""

    def find(text: str, status: int = 200) -> list[str]:
        opened = page(f"/tasks?q={quote(text)}", status=status)
        return sorted(link.get_text() for link in opened.select("#list tbody td:first-child > a"))

    return find


@pytest.fixture
def runs(make, alice, time):
    coder, writer = make.agent(alice, name="coder"), make.agent(alice, name="brief-writer")
    nightly, daily = make.workflow(alice, name="Nightly report"), make.workflow(alice, name="Daily digest")
    ago = lambda **passed: clock.now() - timedelta(**passed)  # noqa: E731
    make.task(
        alice,
        name="cheap",
        agents=[coder],
        workflow_id=nightly.id,
        started_at=ago(minutes=30),
        estimated_cost=0.01,
        execution_time=900,
        token_usage=400,
        error_count=0,
        session_id="chat-17",
    )
    make.task(
        alice,
        name="dear",
        agents=[coder, writer],
        workflow_id=daily.id,
        started_at=ago(hours=5),
        estimated_cost=1.5,
        execution_time=180_000,
        token_usage=12_000,
        error_count=2,
        status="failed",
        error_type="TimeoutError",
        error_message="no answer after 30 s",
        failed_step="fetch_page",
    )
    make.task(
        alice, name="old", agents=[writer], started_at=ago(days=40), estimated_cost=None, execution_time=None,
        token_usage=None, error_count=None, status="timeout", source="api",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["cheap", "dear", "old"]),
        ("status:failed", ["dear"]),
        ("status:failed,timeout", ["dear", "old"]),
        ("STATUS:Failed", ["dear"]),
        ("-status:completed", ["dear", "old"]),
        ("agent:coder", ["cheap", "dear"]),
        ("agent:CODER agent:brief-writer", ["dear"]),
        ("agent:coder,brief-writer", ["cheap", "dear", "old"]),
        ("-agent:coder", ["old"]),
        ("agent:brief*", ["dear", "old"]),
        ("agent:*writer", ["dear", "old"]),
        ("agent:*rief*", ["dear", "old"]),
        ("agent:nobody", []),
        ("-agent:nobody", ["cheap", "dear", "old"]),
        ('workflow:"Nightly report"', ["cheap"]),
        ("workflow:nightly*", ["cheap"]),
        ('-workflow:"Nightly report"', ["dear", "old"]),
        ("cost:>0.5", ["dear"]),
        ("cost:>$0.5", ["dear"]),
        ("cost:<=1.5", ["cheap", "dear"]),
        ("cost:1.5", ["dear"]),
        ("-cost:>0.5", ["cheap", "old"]),
        ("duration:>2m", ["dear"]),
        ("duration:<1s", ["cheap"]),
        ("duration:180s", ["dear"]),
        ("tokens:>10k", ["dear"]),
        ("errors:0", ["cheap"]),
        ("errors:>0", ["dear"]),
        ("age:<2h", ["cheap"]),
        ("age:>30d", ["old"]),
        ("age:<30d age:>1h", ["dear"]),
        ("-age:<2h", ["dear", "old"]),
        ("since:2026-11-17", ["cheap"]),
        ("until:2026-11-16", ["dear", "old"]),
        ("since:2026-11-16T20:00Z until:2026-11-17T01:00Z", ["dear"]),
        ("error:timeout", ["dear"]),
        ("error:fetch_", ["dear"]),
        ('error:"no answer"', ["dear"]),
        ("error:nothing", []),
        ("name:che", ["cheap"]),
        ("session:CHAT", ["cheap"]),
        ("source:api", ["old"]),
        ("status:failed agent:coder cost:>0.5 age:<6h", ["dear"]),
    ],
)
def test_what_is_found(found, runs, text, names):
    assert found(text) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status:broken", "status:broken “broken” is none of its values; allowed are pending, running"),
        ("statuss:failed", "there is no statuss:. Did you mean status:? Keys are status, workflow"),
        ("cost:>cheap", "“cheap” cannot be read; write for example >0.5"),
        ("cost:", "says no value"),
        ("status:>failed", "takes no >"),
        ("age:2h", "is compared with one duration"),
        ("age:<soon", "“soon” is no duration"),
        ("age:<99999999999w", "is no duration"),
        ("duration:>9" + "9" * 40 + "s", "cannot be read"),
        ("since:yesterday", "“yesterday” is no day"),
        ("agent:a*b", "takes * at the beginning or the end"),
        ("trace:汉字", "is no id"),
        ("x" * 500, "is longer than 400 characters"),
        ("a " * 30, "one too many"),
    ],
)
def test_a_part_that_makes_no_sense_is_named_and_left_out(page, runs, text, said):
    opened = page(f"/tasks?q={quote(f'agent:coder {text}')}", status=422)
    assert said in opened.find(id="problem").get_text(" ", strip=True).replace("\n", " ")
    assert opened.find("input", id="q")["value"].startswith("agent:coder")


def test_the_rest_of_the_search_holds(found, runs):
    assert found("agent:coder statuss:failed", status=422) == ["cheap", "dear"]


def test_pasted_text_is_text(found, make, alice):
    make.task(alice, name="crawl", error_message="ValueError: see https://example.org/a:b")
    make.index_words(alice)
    assert found('"ValueError: see"') == ["crawl"]
    assert found("ValueError: see") == ["crawl"]
    assert found("https://example.org/a:b") == ["crawl"]


def test_a_form_becomes_an_address_with_one_text(client):
    def sent(**values) -> str:
        return client.get("/tasks", query_string=values).location

    assert sent(q="refund", was="", status="failed", agent="", workflow="", age="<7d") == (
        "/tasks?q=refund+status:failed+age:%3C7d"
    )
    # Who typed over what a menu shows meant the text.
    assert sent(q="status:failed", was="status:timeout", status="timeout") == "/tasks?q=status:failed"
    assert sent(q="status:failed x", was="status:failed x", status="") == "/tasks?q=x"
    assert sent(q="", was="", status="") == "/tasks"


def test_a_form_without_a_load_gets_list_menus_and_the_written_text(client, runs):
    headers = {"HX-Request": "true"}
    chosen = client.get("/tasks?q=x&was=x&status=failed&age=", headers=headers)
    assert chosen.headers["HX-Push-Url"] == "/tasks?q=x+status:failed"
    assert chosen.headers["HX-Trigger"] == '{"search-text": "x status:failed"}'
    typed = client.get("/tasks?q=status:failed&was=&status=", headers=headers)
    assert "HX-Trigger" not in typed.headers
    html = typed.get_data(as_text=True)
    assert html.count("hx-swap-oob") == 2
    assert '<option value="failed" selected>' in html


def test_half_a_word_leaves_what_is_shown(client, runs):
    answer = client.get("/tasks?q=status:fai&was=&status=", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert answer.headers["HX-Reswap"] == "none"
    assert answer.headers["HX-Push-Url"] == "false"
    assert "none of its values" in answer.get_data(as_text=True)


def test_the_words_of_others_find_nothing(found, make, alice, bob):
    make.task(
        bob,
        name="theirs",
        agents=[make.agent(bob, name="spy")],
        workflow_id=make.workflow(bob, name="secret").id,
    )
    make.task(alice, name="mine")
    assert found("agent:spy") == found("workflow:secret") == found("name:theirs") == []


def test_programs_are_told(client, runs):
    assert [item["name"] for item in client.get("/api/v1/tasks?q=agent:coder cost:>1").json["items"]] == [
        "dear"
    ]
    refused = client.get("/api/v1/tasks?q=statuss:failed")
    assert refused.status_code == 422
    assert "there is no statuss:" in refused.json["detail"]


@pytest.mark.parametrize(
    ("text", "begins", "offered"),
    [
        ("st", 0, ["status:"]),
        ("refund -ag", 7, ["-agent:", "-age:"]),
        ("status:f", 0, ["status:failed"]),
        ("status:failed,ti", 0, ["status:failed,timeout"]),
        ("agent:wri", 0, ["agent:brief-writer"]),
        ("x workflow:", 2, ['workflow:"Daily digest"', 'workflow:"Nightly report"']),
        ('workflow:"nightly r', 0, ['workflow:"Nightly report"']),
        ("cost:", 0, ["cost:>0.5", "cost:<=0.01"]),
        ("nothing:x", 0, []),
        ("agent:汉字", 0, []),
    ],
)
def test_completion(client, runs, text, begins, offered):
    answer = client.get("/search/complete", query_string={"list": "tasks", "text": text}).json
    assert answer["from"] == begins
    assert [item["text"] for item in answer["items"]] == offered


def test_completion_is_bounded(client, make, alice, statements):
    for number in range(40):
        make.agent(alice, name=f"agent {number:02}")
    with statements() as sent:
        assert len(client.get("/search/complete?text=agent:").json["items"]) == 12
    assert len([statement for statement in sent if "swarm_agents" in statement]) == 1
    assert client.get("/search/complete?list=passwords").status_code == 422


def test_one_agent_is_read_by_its_own_index_alone(client, make, alice, statements):
    agent = make.agent(alice, name="coder")
    make.task(alice, agents=[agent], name="his")
    with statements() as sent:
        assert "his" in client.get("/tasks?q=agent:coder").get_data(as_text=True)
    lists = [one for one in sent if "FROM task_agents" in one and "tasks.summary" in one.replace("`", "")]
    assert len(lists) == 1
    assert lists[0].count("FROM task_agents") == 1
