from datetime import timedelta

from tests.conftest import NOW


def panel(seen, name):
    found = seen.find("section", attrs={"aria-labelledby": f"h-{name}"})
    return " ".join(found.get_text(" ").split()) if found else None


def days_ago(days):
    return NOW - timedelta(days=days)


def test_it_says_how_the_agent_is(page, make, alice):
    agent = make.agent(
        alice, name="browser", health_score=38, condition="failing", failure_streak=9, llm_model="gpt-4.1-mini",
        capabilities=["fetch_page", "open_page"], success_rate=61.3, total_executions=106, failed_executions=41,
    )  # fmt: skip
    seen = page(f"/agents/{agent.id}")
    assert seen.find("h1").get_text() == "browser"
    assert "9 failures in a row" in seen.text
    assert "gpt-4.1-mini" in seen.text
    assert [tag.get_text() for tag in seen.select(".tags .tag")] == ["fetch_page", "open_page"]
    assert "106 invocations, 41 failed, 61.3%" in seen.text


def test_a_new_agent_has_an_honest_page(page, make, alice):
    agent = make.agent(alice, name="newcomer")
    seen = page(f"/agents/{agent.id}")
    assert "This agent has not taken part in a run." in seen.text
    assert "Success, 7 days – nothing in this time" in seen.text
    assert panel(seen, "days") is None
    assert panel(seen, "causes") is None


def test_it_compares_the_week_with_the_one_before(page, make, alice):
    agent = make.agent(alice)
    make.task(alice, agents=[agent], started_at=days_ago(1))
    make.task(alice, agents=[agent], started_at=days_ago(2))
    make.task(alice, agents=[agent], started_at=days_ago(9), status="failed")
    seen = page(f"/agents/{agent.id}")
    assert "Success, 7 days 100% ▲ 100.0 pt from 0.0%" in seen.text
    assert "Runs 2 from 1" in seen.text


def test_the_score_is_explained(page, make, alice):
    agent = make.agent(alice, health_score=52, condition="failing", total_executions=2)
    make.task(alice, agents=[agent], status="failed")
    make.task(alice, agents=[agent])
    why = panel(page(f"/agents/{agent.id}"), "why")
    assert "Success rate 50.0% of 2 invocations, at most 83.6% by so few 98% or more" in why
    assert "Latency too few runs to compare its weight is the others’ – –" in why
    assert "Heartbeat sends none" in why
    assert "Open alerts none none 16 of 16 0" in why


def test_the_explanation_adds_up_and_the_api_says_the_same(page, client, make, alice):
    agent = make.agent(alice, health_score=52, condition="failing", total_executions=7)
    for number in range(7):
        make.task(alice, agents=[agent], status="failed" if number % 3 else "completed")
    shown = page(f"/agents/{agent.id}").find("section", attrs={"aria-labelledby": "h-why"})
    total = int(shown.h2.get_text().removeprefix("Why "))
    cells = [[cell.get_text() for cell in row.select("td.num")] for row in shown.select("tbody tr")]
    points = [tuple(map(int, won.split(" of "))) for won, _lost, _before in cells if won != "–"]
    lost = [int(lost.removeprefix("−")) for _won, lost, _before in cells if lost != "–"]
    assert sum(won for won, _most in points) == total
    assert sum(most for _won, most in points) == 100
    assert sum(lost) == 100 - total
    assert f"{100 - total} lost" in shown.header.get_text()
    health = client.get(f"/api/v1/agents/{agent.id}/health").get_json()
    told = [(part["won"], part["weight"]) for part in health["parts"] if part["won"] is not None]
    assert (health["score"], told) == (total, points)


def test_days_and_models_are_summed(page, make, alice):
    agent = make.agent(alice)
    for _ in range(2):
        run = make.task(alice, agents=[], started_at=days_ago(1))
        make._add(
            make.TaskAgent(
                user_id=alice.id,
                task_id=run.id,
                agent_id=agent.id,
                at=run.started_at,
                last_at=run.started_at,
                executions=2,
                failures=0,
                execution_time=1500,
                input_tokens=700,
                output_tokens=300,
                estimated_cost=0.5,
                model="gpt-4.1",
            )
        )
    seen = page(f"/agents/{agent.id}")
    assert "Mon 16 Nov 2 4 100% 1.5s 1.5s 1.4k 600 $1.00" in panel(seen, "days")
    assert "gpt-4.1 2 $1.00" in panel(seen, "makeup")


def test_latest_runs_say_where_they_failed(page, make, alice):
    agent, other = make.agent(alice), make.agent(alice)
    make.task(
        alice,
        name="by me",
        agents=[agent],
        status="failed",
        failed_agent_id=agent.id,
        failed_step="fetch_page",
    )
    make.task(
        alice,
        name="by another",
        agents=[agent, other],
        status="failed",
        failed_agent_id=other.id,
        failed_step="vote",
    )
    make.task(alice, name="without me", agents=[other])
    runs = panel(page(f"/agents/{agent.id}"), "tasks")
    assert "at fetch_page" in runs
    assert "by another" in runs
    assert "at vote" not in runs
    assert "without me" not in runs


def test_causes_count_only_what_failed_first_here(page, make, alice):
    agent, other = make.agent(alice), make.agent(alice)
    for days in (1, 2):
        make.task(
            alice, agents=[agent], started_at=days_ago(days), status="failed", failed_agent_id=agent.id, failed_step="fetch_page",
            error_type="HTTPStatusError",
        )  # fmt: skip
    make.task(alice, agents=[agent, other], status="failed", failed_agent_id=other.id, failed_step="vote")
    assert panel(page(f"/agents/{agent.id}"), "causes").endswith("fetch_page HTTPStatusError 2 1 d")


def test_it_names_whom_it_talks_to(page, make, alice):
    agent, planner, judge = (make.agent(alice, name=name) for name in ("browser", "planner", "judge"))
    run = make.task(alice, agents=[agent, planner, judge])
    make.message(alice, run, planner, agent)
    make.message(alice, run, planner, agent)
    make.message(alice, run, agent, planner, message_type="error")
    make.message(alice, run, planner, judge)
    others = panel(page(f"/agents/{agent.id}"), "others")
    assert others.endswith("planner 1 2 1")
    assert "judge" not in others


def test_its_open_alerts_are_listed(page, make, alice):
    agent, other = make.agent(alice), make.agent(alice)
    make.alert(alice, title="fetch_page failed", related_agent_id=agent.id)
    make.alert(alice, title="resolved one", related_agent_id=agent.id, resolved=True)
    make.alert(alice, title="of another", related_agent_id=other.id)
    alerts = panel(page(f"/agents/{agent.id}"), "alerts")
    assert "fetch_page failed" in alerts
    assert "resolved one" not in alerts
    assert "of another" not in alerts


def test_another_owners_agent_is_not_found(client, make, bob):
    assert client.get(f"/agents/{make.agent(bob).id}").status_code == 404


def test_statements_do_not_grow_with_rows(client, make, alice, statements):
    agent, planner = make.agent(alice), make.agent(alice)

    def fill(times):
        for number in range(times):
            run = make.task(
                alice, agents=[agent], status="failed", failed_agent_id=agent.id, failed_step=f"s{number}"
            )
            make.message(alice, run, planner, agent)
            make.alert(alice, related_agent_id=agent.id)

    fill(1)
    with statements() as few:
        client.get(f"/agents/{agent.id}")
    fill(10)
    with statements() as many:
        client.get(f"/agents/{agent.id}")
    assert len(few) == len(many) <= 22
