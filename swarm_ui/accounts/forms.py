"""What people may type in."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from swarm_ui.accounts.keys import SCOPES
from swarm_ui.jsontext import clean_text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    BeforeValidator(lambda value: clean_text(value, None) if isinstance(value, str) else value),
]
Scope = Literal["ingest", "read", "write"]


class KeyForm(BaseModel):
    name: Name = "unnamed"
    scopes: Annotated[list[Scope], BeforeValidator(_listed), Field(min_length=1)]
    next: str | None = None


assert set(SCOPES) == set(Scope.__args__)  # type: ignore[attr-defined]
