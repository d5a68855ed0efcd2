"""The public REST API for the scripts beside this file: a few lines of standard library."""

import argparse
import gzip
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MOST = 1_000


class Api:
    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url.rstrip("/") + "/api/v1", key

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        for _ in range(10):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.loads(answer.read())
            except urllib.error.HTTPError as error:
                if error.code not in (429, 503):
                    raise SystemExit(
                        f"{method} {path}: {error.code} {error.read(500).decode('utf-8', 'replace')}"
                    ) from None
                time.sleep(float(error.headers.get("Retry-After", 1)))
        raise SystemExit(f"{method} {path}: the server stays busy")

    def post(self, path: str, body: Any) -> Any:
        return self.ask("POST", path, body)

    def post_all(self, path: str, items: list[Any]) -> None:
        for start in range(0, len(items), MOST):
            self.post(path, items[start : start + MOST])

    def items(self, path: str, query: str = "") -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            found = self.ask("GET", f"{path}?limit=500{query}" + (f"&cursor={cursor}" if cursor else ""))
            yield from found["items"]
            if not (cursor := found["next"]):
                return

    def until(self, what: str, count: Callable[[], int], wanted: int, seconds: float = 120) -> int:
        """Waits for the worker; what there is at last."""
        deadline = time.monotonic() + seconds
        while (found := count()) < wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        return found


def options(says: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=says)
    parser.add_argument("file", type=Path, help="runs.jsonl.gz of the data set")
    parser.add_argument("--url", default=os.environ.get("SWARM_URL", "http://127.0.0.1:8000"))
    parser.add_argument(
        "--key", default=os.environ.get("SWARM_KEY"), help="an API key with the scopes ingest and read"
    )
    parser.add_argument("--limit", type=int, help="only so many runs")
    given = parser.parse_args()
    if not given.key:
        parser.error("give --key, or SWARM_KEY in the environment")
    return given


def runs_of(given: argparse.Namespace) -> list[dict[str, Any]]:
    with gzip.open(given.file, "rt", encoding="utf-8") as file:
        runs = [json.loads(line) for line in file]
    return runs[: given.limit]


def report(counts: dict[str, tuple[int, int]]) -> None:
    """Prints (in the file, on the server) of each; ends with an error where they differ."""
    print(f"{'':24}{'file':>10}{'server':>10}")
    for name, (sent, found) in counts.items():
        print(f"{name:24}{sent:>10,}{found:>10,}{'' if sent == found else '   differs'}")
    if any(sent != found for sent, found in counts.values()):
        raise SystemExit(1)
