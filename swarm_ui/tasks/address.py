"""What an address of the list of runs says: the text of the search box, the order, and the columns. All of it lives there and nowhere else, so
that a view can be sent to somebody, kept under a name, and exported."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.datastructures import MultiDict

from swarm_ui.errors import Refused
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.models import Task
from swarm_ui.web import link

# By which a list pages, the largest first; "-" before it turns it round. Each has an index.
ORDERS: dict[str, InstrumentedAttribute[Any]] = {
    "started": Task.started_at,
    "duration": Task.execution_time,
    "cost": Task.estimated_cost,
    "tokens": Task.token_usage,
}
NEWEST = "started"
# Name: (words, classes, priority in narrow places). Task, status and start are always there.
COLUMNS: dict[str, tuple[str, str, int]] = {
    "agents": ("Agents", "soft fit", 3),
    "duration": ("Duration", "num", 2),
    "cost": ("Cost", "num", 2),
    "tokens": ("Tokens", "num", 3),
    "errors": ("Errors", "num", 3),
    "calls": ("Model calls", "num", 3),
    "tools": ("Tool calls", "num", 3),
    "steps": ("Steps", "num", 3),
    "session": ("Session", "soft fit", 3),
    "source": ("Source", "soft fit", 3),
}
USUAL = ("agents", "duration", "cost", "tokens")
# In the address where no optional column is wanted.
NONE = "none"


@dataclass(frozen=True, slots=True)
class Address:
    text: str = ""
    order: str = NEWEST
    columns: tuple[str, ...] = USUAL

    @property
    def by(self) -> str:
        return self.order.lstrip("-")

    @property
    def ascending(self) -> bool:
        return self.order.startswith("-")

    @property
    def parts(self) -> dict[str, Any]:
        """Its parameters; what is as usual is left out."""
        found: dict[str, Any] = {"q": self.text} if self.text else {}
        if self.order != NEWEST:
            found["sort"] = self.order
        if self.columns != USUAL:
            found["col"] = list(self.columns) or [NONE]
        return found

    @property
    def query(self) -> str:
        return urlencode(self.parts, doseq=True)

    def url(self, endpoint: str = "tasks.index", **more: Any) -> str:
        return link(endpoint, **self.parts, **more)

    def sorted_by(self, name: str) -> "Address":
        """The largest first; asked for again, the smallest."""
        return replace(self, order=f"-{name}" if self.order == name else name)


def read(given: MultiDict[str, str], name_of: Callable[[str, str], str | None]) -> Address:
    """Raises Refused (422) on an order that there is not; unknown columns are left out, an older address may name them."""
    order = given.get("sort") or NEWEST
    if order.lstrip("-") not in ORDERS or order.startswith("--"):
        raise Refused(
            422, f"sort: one of {', '.join(ORDERS)}, or with - before it", fields={"sort": "unknown order"}
        )
    wanted = given.getlist("col")
    columns = tuple(name for name in COLUMNS if name in wanted) if wanted else USUAL
    return Address(task_search.text_of(given, name_of), order, columns)
