"""What the frame around every page knows: the theme, the count beside "Alerts", and the shape that stands for each word of state."""

import re
from datetime import date
from typing import Any

from flask import g, request
from markupsafe import Markup, escape
from pydantic import BaseModel
from sqlalchemy import func, select

from swarm_ui.alerts.models import Alert
from swarm_ui.extensions import db
from swarm_ui.formatting import MISSING
from swarm_ui.live import while_unchanged
from swarm_ui.web import wants_fragment

THEMES = ("auto", "light", "dark")
MANY_ALERTS = 100

# Symbol of templates/_icons.svg for each word: states with the same meaning share an outline.
SHAPES = {
    "healthy": "ok", "completed": "ok", "resolved": "ok", "success": "ok", "ok": "ok",
    "running": "running", "pending": "pending", "new": "pending", "unset": "inactive", "inactive": "inactive",
    "failing": "failed", "failed": "failed", "error": "failed",
    "degraded": "warning", "warning": "warning",
    "timeout": "timeout", "late": "timeout", "stalled": "timeout", "silent": "silent", "critical": "critical",
    "info": "info", "debug": "info", "open": "active", "active": "active",
    "maintenance": "paused", "paused": "paused", "draft": "draft", "archived": "archived",
}  # fmt: skip
# Where a word on the page differs from the one in the database.
SAID = {"timeout": "Timed out"}


def context() -> dict[str, Any]:
    return {
        "theme": theme(), "keyboard": keyboard(), "open_alerts": open_alerts, "is_fragment": wants_fragment,
    }  # fmt: skip


def globals_for_templates() -> dict[str, Any]:
    return {"SHAPES": SHAPES, "said": said, "filter_of": filter_of}


def theme() -> str:
    """This browser's, else the one of the person's settings. Asks for nobody: the error page is shown without a database too."""
    for chosen in (request.cookies.get("theme", ""), (g.get("preferences") or {}).get("theme")):
        if chosen in THEMES:
            return chosen
    return "auto"


def keyboard() -> bool:
    """Whether single keys do something; off for who types by voice or otherwise sets keys off unmeant."""
    return (g.get("preferences") or {}).get("keyboard", True) is not False


def said(word: str) -> str:
    return SAID.get(word) or word.capitalize().replace("_", " ")


def filter_of(wanted: BaseModel) -> dict[str, Any]:
    """What a list is filtered by, for links: not the place in it, not what is as usual."""
    return wanted.model_dump(exclude_defaults=True, exclude={"cursor"})


def open_alerts() -> str:
    """How many alerts are open: "", "7" or "99+". Counting stops at a hundred."""
    if "open_alerts" not in g:
        g.open_alerts = while_unchanged("open alerts", _count_open)
    if not g.open_alerts:
        return ""
    return f"{MANY_ALERTS - 1}+" if g.open_alerts >= MANY_ALERTS else str(g.open_alerts)


def _count_open() -> int:
    some = select(Alert.id).where(Alert.resolved.is_(False)).limit(MANY_ALERTS).subquery()
    return db.session.execute(select(func.count()).select_from(some)).scalar_one()


def day(spelt: str) -> str:
    """A day as SQL spells it, "2026-11-17", as people do: "Tue 17 Nov"."""
    return date.fromisoformat(spelt).strftime("%a %-d %b")


def amount(value: float | None) -> str:
    """A figure of any unit: whole numbers as they are, others to four significant digits."""
    if value is None:
        return MISSING
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def units(figure: str) -> Markup:
    """A large figure with its units made small: 3<small>m</small> 08<small>s</small>."""
    return Markup(re.sub(r"([a-zA-Z%]+)", r"<small>\1</small>", str(escape(figure))))  # noqa: S704  # escaped before
