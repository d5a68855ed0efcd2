"""Lists and task pages: CPU and rate at 16 connections, small against large; the reference is the product's own /-/healthy."""

import gzip
import json
import statistics

from bench.ingest import A_REQUEST, Load, _settle
from bench.measuring import measure
from bench.server import Server
from bench.traffic import Traffic

ROUNDS, REQUESTS = 5, 100
LONG_RUNS = (200, 5_000)


class Side:
    """A server of its own with so many spans, one run in ten failed, so that every list fills a page."""

    def __init__(self, server: Server, spans: int) -> None:
        self.server, self.spans = server, 0
        self.key, self.cookie = server.key(), server.cookie()
        self.paths = {
            f"task page ({length:,} spans)": long_run(server, self.key, length) for length in LONG_RUNS
        }
        while self.spans < spans:
            portion = min(100, (spans - self.spans) // A_REQUEST + 1)
            Load(server, self.key, list(Traffic(self.spans, fail=0.1).bodies(portion))).run()
            self.spans += portion * A_REQUEST
        _settle(server, 600)
        self.paths = _paths(server, self.key) | self.paths

    def measure(self, name: str) -> tuple[float, float]:
        """(ms of CPU a request, requests a second)."""
        requests = REQUESTS // 10 if "5,000" in name else REQUESTS
        cpu, rate = measure(self.server, self.paths[name], {"Cookie": self.cookie}, requests)
        return cpu * 1000, rate


def main(small: int = 10_000, large: int = 200_000) -> None:
    """Both sides are asked by turns, so that what slows the machine for a while slows both; medians of the rounds, and of their ratios."""
    with Server() as one, Server() as other:
        few, many = Side(one, small), Side(other, large)
        base = statistics.median(measure(one, "/-/healthy", {}, 400)[0] * 1000 for _ in range(ROUNDS))
        print(f"/-/healthy: {base:.2f} ms of CPU")
        print(f"{'':<26}{few.spans:>9,} spans{many.spans:>16,} spans")
        for name in few.paths:
            rounds = [(*few.measure(name), *many.measure(name)) for _ in range(ROUNDS)]
            little, little_rate, much, much_rate = (
                statistics.median(column) for column in zip(*rounds, strict=True)
            )
            ratio = statistics.median(found[2] / found[0] for found in rounds)
            print(
                f"{name:<26}{little:6.2f} ms {little_rate:4.0f}/s{much:10.2f} ms {much_rate:4.0f}/s   {ratio:4.2f}, {much / base:5.1f} × /-/healthy"
            )


def long_run(server: Server, key: str, spans: int) -> str:
    """The page of a run of this many spans, sent in requests of 500."""
    run = Traffic(spans).long_run(spans)
    found = run.resource_spans[0].scope_spans[0].spans
    trace_id, bodies = found[0].trace_id.hex(), []
    for start in range(0, spans, 500):
        part = Traffic(spans).request(0)
        part.resource_spans[0].scope_spans[0].spans.extend(found[start : start + 500])
        bodies.append(gzip.compress(part.SerializeToString(), 1))
    Load(server, key, bodies).run()
    _settle(server, 600)
    connection = server.connect()
    connection.request("GET", f"/api/v1/tasks?traceId={trace_id}", headers={"x-api-key": key})
    return f"/tasks/{json.loads(connection.getresponse().read())['items'][0]['id']}"


def _paths(server: Server, key: str) -> dict[str, str]:
    connection = server.connect()

    def first(path: str) -> str:
        connection.request("GET", f"/api/v1/{path}", headers={"x-api-key": key})
        return json.loads(connection.getresponse().read())["items"][0]["id"]

    return {
        "tasks": "/tasks",
        "tasks, by status": "/tasks?status=failed",
        "tasks, by workflow": f"/tasks?workflow={first('workflows')}",
        "tasks, by agent": f"/tasks?agent={first('agents')}",
        "agents": "/agents",
        "alerts": "/alerts",
        "task page (13 spans)": f"/tasks/{first('tasks?limit=1')}",
    }
