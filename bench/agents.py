"""The list of 500 agents, 100 a page, over many spans: server CPU and bytes before compression; the reference is /-/healthy."""

import re
from html import unescape

from bench.ingest import A_REQUEST, Load, _settle
from bench.measuring import CONNECTIONS, measure, one_by_one
from bench.server import Server
from bench.traffic import Traffic

AGENTS = 501
LIMIT_MS, LIMIT_BYTES = 15, 150_000


def main(spans: int = 1_000_000) -> None:
    with Server() as server:
        key, cookie = server.key(), {"Cookie": server.cookie()}
        loaded = 0
        while loaded < spans:
            portion = min(100, (spans - loaded) // A_REQUEST + 1)
            Load(server, key, list(Traffic(loaded, agents=AGENTS).bodies(portion))).run()
            loaded += portion * A_REQUEST
        _settle(server, 3_600)
        print(f"\n{loaded:,} spans of {AGENTS} agents")
        base, _ = measure(server, "/-/healthy", {}, 400)
        for name, path in _paths(server, cookie).items():
            cpu, rate = measure(server, path, cookie, 200)
            size = one_by_one(server, path, cookie, 1, 0).size
            over = " OVER" if cpu * 1000 > LIMIT_MS or size > LIMIT_BYTES else ""
            print(
                f"  {name:<22} {cpu * 1000:6.2f} ms of CPU, {rate:4.0f} requests/s over {CONNECTIONS} connections, "
                f"{cpu / base:5.1f} × /-/healthy, {size / 1000:6.1f} KB{over}"
            )


def _paths(server: Server, cookie: dict[str, str]) -> dict[str, str]:
    connection = server.connect()
    connection.request("GET", "/agents", headers=cookie)
    page = connection.getresponse().read().decode()
    following = re.search(r'rel="next" href="([^"]+)"|href="([^"]+)" rel="next"', page)
    return {
        "first page": "/agents",
        "second page": unescape(following[1] or following[2]),
        "a condition": "/agents?status=healthy",
        "a name": "/agents?q=billing1",
        "a model": "/agents?model=gpt-4o-mini-2024-07-18",
        "by service": "/agents?group=service",
    }
