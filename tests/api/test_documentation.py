"""docs/api.md says what the API does."""

import re
from pathlib import Path

from swarm_ui.api import schemas

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
LISTS = {
    "agents": schemas.AgentQuery,
    "workflows": schemas.WorkflowQuery,
    "tasks": schemas.TaskQuery,
    "messages": schemas.MessageQuery,
    "logs": schemas.LogQuery,
    "alerts": schemas.AlertQuery,
    "changes": schemas.ChangeQuery,
    "audit": schemas.AuditQuery,
}


def test_every_request_is_documented(app):
    documented = set(re.findall(r"^\| `(GET|POST|PATCH|DELETE) (/(?:api|-)/\S*)` \|", DOCS, re.MULTILINE))
    routed = {
        (method, re.sub(r"<[^>]+>", "ID", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/", "/-/"))
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert documented == routed


def test_every_filter_is_documented():
    for name, model in LISTS.items():
        row = re.search(rf"^\| `{name}` \| (.+) \|$", DOCS, re.MULTILINE)[1]
        assert set(re.findall(r"`(\w+)`", row)) == set(model.model_fields) - {"limit", "cursor"}, name
