"""Settings: one row per environment variable. This is the only module that reads the environment."""

import fcntl
import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from swarm_ui.config_providers import Provider, email_patterns, provider_names, read_providers
from swarm_ui.config_values import BadValue, ConfigError, is_loopback, is_safe_to_call, web_address

ROOT = Path(__file__).resolve().parent.parent
MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Setting:
    name: str
    default: str  # as the documentation shows it
    help: str
    read: Callable[[str], Any]
    value: Any = None  # the default itself, where it does not depend on other settings
    also: str = ""  # another variable that is read when this one is not set


@dataclass(frozen=True)
class Settings:
    host: str
    port: int
    data_dir: Path
    database_url: str = field(repr=False)
    public_url: str
    storage_url: str
    s3_endpoint_url: str | None
    trusted_proxies: int
    run_timeout: int
    heartbeat_registers: bool
    log_level: str
    log_format: str
    web_processes: int
    web_threads: int
    max_body_bytes: int
    max_backlog: int
    session_idle: int
    session_lifetime: int
    oauth_providers: tuple[str, ...]
    allowed_emails: tuple[str, ...]
    providers: tuple[Provider, ...]
    public_url_is_set: bool
    secret_key: str = field(repr=False)
    # Empty where they lie in DATA_DIR/secret_keys, and may grow there while the server runs.
    secret_keys: tuple[str, ...] = field(repr=False)

    @property
    def loopback_only(self) -> bool:
        return is_loopback(self.host)

    @property
    def reached_in_the_open(self) -> bool:
        """People come over a network, and not by https."""
        return not is_safe_to_call(self.public_url)

    def allows(self, email: str | None) -> bool:
        """Whether ALLOWED_EMAILS lists this address, which has to be a verified one, or its domain."""
        if email is None or "@" not in email:
            return False
        return email in self.allowed_emails or email.rpartition("@")[2] in self.allowed_emails

    @property
    def public_prefix(self) -> str:
        """The path under which a proxy serves the product: "" or "/swarm"."""
        return urlsplit(self.public_url).path


# Readers: text in, value out, BadValue otherwise.


def _switch(text: str) -> bool:
    word = text.lower()
    if word not in ("on", "off"):
        raise BadValue("is neither of: on, off")
    return word == "on"


def _host(text: str) -> str:
    host = text.strip("[]").lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        if re.fullmatch(r"(?=.*[a-z])[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", host):
            return host
    raise BadValue(
        "is neither an address nor a host name; accepted: an IP address or a name, such as 127.0.0.1"
    )


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise BadValue(f"is not a whole number; accepted: {least} to {most}")
        number = int(text)
        if not least <= number <= most:
            raise BadValue(f"is out of range; accepted: {least} to {most}")
        return number

    return read


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise BadValue(f"is not known; accepted: {', '.join(words)}")
        return text.lower()

    return read


def _seconds(text: str) -> int:
    """Whole seconds, or parts with a unit: 90, 90s, 30m, 1h30m, 2d."""
    match = re.fullmatch(
        r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", text.replace(" ", "").lower()
    )
    if not match or not any(match.groups()):
        raise BadValue(
            "is not a length of time; accepted: seconds, or a number with s, m, h or d, such as 30m"
        )
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    seconds = days * DAY + hours * HOUR + minutes * MINUTE + rest
    if not 1 <= seconds <= 365 * DAY:
        raise BadValue("is out of range; accepted: 1s to 365d")
    return seconds


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15})\s*(?:([kmg])(?:i?b)?|b)?", text.lower())
    if not match:
        raise BadValue("is not a size; accepted: bytes, or a number with KiB, MiB or GiB, such as 64MiB")
    size = int(match[1]) << {None: 0, "k": 10, "m": 20, "g": 30}[match[2]]
    if not 1 << 10 <= size <= 1 << 30:
        raise BadValue("is out of range; accepted: 1KiB to 1GiB")
    return size


def _directory(text: str) -> Path:
    if re.search(r"[?#%\x00-\x1f]", text):
        raise BadValue("has a character that no URL takes as it stands; accepted: a path without ?, # and %")
    return ROOT / Path(text).expanduser()


def _database(text: str) -> str:
    accepted = "accepted: sqlite:///path/to/file.db or mysql://user:password@host:3306/name"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadValue(f"is not a database URL; {accepted}") from None
    if url.drivername == "sqlite":
        return url.render_as_string(hide_password=False)
    if url.drivername not in ("mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"):
        raise BadValue(f"names a database that is not supported; {accepted}")
    if not url.host or not url.database:
        raise BadValue(f"lacks the host or the name of the database; {accepted}")
    url = url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})
    return url.render_as_string(hide_password=False)


def _storage(text: str) -> str:
    accepted = "accepted: file:///absolute/path or s3://bucket/prefix"
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise BadValue(f"carries more than a place; {accepted}")
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and len(parts.path) > 1:
        return f"file://{parts.path.rstrip('/')}"
    if parts.scheme == "s3":
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.netloc):
            raise BadValue(
                f"has no bucket name of 3 to 63 lower-case letters, digits, dots and hyphens; {accepted}"
            )
        return f"s3://{parts.netloc}/{parts.path.strip('/')}".rstrip("/")
    raise BadValue(f"is not a place to store to; {accepted}")


def _secret(text: str) -> str:
    if len(text) < 32:
        raise BadValue("is too short to be secret; accepted: at least 32 random characters")
    return text


def _secret_ring(text: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in text.split(",") if key.strip())
    if any(len(key) < 32 for key in keys) or not keys:
        raise BadValue(
            "holds a key that is too short; accepted: keys of at least 32 random characters, separated by commas"
        )
    if len(set(keys)) < len(keys):
        raise BadValue("holds the same key twice")
    return keys


SETTINGS: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", "Address to listen on.", _host, "127.0.0.1"),
    Setting("PORT", "8000", "Port to listen on.", _whole(1, 65535), 8000),
    Setting(
        "DATA_DIR",
        "instance",
        "Folder for everything the product writes, in the checkout unless it is absolute. "
        "Made with mode 0700 if missing. Each running server needs its own.",
        _directory,
        ROOT / "instance",
    ),
    Setting(
        "DATABASE_URL",
        "sqlite:///DATA_DIR/swarm.db",
        "`sqlite:///file` (a relative file lies in DATA_DIR) or `mysql://user:password@host:3306/name` for MySQL, "
        "MariaDB and TiDB.",
        _database,
    ),
    Setting(
        "PUBLIC_URL",
        "http://HOST:PORT",
        "Address under which people and agents reach the product; it may end in a path when a proxy serves it below one.",
        web_address,
    ),
    Setting(
        "STORAGE_URL",
        "file://DATA_DIR/storage",
        "Where large payloads go: `file:///absolute/path` or `s3://bucket/prefix`. S3 uses the usual variables "
        "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION`.",
        _storage,
    ),
    Setting(
        "S3_ENDPOINT_URL",
        "that of AWS",
        "Address of another S3 service, such as SeaweedFS or MinIO. `AWS_ENDPOINT_URL_S3` is read too.",
        web_address,
        also="AWS_ENDPOINT_URL_S3",
    ),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        "How many reverse proxies stand in front and set `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`.",
        _whole(0, 10),
        0,
    ),
    Setting(
        "RUN_TIMEOUT",
        "30m",
        "A run that has not ended is timed out when nothing of it has arrived for this long: seconds, or `90s`, `30m`, `2h`.",
        _seconds,
        30 * MINUTE,
    ),
    Setting(
        "HEARTBEAT_REGISTERS",
        "on",
        "Whether an unknown agent that reports to `/ping/KEY/NAME` is registered: `on` or `off`.",
        _switch,
        True,
    ),
    Setting(
        "LOG_LEVEL",
        "info",
        "Least severe log line that is written: `debug`, `info`, `warning` or `error`.",
        _word("debug", "info", "warning", "error"),
        "info",
    ),
    Setting(
        "LOG_FORMAT",
        "text on a terminal, else json",
        "`text` for people, `json` for machines; one line an event, on standard error.",
        _word("text", "json"),
    ),
    Setting("WEB_PROCESSES", "2", "Processes that answer requests.", _whole(1, 64), 2),
    Setting("WEB_THREADS", "16", "Threads in each of them.", _whole(1, 500), 16),
    Setting(
        "MAX_BODY_BYTES",
        "64MiB",
        "Largest request body that is accepted, measured after decompression.",
        _bytes,
        64 << 20,
    ),
    Setting(
        "MAX_BACKLOG",
        "20000",
        "Number of traces waiting for the worker above which ingest answers 429 with Retry-After.",
        _whole(1, 100_000_000),
        20_000,
    ),
    Setting(
        "SESSION_IDLE",
        "7d",
        "A browser that has not been used for this long has to sign in again.",
        _seconds,
        7 * DAY,
    ),
    Setting(
        "SESSION_LIFETIME",
        "30d",
        "A browser has to sign in again after this long, however much it is used.",
        _seconds,
        30 * DAY,
    ),
    Setting(
        "OAUTH_PROVIDERS",
        "none",
        "Ways to sign in, separated by commas: `google`, `github`, or names of your own choice. Each needs a few variables more, see below.",
        provider_names,
        (),
    ),
    Setting(
        "ALLOWED_EMAILS",
        "none",
        "Domains and addresses, separated by commas: whoever proves one of them to a provider may come in. "
        "When empty: the first person, and who was invited.",
        email_patterns,
        (),
    ),
    Setting(
        "SECRET_KEY",
        "made once, kept in DATA_DIR/secret_key",
        "Signs sessions and links; at least 32 random characters. Set it when several machines share a database.",
        _secret,
    ),
    Setting(
        "SECRET_KEYS",
        "made once, kept in DATA_DIR/secret_keys",
        "Encrypt stored secrets such as keys of model providers: keys of at least 32 random characters, separated by commas. The first encrypts, "
        "all decrypt. Set it when several machines share a database.",
        _secret_ring,
        (),
    ),
)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read all settings; makes DATA_DIR and the secret key where they are missing."""
    values = {row.name.lower(): _value(row, environ) for row in SETTINGS}
    data_dir = values["data_dir"]
    _make_directory(data_dir)
    values["database_url"] = _place_sqlite(values["database_url"], data_dir)
    values["providers"] = read_providers(values["oauth_providers"], environ)
    values["public_url_is_set"] = values["public_url"] is not None
    values["public_url"] = values["public_url"] or _address(values["host"], values["port"])
    values["storage_url"] = values["storage_url"] or f"file://{data_dir / 'storage'}"
    values["log_format"] = values["log_format"] or ("text" if sys.stderr.isatty() else "json")
    values["secret_key"] = values["secret_key"] or _kept_secret(data_dir / "secret_key")
    if not values["secret_keys"]:
        _kept_secret(data_dir / "secret_keys")
    return Settings(**values)


def _value(row: Setting, environ: Mapping[str, str]) -> Any:
    for name in filter(None, (row.name, row.also)):
        text = environ.get(name, "").strip()
        if text:
            try:
                return row.read(text)
            except BadValue as problem:
                raise ConfigError(f"{name}: {_shown(row, text)} {problem}") from None
    return row.value


def _shown(row: Setting, text: str) -> str:
    """The value as the message repeats it; never one that can hold a password."""
    return "the value" if row.name in ("SECRET_KEY", "SECRET_KEYS", "DATABASE_URL") else repr(text[:100])


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"DATA_DIR: {str(path)!r} cannot be made ({error.strerror}); set it to a folder you own"
        ) from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(f"DATA_DIR: {str(path)!r} is not writable; set it to a folder you own")


def _place_sqlite(database_url: str | None, data_dir: Path) -> str:
    if database_url is None:
        return f"sqlite:///{data_dir / 'swarm.db'}"
    url = make_url(database_url)
    if url.drivername != "sqlite" or not url.database or url.database == ":memory:":
        return database_url
    return url.set(database=str(data_dir / url.database)).render_as_string(hide_password=False)


def _address(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def read_secret_keys(path: Path) -> tuple[str, ...]:
    """The keys in the file, a line each, first the one that encrypts."""
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="ascii").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"SECRET_KEYS: {str(path)!r} cannot be read ({type(error).__name__}); mend the file"
        ) from None
    if not lines or any(len(line) < 32 for line in lines):
        raise ConfigError(
            f"SECRET_KEYS: {str(path)!r} holds no key, or one that is too short; put it back from a backup"
        )
    return lines


def _kept_secret(path: Path) -> str:
    """The key in the file, made by whichever process comes first; the lock keeps a second one waiting for it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.fchmod(file.fileno(), 0o600)
            key = file.read().strip()
            # Shorter than that is what a crash left of a first write; nothing was signed with it yet.
            if len(key) < 32:
                key = secrets.token_hex(32)
                file.seek(0)
                file.truncate()
                file.write(key + "\n")
                file.flush()
                os.fsync(file.fileno())
            return key
    except OSError as error:
        raise ConfigError(
            f"{path.name.upper()}: {str(path)!r} cannot be used ({error.strerror}); set {path.name.upper()} or mend the file"
        ) from None
