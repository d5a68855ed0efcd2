"""SIGKILL of real servers and workers at random moments of an ingest: what was acknowledged is there, once, and gets projected.

A small version runs always; SWARM_LONG=1 runs 20,000 spans and ten kills.
"""

import os
import random
import sys

import pytest

from tests.killing import LONG, Request, Sender, rows, send_and_kill, server  # noqa: F401
from tests.otlp import PROTOBUF

SPANS, KILLS, SENDERS = (20_000, 10, 4) if LONG else (2_000, 2, 2)
TRACES_A_REQUEST = 8

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def requests(number: int, rng: random.Random) -> list[tuple[bytes, set[str]]]:
    """Traces of 13 spans; each is cut over two requests that follow each other, so that a kill falls between its halves."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from bench.traffic import Traffic

    traffic = Traffic(rng.randrange(10**6))
    made = []
    while sum(len(spans) for _, spans in made) < number:
        whole = traffic.request(TRACES_A_REQUEST)
        halves = []
        for part in (0, 1):
            half = ExportTraceServiceRequest()
            half.CopyFrom(whole)
            scoped = half.resource_spans[0].scope_spans[0]
            kept = [span for place, span in enumerate(scoped.spans) if place % 2 == part]
            del scoped.spans[:]
            scoped.spans.extend(kept)
            halves.append((half.SerializeToString(), {span.span_id.hex() for span in kept}))
        made += halves
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(server, alice, capsys):  # noqa: F811
    from tests.projection.world import World, same

    rng = random.Random(int(os.environ.get("SWARM_SEED", "20")))
    acknowledged: set[str] = set()
    senders = []
    for _ in range(SENDERS):
        bodies = requests(SPANS // SENDERS, rng)
        acknowledged.update(*(spans for _, spans in bodies))
        posts: list[Request] = [
            ("POST", "/v1/traces", body, {"Content-Type": PROTOBUF}) for body, _ in bodies
        ]
        senders.append(Sender(server.port, posts))
    killed = send_and_kill(server, senders, KILLS, rng)

    stored = [span for (span,) in rows("SELECT spanId FROM spans")]
    world = World(alice.id, None)
    world.summarise()
    found = world.rows()
    traces = {row[0] for row in rows("SELECT DISTINCT traceId FROM spans")}
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(acknowledged):,} spans of {len(traces):,} traces acknowledged over {len(killed)} kills ({', '.join(killed)}), "
            f"{sum(sender.repeated for sender in senders)} requests sent again; {len(acknowledged - set(stored))} lost, "
            f"{len(stored) - len(set(stored))} doubled"
        )
    assert [line for sender in senders for line in sender.refused] == []
    assert {answer for sender in senders for answer in sender.answers} == {(200, b"")}
    assert len(stored) == len(set(stored))
    assert set(stored) == acknowledged
    assert rows("SELECT traceId FROM task_traces WHERE taskId<>ownTaskId") == []
    assert len(found["tasks"]) == len(traces)
    # What the killed workers left behind equals what one undisturbed worker makes of the same spans.
    from swarm_ui.projection.rebuild import rebuild

    rebuild(world.projector(), alice.id, lambda _number: None)
    same(found, world.rows())
