from datetime import timedelta

from swarm_ui.metrics.models import MetricPoint
from tests.conftest import NOW


def rows(seen, name):
    return [
        " ".join(row.get_text(" ").split())
        for row in seen.find("section", attrs={"aria-labelledby": f"h-{name}"}).select("tbody tr")
    ]


def work(make, owner, agent, started_at, **fields):
    run = make.task(owner, started_at=started_at, **fields.pop("task", {}))
    fields = {"executions": 1, "failures": 0, "execution_time": 1000} | fields
    make._add(
        make.TaskAgent(
            user_id=owner.id,
            task_id=run.id,
            agent_id=agent.id,
            at=run.started_at,
            last_at=run.started_at,
            **fields,
        )
    )


def test_by_agent_most_tokens_first(page, make, alice):
    writer, coder = make.agent(alice, name="writer"), make.agent(alice, name="coder")
    for seconds in range(1, 21):
        work(
            make, alice, coder, NOW - timedelta(days=1), input_tokens=100, output_tokens=10, estimated_cost=0.1,
            execution_time=seconds * 1000, llm_calls=2, tool_calls=1,
        )  # fmt: skip
    work(make, alice, writer, NOW - timedelta(days=1), failures=1)
    work(make, alice, coder, NOW - timedelta(days=20), input_tokens=10**6)
    assert rows(page("/metrics"), "agents") == [
        "coder 20 20 100% 10.0s 19.0s 40 20 2.0k 200 $2.00",
        "writer 1 1 0.0% 1.0s 1.0s 0 0 – – –",
    ]


def test_by_day_newest_first(page, make, alice):
    make.task(alice, execution_time=1000, token_usage=500, estimated_cost=0.004)
    make.task(alice, started_at=NOW - timedelta(days=1), status="failed", execution_time=None)
    make.task(alice, started_at=NOW - timedelta(days=1), status="timeout", execution_time=None)
    assert rows(page("/metrics"), "days") == [
        "Tue 17 Nov 1 0 0 100% 1.0s 1.0s 500 $0.004",
        "Mon 16 Nov 2 1 1 0.0% – – – –",
    ]


def test_the_range_is_in_the_url(page, make, alice, client):
    make.task(alice)
    make.task(alice, started_at=NOW - timedelta(days=10))
    make.task(alice, started_at=NOW - timedelta(days=25))
    assert len(rows(page("/metrics"), "days")) == 1
    assert len(rows(page("/metrics?range=14d"), "days")) == 2
    assert len(rows(page("/metrics?range=30d"), "days")) == 3
    assert client.get("/metrics?range=1y").status_code == 422


def test_it_compares_with_as_long_a_time_before(page, make, alice):
    make.task(alice, estimated_cost=2.0)
    make.task(alice, started_at=NOW - timedelta(days=8), estimated_cost=1.0)
    make.task(alice, started_at=NOW - timedelta(days=20), estimated_cost=50.0)
    seen = page("/metrics")
    assert "Cost $2.00 from $1.00" in seen.text
    assert "Runs 1 from 1" in seen.text


def test_nothing_in_the_range_says_so(page, make, alice):
    make.task(alice, started_at=NOW - timedelta(days=20))
    seen = page("/metrics")
    assert "Nothing ran in the last 7 days" in seen.text
    assert seen.link("Look at 30 days")["href"] == "/metrics?range=30d"


def test_what_clients_report_stands_apart(page, make, alice):
    assert "Reported by clients" not in page("/metrics").text
    make._add(
        MetricPoint(
            user_id=alice.id,
            series="a" * 64,
            service_name="demo",
            name="gen_ai.client.token.usage",
            unit="{token}",
            kind="histogram",
            attributes={"gen_ai.token.type": "input"},
            at=NOW,
            count=3,
            value=1200.5,
            received_at=NOW,
        )
    )
    make.task(alice, token_usage=7)
    seen = page("/metrics")
    assert rows(seen, "reported") == [
        "gen_ai.client.token.usage demo, histogram, gen_ai.token.type=input 3 1,200 {token} 0s"
    ]
    assert "never added" in seen.text
    assert "Tokens 7 " in seen.text


def test_series_are_ordered_by_name_model_and_type(page, make, alice):
    names, models, types = ("calls", "tokens"), ("gpt-4o", "qwen3"), ("input", "output")
    wanted = [(name, model, type) for name in names for model in models for type in types]
    for number, (name, model, type) in enumerate(reversed(wanted)):
        make._add(
            MetricPoint(
                user_id=alice.id,
                series=f"{number:064x}",
                service_name=("b", "a")[number % 2],
                name=name,
                kind="sum",
                attributes={"gen_ai.token.type": type, "gen_ai.request.model": model},
                at=NOW,
                value=1,
                received_at=NOW,
            )
        )
    seen = page("/metrics?range=14d")
    found = rows(seen, "reported")
    assert len(found) == len(wanted)
    for row, expected in zip(found, wanted, strict=True):
        assert all(word in row for word in expected), (row, expected)
    assert "not of 14 days" in seen.find("section", attrs={"aria-labelledby": "h-reported"}).header.get_text()


def test_others_figures_are_not_counted(page, make, alice, bob):
    make.task(alice, token_usage=1)
    work(make, bob, make.agent(bob, name="theirs"), NOW - timedelta(days=1), task={"token_usage": 999})
    seen = page("/metrics")
    assert "theirs" not in seen.text
    assert "Runs 1 " in seen.text


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    def fill(times):
        for number in range(times):
            work(make, alice, make.agent(alice), NOW - timedelta(days=number % 7))

    fill(1)
    with statements() as few:
        client.get("/metrics")
    fill(14)
    with statements() as many:
        client.get("/metrics")
    assert len(few) == len(many) <= 10
