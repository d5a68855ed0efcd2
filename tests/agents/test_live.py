"""A client that reports to a live server is killed in the middle: late, then silent, within the seconds that were set, with the reason."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime

import pytest

from swarm_ui.config import ROOT
from tests.test_serve import free_port, until

CLIENT = """
import sys, time, urllib.request
while True:
    urllib.request.urlopen(sys.argv[1], timeout=10).read()
    print("reported", flush=True)
    time.sleep(0.25)
"""
PERIOD, GRACE = 2, 3


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, dict[str, str]]]:
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data"), "PORT": str(port), "LOG_LEVEL": "warning", "WEB_PROCESSES": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "swarm_ui.serve"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port), 60)
        yield f"http://127.0.0.1:{port}", environment
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).status == 200
    except OSError:
        return False


def test_a_client_is_killed(server):
    url, environment = server

    def key(scopes: str) -> str:
        made = ["token", "create", "--email", "me@example.org", "--name", scopes, "--scopes", scopes]
        command = [sys.executable, "-m", "flask", *made]
        said = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        ).stdout
        return re.search(r"swk_\w+", said)[0]

    def ask(method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(url + path, method=method, headers={"x-api-key": access})
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    access, ping = key("read,write"), key("ping")
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, f"{url}/ping/{ping}/nightly"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == "reported\n"
        agent_id = ask("GET", "/api/v1/agents?q=nightly")["items"][0]["id"]
        agent = f"/api/v1/agents/{agent_id}"
        ask("PATCH", agent, {"heartbeatPeriod": PERIOD, "heartbeatGrace": GRACE})
        client.stdout.readline()
        until(lambda: ask("GET", agent)["healthWord"] == "healthy")
    finally:
        client.kill()
        client.communicate(timeout=20)
    killed = time.monotonic()
    until(lambda: ask("GET", agent)["healthWord"] == "late", PERIOD + 15)
    late = ask("GET", agent)
    until(lambda: ask("GET", agent)["healthWord"] == "silent", GRACE + 15)
    took = time.monotonic() - killed
    silent = ask("GET", agent)
    assert took >= PERIOD + GRACE - 1
    assert "no sign of life for" in late["healthReason"]
    assert silent["healthReason"].endswith(f"; expected every {PERIOD} s, with {GRACE} s of grace")
    assert silent["status"] == "error"
    # The worker wrote both down, at the times at which they came true.
    until(
        lambda: [flip["toWord"] for flip in ask("GET", f"{agent}/health")["flips"]][:2] == ["silent", "late"],
        30,
    )
    flips = ask("GET", f"{agent}/health")["flips"]
    beat = datetime.fromisoformat(silent["beatAt"])
    passed = [(datetime.fromisoformat(flip["at"]) - beat).total_seconds() for flip in flips[:2]]
    assert passed == [PERIOD + GRACE, PERIOD]
