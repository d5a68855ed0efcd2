"""What readers of settings share: the two kinds of refusal, and addresses."""

import ipaddress
import re
from urllib.parse import urlsplit


class ConfigError(Exception):
    """A setting that cannot be used; the text is one line for the person who starts the server."""


class BadValue(ValueError):
    """What is wrong with a value and what is accepted; `load` adds the name of the variable."""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def web_address(text: str) -> str:
    accepted = "accepted: http:// or https://, a host, and if need be a port and a path, such as https://swarm.example.org"
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise BadValue(f"is not a web address; {accepted}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise BadValue(f"is not a web address; {accepted}")
    if (
        parts.query
        or parts.fragment
        or parts.username is not None
        or re.search(r"[\s\x00-\x1f\"'<>\\]", text)
    ):
        raise BadValue(f"carries more than an address; {accepted}")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def is_safe_to_call(address: str) -> bool:
    """Nobody on the way can read or change what is said: https, or this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def host_and_port(address: str) -> str:
    """ "host:port" of a web address; raises ValueError on what is none."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address[:100]!r} is not a web address")
    return f"{parts.hostname.lower()}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"
