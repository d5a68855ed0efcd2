"""Recorded OTLP bodies of real clients, and how to send them."""

import gzip
import json
from pathlib import Path

from swarm_ui.extensions import db
from swarm_ui.projection import summaries
from swarm_ui.projection.project import Projector

KEY = "swk_" + "test" * 10
HEADERS = {"Authorization": f"Bearer {KEY}"}
PROTOBUF = "application/x-protobuf"


class Capture:
    """One folder of recorded requests with the truth about them."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.expected = json.loads((folder / "expected.json").read_text())
        self.requests = []
        for meta in sorted(folder.glob("*.json")):
            if meta.name[0].isdigit():
                described = json.loads(meta.read_text())
                self.requests.append(
                    (described["path"], described["headers"], meta.with_suffix(".bin").read_bytes())
                )

    def bodies(self, signal: str = "traces") -> list[tuple[bytes, bool]]:
        """(unpacked body, whether it is JSON) of one signal."""
        found = []
        for path, headers, body in self.requests:
            if path.endswith(signal):
                unpacked = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
                found.append((unpacked, "json" in headers["content-type"]))
        return found

    def send(self, client, *, reverse: bool = False) -> None:
        for path, headers, body in reversed(self.requests) if reverse else self.requests:
            kept = {
                name: value for name, value in headers.items() if name in ("content-type", "content-encoding")
            }
            response = client.post(path, data=body, headers=kept | HEADERS)
            assert response.status_code == 200, response.get_data()


def project(timeout_us: int = 1_800_000_000) -> None:
    """What the worker does, until nothing is left."""
    done = Projector(db.engine, "test", timeout_us=timeout_us).drain()
    summaries.refresh(db.engine, done.agents, done.workflows)
