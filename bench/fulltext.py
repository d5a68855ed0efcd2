"""Searching a million log lines, by the list of runs and by Ctrl K; the reference is an FTS5 table of the bare lines, asked the same in the same run."""

import gzip
import random
import re
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.ingest import Load, _settle
from bench.measuring import one_by_one
from bench.server import Server
from bench.traffic import WORDS

LINES_A_RUN, RUNS_A_REQUEST, AT_A_TIME = 100, 20, 25
LIMIT_MS = 300
CHINESE = "订单 仓库 退款 客户 发票 付款 合同 支付 系统 失败 已经 检查 完成 等待 重新 提交".split()  # noqa: SIM905
RARE = "sarsaparilla was not delivered, 海关扣留"
SEARCHES = {
    "a word of every run": "warehouse",
    "a word of 1 run in 100": "sarsaparilla",
    "a word of one run": "zanzibar",
    "a word of none": "quetzalcoatl",
    "the beginning of a word": "sarsap",
    "three words of every run": "refund invoice warehouse",
    "a word of every run and a rare one": "warehouse zanzibar",
    "a rare phrase": '"sarsaparilla was not delivered"',
    "a phrase of words of every run": '"warehouse region"',
    "a phrase that nobody says": '"region warehouse warehouse region"',
    "Chinese, in nearly every run": "仓库",
    "Chinese, in 1 run in 100": "海关扣留",
    "Chinese and a word beside it": "海关扣留 warehouse",
    "a word, and one that is not there": "warehouse -zanzibar",
    "a word and a key": "warehouse status:failed",
}


def main(lines: int = 1_000_000, database: str | None = None) -> None:
    runs = max(LINES_A_RUN, lines // LINES_A_RUN)
    with Server(database=database) as server, tempfile.TemporaryDirectory(prefix="swarm-bench-") as folder:
        key, cookie = server.key(), {"Cookie": server.cookie()}
        begun = time.perf_counter()
        plain = _plain(Path(folder) / "lines.db")
        for first in range(0, runs, RUNS_A_REQUEST * AT_A_TIME):
            _load(server, key, plain, range(first, min(first + RUNS_A_REQUEST * AT_A_TIME, runs)), runs)
        taken = time.perf_counter() - begun
        _settle(server, 3_600)
        print(
            f"{runs * LINES_A_RUN:,} lines of {runs:,} runs: taken in {taken:.0f} s, to be found after {time.perf_counter() - begun:.0f} s"
        )
        plain.commit()
        over = 0
        for name, asked in SEARCHES.items():
            found = one_by_one(server, f"/tasks?q={quote(asked)}", cookie)
            jump = one_by_one(server, f"/search?q={quote(asked)}", cookie | {"HX-Request": "true"})
            over += max(found.slowest, jump.slowest) > LIMIT_MS
            reference = _asked(plain, asked)
            beside = (
                f", plain FTS5 {reference:6.1f} ms, {found.median / reference:6.1f} ×" if reference else ""
            )
            print(
                f"  {name:<36} list {found.median:5.0f} ms (slowest {found.slowest:5.0f}), Ctrl K {jump.median:5.0f} ms (slowest {jump.slowest:5.0f}){beside}"
            )
        print(f"slower than {LIMIT_MS} ms at some time: {over} of {len(SEARCHES)}")
        plain.close()


# What is searched.


def _lines(run: int, runs: int) -> list[str]:
    """Of a run, always the same: common words, words of a long tail, numbers that nobody else has, some Chinese."""
    rng = random.Random(f"lines {run}")
    said = []
    for number in range(LINES_A_RUN):
        words = "".join(rng.choices(CHINESE, k=8)) if number % 20 == 7 else " ".join(rng.choices(WORDS, k=9))
        tail = f"{int(rng.paretovariate(0.6)) % 60_000:x}"
        said.append(f"{words} part-{tail} id={rng.getrandbits(40):010x} took {rng.randrange(4000)} ms")
    if run % 100 == 50:
        said[70] = f"{RARE} {said[70]}"
    if run == runs // 3:
        said[30] += " zanzibar"
    return said


def _load(server: Server, key: str, plain: sqlite3.Connection, portion: range, runs: int) -> None:
    now = time.time_ns()
    logs, traces = [], []
    for first in range(portion.start, portion.stop, RUNS_A_REQUEST):
        some = {run: _lines(run, runs) for run in range(first, min(first + RUNS_A_REQUEST, portion.stop))}
        logs.append(gzip.compress(_logs(some, now), 1))
        traces.append(gzip.compress(_traces(some, now), 1))
        plain.executemany(
            "INSERT INTO lines (said) VALUES (?)", ((line,) for said in some.values() for line in said)
        )
    Load(server, key, logs, path="/v1/logs").run()
    Load(server, key, traces).run()


def _ids(run: int) -> tuple[bytes, bytes]:
    rng = random.Random(f"ids {run}")
    return rng.randbytes(16), rng.randbytes(8)


def _logs(some: dict[int, list[str]], now: int) -> bytes:
    message = ExportLogsServiceRequest()
    records = message.resource_logs.add().scope_logs.add().log_records
    for run, said in some.items():
        trace_id, span_id = _ids(run)
        for number, line in enumerate(said):
            record = records.add()
            record.trace_id, record.span_id = trace_id, span_id
            record.time_unix_nano = now + run * 1_000_000 + number * 1_000
            record.severity_number, record.body.string_value = 9, line
    return message.SerializeToString()


def _traces(some: dict[int, list[str]], now: int) -> bytes:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for run in some:
        span = spans.add()
        span.trace_id, span.span_id = _ids(run)
        span.name, span.kind = "nightly job", 1
        span.start_time_unix_nano = now + run * 1_000_000
        span.end_time_unix_nano = span.start_time_unix_nano + 1_000_000
        if run % 25 == 0:
            span.status.code, span.status.message = 2, "the job did not end"
    return message.SerializeToString()


# The reference.


def _plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("CREATE VIRTUAL TABLE lines USING fts5(said)")
    return connection


def _asked(plain: sqlite3.Connection, asked: str) -> float | None:
    """Milliseconds until the newest 50 lines are there; None where FTS5 alone knows no such question."""
    if not asked.isascii() or re.search(r"\S:\S| -", asked):
        return None
    asked = asked if asked.startswith('"') else " ".join(f"{word}*" for word in asked.split())
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        plain.execute(
            "SELECT rowid, said FROM lines WHERE lines MATCH ? ORDER BY rowid DESC LIMIT 50", (asked,)
        ).fetchall()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)
