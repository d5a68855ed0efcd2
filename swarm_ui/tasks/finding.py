"""The page of runs: what it shows of one address."""

from dataclasses import replace
from typing import Any

from swarm_ui import clock
from swarm_ui.agents.models import Agent
from swarm_ui.formatting import zone
from swarm_ui.live import while_unchanged
from swarm_ui.overview.frame import said
from swarm_ui.saved import queries as saved
from swarm_ui.search.fields import help_of
from swarm_ui.search.snippets import snippets_of
from swarm_ui.search.tokens import value_in, written
from swarm_ui.tasks import address, queries
from swarm_ui.tasks import search as task_search
from swarm_ui.tasks.address import Address
from swarm_ui.tasks.listing import Shared, assigned, line_of, names_shown
from swarm_ui.tasks.models import STATUSES
from swarm_ui.workflows.models import Workflow

PAGE = 50
_HELP = help_of(task_search.FIELDS)


def list_of(here: Address, cursor: str | None) -> dict[str, Any]:
    """The list itself: a fixed number of statements."""
    search = task_search.read(here.text)
    tasks, reach = queries.page_of(
        queries.TaskFilter(cursor=cursor),
        search,
        *queries.ROW,
        limit=PAGE,
        by=address.ORDERS[here.by],
        ascending=here.ascending,
    )
    agents = [assigned(task) for task in tasks.items]
    names = queries.names_of(
        agent_id
        for task, ids in zip(tasks.items, agents, strict=True)
        for agent_id in (*ids[:3], task.failed_agent_id)
    )
    words = [token.values[0] for token in search.words if not token.negated]
    snippets = snippets_of(tasks.items, words) if words else {}
    shared = Shared(
        names_shown(names),
        queries.workflow_names(task.workflow_id for task in tasks.items),
        [(name, *address.COLUMNS[name][1:]) for name in here.columns],
        clock.now(),
        zone(),
    )
    return {
        "here": here,
        "search": search,
        "cursor": cursor,
        "next_url": tasks.next and here.url(cursor=tasks.next),
        "lines": [
            line_of(task, ids, shared, snippets.get(task.id))
            for task, ids in zip(tasks.items, agents, strict=True)
        ],
        "reach": reach,
        "columns": address.COLUMNS,
        "orders": address.ORDERS,
    }


def beside(here: Address) -> dict[str, Any]:
    """What follows the text of the box: menus and saved views."""
    views = while_unchanged("views of tasks", lambda: saved.views_of("tasks"))
    return {
        "help": _HELP,
        "chosen": {key: value_in(here.text, key) for key in task_search.MENUS},
        "options": {
            "status": tuple((status, said(status)) for status in STATUSES),
            "workflow": _names(Workflow),
            "agent": _names(Agent),
            "age": tuple(task_search.AGES),
        },
        "views": views,
        "view": next((view for view in views if view.query == here.query), None),
        "plain": replace(here, text=""),
    }


def _names(model: type[Agent] | type[Workflow]) -> tuple[tuple[str, str], ...]:
    """Each as it is typed, and as it is called."""
    found = f"menu of {model.__tablename__}"
    return while_unchanged(found, lambda: tuple((written(name), name) for name in queries.options(model)))
