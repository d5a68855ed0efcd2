"""What the sample's clients report of themselves: the newest point of each series, summed over what the recordings used."""

from datetime import datetime, timedelta
from typing import Any

from swarm_ui import clock
from swarm_ui.ingest.conventions import SAMPLE
from swarm_ui.ingest.records import Point


def points_of(
    used: dict[tuple[str, str, str], list[float]], resource: dict[str, Any], now: datetime, days: int
) -> list[Point]:
    """`used` holds (number of calls, amount) by provider, model and what was counted: input, output or seconds."""
    points = []
    for (provider, model, kind), (times, amount) in sorted(used.items()):
        point = Point()
        seconds = kind == "seconds"
        point.name = "gen_ai.client.operation.duration" if seconds else "gen_ai.client.token.usage"
        point.unit = "s" if seconds else "{token}"
        point.kind, point.cumulative = "histogram", True
        point.attributes = {"gen_ai.provider.name": provider, "gen_ai.response.model": model, SAMPLE: True}
        if not seconds:
            point.attributes["gen_ai.token.type"] = kind
        point.started_at = clock.to_us(now - timedelta(days=days))
        point.at = clock.to_us(now)
        point.count, point.value = int(times), round(amount, 3)
        point.resource, point.scope = resource, ("opentelemetry.instrumentation.genai", "2.1b0")
        points.append(point)
    return points
