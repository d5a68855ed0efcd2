"""SIGKILL of real servers and workers at random moments of an ingest: what was acknowledged is there, once, and gets projected.

A small version runs always; SWARM_LONG=1 runs 20,000 spans and ten kills.
"""

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

import pytest
from sqlalchemy import text

from swarm_ui import clock, dbcheck
from swarm_ui.config import ROOT
from swarm_ui.extensions import db
from tests.captures import KEY
from tests.otlp import PROTOBUF
from tests.test_serve import alive, free_port, status, until

LONG = os.environ.get("SWARM_LONG") == "1"
SPANS, KILLS, SENDERS = (20_000, 10, 4) if LONG else (2_000, 2, 2)
TRACES_A_REQUEST = 8

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


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
    with db.engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        )
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(
            text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": dbcheck.newest_revision()}
        )
    db.session.remove()
    db.engine.dispose()
    found = Server(tmp_path, environ)
    yield found
    found.stop()


class Sender(threading.Thread):
    """Sends its requests one after the other, each until it is acknowledged, as exporters do."""

    def __init__(self, port: int, bodies: list[tuple[bytes, set[str]]]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.bodies = bodies
        self.acknowledged: set[str] = set()
        self.repeated = 0
        self.refused: list[str] = []

    def run(self) -> None:
        for body, spans in self.bodies:
            while not self._sent(body):
                self.repeated += 1
                time.sleep(0.05)
            self.acknowledged |= spans

    def _sent(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                "POST", "/v1/traces", body, {"Content-Type": PROTOBUF, "Authorization": f"Bearer {KEY}"}
            )
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if answer.status == 200:
            assert said == b""
            return True
        if answer.status not in (429, 503):
            self.refused.append(f"{answer.status}: {said[:200]!r}")
        return False


def requests(number: int, rng: random.Random) -> list[tuple[bytes, set[str]]]:
    """Traces of 13 spans; each is cut over two requests that follow each other, so that a kill falls between its halves."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from bench.traffic import Traffic

    traffic = Traffic(rng.randrange(10**6))
    made = []
    while sum(len(spans) for _, spans in made) < number:
        whole = traffic.request(TRACES_A_REQUEST)
        halves = []
        for part in (0, 1):
            half = ExportTraceServiceRequest()
            half.CopyFrom(whole)
            scoped = half.resource_spans[0].scope_spans[0]
            kept = [span for place, span in enumerate(scoped.spans) if place % 2 == part]
            del scoped.spans[:]
            scoped.spans.extend(kept)
            halves.append((half.SerializeToString(), {span.span_id.hex() for span in kept}))
        made += halves
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(server: Server, alice, capsys):
    from tests.projection.world import World, same

    rng = random.Random(int(os.environ.get("SWARM_SEED", "20")))
    began = time.monotonic()
    server.start()
    senders = [Sender(server.port, requests(SPANS // SENDERS, rng)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    killed = []
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.1, 0.6))
        killed.append(server.kill(rng))
    for sender in senders:
        sender.join(300)
        assert not sender.is_alive(), "a sender never got its data acknowledged"
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    sent_at = time.monotonic()
    until(lambda: not rows("SELECT 1 FROM trace_dirty LIMIT 1"), 90)
    settled_at = time.monotonic()
    server.stop()

    stored = [span for (span,) in rows("SELECT spanId FROM spans")]
    world = World(alice.id, None)
    world.summarise()
    found = world.rows()
    traces = {row[0] for row in rows("SELECT DISTINCT traceId FROM spans")}
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(acknowledged):,} spans of {len(traces):,} traces acknowledged over {len(killed)} kills ({', '.join(killed)}), "
            f"{sum(sender.repeated for sender in senders)} requests sent again; {len(acknowledged - set(stored))} lost, "
            f"{len(stored) - len(set(stored))} doubled; sent after {sent_at - began:.1f} s, settled {settled_at - sent_at:.1f} s later"
        )
    assert [line for sender in senders for line in sender.refused] == []
    assert len(stored) == len(set(stored))
    assert set(stored) == acknowledged
    assert rows("SELECT traceId FROM task_traces WHERE taskId<>ownTaskId") == []
    assert len(found["tasks"]) == len(traces)
    # What the killed workers left behind equals what one undisturbed worker makes of the same spans.
    from swarm_ui.projection.rebuild import rebuild

    rebuild(world.projector(), alice.id, lambda _number: None)
    same(found, world.rows())


def rows(statement: str) -> list[tuple]:
    with db.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]
