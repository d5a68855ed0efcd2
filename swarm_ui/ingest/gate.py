"""What a space takes at this moment: nothing while it is erased or imported, and nothing of a framework that was switched off.

Asked once a request, after its body has arrived: a change holds from the next request on, in every process.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from swarm_ui.access import refuse_work
from swarm_ui.ingest.facts import framework_of
from swarm_ui.ingest.values import named
from swarm_ui.rawsql import look_up

_STATE = (
    "SELECT NULL,NULL,COALESCE(spaceKey,id) FROM users WHERE id=? "
    "UNION ALL SELECT framework,NULL,NULL FROM integrations WHERE userId=? AND active=0 "
    "UNION ALL SELECT NULL,kind,NULL FROM space_works WHERE ownerId=? AND finishedAt IS NULL"
)


@dataclass(frozen=True, slots=True)
class Gate:
    """`space` is the key that ids are derived from; `off` are the frameworks whose data is refused."""

    space: int
    off: frozenset[str] = frozenset()


def look(engine: Engine, owner_id: int) -> Gate:
    """Raises Refused where the space takes no data at all."""
    found = look_up(engine, _STATE, (owner_id, owner_id, owner_id))
    for _framework, kind, _space in found:
        refuse_work(kind)
    space = next((space for _framework, _kind, space in found if space is not None), owner_id)
    return Gate(space, frozenset(framework for framework, _kind, _space in found if framework is not None))


def take_out(records: Iterable[Any], off: frozenset[str]) -> tuple[Iterable[Any], list[str]]:
    """(records that may come in, why each of the others may not: known when all were gone through)."""
    refused: list[str] = []
    return (_wanted(records, off, refused) if off else records), refused


def _wanted(records: Iterable[Any], off: frozenset[str], refused: list[str]) -> Iterator[Any]:
    frameworks: dict[str, str] = {}
    for record in records:
        scope = record.scope[0]
        framework = frameworks.get(scope)
        if framework is None:
            framework = frameworks[scope] = framework_of(named(scope))
        if framework in off:
            refused.append(
                f"the integration '{framework}' is switched off in this space (Settings, Integrations)"
            )
        else:
            yield record
