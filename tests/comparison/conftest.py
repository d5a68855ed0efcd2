"""Recorded clients in Alice's space, and runs that are made for one difference."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.tasks.models import Task, TaskTrace
from swarm_ui.tenancy import bind_owner
from tests.captures import KEY, Capture, project

RECORDED = Path(__file__).resolve().parents[1] / "ingest" / "recorded"


@pytest.fixture
def key(alice, make):
    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])


@pytest.fixture
def runs_of(app, alice, key) -> Callable[[str], dict[str, Any]]:
    """Sends a recorded client; its runs by what its application called them ("ok", "tool_error", …)."""

    def send(name: str) -> dict[str, Any]:
        capture = Capture(RECORDED / name)
        capture.send(app.test_client())
        project()
        db.session.rollback()
        bind_owner(db.session, alice.id)
        found = {}
        for run in capture.expected["runs"]:
            statement = select(Task).join(TaskTrace, TaskTrace.task_id == Task.id)
            found[run["run"]] = db.session.scalars(
                statement.where(TaskTrace.trace_id == run["trace_ids"][0])
            ).one()
        db.session.expunge_all()
        db.session.rollback()
        return found

    return send
