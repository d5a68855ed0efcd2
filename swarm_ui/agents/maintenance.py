"""Maintenance: an agent that people work on. Nothing is expected of it meanwhile, and its failures disturb nobody.

Each change writes the audit event in the same transaction; none of these functions commits.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from swarm_ui import clock
from swarm_ui.agents import standing
from swarm_ui.agents.health import in_maintenance
from swarm_ui.agents.models import Agent
from swarm_ui.audit import columns_of, record
from swarm_ui.jsontext import clean_text

LONGEST = timedelta(days=366)
LONGEST_REASON = 500
# What the page offers, in seconds; nothing: until somebody ends it.
LENGTHS = ((3600, "1 hour"), (14_400, "4 hours"), (86_400, "1 day"), (604_800, "1 week"))
_AUDITED = ("maintenance_since", "maintenance_until", "maintenance_reason")


def _aware(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _reason(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(clean_text(value, None).split())
    if len(text) > LONGEST_REASON:
        raise PydanticCustomError("agent", f"At most {LONGEST_REASON} characters; these are {len(text):,}.")
    return text or None


class Wish(BaseModel):
    """Until a time, for some seconds, or neither: until somebody ends it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str | None, BeforeValidator(_reason)] = None
    until: Annotated[datetime | None, AfterValidator(_aware)] = None
    seconds: Annotated[int | None, Field(ge=60, le=int(LONGEST.total_seconds()))] = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.until is not None and self.seconds is not None:
            raise PydanticCustomError("agent", "Give `until` or `seconds`, not both.")
        if self.until is not None and not timedelta() < self.until - clock.now() <= LONGEST:
            raise PydanticCustomError("agent", "`until` has to be a time to come, at most a year from now.")
        return self

    @property
    def ends_at(self) -> datetime | None:
        return clock.now() + timedelta(seconds=self.seconds) if self.seconds else self.until


class BulkWish(Wish):
    """As the list of agents sends it."""

    model_config = ConfigDict(extra="ignore")

    do: Literal["begin", "end"]
    next: str | None = Field(None, max_length=2_000)


def is_on(agent: Agent) -> bool:
    return in_maintenance(agent.maintenance_since, agent.maintenance_until, clock.now())


def begin(agent: Agent, wish: Wish) -> None:
    """One that is on already gets the new end and reason, and keeps its beginning."""
    before = columns_of(agent, _AUDITED) if is_on(agent) else dict.fromkeys(("maintenanceSince",))
    if not is_on(agent):
        agent.maintenance_since = clock.now()
    agent.maintenance_until, agent.maintenance_reason = wish.ends_at, wish.reason
    record("agent.maintenance", agent.id, agent.name, before=before, after=columns_of(agent, _AUDITED))
    standing.reassess(agent)


def end(agent: Agent) -> bool:
    if not is_on(agent):
        return False
    before = columns_of(agent, _AUDITED)
    agent.maintenance_until = clock.now()
    record("agent.end_maintenance", agent.id, agent.name, before=before, after=columns_of(agent, _AUDITED))
    standing.reassess(agent)
    return True
