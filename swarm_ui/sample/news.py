"""What the sample's operators changed, told as deploys, prompts, models and settings are told of; and who worked how before."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from swarm_ui import clock
from swarm_ui.ingest.conventions import SAMPLE
from swarm_ui.jsontext import dumps
from swarm_ui.orm import database_text
from swarm_ui.projection.forget import delete_in
from swarm_ui.rawsql import Raw
from swarm_ui.sample.swarm import AGENTS, Member

SERVICE = "atlas"
DEPLOYED = timedelta(days=3)


@dataclass(frozen=True)
class Change:
    """`before` is how its agent worked until then."""

    ago: timedelta
    kind: str
    title: str
    agent: str | None = None
    version: str | None = None
    details: dict[str, str] = field(default_factory=dict)
    before: Member | None = None

    @property
    def key(self) -> str:
        return f"sample-{self.kind}-{self.ago // timedelta(minutes=1)}"


CHANGES = (
    Change(
        timedelta(days=5, hours=2), "model", "The judge scores with gemini-2.5-pro", "judge", None,
        {"from": "gemini-2.5-flash", "to": "gemini-2.5-pro"}, replace(AGENTS["judge"], model="gemini-flash"),
    ),
    Change(DEPLOYED, "deploy", "atlas 4.12.0", None, "4.12.0", {"from": "4.11.3"}),
    # Longer evidence: since then research outgrows its model's window more often.
    Change(
        timedelta(hours=30), "prompt", "Two independent sources before a figure counts as known", "researcher",
        before=replace(
            AGENTS["researcher"],
            prompt="You collect evidence. Every claim carries its source and date. Say plainly what you could not find.",
        ),
    ),
    Change(timedelta(hours=3), "config", "Tests run on Python 3.13 in the coder's sandbox", "coder", None, {"from": "3.12", "to": "3.13"}),
    # Since then every site refuses.
    Change(
        timedelta(minutes=31), "config", "Egress of the browser moved to another address range", "browser", None,
        {"from": "198.51.100.0/28", "to": "203.0.113.64/28"},
    ),
)  # fmt: skip


def cast_at(at: datetime, now: datetime) -> Mapping[str, Member]:
    """The agents as they worked at this moment."""
    return AGENTS | {
        change.agent: change.before
        for change in CHANGES
        if change.agent and change.before and at < now - change.ago
    }


def tell(raw: Raw, owner_id: int, now: datetime) -> None:
    columns = "id,userId,at,kind,title,service,agent,version,metadata,createdAt,updatedAt"
    rows = []
    for change in CHANGES:
        at = database_text(clock.to_us(now - change.ago))
        details = dumps({SAMPLE: True, **change.details})
        rows.append(
            (change.key, owner_id, at, change.kind, change.title, SERVICE, change.agent, change.version, details, at, at)
        )  # fmt: skip
    raw.insert("changes", columns, rows, ignore=True)


def take_back(raw: Raw, owner_id: int) -> None:
    """By its mark too: somebody may have told of another change under such an id."""
    found = raw.rows_in(
        "SELECT id FROM changes WHERE userId=? AND metadata LIKE ? AND id IN {}",
        (owner_id, f'%"{SAMPLE}"%'),
        [change.key for change in CHANGES],
    )
    delete_in(raw, "changes", owner_id, "id", [row[0] for row in found])
