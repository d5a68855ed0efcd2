"""The Python client against the live server: what a program tells arrives whole, once and in order, whatever happens to server and program."""

import asyncio
import importlib.util
import multiprocessing
import os
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta

import pytest

from swarm_ui.config import ROOT
from tests.browser.installation import Installation, until

FILE = ROOT / "client" / "swarm.py"


@pytest.fixture
def swarm(monkeypatch):
    """The module, fresh; nothing of a test before is left in it."""
    for name in ("SWARM_URL", "SWARM_KEY", "SWARM_SERVICE", "SWARM_SPOOL"):
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location("swarm_client", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["swarm_client"] = module
    spec.loader.exec_module(module)
    yield module
    for client in list(module._clients):
        client.close(1)


@pytest.fixture
def person(installation):
    return installation.person("sender")


@pytest.fixture
def client(swarm, installation, person, tmp_path):
    return swarm.configure(installation.url, person.key, spool=str(tmp_path / "spool"), service="demo")


def run_of(person, name, status, **exactly):
    def found():
        runs = [run for run in person.ask("GET", "/api/v1/tasks?limit=500")["items"] if run["name"] == name]
        assert len(runs) < 2
        fits = (
            runs
            and runs[0]["status"] == status
            and all(runs[0][key] == value for key, value in exactly.items())
        )
        return runs[0] if fits else None

    return until(found, f"a {status} run {name}")


def part(person, run, what, number):
    def found():
        items = person.ask("GET", f"/api/v1/tasks/{run['id']}/{what}?limit=500")["items"]
        return items if len(items) == number else None

    return until(found, f"{number} {what}")


def test_a_task_with_all_that_belongs_to_it(swarm, client, person):
    with swarm.task("Nightly", workflow="Report", session="s-1", input={"day": 3}, priority=7) as task:
        assert swarm.current() is task
        task.message("planner", "coder", "please", metadata={"why": "because"})
        with task.span("coder", kind="agent", agent="coder") as agent:
            with task.span("pytest", kind="tool", agent="coder", input="-q") as step:
                step.output = {"passed": 3}
            with task.span("chat", kind="llm", agent="coder", model="gpt-4o", provider="openai") as call:
                call.input_tokens, call.output_tokens, call.cost = 100, 20, 0.5
        task.log("an index is old", agent="planner", level="warning")
        task.metric(agent="planner", model="gpt-4o", input_tokens=10, output_tokens=1, cost=0.25, ms=12)
        task.message("coder", None, {"done": True}, "broadcast")
        task.result = "fine"
    assert swarm.flush()
    run = run_of(person, "Nightly", "completed", spanCount=3, tokenUsage=131)
    assert (run["priority"], run["sessionId"], run["input"], run["result"]) == (
        7,
        "s-1",
        {"data": {"day": 3}},
        {"text": "fine"},
    )
    assert (run["estimatedCost"], run["toolCalls"], run["agents"]) == (0.75, 1, ["coder", "planner"]) or set(
        run["agents"]
    ) == {"coder", "planner"}
    spans = {span["name"]: span for span in part(person, run, "spans", 3)}
    assert (
        spans["pytest"]["parentSpanId"]
        == spans["chat"]["parentSpanId"]
        == spans["coder"]["spanId"]
        == agent.id
    )
    assert (spans["pytest"]["input"], spans["pytest"]["output"]) == ("-q", {"passed": 3})
    assert [item["content"] for item in part(person, run, "messages", 2)] == [
        {"text": "please"},
        {"data": {"done": True}},
    ]
    assert client.dropped == 0


def test_a_task_that_has_to_be_over_in_time_and_a_call_that_was_cut_off(swarm, client, person):
    with swarm.task("Hurry", deadline_in=90) as task, task.span("chat", kind="llm", agent="coder") as call:
        call.output, call.finish_reason = "And so", "length"
    assert swarm.flush(20)
    run = run_of(person, "Hurry", "completed")
    began, deadline = (datetime.fromisoformat(run[name]) for name in ("startedAt", "deadlineAt"))
    assert deadline - began == timedelta(seconds=90)
    (suspect,) = person.ask("GET", f"/api/v1/tasks/{run['id']}/suspects")["items"]
    assert [one["kind"] for one in suspect["evidence"]] == ["cut-off"]


def test_an_exception_goes_on_and_names_the_step(swarm, client, person):
    with (
        pytest.raises(ZeroDivisionError),
        swarm.task("Fails") as task,
        task.span("divide", kind="tool", agent="coder"),
    ):
        1 / 0
    swarm.flush()
    run = run_of(person, "Fails", "failed")
    assert (run["failedAgent"], run["failedStep"], run["errorType"], run["errorMessage"]) == (
        "coder",
        "divide",
        "ZeroDivisionError",
        "division by zero",
    )


def test_decorated_functions_and_coroutines(swarm, client, person):
    @swarm.traced(kind="tool", agent="adder")
    def add(one, other=2):
        return one + other

    @swarm.traced("Sums", workflow="Arithmetic")
    async def sums(numbers):
        return [add(number) for number in numbers]

    assert asyncio.run(sums([1, 2])) == [3, 4]
    assert add.__name__ == "add"
    swarm.flush()
    run = run_of(person, "Sums", "completed", spanCount=2)
    assert (run["input"], run["result"], run["agents"]) == (
        {"data": {"numbers": [1, 2]}},
        {"data": [3, 4]},
        ["adder"],
    )


def test_a_thousand_messages_come_once_and_in_order(swarm, client, person):
    with swarm.task("Long") as task:
        for number in range(1_000):
            task.message("planner", "coder", str(number))
    assert swarm.flush(20)
    run = run_of(person, "Long", "completed")

    def texts():
        first = person.ask("GET", f"/api/v1/tasks/{run['id']}/messages?limit=500")
        rest = (
            person.ask("GET", f"/api/v1/tasks/{run['id']}/messages?limit=500&cursor={first['next']}")
            if first["next"]
            else {"items": []}
        )
        return [item["content"]["text"] for item in (*first["items"], *rest["items"])]

    until(lambda: len(texts()) == 1_000, "all of them")
    assert texts() == [str(number) for number in range(1_000)]


def test_while_the_server_is_away_it_waits_on_disk_and_comes_later_in_order(swarm, tmp_path):
    spool = tmp_path / "spool"
    (tmp_path / "server").mkdir()
    installation = Installation(tmp_path / "server", {})
    with installation.running():
        person = installation.person("sender")
        client = swarm.configure(installation.url, person.key, spool=str(spool), longest_pause=0.2, timeout=2)
        task = swarm.task("Interrupted")
        task.message("planner", "coder", "before")
        assert swarm.flush()
    for number in range(3):
        task.message("planner", "coder", str(number))
        assert swarm.flush(10)
    task.complete("after all")
    until(lambda: swarm.flush(1) and len(list(spool.glob("*.jsonl"))) >= 1, "the disk")
    kept = {path.name: path.read_bytes() for path in spool.glob("*.jsonl")}
    with installation.running():
        until(lambda: not list(spool.glob("*.jsonl")), "an empty spool")
        run = run_of(person, "Interrupted", "completed")
        assert [item["content"]["text"] for item in part(person, run, "messages", 4)] == [
            "before",
            "0",
            "1",
            "2",
        ]
        # All of it once more, as after a crash between sending and deleting.
        for name, content in kept.items():
            (spool / name).write_bytes(content)
        swarm.task("Next").complete()
        until(lambda: not list(spool.glob("*.jsonl")), "an empty spool")
        assert len(part(person, run, "messages", 4)) == 4
        run_of(person, "Next", "completed")
        assert run_of(person, "Interrupted", "completed")["result"] == {"text": "after all"}
    assert client.dropped == 0


def program(text, url, key, spool, code=0):
    environ = {
        **os.environ,
        "SWARM_URL": url,
        "SWARM_KEY": key,
        "SWARM_SPOOL": str(spool),
        "PYTHONPATH": str(FILE.parent),
    }
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(text)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return done


def test_a_program_that_ends_at_once_has_told_everything(installation, person, tmp_path):
    program(
        """
        import swarm
        with swarm.task("Quick") as task:
            for number in range(50):
                task.log(str(number))
        """,
        installation.url, person.key, tmp_path,
    )  # fmt: skip
    run = run_of(person, "Quick", "completed")
    lines = until(
        lambda: [
            item
            for item in person.ask("GET", f"/api/v1/tasks/{run['id']}/logs?limit=500")["items"]
            if item["message"].isdigit()
        ],
        "lines",
    )
    assert [item["message"] for item in lines] == [str(number) for number in range(50)]


def test_a_program_that_dies_of_its_error_has_told_it(installation, person, tmp_path):
    done = program(
        'import swarm\nwith swarm.task("Dies"):\n    raise KeyError("x")',
        installation.url,
        person.key,
        tmp_path,
        code=1,
    )
    assert "KeyError" in done.stderr
    assert run_of(person, "Dies", "failed")["errorType"] == "KeyError"


def test_what_one_program_could_not_send_the_next_one_does(installation, person, tmp_path):
    away = "http://127.0.0.1:9"
    done = program('import swarm\nwith swarm.task("Left behind"):\n    pass', away, person.key, tmp_path)
    assert "cannot reach" in done.stderr
    assert len(list(tmp_path.glob("*.jsonl"))) >= 1
    program('import swarm\nwith swarm.task("Finds it"):\n    pass', installation.url, person.key, tmp_path)
    # At its end it leaves what it has not sent yet to whoever comes next.
    program(
        """
        import os, pathlib, swarm, time
        swarm.task("Later").complete()
        until = time.monotonic() + 20
        while list(pathlib.Path(os.environ["SWARM_SPOOL"]).glob("*.jsonl")) and time.monotonic() < until:
            time.sleep(0.02)
        """,
        installation.url,
        person.key,
        tmp_path,
    )
    for name in ("Left behind", "Finds it", "Later"):
        run_of(person, name, "completed")
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forked_children_tell_their_own_part(installation, person, tmp_path):
    program(
        """
        import multiprocessing, os, swarm
        with swarm.task("Forks") as task:
            task.log("parent before")
            pid = os.fork()
            if pid == 0:
                task.log("child")
                swarm.flush()
                os._exit(0)
            os.waitpid(pid, 0)
            def work(number):
                task.log(f"worker {number}")
            there = multiprocessing.get_context("fork")
            workers = [there.Process(target=work, args=(number,)) for number in range(2)]
            [worker.start() for worker in workers]
            [worker.join() for worker in workers]
            task.log("parent after")
        """,
        installation.url, person.key, tmp_path,
    )  # fmt: skip
    run = run_of(person, "Forks", "completed")

    def told():
        items = person.ask("GET", f"/api/v1/tasks/{run['id']}/logs?limit=500")["items"]
        return sorted(item["message"] for item in items if item["eventType"] == "execution")

    until(lambda: len(told()) >= 5, "what all of them told")
    assert told() == ["child", "parent after", "parent before", "worker 0", "worker 1"]


def test_multiprocessing_is_what_this_suite_thinks_it_is():
    assert "fork" in multiprocessing.get_all_start_methods()
