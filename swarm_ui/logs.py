"""Structured logs on standard error: one line an event, as JSON or as text, with nothing secret in it.

log = logging.getLogger(__name__); log.info("worker started", extra={"pid": 17})
"""

import logging
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Flask

from swarm_ui import jsontext
from swarm_ui.config import Settings

HIDDEN = "[hidden]"

# A field with such a name is hidden whatever it holds.
_SECRET_FIELD = re.compile(r"(?i)authorization|cookie|password|secret|token$|api[-_]?key$")
_SECRETS = (
    # An API key, wherever it stands.
    (re.compile(r"swk_[A-Za-z0-9_-]+"), f"swk_{HIDDEN}"),
    # Headers: the rest of the value, with or without a scheme, quoted or not.
    (
        re.compile(
            r"""(?i)\b((?:proxy-)?authorization|x-api-key|set-cookie|cookie)(["'\\]*\s*[:=,]\s*["'\\]*)[^"'\\\r\n,}]+"""
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    # The key in the address of a heartbeat, however it is misspelt.
    (re.compile(r"(?i)(/ping/)[^/?\s\"'\\]+"), rf"\1{HIDDEN}"),
    # Sign-in links and answers of identity providers: /login/TOKEN, ?token=…, &code=…
    (re.compile(r"(?i)(/login/)[A-Za-z0-9_-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)([?&](?:token|code|state|key|secret|password)=)[^&\s\"'\\#]+"), rf"\1{HIDDEN}"),
    # The password in a URL.
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s/@\"']+@"), rf"\1{HIDDEN}@"),
)
# What would end a line or steer a terminal.
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def init_app(app: Flask) -> None:
    configure(app.config["SETTINGS"])


def configure(settings: Settings) -> None:
    """Send every logger's lines through one handler; calling it again changes format and level."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _StandardError):
            root.removeHandler(handler)
    handler = _StandardError()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    # Libraries tell more than an operator wants to read, SQL with its parameters and what proves a sign-in among it.
    for name in ("alembic", "sqlalchemy", "botocore", "boto3", "urllib3", "authlib"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def redact(text: str) -> str:
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class _StandardError(logging.StreamHandler):
    """Looks `sys.stderr` up at each line, so that one that was replaced since is used."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:
        """A closed standard error must not stop the work."""


def _fields(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _STANDARD and not name.startswith("_"):
            yield name, HIDDEN if _SECRET_FIELD.search(name) else value


def _time(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            "pid": record.process,
            **dict(_fields(record)),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = self.formatException(record.exc_info)
        return redact(_UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", jsontext.dumps(line)))


class TextLines(logging.Formatter):
    """2026-11-22T21:00:00.123Z info  swarm_ui.serve: worker started number=1"""

    def format(self, record: logging.LogRecord) -> str:
        parts = [
            _time(record),
            f"{record.levelname.lower():7}",
            f"{record.name}:",
            record.getMessage(),
        ]
        parts += [f"{name}={_shown(value)}" for name, value in _fields(record)]
        if record.exc_info and record.exc_info[0]:
            parts.append(f"error={jsontext.dumps(self.formatException(record.exc_info))}")
        return redact(jsontext.clean_text(_UNPRINTED.sub(" ", " ".join(parts)), None))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else jsontext.dumps(value)
    return text if re.fullmatch(r"[^\s\"=\x00-\x1f]+", text) else jsontext.dumps(text)
