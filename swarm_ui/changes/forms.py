"""What may be told of a change; each fault is said at its field."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from swarm_ui import clock
from swarm_ui.agents.forms import Parameters
from swarm_ui.changes.models import KINDS
from swarm_ui.jsontext import clean_text

LONGEST_URL = 2_000
# Clocks differ.
AHEAD = timedelta(days=1)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def _line(value: Any) -> Any:
    return " ".join(clean_text(value, None).split()) if isinstance(value, str) else value


def _moment(value: datetime) -> datetime:
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not EARLIEST <= moment <= clock.now() + AHEAD:
        raise PydanticCustomError("moment", "A change has happened; this moment lies too far away.")
    return moment.astimezone(UTC)


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_link = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_link = False
    if not is_link:
        raise PydanticCustomError("address", "Write an address that begins with https:// or http://.")
    return value


Line = Annotated[str, BeforeValidator(_line), StringConstraints(min_length=1, max_length=255)]
Key = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Moment = Annotated[datetime, AfterValidator(_moment)]
Address = Annotated[
    str, BeforeValidator(_line), StringConstraints(max_length=LONGEST_URL), AfterValidator(_address)
]


class ChangeNew(BaseModel):
    """A change as a program tells of it. The same `id` again is the same change."""

    model_config = ConfigDict(extra="forbid")

    id: Key | None = None
    title: Line = Field(validation_alias=AliasChoices("title", "name"))
    kind: Literal[KINDS] = "deploy"  # type: ignore[valid-type]
    service: Line | None = None
    agent: Line | None = None
    version: Line | None = None
    at: Moment | None = None
    url: Address | None = None
    metadata: Parameters = None
