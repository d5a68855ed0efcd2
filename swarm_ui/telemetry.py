"""The product's own metrics for Prometheus, summed over its processes.

Each process counts in files under DATA_DIR/run/metrics. prometheus_client decides on that when it is imported, so it is
imported only after `share` has named the folder; without one (tests, commands) it counts in memory.
"""

import fcntl
import logging
import os
import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from flask import Flask, Response, g, request

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
log = logging.getLogger(__name__)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_ENDED = "ended"  # in the place of a process's number
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# The limits that are promised for pages and ingest lie among them.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
GAUGES = {
    "swarm_projection_lag_seconds": "Age of the oldest committed data that the worker has not projected yet.",
    "swarm_dirty_traces": "Traces that wait for the worker.",
    "swarm_set_aside_traces": "Traces that could not be projected and were set aside with a reason.",
}


def share(folder: Path) -> None:
    """Count in `folder`, which is emptied: call it once, in the parent, before anything is counted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    os.environ[_FOLDER] = str(folder)
    _metrics.cache_clear()
    _metrics()


def init_app(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def stop(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        observe_request(request.endpoint or "none", response.status_code, seconds, request.method)
        return response


def count_spans(number: int) -> None:
    if number:
        _metrics().spans.inc(number)


def count_rejected(signal: str, reason: str, number: int = 1) -> None:
    if number:
        _metrics().rejected.labels(signal, reason).inc(number)


def count_request(signal: str, code: int) -> None:
    _metrics().requests.labels(signal, str(code)).inc()


def observe_request(endpoint: str, status: int, seconds: float, method: str = "GET") -> None:
    method = method if method in _METHODS else "other"
    _metrics().seconds.labels(method, endpoint, f"{status // 100}xx").observe(seconds)


def forget(pid: int) -> None:
    """A process has ended: what it counted is added to what those before it did, so that reading does not take longer with each of them."""
    if _FOLDER not in os.environ:
        return
    try:
        with _alone() as folder:
            for path in folder.glob(f"*_{pid}.db"):
                _add_to_ended(path)
    except OSError as error:  # the folder is gone, or the disk full: no reason to end too
        log.warning("what a process counted stays apart", extra={"pid": pid, "reason": str(error)})


def _add_to_ended(path: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    try:
        counted = [row[:3] for row in MmapedDict.read_all_values_from_file(str(path))]
    except (RuntimeError, ValueError, struct.error) as error:  # it was killed while it began
        log.warning("what a process counted is lost", extra={"file": path.name, "reason": str(error)})
        counted = []
    ended = MmapedDict(str(path.with_name(f"{path.name.partition('_')[0]}_{_ENDED}.db")))
    for key, value, at in counted:
        ended.write_value(key, ended.read_value(key)[0] + value, at)
    ended.close()
    path.unlink()


@contextmanager
def _alone() -> Iterator[Path]:
    """The folder, in which nobody else reads or adds up."""
    folder = Path(os.environ[_FOLDER])
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def render(extra_gauges: Mapping[str, float | None]) -> bytes:
    """All metrics as text. `extra_gauges` are read from the database by the caller; None stands for not known."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    metrics = _metrics()
    if _FOLDER in os.environ:
        shared = CollectorRegistry()
        with _alone():
            MultiProcessCollector(shared)
            text = generate_latest(shared)
    else:
        text = generate_latest(metrics.registry)
    lines = [text.decode()]
    for name, value in extra_gauges.items():
        if value is not None:
            lines.append(f"# HELP {name} {GAUGES[name]}\n# TYPE {name} gauge\n{name} {float(value)}\n")
    return "".join(lines).encode()


@cache
def _metrics() -> SimpleNamespace:
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    return SimpleNamespace(
        registry=registry,
        spans=Counter("swarm_ingest_spans", "Spans accepted and committed.", registry=registry),
        rejected=Counter(
            "swarm_ingest_rejected",
            "Spans, log records and data points that were refused.",
            ["signal", "reason"],
            registry=registry,
        ),
        requests=Counter(
            "swarm_ingest_requests",
            "Requests to the ingest endpoints.",
            ["signal", "code"],
            registry=registry,
        ),
        seconds=Histogram(
            "swarm_request_seconds",
            "Time to answer a request.",
            ["method", "endpoint", "code"],
            buckets=_SECONDS,
            registry=registry,
        ),
    )
