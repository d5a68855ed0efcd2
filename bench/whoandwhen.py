"""How good the first suspect is where nothing but messages is known: Who&When's failed runs, loaded over the REST API.

The file is `runs.jsonl.gz` of that data set, a run a line. What people found to be wrong is compared with the answer and sent nowhere.
"""

import gzip
import json
import re
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.server import Server

_ADDRESSED = re.compile(r"(.+?) \((?:-> (.+)|(thought|termination condition))\)")
# What may be read before the answer is there.
_GIVEN = ("run_id", "question", "history")


def main(path: str | None) -> None:
    if not path:
        raise SystemExit("whoandwhen needs the file: python -m bench whoandwhen --file runs.jsonl.gz")
    with gzip.open(Path(path), "rt", encoding="utf-8") as lines:
        runs = [json.loads(line) for line in lines]
    halves: dict[str, list[dict[str, Any]]] = {"tuned on": [], "not tuned on": []}
    for run in runs:
        halves["tuned on" if is_tuned_on(run["run_id"]) else "not tuned on"].append(run)
    with Server() as server:
        api = Api(server)
        for name, half in halves.items():
            print(f"\n{len(half)} runs that were {name}")
            report(half, [api.first_suspect({field: run[field] for field in _GIVEN}) for run in half])


def is_tuned_on(run_id: str) -> bool:
    """Half of the runs, by a hash that was chosen before any of them was read."""
    return sha256(run_id.encode()).digest()[0] % 2 == 0


class Api:
    def __init__(self, server: Server) -> None:
        self.connection = server.connect()
        self.headers = {"x-api-key": server.key(), "content-type": "application/json"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        self.connection.request(
            method, f"/api/v1{path}", None if body is None else json.dumps(body), self.headers
        )
        response = self.connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300].decode(errors='replace')}")
        return json.loads(content) if content else None

    def first_suspect(self, run: dict[str, Any]) -> dict[str, Any]:
        task_id = self.ask("POST", "/tasks", {"name": run["run_id"], "input": run["question"]})["id"]
        messages = [said_by(step) for step in run["history"]]
        self.ask("POST", f"/tasks/{task_id}/messages", messages)
        self.ask("PATCH", f"/tasks/{task_id}", {"status": "failed"})
        return (
            self.ask("GET", f"/tasks/{task_id}/suspects")["items"] or [{"agent": None, "position": None}]
        )[0]


def said_by(step: dict[str, Any]) -> dict[str, Any]:
    """One system names the sender; the other says in the role who speaks to whom."""
    said = {
        "content": step["content"],
        "sender": step.get("name") or step["role"],
        "messageType": "broadcast",
    }
    if "name" not in step and (found := _ADDRESSED.fullmatch(step["role"])):
        said["sender"], recipient, aside = found.groups()
        said |= (
            {"recipient": said["sender"], "messageType": "status_update"}
            if aside
            else {"recipient": recipient, "messageType": "request"}
        )
    return said


def plain(name: str | None) -> str:
    """Spellings of one agent: WebSurfer, Websurfer."""
    return re.sub(r"[\W_]+", "", name or "").casefold()


def report(runs: list[dict[str, Any]], suspects: list[dict[str, Any]]) -> None:
    shares: Counter[tuple[str, str]] = Counter()
    for run, suspect in zip(runs, suspects, strict=True):
        speakers = [plain(said_by(step)["sender"]) for step in run["history"]]
        blamed, at = plain(run["mistake_agent"]), int(run["mistake_step"])
        often = Counter(speakers).most_common(1)[0][0]
        shares["first suspect", "agent"] += plain(suspect["agent"]) == blamed
        shares["first suspect", "message"] += suspect["position"] == at
        shares["most frequent agent, its first message", "agent"] += often == blamed
        shares["most frequent agent, its first message", "message"] += speakers.index(often) == at
        shares["at random", "agent"] += (blamed in speakers) / len(set(speakers))
        shares["at random", "message"] += 1 / len(speakers)
    for name in ("first suspect", "most frequent agent, its first message", "at random"):
        agent, message = (100 * shares[name, what] / len(runs) for what in ("agent", "message"))
        print(f"  {name:<40} agent {agent:5.1f} %, message {message:5.1f} %")
