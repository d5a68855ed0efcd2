"""How a request with data comes in: its body, unpacked and bounded, and nothing at all while the worker is too far behind."""

import threading
import time
from contextlib import suppress
from typing import Any

from flask import current_app, request
from sqlalchemy import text
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from swarm_ui import clock
from swarm_ui.errors import Refused
from swarm_ui.extensions import db
from swarm_ui.ingest.fastzlib import zlib

_CHUNK = 64 * 1024


def read_body() -> bytes:
    """The whole body, unpacked; the limit counts what comes out, so that a small bomb is no way round it."""
    limit = current_app.config["SETTINGS"].max_body_bytes
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity"):
        read = _pieces(None)
    elif coding in ("gzip", "x-gzip", "deflate"):
        read = _pieces(zlib.decompressobj(47))
    else:
        raise Refused(415, f"Content-Encoding '{coding}' is not supported: send gzip or none.")
    body = bytearray()
    try:
        for piece in read:
            body += piece
            if len(body) > limit:
                raise Refused(413, f"A body may have {limit} bytes after decompression.")
    except zlib.error as error:
        raise Refused(400, f"The body is not {coding}: {error}.") from error
    except RequestEntityTooLarge as error:
        raise Refused(413, f"A body may have {limit} bytes.") from error
    except (ClientDisconnected, OSError) as error:
        raise Refused(400, "The body ended before it was complete.") from error
    return bytes(body)


def _pieces(unpacker: Any) -> Any:
    """Chunks of the request, without trusting a Content-Length: chunked senders have none."""
    stream = request.stream
    whole = unpacker is None
    while chunk := stream.read(_CHUNK):
        if unpacker is None:
            yield chunk
            continue
        whole = False
        while chunk:
            yield unpacker.decompress(chunk, 1 << 20)
            if unpacker.eof:
                # gzip allows several members in a row.
                chunk = unpacker.unused_data
                whole = True
                unpacker = zlib.decompressobj(47)
            else:
                chunk = unpacker.unconsumed_tail
                whole = False
    if not whole:
        raise zlib.error("it is truncated")


# How far the projection is behind, looked up at most once a second and process.
backlog = {"at": 0.0, "traces": 0}
_backlog_lock = threading.Lock()


def _drain() -> None:
    """Reads on what is sent, so that the answer arrives: a client that is cut off while it sends may never look for one."""
    left = current_app.config["SETTINGS"].max_body_bytes
    with suppress(ClientDisconnected, RequestEntityTooLarge, OSError):
        while left > 0 and (chunk := request.stream.read(min(_CHUNK, left))):
            left -= len(chunk)


def refuse_overload() -> None:
    """429 while the worker is so far behind that more would only wait: clients keep the data and come back. What is derived again little by
    little (`projection/merging.py`) counts when its turn has come."""
    limit = current_app.config["SETTINGS"].max_backlog
    now = time.monotonic()
    if now - backlog["at"] > 1.0 and _backlog_lock.acquire(blocking=False):
        try:
            statement = text(
                "SELECT COUNT(*) FROM (SELECT 1 FROM trace_dirty WHERE dueAt<=:now AND error IS NULL LIMIT :most) AS waiting /* userId: all */"
            )
            known = {"most": limit + 1, "now": clock.now_us()}
            backlog["traces"] = db.session.execute(statement, known).scalar_one()
            backlog["at"] = now
        finally:
            _backlog_lock.release()
    if backlog["traces"] > limit:
        _drain()
        raise Refused(
            429, "More traces are waiting to be read than allowed. Send this again later.", retry_after=5
        )
