"""`make run` as a process: what it refuses, what it says, and that it stays up and stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from swarm_ui import config, serve
from swarm_ui.config import ROOT
from tests.otlp import Draft, document, encoded

WITH_PROVIDER = {
    "OAUTH_PROVIDERS": "google",
    "OAUTH_GOOGLE_CLIENT_ID": "id",
    "OAUTH_GOOGLE_CLIENT_SECRET": "secret",
}
COMMAND = [sys.executable, "-m", "swarm_ui.serve"]


def until(truth: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def status(url: str) -> int | None:
    """The status of a GET; None where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def server_environ(tmp_path, environ, app) -> dict[str, str]:
    """Variables of a real server: a data folder with nothing in it, or the database that `app` empties afterwards."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    if "DATABASE_URL" in environ:
        kept["DATABASE_URL"] = environ["DATABASE_URL"]
    return {**kept, "DATA_DIR": str(tmp_path / "server"), "PORT": str(free_port()), "LOG_FORMAT": "json"}


RENEWING = """
import sys
from swarm_ui import memory, serve, supervisor
memory.QUIET_US, memory.CALM, memory.LARGE, supervisor.STEADY = 1_000_000, 100, 0, 0
sys.exit(serve.main())
"""


class Server:
    def __init__(self, environ: dict[str, str], log: Path, command: list[str]) -> None:
        self.url = f"http://127.0.0.1:{environ['PORT']}"
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                start_new_session=True,
            )

    def answers(self, path: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return status(f"{self.url}{path}") == 200

    def events(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def children(self, name: str) -> list[int]:
        """Process ids under which the child has been started."""
        return [e["child_pid"] for e in self.events() if e["event"] == "started" and e.get("child") == name]


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def run(environ: dict[str, str], command: list[str] = COMMAND) -> Server:
        servers.append(Server(environ, tmp_path / f"log-{len(servers)}", command))
        return servers[-1]

    yield run
    for server in servers:
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(12)
            except subprocess.TimeoutExpired:
                server.process.kill()
        server.process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_serves_survives_the_death_of_its_children_and_stops(start, server_environ):
    server = start(server_environ)
    until(lambda: server.answers("/-/healthy"))

    # It says where to go, with a link that has not been logged.
    said = "".join(server.process.stdout.readline() for _ in range(4))
    assert server.url in said
    token = re.search(r"/login/(\S+)", said)[1]
    assert token not in server.log.read_text()
    until(lambda: server.answers("/-/ready"))

    # A second server on the same data is refused and leaves the first alone.
    second = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env={**server_environ, "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert second.returncode == 2
    assert second.stderr.startswith(f"DATA_DIR: a server (process {server.process.pid}) already runs on")

    # The worker, then the web server.
    for name in ("worker", "web"):
        os.kill(server.children(name)[0], signal.SIGKILL)
    until(lambda: all(len(server.children(name)) == 2 for name in ("worker", "web")))
    until(lambda: server.answers("/-/healthy"))

    stopping = time.monotonic()
    server.process.terminate()
    assert server.process.wait(12) == 0
    assert time.monotonic() - stopping < 10
    assert status(f"{server.url}/-/healthy") is None
    assert not any(alive(pid) for name in ("worker", "web") for pid in server.children(name))
    assert [event for event in server.events() if event["level"] == "critical"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends the children")
def test_after_a_kill_it_starts_again_at_once(start, server_environ):
    first = start(server_environ)
    until(lambda: first.answers("/-/healthy") and first.children("worker"))
    first.process.kill()
    first.process.wait()
    # Templates are kept compiled, for this user alone; what a power cut left of one is compiled anew.
    compiled = Path(server_environ["DATA_DIR"], "run", "templates")
    assert compiled.stat().st_mode & 0o077 == 0
    for file in list(compiled.iterdir()):
        file.write_bytes(file.read_bytes()[:40])
    second = start(server_environ)
    until(lambda: second.children("web") and second.answers("/-/healthy"))
    assert not any(alive(pid) for name in ("worker", "web") for pid in first.children(name))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_are_renewed_after_a_busy_time_and_nobody_notices(start, server_environ):
    server = start(server_environ, [sys.executable, "-c", RENEWING])
    until(lambda: server.answers("/-/healthy"))
    command = [sys.executable, "-m", "flask", "token", "create", "--email", "a@example.org", "--name", "k"]
    key = subprocess.run(command, cwd=ROOT, env=server_environ, check=True, capture_output=True, text=True)
    asked = {"x-api-key": key.stdout.strip(), "Content-Type": "application/json"}
    body = encoded(document(*(Draft(1, trace=number) for number in range(1, 151))))
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/traces", body, asked)) as answer:
        assert answer.status == 200
    counted = 400
    for _ in range(counted):
        assert server.answers("/-/healthy")

    def renewed() -> bool:
        nonlocal counted
        counted += 1
        assert server.answers("/-/healthy")
        ended = {event["event"] for event in server.events()}
        return "ends to be renewed" in ended and len(server.children("worker")) > 1

    until(renewed)
    until(lambda: server.answers("/-/ready"))
    with urllib.request.urlopen(f"{server.url}/-/metrics") as answer:
        told = answer.read().decode()
    assert (
        sum(
            float(line.split()[-1])
            for line in told.splitlines()
            if line.startswith("swarm_request_seconds_count") and "healthy" in line
        )
        >= counted
    )
    assert "swarm_ingest_spans_total 150.0" in told
    assert [event for event in server.events() if event["level"] in ("error", "critical")] == []


@pytest.mark.parametrize("waiting", ["keepalived_conns", "pending_conns"])
def test_a_process_that_answers_is_not_renewed(monkeypatch, tmp_path, waiting):
    monkeypatch.setattr(serve.ThreadWorker, "notify", lambda self: None)
    worker = object.__new__(serve.WebWorker)
    worker.renewal = SimpleNamespace(is_due=lambda done: True)
    worker.app = SimpleNamespace(renewals=tmp_path / "lock")
    worker.alive, worker.nr, worker.pid = True, 0, 1
    worker.keepalived_conns, worker.pending_conns = [], []

    worker.nr_conns = 2
    getattr(worker, waiting).append("a connection without a request")
    worker.notify()
    assert worker.alive, "a download goes on"
    worker.nr_conns = 1
    worker.notify()
    assert not worker.alive


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PORT": "eighty"}, "PORT: 'eighty' is not a whole number; accepted: 1 to 65535"),
        ({"HOST": "0.0.0.0"}, "HOST: 0.0.0.0 can be reached from other machines"),
        ({"HOST": "0.0.0.0", **WITH_PROVIDER}, "PUBLIC_URL: is missing, and HOST=0.0.0.0"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL: a database in memory"),
    ],
)
def test_it_refuses_in_one_line(tmp_path, monkeypatch, capsys, variables, message):
    monkeypatch.setattr(serve.config, "load", lambda: config_of(tmp_path, **variables))
    assert serve.main() == 2
    said = capsys.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1


def test_with_a_provider_and_an_address_it_may_be_reached_from_elsewhere(tmp_path):
    serve.check_exposure(
        config_of(tmp_path, HOST="0.0.0.0", PUBLIC_URL="https://swarm.example.org", **WITH_PROVIDER)
    )


real_load = config.load


def config_of(tmp_path: Path, **variables: str) -> config.Settings:
    return real_load({"DATA_DIR": str(tmp_path / "data"), **variables})


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            serve.CannotStart, match=f"^PORT: {port} is taken by another program on 127.0.0.1"
        ):
            serve.listen(config_of(tmp_path, PORT=str(port)))


def test_an_address_of_another_machine_is_named(tmp_path):
    with pytest.raises(serve.CannotStart, match="^HOST: '192.0.2.1' is not an address of this machine"):
        serve.listen(config_of(tmp_path, HOST="192.0.2.1"))


def test_the_data_dir_is_free_again_when_the_lock_is_closed(tmp_path):
    serve.take_data_dir(tmp_path).close()
    with serve.take_data_dir(tmp_path) as lock:
        assert (tmp_path / "serve.lock").read_text() == str(os.getpid())
        with pytest.raises(serve.CannotStart, match=rf"\(process {os.getpid()}\) already runs on"):
            serve.take_data_dir(tmp_path)
        assert not lock.closed


def test_a_database_that_cannot_be_reached_is_named(tmp_path, app):
    settings = config_of(tmp_path, DATABASE_URL=f"mysql://root@127.0.0.1:{free_port()}/none")
    broken = serve.create_app(settings)
    with (
        broken.app_context(),
        pytest.raises(serve.CannotStart, match="^DATABASE_URL: the database cannot be used: "),
    ):
        serve.migrate(broken)


def test_migrating_twice_changes_nothing(tmp_path, capsys):
    fresh = serve.create_app(config_of(tmp_path))
    with fresh.app_context():
        serve.migrate(fresh)
        tables = set(serve.db.inspect(serve.db.engine).get_table_names())
        serve.migrate(fresh)
        assert set(serve.db.inspect(serve.db.engine).get_table_names()) == tables
        assert "tasks" in tables
        serve.db.engine.dispose()
    assert capsys.readouterr().out == ""
