"""The views of a run of many messages: bytes before compression and CPU each. Once sent over REST, once as traces; the reference is /-/healthy."""

import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bench.ingest import _settle
from bench.measuring import measure, one_by_one
from bench.pages import long_run
from bench.server import Server
from bench.traffic import SPANS, WORDS
from bench.whoandwhen import Api

AGENTS = 12
A_REQUEST = 5_000
LIMIT = 150_000
# One trace of the traffic delegates twice; each is asked and answered.
MESSAGES_A_TRACE = 4
KINDS = ("request", "response", "status_update", "broadcast")
LEVELS = ("debug", "info", "info", "info", "warning", "error")


def main(messages: int = 10_000) -> None:
    with Server() as server:
        cookie, api = {"Cookie": server.cookie()}, Api(server)
        runs = {
            "sent over REST": _sent(api, messages),
            "as traces": long_run(server, server.key(), messages * SPANS // MESSAGES_A_TRACE),
        }
        _settle(server, 600)
        base, _ = measure(server, "/-/healthy", {}, 400)
        for how, page in runs.items():
            print(f"\n{how}, about {messages:,} messages")
            api.connection.close()  # the server has closed it where nothing was asked for a while
            for name, path, part in list(_views(api, page)):
                headers = cookie | ({"HX-Request": "true"} if part else {})
                seen = one_by_one(server, path, headers)
                over = "" if seen.size <= LIMIT else f" OVER {LIMIT / 1000:.0f} KB"
                print(f"  {name:<34} {seen}, {seen.cpu / base / 1000:5.0f} × /-/healthy{over}")


def _views(api: Api, page: str) -> Iterator[tuple[str, str, bool]]:
    """(name, address, whether it is a part that the page asks for)."""
    yield "page", page, False
    for steps in ("all", "critical", "failed"):
        yield f"page, {steps} steps", f"{page}?steps={steps}", False
    yield "page, unusual marked, idle short", f"{page}?usual=marked&gaps=short", False
    yield "head", f"{page}?part=head", True
    yield "timeline", f"{page}?part=timeline", True
    for name, cursor in (("first", ""), ("later", _cursor(api, page, "messages"))):
        yield f"messages, {name}", f"{page}/messages?cursor={cursor}", False
        yield f"messages as lanes, {name}", f"{page}/messages?view=lanes&cursor={cursor}", False
    yield "who called whom", f"{page}/graph", False
    yield "logs, first", f"{page}/logs", False
    yield "logs, later", f"{page}/logs?cursor={_cursor(api, page, 'logs')}", False
    yield "logs with a text", f"{page}/logs?q=warehouse", False
    yield "diagnosis", f"{page}/diagnosis", False


def _cursor(api: Api, page: str, of: str) -> str:
    """Where the second hundred begins."""
    return quote(api.ask("GET", f"{page}/{of}?limit=100")["next"] or "")


def _sent(api: Api, messages: int) -> str:
    rng = random.Random("long run")
    task = api.ask("POST", "/tasks", {"name": "long run", "workflow": "marathon", "input": _text(rng, 90)})
    page = f"/tasks/{task['id']}"
    for start in range(0, messages, A_REQUEST):
        portion = range(start, min(start + A_REQUEST, messages))
        api.ask("POST", f"{page}/messages", [_message(rng, number) for number in portion])
        api.ask("POST", f"{page}/logs", [_line(rng) for _ in portion])
    api.ask(
        "PATCH", page, {"status": "failed", "errorType": "Exhausted", "errorMessage": "no answer was found"}
    )
    return page


def _message(rng: random.Random, number: int) -> dict[str, Any]:
    kind = KINDS[number % len(KINDS)]
    sender, recipient = rng.sample(range(AGENTS), 2)
    return {
        "sender": f"agent-{sender}",
        "recipient": None if kind == "broadcast" else f"agent-{recipient}",
        "messageType": kind,
        "content": {"text": _text(rng, 60)}
        if number % 3
        else {"query": _text(rng, 12), "limit": number, "sources": ["ledger", "warehouse"]},
    }


def _line(rng: random.Random) -> dict[str, Any]:
    return {
        "agent": f"agent-{rng.randrange(AGENTS)}",
        "level": rng.choice(LEVELS),
        "message": _text(rng, 20),
        "metadata": {"attempt": 1},
    }


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))
