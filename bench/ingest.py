"""Append and project: CPU a span in all processes, rate over four connections, latency, time to visible, disk; alone and beside readers."""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import NamedTuple

from bench.floor import floor
from bench.server import Server
from bench.traffic import SPANS, TRACES, Traffic
from swarm_ui.memory import QUIET_US

A_REQUEST = TRACES * SPANS
READS = ("/tasks", "/tasks?status=failed", "/tasks?q=refund", "/", "/agents")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Load:
    """Sends prepared bodies over `connections` and notes how long each took."""

    def __init__(
        self, server: Server, key: str, bodies: list[bytes], connections: int = 4, path: str = "/v1/traces"
    ) -> None:
        self.server, self.key, self.path = server, key, path
        self._bodies: Iterator[bytes] = iter(bodies)
        self._lock = threading.Lock()
        self.seconds: list[float] = []
        self.refused = 0
        self._threads = [threading.Thread(target=self._send) for _ in range(connections)]

    def run(self) -> float:
        begun = time.perf_counter()
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        return time.perf_counter() - begun

    def _send(self) -> None:
        connection = self.server.connect()
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "x-api-key": self.key,
        }
        while True:
            with self._lock:
                body = next(self._bodies, None)
            if body is None:
                return
            while True:
                begun = time.perf_counter()
                connection.request("POST", self.path, body, headers)
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    break
                self.refused += 1
                time.sleep(float(response.headers.get("Retry-After", 1)))
            self.seconds.append(time.perf_counter() - begun)


class Visible:
    """Every half second sends one run and asks until the list has it."""

    def __init__(self, server: Server, key: str) -> None:
        self.server, self.key = server, key
        self.seconds: list[float] = []
        self._going = True
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Visible":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._going = False
        self._thread.join()

    def _watch(self) -> None:
        connection = self.server.connect()
        traffic = Traffic(7)
        while self._going:
            message = traffic.request(1)
            trace_id = message.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
            headers = {"Content-Type": "application/x-protobuf", "x-api-key": self.key}
            connection.request("POST", "/v1/traces", message.SerializeToString(), headers)
            connection.getresponse().read()
            begun = time.perf_counter()
            while time.perf_counter() - begun < 30:
                connection.request(
                    "GET", f"/api/v1/tasks?traceId={trace_id}", headers={"x-api-key": self.key}
                )
                if json.loads(connection.getresponse().read())["items"]:
                    self.seconds.append(time.perf_counter() - begun)
                    break
                time.sleep(0.05)
            time.sleep(0.5)


class Readers:
    """Two people who keep opening pages and searching."""

    def __init__(self, server: Server, cookie: str, number: int = 2) -> None:
        self.server, self.cookie = server, cookie
        self.seconds: list[float] = []
        self._going = True
        self._threads = [threading.Thread(target=self._read) for _ in range(number)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._going = False
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        connection = self.server.connect()
        while self._going:
            for path in READS:
                begun = time.perf_counter()
                connection.request("GET", path, headers={"Cookie": self.cookie})
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    raise RuntimeError(f"{path}: {response.status}")
                self.seconds.append(time.perf_counter() - begun)
                time.sleep(0.1)


def _settle(server: Server, limit: float = 120) -> float:
    begun = time.perf_counter()
    while server.waiting() and time.perf_counter() - begun < limit:
        time.sleep(0.05)
    return time.perf_counter() - begun


def main(spans: int = 100_000, database: str | None = None) -> None:
    requests = max(1, spans // A_REQUEST)
    reference = floor()
    print(
        f"floor: walk {reference['walk']:.1f} + insert {reference['insert']:.1f} = {reference['floor']:.1f} µs of CPU a span"
    )
    bodies = list(Traffic(1).bodies(requests))
    with Server(database=database) as server:
        key, cookie = server.key(), server.cookie()
        Load(server, key, list(Traffic(2).bodies(8))).run()
        _settle(server)
        sent = requests * A_REQUEST
        before, size = server.cpu(), server.disk() if not database else 0
        load = Load(server, key, bodies)
        took = load.run()
        behind = _settle(server)
        cpu = (server.cpu() - before) / sent * 1e6
        print(
            f"append + project: {cpu:.1f} µs of CPU a span in all processes, {cpu / reference['floor']:.1f} × the floor"
        )
        print(
            f"rate: {sent / took:,.0f} spans/s over 4 connections, {sent / (took + behind):,.0f} with the projection finished"
        )
        print(
            f"request: median {statistics.median(load.seconds) * 1000:.0f} ms, p95 {percentile(load.seconds, 0.95) * 1000:.0f} ms, {load.refused} told to come back"
        )
        if not database:
            print(f"disk: {(server.disk() - size) / sent:,.0f} bytes a span")
        alone, beside = _beside(server, key, cookie, requests)
        print(
            f"beside readers and searches: {beside.rate / alone.rate:.0%} of the rate alone, {beside.rate:,.0f} spans/s with the projection "
            f"finished, their p95 {percentile(beside.seconds, 0.95) * 1000:.0f} ms"
        )
        paced = list(Traffic(4).bodies(requests // 2))
        with Visible(server, key) as visible:
            _paced(server, key, paced, spans_a_second=5_000)
        print(
            f"visible at 5,000 spans/s: p50 {statistics.median(visible.seconds):.2f} s, max {max(visible.seconds):.2f} s of {len(visible.seconds)}"
        )
        print(f"memory after it all: {server.pss():.0f} MB (proportional set size of all processes)", end="")
        time.sleep(QUIET_US / 1e6 + 8)  # web processes are renewed one after the other
        print(f", {server.pss():.0f} MB once it was idle for a minute")


class Portions(NamedTuple):
    """Spans a second until all of a portion was projected, over all portions, and how long the readers' pages took."""

    rate: float
    seconds: list[float]


def _beside(
    server: Server, key: str, cookie: str, requests: int, portions: int = 4
) -> tuple[Portions, Portions]:
    """The same load alone and beside readers, by turns."""
    each = max(1, requests // portions)
    took, waited = [0.0, 0.0], []
    for number in range(portions):
        for read in (False, True):
            load = Load(server, key, list(Traffic(100 + 2 * number + read).bodies(each)))
            with Readers(server, cookie) if read else nullcontext() as readers:
                took[read] += load.run() + _settle(server)
            waited += readers.seconds if readers else []
    spans = portions * each * A_REQUEST
    return Portions(spans / took[False], []), Portions(spans / took[True], waited)


def _paced(server: Server, key: str, bodies: list[bytes], spans_a_second: int) -> None:
    every = A_REQUEST / spans_a_second * 4
    portions = [bodies[start::4] for start in range(4)]

    def send(mine: list[bytes], offset: float) -> None:
        begun = time.perf_counter() + offset
        for number, body in enumerate(mine):
            time.sleep(max(0.0, begun + number * every - time.perf_counter()))
            Load(server, key, [body], 1).run()

    threads = [
        threading.Thread(target=send, args=(mine, index * every / 4)) for index, mine in enumerate(portions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
