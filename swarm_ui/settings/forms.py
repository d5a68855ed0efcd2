"""What people may type in under Settings."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from swarm_ui import clock
from swarm_ui.accounts.keys import SCOPES
from swarm_ui.formatting import zone
from swarm_ui.jsontext import clean_text


def listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def cleaned(limit: int | None) -> Callable[[Any], Any]:
    return lambda value: clean_text(value, limit) if isinstance(value, str) else value


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    BeforeValidator(cleaned(None)),
]
Scope = Literal["ingest", "ping", "read", "write"]
EXPIRES = {
    "never": "never",
    "7": "in 7 days",
    "30": "in 30 days",
    "90": "in 90 days",
    "365": "in a year",
    "date": "on a date",
}


class KeyForm(BaseModel):
    name: Name = "unnamed"
    scopes: Annotated[list[Scope], BeforeValidator(listed), Field(min_length=1)]
    expires: Literal["never", "7", "30", "90", "365", "date"] = "never"
    # The last day on which the key works, in the time zone of whoever makes it.
    until: date | None = None
    next: str | None = None

    @model_validator(mode="after")
    def _has_its_date(self) -> "KeyForm":
        if self.expires == "date" and self.until is None:
            raise ValueError("Say until which day the key works.")
        if self.expires == "date" and (moment := self.expires_at) and moment <= clock.now():
            raise ValueError("That day is over.")
        return self

    @property
    def expires_at(self) -> datetime | None:
        if self.expires == "never":
            return None
        if self.expires == "date" and self.until:
            return end_of(self.until)
        return clock.now() + timedelta(days=int(self.expires))


def end_of(day: date) -> datetime:
    """The first moment after this day, where whoever looks lives."""
    if day == date.max:
        return datetime.max.replace(tzinfo=UTC)
    return datetime.combine(day + timedelta(days=1), time(), zone()).astimezone(UTC)


@lru_cache(maxsize=1)
def zones() -> list[str]:
    """By region and city; the short and the historical names are left out, but for UTC."""
    regions = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Arctic/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ["UTC", *sorted(name for name in available_timezones() if name.startswith(regions))]


def _known_zone(name: str) -> str:
    if name not in zones():
        raise ValueError("Choose a time zone from the list, such as Europe/Berlin.")
    return name


class ProfileForm(BaseModel):
    name: Name
    timeZone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    theme: Literal["auto", "light", "dark"] = "auto"
    # A box that is not ticked is not sent.
    keyboard: bool = False

    def preferences(self) -> dict[str, Any]:
        """What differs from the usual."""
        chosen = {"timeZone": self.timeZone, "theme": self.theme, "keyboard": self.keyboard}
        usual = {"timeZone": "UTC", "theme": "auto", "keyboard": True}
        return {key: value for key, value in chosen.items() if value != usual[key]}


assert set(SCOPES) == set(Scope.__args__)  # type: ignore[attr-defined]
