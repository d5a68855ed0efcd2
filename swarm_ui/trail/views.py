"""The audit trail of the space shown: what somebody changed, filtered and exported."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from swarm_ui import clock, downloads
from swarm_ui.trail import export, queries, words
from swarm_ui.trail.queries import TrailFilter
from swarm_ui.web import page, parse

bp = Blueprint("trail", __name__, url_prefix="/settings/audit")


@bp.get("", strict_slashes=False)
def index() -> ResponseReturnValue:
    wanted = parse(TrailFilter, request.args)
    return page(
        "trail/index.html",
        part="trail/_list.html",
        wanted=wanted,
        events=queries.page_of(queries.matching(wanted), cursor=wanted.cursor),
        people=queries.people_of(g.owner_id),
        subjects=words.SUBJECTS,
        in_words=words.in_words,
        icon_of=words.icon_of,
        field_in_words=words.field_in_words,
        about_oneself=words.ABOUT_ONESELF,
        differences=queries.differences,
    )


@bp.get("/export.csv")
def export_csv() -> Response:
    return _download("csv", "text/csv", downloads.csv_lines(export.COLUMNS, _wanted()))


@bp.get("/export.jsonl")
def export_json_lines() -> Response:
    return _download("jsonl", "application/x-ndjson", downloads.json_lines(_wanted()))


def _wanted() -> Iterator[Any]:
    return export.items_of(queries.all_of(queries.matching(parse(TrailFilter, request.args))))


def _download(ending: str, mimetype: str, lines: Iterator[Any]) -> Response:
    return downloads.attachment(lines, mimetype, f"audit-{clock.now():%Y-%m-%d}.{ending}")
