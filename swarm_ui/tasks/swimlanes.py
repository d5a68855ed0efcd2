"""Messages as arrows between columns, one an agent. Geometry only; x is percent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_COLUMNS = 12
OTHERS = "others"
LONGEST_NAME = 16


@dataclass(frozen=True, slots=True)
class Column:
    agent_id: str
    name: str
    x: float

    def shown(self, most: int) -> str:
        return self.name if len(self.name) <= most else self.name[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Arrow:
    """`target` is None for what goes to everyone, `source` where nobody is known to have sent it."""

    message: Any
    source: float | None
    target: float | None

    @property
    def leads_right(self) -> bool:
        return self.source is not None and self.target is not None and self.target > self.source


def columns_of(agent_ids: Iterable[str], names: Mapping[str, tuple[str, str | None]]) -> list[Column]:
    """In the order given, which is that of who spoke first; the last column stands for all that have none."""
    ids = list(dict.fromkeys(agent_ids))
    if len(ids) > MOST_COLUMNS:
        ids = [*ids[: MOST_COLUMNS - 1], OTHERS]
    width = 100 / max(len(ids), 1)
    return [
        Column(
            agent_id,
            "others" if agent_id == OTHERS else names.get(agent_id, ("gone", None))[0],
            round((place + 0.5) * width, 2),
        )
        for place, agent_id in enumerate(ids)
    ]


def arrows_of(messages: Sequence[Any], columns: Sequence[Column]) -> list[Arrow]:
    places = {column.agent_id: column.x for column in columns}
    others = places.get(OTHERS)

    def place(agent_id: str | None) -> float | None:
        return places.get(agent_id, others) if agent_id else None

    return [Arrow(message, place(message.sender_id), place(message.recipient_id)) for message in messages]
