"""Alice's space with something in every kind of table, and ways to take it out and put it in."""

import gzip
import json
import random
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select

from swarm_ui import clock, crypto
from swarm_ui.accounts.models import User
from swarm_ui.agents.models import AgentConfiguration, AgentRevision, Heartbeats, StatusFlip
from swarm_ui.extensions import db
from swarm_ui.ingest import large
from swarm_ui.integrations.models import LlmProvider
from swarm_ui.space import erasure
from swarm_ui.space.models import SpaceWork
from swarm_ui.tasks.models import ConsensusResult
from swarm_ui.worker.doorbell import Doorbell
from swarm_ui.worker.loop import Worker
from swarm_ui.workflows.models import WorkflowTemplate
from tests.captures import KEY, project
from tests.otlp import agent, failing, llm, logs, metric, post, send, tool, workflow

SECRET = "sk-do-not-leak-1234567890"
LARGE = "".join(random.Random("large").choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000))


@pytest.fixture
def key_for(make):
    def make_key(owner, text: str = KEY) -> dict[str, str]:
        make.api_key(owner, hash=sha256(text.encode()).hexdigest(), scopes=["ingest", "read", "write"])
        return {"Authorization": f"Bearer {text}"}

    return make_key


def send_runs(client, **options) -> None:
    """A run that hands over, fails and carries a payload too large for a row; another that goes on; logs and a metric."""
    send(
        client,
        workflow(1, "Refund flow", seconds=9.0, **failing("ValueError", "no account")),
        agent(2, "triage", 1, seconds=5.0),
        llm(3, 2, (120, 30), at=0.5),
        tool(4, "transfer_to_billing", 2, at=1.0),
        agent(5, "billing", 1, at=2.0, **failing("ValueError", "no account")),
        llm(6, 5, (10, 5), at=2.1, attributes={"input.value": LARGE}),
        **options,
    )
    send(client, agent(7, "triage", 9, trace=2), **options)
    record = {"severityNumber": 17, "body": {"stringValue": "broken"}}
    assert (
        post(client, logs(record, record | {"traceId": f"{1:032x}"}), signal="logs", **options).status_code
        == 200
    )
    point = {"asInt": "7", "timeUnixNano": str(clock.now_us() * 1000), "attributes": []}
    assert post(client, metric("tokens", [point]), signal="metrics", **options).status_code == 200
    project()


@pytest.fixture
def filled(app, make, alice, bob, key_for):
    """Alice's space: every owned table has a row, or `test_every_owned_table_is_there` says which has none."""
    key_for(alice)
    send_runs(app.test_client())
    send(app.test_client(), agent(8, "triage", trace=4, links=((5, 1),)))  # not projected yet
    make.membership(alice, bob, "editor")
    mine = {"user_id": alice.id}
    one = make.agent(alice, name="by hand", origin="authored")
    now = clock.now()
    make._add(
        AgentRevision(
            id=make._id(),
            agent_id=one.id,
            number=1,
            actor_id=bob.id,
            actor="Bob",
            snapshot={"name": "x"},
            **mine,
        )
    )
    make._add(AgentConfiguration(id=make._id(), agent_id=one.id, parameters={"a": [1, 2.5, None]}, **mine))
    make._add(Heartbeats(agent_id=one.id, hour=494_000, minutes=1 << 59, late=0, down_ms=5, **mine))
    flip = {"from_word": "new", "to_word": "healthy", "reason": "score 99", "at": now, "last_at": now}
    make._add(StatusFlip(id=make._id(), agent_id=one.id, **flip, **mine))
    make._add(
        WorkflowTemplate(
            id=make._id(), name="template", orchestration_pattern="mesh", template_data={"n": 1}, **mine
        )
    )
    make._add(
        ConsensusResult(
            id=make._id(), consensus_type="voting", agent_results=[1], confidence=0.25, created_at=now, **mine
        )
    )
    provider = LlmProvider(id=make._id(), name="main", provider="openai", **mine)
    crypto.seal(provider, "api_key", SECRET)
    make._add(provider)
    make.change(alice, details={"commit": "abc"})
    make.event(alice, actor_id=bob.id, actor="Bob Baker")
    make.saved_view(alice, creator_id=bob.id)
    return alice


@pytest.fixture
def run(app):
    """A command: its output, and what it says on standard error."""

    def invoke(*arguments: str, code: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=arguments)
        db.session.remove()
        assert result.exit_code == code, (result.output, result.exception)
        return result.output

    return invoke


@pytest.fixture
def worker(app, time, tmp_path):
    """Steps of the worker, a second apart."""
    bell = Doorbell(tmp_path)
    one = Worker(db.engine, bell, timeout_us=1_800_000_000)

    def step() -> bool:
        time.forward(seconds=1)
        db.session.remove()
        return one.step()

    yield step
    bell.close()


def read(archive: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(archive).splitlines()]


def rows(lines: list[dict[str, Any]], *, without: tuple[str, ...] = ()) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for line in lines:
        if "table" in line and line["table"] not in without:
            found.setdefault(line["table"], []).append(line["row"])
        elif "file" in line:
            found.setdefault("files", []).append(line)
    return found


def write(path, lines: list[dict[str, Any]], *, mend: bool = True) -> None:
    """An archive of these lines; with `mend` the last one tells the truth about them."""
    texts = [json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines]
    if mend and "end" in lines[-1]:
        end = lines[-1]["end"] | {"sha256": sha256(b"".join(texts[:-1])).hexdigest()}
        counted: dict[str, int] = {}
        for line in lines:
            if "table" in line:
                counted[line["table"]] = counted.get(line["table"], 0) + 1
        texts[-1] = json.dumps({"end": end | {"rows": counted}}).encode() + b"\n"
    path.write_bytes(gzip.compress(b"".join(texts)))


def export_of(client) -> list[dict[str, Any]]:
    with client.post("/settings/data/export") as response:  # closed, as a server does
        assert response.status_code == 200
        return read(response.get_data())


def files_of(owner) -> int:
    return large.size_of(owner.id, 1000)[0]


def left_of(owner) -> dict[str, int]:
    db.session.rollback()
    with db.engine.connect() as connection:
        return erasure.counts(connection, owner.id)


def work_of(owner) -> SpaceWork | None:
    found = _fresh(select(SpaceWork).where(SpaceWork.owner_id == owner.id))
    if found is not None:
        db.session.expunge(found)
    db.session.rollback()
    return found


def key_of(owner) -> int | None:
    found = _fresh(select(User.space_key).where(User.id == owner.id))
    db.session.rollback()  # a read that stays open would not see what comes later, and keep this session from writing
    return found


def _fresh(statement):
    db.session.rollback()
    return db.session.scalars(statement).first()
