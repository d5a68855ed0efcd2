"""Draws a timeline: rows as strings, because a page has hundreds of them. Everything from outside is escaped here."""

from urllib.parse import quote

from markupsafe import Markup, escape

from swarm_ui.formatting import duration, offset
from swarm_ui.tasks.timeline import ROOM, Lane, Piece, Row

__all__ = ["ROOM", "body_of", "head_of", "rows_of"]

_ICONS = {
    "llm": "i-llm", "tool": "i-tool", "retrieval": "i-retrieval", "agent": "i-agents", "workflow": "i-workflows", "step": "i-step",
}  # fmt: skip
_Y = {
    ("from", True): ("50%", "100%"),
    ("from", False): ("0", "50%"),
    ("to", True): ("0", "50%"),
    ("to", False): ("50%", "100%"),
}
_TIP = {True: "M-3.5,-9h7L0,-3.5z", False: "M-3.5,9h7L0,3.5z"}


def rows_of(lane: Lane, task_url: str, query: str, selected: str | None) -> Markup:
    """The rows of a lane as links. `query` is what the page's address keeps beside the step, such as `steps=all&`."""
    kept = escape(f"?{query}span=")
    spans = escape(f"{task_url}/spans/")
    return Markup("".join([_row(row, kept, spans, row.key == selected) for row in lane.rows]))  # noqa: S704


def _row(row: Row, kept: str, spans: str, is_selected: bool) -> str:
    key = quote(row.key, safe=".")
    took, name = duration(row.ms) + ("" if row.has_ended else ", not ended"), escape(row.name)
    failed = ' data-s="failed"' if row.failed else ""
    icon = "s-failed" if row.failed else "s-running" if not row.has_ended else _ICONS.get(row.kind, "i-step")
    state = f"{row.first_failing}, " if row.first_failing else "failed, " if row.failed else ""
    said = f'<span class="sr">{state}at {offset(row.at_ms)}, {took}</span>'
    tags = f'<span class="tag">{row.attempt}</span>' if row.attempt else ""
    if row.unusual:
        tags += f'<span class="tag" data-tone="warn" title="{row.unusual}">{row.unusual.partition(" ")[0]}<span class="sr">{row.unusual.partition("×")[2]}</span></span>'
    why = f'<tspan class="why">{escape(row.why)} · </tspan>' if row.why else ""
    x, end = f"{row.x:.2f}%", f"{row.x + row.width:.2f}%"
    cross = ""
    if row.failed and row.width > 3:
        cross = f'<svg x="{end}" y="50%"><path class="x" d="M-11,-3.2l6.4,6.4m0,-6.4l-6.4,6.4"/></svg>'
        if row.side == "in":
            cross = f'<svg x="{x}" y="50%"><path class="x" d="M4.6,-3.2l6.4,6.4m0,-6.4l-6.4,6.4"/></svg>'
    side = "" if row.side == "right" else f' class="{"end" if row.side == "left" else "in"}"'
    # What is too short to be seen gets two pixels.
    width = f"{row.width:.2f}%" if row.width > 0.3 else "2"
    at = x if row.side == "left" else end
    return (
        f'<a class="wf-row" data-depth="{row.depth}"{failed}{_CURRENT if is_selected else ""} href="{kept}{key}#span"'
        f' hx-get="{spans}{key}" hx-target="#span" hx-swap="outerHTML" hx-push-url="{kept}{key}">'
        f'<span class="wf-name"><svg class="icon" aria-hidden="true"><use href="#{icon}"/></svg><span>{name}</span>{said}{tags}</span>'
        f'<svg class="track" aria-hidden="true"><rect class="bar" data-k="{row.kind}"{failed} x="{x}" width="{width}"/>{cross}'
        f'<text{side}{failed} x="{at}" y="50%">{why}{took}</text></svg></a>'
    )


_CURRENT = ' aria-current="true"'


def head_of(lane: Lane) -> Markup:
    """The lane's own track: when its agent was at work, where that broke off, and its ends of the hand-off lines."""
    parts = [
        f'<rect class="bar" data-k="agent" x="{x:.2f}%" width="{width:.2f}%"/>' for x, width in lane.bars
    ]
    parts += [f'<rect class="bar" data-s="stop" x="{x:.2f}%" width="3"/>' for x in lane.stops]
    parts += [
        f'<rect class="bar" data-k="wait" x="{x:.2f}%" width="{width:.2f}%"/>' for x, width in lane.waits
    ]
    parts += [_piece(piece) for piece in lane.head]
    return Markup("".join(parts))  # noqa: S704  # numbers only


def body_of(lane: Lane) -> Markup:
    """Hand-off lines that run past the lane's rows."""
    return Markup("".join([_piece(piece) for piece in lane.body]))  # noqa: S704  # numbers only


def _piece(piece: Piece) -> str:
    failed = ' data-s="failed"' if piece.failed else ""
    x = f"{piece.x:.2f}%"
    if piece.part == "through":
        return f'<line class="hand" data-via{failed} x1="{x}" x2="{x}" y1="0" y2="100%"/>'
    top, bottom = _Y[piece.part, piece.down]
    line = f'<line class="hand"{failed} x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
    if piece.part == "from":
        return line
    return f'{line}<svg x="{x}" y="50%"><path class="hand-tip"{failed} d="{_TIP[piece.down]}"/></svg>'
