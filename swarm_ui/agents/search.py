"""What may be said in the search box of the agents."""

from typing import Any

from sqlalchemy import ColumnElement, String, cast, false, func, not_, or_

from swarm_ui.agents.models import CONDITIONS, TYPES, Agent
from swarm_ui.search import fields
from swarm_ui.search.fields import Compared, Field, Held, Text, Word
from swarm_ui.search.reading import Search
from swarm_ui.search.reading import read as read_text

condition: Any = func.coalesce(Agent.condition, "new")
_capabilities: Any = cast(Agent.capabilities, String)
_SAID: tuple[Any, ...] = (Agent.name, Agent.service_name, Agent.llm_model, _capabilities)


def _here() -> tuple[ColumnElement[bool], ...]:
    return (Agent.deleted_at.is_(None),)


FIELDS: dict[str, Field] = {
    "condition": Word("how it is", condition, CONDITIONS),
    "type": Word("what it mostly does", Agent.type, TYPES),
    "service": Held("the service that it belongs to", Agent.service_name, _here, "my-swarm", "shop-*"),
    "model": Held("the model that it uses", Agent.llm_model, _here, "gpt-4.1", "claude-*"),
    "capability": Text("a tool or skill that it has", (_capabilities,), "fetch_page"),
    "name": Text("a part of its name", (Agent.name,), "writer"),
    "score": Compared("its health score", Agent.health_score, fields.amount, "<60", ">=85"),
}


def read(text: str | None) -> Search:
    return read_text(text, FIELDS)


def conditions_of(search: Search) -> list[ColumnElement[bool]]:
    """Free words stand in name, service, model or capabilities."""
    found = list(search.conditions)
    for token in search.words:
        says = or_(*(column.icontains(token.values[0], autoescape=True) for column in _SAID))
        found.append(not_(func.coalesce(says, false())) if token.negated else says)
    return found
