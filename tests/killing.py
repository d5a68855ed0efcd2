"""Real servers and workers that tests end by SIGKILL, and what is left in the database then."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from swarm_ui import clock
from swarm_ui.config import ROOT
from swarm_ui.extensions import db
from tests.captures import KEY
from tests.rows import say_migrated
from tests.test_serve import alive, free_port, status, until

LONG = os.environ.get("SWARM_LONG") == "1"
Request = tuple[str, str, bytes, dict[str, str]]


class Server:
    """`make run` as a process, started again after each death of its own."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environ = kept | environ | {"PORT": str(self.port), "LOG_FORMAT": "json", "LOG_LEVEL": "info"}
        self.log = folder / "log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "swarm_ui.serve"], cwd=ROOT, env=self.environ, stdout=subprocess.DEVNULL, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        until(lambda: status(f"http://127.0.0.1:{self.port}/-/healthy") == 200, 60)

    def pids(self, name: str) -> list[int]:
        """Those that run now: of `web` with what it forked, or of `worker`."""
        events = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        started = [
            event["child_pid"]
            for event in events
            if event["event"] == "started" and event.get("child") == name
        ]
        living = [pid for pid in started if alive(pid)]
        return living + [pid for parent in living for pid in children_of(parent)]

    def kill(self, rng: random.Random) -> str:
        """The worker, a web process, all of the web server, or everything at once."""
        victim = rng.choice(["worker", "worker", "one web process", "web server", "everything"])
        if victim == "everything":
            pids = [self.process.pid, *self.pids("web"), *self.pids("worker")]
        elif victim == "worker":
            pids = self.pids("worker")
        else:
            pids = self.pids("web")
            pids = pids[-1:] if victim == "one web process" else pids
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if victim == "everything":
            self.process.wait(10)
            self.start()
        return victim

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.fixture
def server(tmp_path: Path, environ: dict[str, str], app, key) -> Iterator[Server]:
    """On the database of the test, where Alice has a key; in real time."""
    clock.use(None)
    say_migrated()
    db.session.remove()
    db.engine.dispose()
    found = Server(tmp_path, environ)
    yield found
    found.stop()


class Sender(threading.Thread):
    """Sends its requests one after the other, each until it is acknowledged, as exporters and clients do. `answers` are those that came."""

    def __init__(self, port: int, requests: list[Request]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.requests = requests
        self.answers: list[tuple[int, bytes]] = []
        self.repeated = 0
        self.refused: list[str] = []

    def run(self) -> None:
        for request in self.requests:
            while (answer := self._sent(*request)) is None:
                self.repeated += 1
                time.sleep(0.05)
            self.answers.append(answer)

    def _sent(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {KEY}"} | headers)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if answer.status in (200, 201):
            return answer.status, said
        if answer.status not in (429, 503):
            self.refused.append(f"{answer.status}: {said[:200]!r}")
        return None


def send_and_kill(server: Server, senders: list[Sender], kills: int, rng: random.Random) -> list[str]:
    """Who was killed. Returns when everything is acknowledged and projected, and the server has stopped."""
    server.start()
    for sender in senders:
        sender.start()
    killed = []
    for _ in range(kills):
        time.sleep(rng.uniform(0.1, 0.6))
        killed.append(server.kill(rng))
    for sender in senders:
        sender.join(300)
        assert not sender.is_alive(), f"a sender never got its data acknowledged: {sender.refused[-3:]}"
    until(lambda: not rows("SELECT 1 FROM trace_dirty LIMIT 1"), 90)
    server.stop()
    return killed


def rows(statement: str) -> list[tuple[Any, ...]]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]
