"""Runs to send: a brief that a planner, a researcher and a writer make together, and how it can go."""

import json
import time
from typing import Any

from tests.otlp import Draft, agent, failing, llm, logs, metric, span_id, tool, trace_id, workflow

ASKED = "What did our three competitors ship this week? Cite each claim."
FOUND = "Northwind shipped offline maps on Tuesday. Contoso raised its prices by 8 %. Of Fabrikam nothing was found."
# Seconds after ten minutes ago: a run that begins then ended a moment ago.
RECENTLY = 540.0


def lately(draft: Draft, at: float) -> Draft:
    """The draft begins `at` seconds later, counted from ten minutes before now; those of other tests have a clock that stands still."""
    began = draft.but(at=0.0).started_ns / 1e9
    return draft.but(at=draft.at + at + time.time() - 600 - began)


def said(role: str, words: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": words}]}])


def asked_and_answered(question: str, answer: str = "") -> dict[str, Any]:
    spoken = {"gen_ai.input.messages": said("user", question)}
    return spoken | ({"gen_ai.output.messages": said("assistant", answer)} if answer else {})


def brief(
    trace: int, *, failed: bool = False, at: float = RECENTLY, name: str = "weekly_brief"
) -> list[Draft]:
    """A whole run of 50 seconds. Where it fails, `fetch_page` of the researcher fails first."""
    fetched = (
        failing("HTTPStatusError", "503 Service Unavailable for https://example.org/fabrikam/changelog")
        if failed
        else {}
    )
    broken: dict[str, Any] = {"status": "error", "message": "fetch_page failed"} if failed else {}
    drafts = [
        workflow(1, name, seconds=50, attributes=asked_and_answered(ASKED, "" if failed else FOUND), **broken),
        agent(2, "planner", 1, at=0.2, seconds=49, attributes=asked_and_answered(ASKED, "" if failed else FOUND), **broken),
        llm(3, 2, (1200, 310), at=0.4, seconds=6, attributes=asked_and_answered(ASKED, "First the change logs, then a summary.")),
        agent(4, "researcher", 2, at=7, seconds=30, attributes=asked_and_answered("Read the change logs."), **broken),
        llm(5, 4, (2400, 180), at=7.5, seconds=5),
        tool(6, "web_search", 4, at=13, seconds=4, attributes={"gen_ai.tool.call.arguments": '{"query": "fabrikam changelog"}'}),
        tool(7, "fetch_page", 4, at=18, seconds=12, attributes={"gen_ai.tool.call.arguments": '{"url": "https://example.org/fabrikam"}'}, **fetched),
    ]  # fmt: skip
    if not failed:
        drafts += [
            agent(8, "writer", 2, at=38, seconds=10, attributes=asked_and_answered("Write it up.", FOUND)),
            llm(9, 8, (3100, 640), at=38.5, seconds=9, attributes=asked_and_answered("Write it up.", FOUND)),
        ]
    return [lately(draft.but(trace=trace), at) for draft in drafts]


def unfinished(trace: int, *, at: float = RECENTLY) -> list[Draft]:
    """The same run while it goes on: what encloses its steps has not ended, so it has not been sent."""
    return [draft for draft in brief(trace, at=at) if draft.id in (3, 5, 6)]


def lines(trace: int) -> dict[str, Any]:
    """Log records of the run, one a level, each while it lasted."""
    at = str(int((time.time() - 40) * 1e9))
    texts = (
        (5, "3 sources chosen"),
        (9, "change log read"),
        (13, "fabrikam answers slowly"),
        (17, "503 from example.org"),
    )
    return logs(
        *(
            {
                "timeUnixNano": at,
                "severityNumber": level,
                "body": {"stringValue": text},
                "traceId": trace_id(trace),
                "spanId": span_id(7),
            }
            for level, text in texts
        )
    )


def usage() -> dict[str, Any]:
    """A metric as clients send it beside their traces."""
    return metric("gen_ai.client.token.usage", [{"asInt": "1200", "timeUnixNano": str(time.time_ns())}])
