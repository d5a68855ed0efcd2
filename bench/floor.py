"""The reference: what the same bytes cost with nothing done to them but what cannot be left out."""

import gzip
import sqlite3
import tempfile
import time
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.traffic import SPANS, TRACES, Traffic


def floor(requests: int = 40) -> dict[str, float]:
    """µs of CPU a span: unpack, parse and walk; insert one row of 400 bytes, durably, a request a transaction."""
    bodies = list(Traffic(99).bodies(requests))
    spans = requests * TRACES * SPANS
    begun = time.process_time()
    for body in bodies:
        message = ExportTraceServiceRequest.FromString(gzip.decompress(body))
        for group in message.resource_spans:
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    {pair.key: pair.value.string_value for pair in span.attributes}
    walk = (time.process_time() - begun) / spans * 1e6
    with tempfile.TemporaryDirectory(prefix="swarm-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(
            "CREATE TABLE spans (id INTEGER PRIMARY KEY, trace TEXT, span TEXT, body BLOB, UNIQUE (trace, span))"
        )
        begun = time.process_time()
        for request in range(requests):
            connection.execute("BEGIN IMMEDIATE")
            rows = [(f"{request:032x}", f"{number:016x}", b"x" * 400) for number in range(TRACES * SPANS)]
            connection.executemany("INSERT INTO spans (trace, span, body) VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")
        insert = (time.process_time() - begun) / spans * 1e6
        connection.close()
    return {"walk": walk, "insert": insert, "floor": walk + insert}
