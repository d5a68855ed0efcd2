"""Heartbeats: rate over 32 connections and server CPU each, by id and by name; early and late in their history. The answer waits for the commit."""

import json
import socket
import sqlite3
import threading
import time

from bench.server import Server

CONNECTIONS = 32
AGENTS = 200


def main(beats: int = 8_000) -> None:
    with Server() as server:
        make = ("token", "create", "--email", "bench@example.org", "--name", "beats", "--scopes", "ping")
        key = server.flask(*make)
        names = [f"agent-{number}" for number in range(AGENTS)]
        ids = [_registered(server, key, name) for name in names]
        by_id = [_request("POST", f"/api/v1/agents/{agent_id}/heartbeat", key) for agent_id in ids]
        by_name = [_request("GET", f"/ping/{key}/{name}") for name in names]
        print(f"\n{AGENTS} agents, {CONNECTIONS} connections")
        for words, requests in (("by id", by_id), ("by name", by_name), ("by id again", by_id)):
            _send(server, requests, 500)
            cpu, begun = server.cpu(), time.perf_counter()
            _send(server, requests, beats)
            took = time.perf_counter() - begun
            print(
                f"  {words:<12} {beats / took:6.0f} /s, {1e6 * (server.cpu() - cpu) / beats:5.0f} µs of CPU each, {_rows(server)} rows of history"
            )


def _registered(server: Server, key: str, name: str) -> str:
    connection = server.connect()
    connection.request("GET", f"/ping/{key}/{name}")
    return json.loads(connection.getresponse().read())["agentId"]


def _request(method: str, path: str, key: str = "") -> bytes:
    """Bytes as they are sent: a client of the library would take as much CPU as the server."""
    sent = f"x-api-key: {key}\r\nContent-Length: 0\r\n" if key else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{sent}\r\n".encode()


def _send(server: Server, requests: list[bytes], number: int) -> None:
    left = iter(range(number))
    lock = threading.Lock()
    failures: list[bytes] = []

    def work() -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
            while True:
                with lock:
                    place = next(left, None)
                if place is None:
                    return
                connection.sendall(requests[place % len(requests)])
                answer = connection.recv(65536)
                while b'"desiredState"' not in answer:
                    more = connection.recv(65536)
                    answer += more
                    if not more or b" 200 OK" not in answer[:20]:
                        failures.append(answer[:300])
                        return

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0].decode("utf-8", "replace"))


def _rows(server: Server) -> int:
    with sqlite3.connect(server.data_dir / "swarm.db", timeout=10) as connection:
        return connection.execute("SELECT COUNT(*) FROM heartbeats").fetchone()[0]
