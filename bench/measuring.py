"""What one address costs: CPU in all processes of the server, rate, time until the answer, bytes before compression."""

import statistics
import threading
import time
from typing import NamedTuple

from bench.server import Server

CONNECTIONS = 16


class One(NamedTuple):
    """What a request took, one after the other; `cpu` and times are in milliseconds."""

    cpu: float
    median: float
    slowest: float
    size: int

    def __str__(self) -> str:
        return f"{self.cpu:7.1f} ms of CPU, answered in {self.median:6.0f} ms (slowest {self.slowest:6.0f}), {self.size / 1000:6.1f} KB"


def one_by_one(server: Server, path: str, headers: dict[str, str], requests: int = 10, warm: int = 2) -> One:
    connection = server.connect()
    times, size = [], 0
    before = server.cpu()
    for number in range(warm + requests):
        if number == warm:
            before = server.cpu()
        begun = time.perf_counter()
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        size = len(response.read())
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status}")
        times.append((time.perf_counter() - begun) * 1000)
    cpu = (server.cpu() - before) * 1000 / requests
    connection.close()
    return One(cpu, statistics.median(times[warm:]), max(times[warm:]), size)


def measure(server: Server, path: str, headers: dict[str, str], requests: int) -> tuple[float, float]:
    """(server CPU seconds a request, requests a second)."""
    left = iter(range(requests))
    lock = threading.Lock()
    failures: list[int] = []

    def work() -> None:
        connection = server.connect()
        while True:
            with lock:
                if next(left, None) is None:
                    return
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                failures.append(response.status)

    for warm in range(4):
        del warm
        connection = server.connect()
        connection.request("GET", path, headers=headers)
        connection.getresponse().read()
    before, begun = server.cpu(), time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    if failures:
        raise RuntimeError(f"{path}: {failures[:3]}")
    return (server.cpu() - before) / requests, requests / took
