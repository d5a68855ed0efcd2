"""One failure, the shape that the path speaks: a page, a toast for HTMX, problem+json under /api/, google.rpc.Status under /v1/."""

import logging

from flask import Flask, Response, current_app, g, render_template, request
from sqlalchemy.exc import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException

# Its words, as in the status line: Python's own are others from one version to the next.
from werkzeug.http import HTTP_STATUS_CODES

from swarm_ui.crypto import SecretError
from swarm_ui.jsontext import dump_bytes
from swarm_ui.rawsql import Busy

log = logging.getLogger(__name__)

# google.rpc.Code by HTTP status (github.com/googleapis/googleapis, google/rpc/code.proto).
RPC_CODES = {
    400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 409: 10, 412: 9, 413: 3, 415: 3, 422: 3, 429: 8, 500: 13, 501: 12,
    502: 14, 503: 14, 504: 4,
}  # fmt: skip


class Refused(Exception):
    """A request that gets this status and this sentence. `fields` maps a field's name to what is wrong with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        fields: dict[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.fields = fields or {}
        self.retry_after = retry_after


def init_app(app: Flask) -> None:
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(SecretError, _sealed)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refused(error: Refused) -> Response:
    response = _shaped(error.status, error.message, error.fields)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _sealed(error: SecretError) -> Response:
    log.error("a stored secret cannot be opened", extra={"path": request.path, "reason": str(error)})
    return _shaped(500, str(error))


def _busy(error: Busy) -> Response:
    """Clients retry a 503 and drop a batch on a 500: a busy or absent database must be the former."""
    log.warning("database unavailable", extra={"path": request.path, "reason": str(error)[:200]})
    response = _shaped(503, "The database is busy or cannot be reached. Try again in a moment.")
    response.headers["Retry-After"] = "2"
    return response


def _http(error: HTTPException) -> Response:
    if error.response is not None and error.code is not None and error.code < 400:
        return error.response  # type: ignore[return-value]  # a redirect that was raised
    status = error.code or 500
    message = {
        404: "There is nothing here, or it is not yours to see.",
        405: f"{request.method} is not possible here.",
        413: "This is larger than the limit.",
    }.get(status, error.description or HTTP_STATUS_CODES[status])
    response = _shaped(status, message)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    if isinstance(error, (OperationalError, InterfaceError)):
        return _busy(Busy(str(error.orig)))
    log.exception("request failed", extra={"path": request.path, "owner": g.get("owner_id")})
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    return _shaped(500, "Something went wrong here. It has been logged.")


def _shaped(status: int, message: str, fields: dict[str, str] | None = None) -> Response:
    path = request.path
    if path.startswith("/v1/"):
        return rpc_status(status, message)
    if path.startswith(("/api/", "/-/", "/ping/")):
        body = {
            "type": "about:blank",
            "title": HTTP_STATUS_CODES[status],
            "status": status,
            "detail": message,
        }
        if fields:
            body["errors"] = fields
        return current_app.response_class(dump_bytes(body), status, mimetype="application/problem+json")
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        html = render_template("_toast.html", message=message, status=status)
        response = current_app.response_class(html, status, mimetype="text/html")
        response.headers["HX-Retarget"] = "#toasts"
        response.headers["HX-Reswap"] = "beforeend"
        return response
    title = HTTP_STATUS_CODES[status]
    return current_app.response_class(
        render_template("error.html", status=status, title=title, message=message),
        status,
        mimetype="text/html",
    )


def rpc_status(status: int, message: str) -> Response:
    """google.rpc.Status in the request's encoding: {code, message}."""
    code = RPC_CODES.get(status, 2)
    if request.mimetype == "application/json":
        return current_app.response_class(
            dump_bytes({"code": code, "message": message}), status, mimetype="application/json"
        )
    text = message.encode()
    body = b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text
    return current_app.response_class(body, status, mimetype="application/x-protobuf")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
