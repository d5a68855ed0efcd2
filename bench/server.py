"""A server of its own for a measurement: started as a user starts it, on a free port, with its data in a folder that goes away."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """`with Server() as server: …`; `database` may name another database than SQLite."""

    def __init__(self, data_dir: str | None = None, database: str | None = None) -> None:
        self._own = data_dir is None
        self.data_dir = Path(data_dir or tempfile.mkdtemp(prefix="swarm-bench-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environ = os.environ | {
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "LOG_LEVEL": "warning",
        }
        if database:
            self.environ["DATABASE_URL"] = database

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
        if self._own:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def start(self) -> float:
        """Seconds until the first answer."""
        begun = time.perf_counter()
        self.log = open(self.data_dir / "bench.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "swarm_ui.serve"],
            cwd=ROOT,
            env=self.environ,
            stdout=self.log,
            stderr=self.log,
        )
        while time.perf_counter() - begun < 60:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthy", timeout=1):
                    return time.perf_counter() - begun
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not start, see {self.data_dir}/bench.log")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()

    def flask(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "flask", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environ, check=True, capture_output=True, text=True
        ).stdout.strip()

    def key(self) -> str:
        return self.flask(
            "token",
            "create",
            "--email",
            "bench@example.org",
            "--name",
            "bench",
            "--scopes",
            "ingest,read,write",
        )

    def cookie(self) -> str:
        """A signed-in person's Cookie header."""
        link = re.search(r"/login/\S+", self.flask("login-link", "--email", "bench@example.org"))[0]
        jar = CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        opener.open(urllib.request.Request(f"http://127.0.0.1:{self.port}{link}", data=b"", method="POST"))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=60)

    def pids(self) -> list[int]:
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                waiting += map(int, task.read_text().split())
        return found

    def cpu(self) -> float:
        """CPU seconds of all processes so far."""
        total = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(map(int, fields[11:15]))
        return total / _TICK

    def pss(self) -> float:
        """Proportional set size of all processes in MB."""
        kilobytes = 0
        for pid in self.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])
        return kilobytes / 1024

    def disk(self) -> int:
        """Bytes of database and storage, the log of the database folded in."""
        path = self.data_dir / "swarm.db"
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        stored = sum(file.stat().st_size for file in (self.data_dir / "storage").rglob("*") if file.is_file())
        return path.stat().st_size + stored

    def waiting(self) -> int:
        """Traces that are not projected yet. What asks often must not cost the server anything: SQLite is asked itself."""
        if "DATABASE_URL" not in self.environ:
            with sqlite3.connect(self.data_dir / "swarm.db", timeout=10) as database:
                return database.execute("SELECT COUNT(*) FROM trace_dirty").fetchone()[0]
        connection = self.connect()
        connection.request("GET", "/-/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return int(float(re.search(r"^swarm_dirty_traces (\S+)", text, re.MULTILINE)[1]))
