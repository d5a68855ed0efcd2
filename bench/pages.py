"""Lists and task pages: CPU and rate at 16 connections, small against large; the reference is the product's own /-/healthy."""

import gzip
import json

from bench.ingest import A_REQUEST, Load, _settle
from bench.measuring import measure
from bench.server import Server
from bench.traffic import Traffic


def main(small: int = 10_000, large: int = 200_000) -> None:
    with Server() as server:
        key, cookie = server.key(), server.cookie()
        figures: dict[str, list[float]] = {}
        long_runs = {f"task page ({spans:,} spans)": long_run(server, key, spans) for spans in (200, 5_000)}
        loaded = 0
        for spans in (small, large):
            while loaded < spans:
                portion = min(100, (spans - loaded) // A_REQUEST + 1)
                Load(server, key, list(Traffic(loaded).bodies(portion))).run()
                loaded += portion * A_REQUEST
            _settle(server, 600)
            print(f"\n{loaded:,} spans")
            base, _ = measure(server, "/-/healthy", {}, 400)
            for name, path in (_paths(server, key) | long_runs).items():
                cpu, rate = measure(server, path, {"Cookie": cookie}, 20 if "5,000" in name else 300)
                figures.setdefault(name, []).append(cpu)
                print(
                    f"  {name:<28} {cpu * 1000:6.2f} ms of CPU, {rate:5.0f} requests/s, {cpu / base:5.1f} × /-/healthy"
                )
        print("\nlarge against small:")
        for name, (few, many) in figures.items():
            print(f"  {name:<28} {many / few:.2f}")


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
