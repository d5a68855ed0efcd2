from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.conftest import NOW


def names(seen):
    return [row.select_one("a").get_text() for row in seen.select("tbody tr")]


def test_agents_are_listed_worst_first(page, make, alice):
    make.agent(alice, name="healthy", health_score=97, condition="healthy")
    make.agent(alice, name="unscored")
    make.agent(alice, name="failing", health_score=20, condition="failing", success_rate=20.0)
    assert names(page("/agents")) == ["failing", "healthy", "unscored"]


def test_the_word_counts_before_the_score(page, make, alice):
    make.agent(alice, name="asleep", health_score=10, condition="inactive")
    make.agent(alice, name="sound", health_score=91, condition="healthy")
    make.agent(alice, name="five in a row", health_score=90, condition="failing")
    assert names(page("/agents")) == ["five in a row", "sound", "asleep"]


def test_an_unscored_agent_shows_a_dash(page, make, alice):
    make.agent(alice, name="newcomer")
    row = page("/agents").rows()[0]
    assert "– New" in row
    assert "0%" not in row


def test_it_shows_the_runs_of_the_day(page, make, alice):
    agent = make.agent(alice, name="browser")
    for hours in (1, 2, 30):
        make.task(alice, agents=[agent], started_at=NOW - timedelta(hours=hours))
    make.task(
        alice, agents=[agent], started_at=NOW - timedelta(hours=3), status="failed", failed_agent_id=agent.id
    )
    row = page("/agents").select("tbody tr")[0]
    assert row.select("td")[4].get_text() == "3"
    assert row.select_one("path.bad")["d"].count("M") == 1
    assert row.select_one("path.base")["d"].count("M") == 2


def test_filters_are_in_the_url(page, make, alice):
    make.agent(alice, name="browser", type="execution", condition="failing", llm_model="gpt-4.1")
    make.agent(alice, name="planner", type="coordination", condition="healthy", capabilities=["fetch_page"])
    make.agent(alice, name="100%_sure", type="execution")
    assert names(page("/agents?type=coordination")) == ["planner"]
    assert names(page("/agents?status=failing")) == ["browser"]
    assert names(page("/agents?status=new")) == ["100%_sure"]
    assert names(page("/agents?q=BROW")) == ["browser"]
    assert names(page("/agents?q=gpt-4")) == ["browser"]
    assert names(page("/agents?q=fetch_page")) == ["planner"]
    assert names(page("/agents?q=0%25_")) == ["100%_sure"]
    seen = page("/agents?type=execution&q=sure")
    assert seen.find("input", id="q")["value"] == "sure"
    assert seen.find("option", attrs={"value": "execution", "selected": True})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("condition:failing", ["browser"]),
        ("condition:failing,new", ["browser", "100%_sure"]),
        ("-condition:failing type:execution", ["100%_sure"]),
        ("service:SHOP", ["browser"]),
        ("service:sh*", ["browser"]),
        ("model:gpt-*", ["browser"]),
        ("-model:gpt-*", ["planner", "100%_sure"]),
        ("capability:fetch", ["planner"]),
        ("score:<60", ["browser"]),
        ("name:a planner", ["planner"]),
        ("-browser -sure", ["planner"]),
        ('"fetch_page" condition:healthy', ["planner"]),
    ],
)
def test_the_box_takes_keys_and_words(page, make, alice, text, found):
    make.agent(
        alice, name="browser", type="execution", condition="failing", llm_model="gpt-4.1", service_name="shop", health_score=40,
    )  # fmt: skip
    make.agent(
        alice, name="planner", type="coordination", condition="healthy", capabilities=["fetch_page"], service_name="bank", health_score=90,
    )  # fmt: skip
    make.agent(alice, name="100%_sure", type="execution", service_name="bank", health_score=None)
    listed = page(f"/agents?q={quote(text)}")
    assert sorted(names(listed)) == sorted(found)
    assert listed.find("input", id="q")["value"] == text
    assert sorted(names(page(f"/agents?q={quote(text)}&group=service"))) != []


def test_what_the_box_cannot_read_is_named_and_left_out(page, make, alice):
    make.agent(alice, name="browser")
    listed = page("/agents?q=condition:great+browser")
    assert names(listed) == ["browser"]
    assert "condition:great “great” is none of its values" in listed.text
    assert (
        "conditon:new there is no conditon:. Did you mean condition:?" in page("/agents?q=conditon:new").text
    )


def test_the_box_completes_keys_and_values(client, make, alice, bob):
    make.agent(alice, service_name="shop", llm_model="gpt-4.1")
    make.agent(alice, service_name="gone", deleted_at=NOW)
    make.agent(bob, service_name="secret")

    def offered(text: str) -> list[str]:
        answer = client.get("/search/complete", query_string={"list": "agents", "text": text})
        return [item["text"] for item in answer.get_json()["items"]]

    assert offered("ser") == ["service:"]
    assert offered("service:") == ["service:shop"]
    assert offered("model:GPT") == ["model:gpt-4.1"]
    assert "condition:stalled" in offered("condition:st")


def test_nothing_matches_says_so_and_clears(page, make, alice):
    make.agent(alice)
    seen = page("/agents?q=zzz")
    assert "No agent matches" in seen.text
    assert seen.link("Clear the filters")["href"] == "/agents"
    assert "No agents yet" not in seen.text


def test_an_unknown_filter_value_is_refused(client):
    assert client.get("/agents?type=evil").status_code == 422
    assert client.get("/agents?cursor=evil").status_code == 422


def test_a_hundred_and_one_agents_are_two_pages_without_gap_or_repeat(page, make, alice):
    for number in range(101):
        make.agent(alice, name=f"a{number}", health_score=None if number % 2 else 50, type="execution")
    first = page("/agents?type=execution")
    second = page(first.link("Next agents")["href"])
    together = names(first) + names(second)
    assert len(names(first)) == 100
    assert len(set(together)) == len(together) == 101
    assert second.link("First agents")["href"] == "/agents?type=execution"


def test_a_filter_asks_for_the_list_alone(client, make, alice):
    make.agent(alice, name="browser")
    part = client.get("/agents?q=brow", headers={"HX-Request": "true"}).get_data(as_text=True)
    assert part.startswith('<section class="panel" id="list"')
    assert 'hx-get="/agents?q=brow"' in part
    whole = client.get("/agents", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in whole.get_data(as_text=True)


def test_names_cannot_break_the_page(page, make, alice):
    make.agent(alice, name="<script>alert(1)</script>", llm_model='"><b>', service_name="</table>")
    seen = page("/agents")
    assert not seen.select("main script")
    assert names(seen) == ["<script>alert(1)</script>"]


def test_others_agents_are_neither_listed_nor_counted(page, make, alice, bob):
    make.agent(alice, name="mine")
    make.agent(bob, name="theirs")
    seen = page("/agents")
    assert names(seen) == ["mine"]
    assert "1 agent" in seen.text


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    make.task(alice, agents=[make.agent(alice)])
    with statements() as few:
        client.get("/agents")
    for _ in range(20):
        make.task(alice, agents=[make.agent(alice)])
    with statements() as many:
        client.get("/agents")
    assert len(few) == len(many) <= 8


def test_filters_by_service_model_and_capability(page, make, alice):
    make.agent(alice, name="one", service_name="shop", llm_model="mini", capabilities=["fetch", "fetch_page"])
    make.agent(alice, name="two", service_name="", llm_model="maxi", capabilities=["fetch_page"])
    assert names(page("/agents?service=shop")) == ["one"]
    assert names(page("/agents?service=-")) == ["two"]
    assert names(page("/agents?model=maxi")) == ["two"]
    assert names(page("/agents?capability=fetch")) == ["one"]
    assert sorted(names(page("/agents?capability=fetch_page"))) == ["one", "two"]
    assert [option["value"] for option in page("/agents").select("select[name=service] option")] == [
        "",
        "-",
        "shop",
    ]


def test_grouped_by_service_the_worst_first(page, make, alice):
    for number in range(3):
        make.agent(alice, name=f"a{number}", service_name="shop", condition="healthy")
    make.agent(alice, service_name="bank", condition="silent")
    seen = page("/agents?group=service")
    assert names(seen) == ["bank", "shop"]
    assert [row.get("href") for row in seen.select("tbody tr a.status")] == [
        "/agents?service=bank&status=silent",
        "/agents?service=shop&status=healthy",
    ]
    assert names(page("/agents?group=service&status=healthy")) == ["shop"]


def test_who_may_not_change_anything_sees_no_boxes(page, make, alice, client_of):
    make.agent(alice)
    viewer = make.user()
    make.membership(alice, viewer, "viewer")
    assert page("/agents").select("input[name=agent]")
    assert not page("/agents", client=client_of(viewer, alice)).select("input[name=agent]")
