import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from swarm_ui.extensions import db
from swarm_ui.ingest.models import Span, TraceDirty
from swarm_ui.tasks.models import Task
from tests.captures import HEADERS, KEY, project


@pytest.fixture
def key(alice, make):
    """Alice's key; `tests.captures.HEADERS` presents it."""
    from hashlib import sha256

    return make.api_key(alice, hash=sha256(KEY.encode()).hexdigest(), scopes=["ingest", "read", "write"])


@pytest.fixture
def sender(app, key):
    """A client without a session, for requests with the key."""
    return app.test_client()


@pytest.fixture
def small_limit(app):
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_body_bytes=50_000)
    app.config["MAX_CONTENT_LENGTH"] = 50_000


def rows(model) -> list:
    """All of the owner's, as they are now."""
    db.session.commit()
    return list(db.session.scalars(select(model)))


@pytest.fixture
def open_everything(page, client, sender) -> Callable[[], list[Task]]:
    """Projects, then opens every list, every run with all that hangs on it, and the same over the API."""

    def walk() -> list[Task]:
        project()
        assert [mark.error for mark in rows(TraceDirty)] == []
        for name in ("agents", "tasks", "workflows", "alerts", "metrics", ""):
            page(f"/{name}")
            if name not in ("metrics", ""):
                assert sender.get(f"/api/v1/{name}", headers=HEADERS).status_code == 200
        tasks = rows(Task)
        for task in tasks:
            if task.span_count > 1_000:
                # Megabytes of HTML: checking them takes longer than writing them.
                assert client.get(f"/tasks/{task.id}").status_code == 200
                continue
            for part in ("spans", "messages", "logs", "history"):
                answer = sender.get(f"/api/v1/tasks/{task.id}/{part}", headers=HEADERS)
                assert answer.status_code == 200, (part, answer.get_data(as_text=True)[:300])
                json.loads(answer.get_data(), parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
            spans = db.session.scalars(select(Span).where(Span.task_id == task.id).limit(8)).all()
            page(f"/tasks/{task.id}" + (f"?span={spans[-1].span_id}" if spans else ""))
            for span in spans:
                url = f"/tasks/{task.id}/spans/{span.span_id}"
                assert client.get(url, headers={"HX-Request": "true"}).status_code == 200
            for part in ("messages", "logs"):
                assert client.get(f"/tasks/{task.id}/{part}").status_code == 200
        return tasks

    return walk
