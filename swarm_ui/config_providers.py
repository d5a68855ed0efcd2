"""Identity providers as the environment names them: OAUTH_PROVIDERS=google,github,corp, and for each a few variables with its name in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from swarm_ui.config_values import BadValue, ConfigError, host_and_port, is_safe_to_call, web_address

GITHUB = "https://github.com"
GITHUB_API = "https://api.github.com"
GOOGLE = "https://accounts.google.com"
# Google's own discovery document names endpoints on these.
GOOGLE_HOSTS = ("oauth2.googleapis.com", "openidconnect.googleapis.com", "www.googleapis.com")
PRESETS = {"google": "Google", "github": "GitHub"}
_ACCEPTED_NAMES = "accepted: names of lower-case letters, digits and hyphens, separated by commas, such as google,github,corp"


@dataclass(frozen=True, slots=True)
class Provider:
    """`issuer` is the first half of the `openId` of everybody who comes from here; `hosts` are all that it is ever asked at."""

    name: str
    label: str
    kind: Literal["oidc", "github"]
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    hosts: frozenset[str]
    api_url: str = ""

    def variable(self, what: str) -> str:
        return f"{_prefix(self.name)}_{what}"


def provider_names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    for name in names:
        if not re.fullmatch(r"[a-z](?:-?[a-z0-9]){0,31}", name):
            raise BadValue(f"has {name[:40]!r}, which cannot be a name; {_ACCEPTED_NAMES}")
        if name == "link":
            raise BadValue(f"has 'link', which is what one-time links are called; {_ACCEPTED_NAMES}")
        if names.count(name) > 1:
            raise BadValue(f"has {name!r} twice; {_ACCEPTED_NAMES}")
    return names


def email_patterns(text: str) -> tuple[str, ...]:
    """Addresses, and domains without their @, in lower case."""
    accepted = "accepted: domains and addresses, separated by commas, such as example.org, mira@example.com"
    patterns = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, at, domain = entry.rpartition("@")
        valid = entry.isascii() and re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain)
        if not valid or re.search(r"[\s@,;<>*]", name):
            raise BadValue(f"has {entry[:100]!r}, which is neither a domain nor an address; {accepted}")
        patterns.append((entry if at and name else domain).lower())
    return tuple(patterns)


def read_providers(names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """Raises ConfigError, which names the variable and never repeats a secret."""
    providers = tuple(_provider(name, environ) for name in names)
    for provider in providers:
        twins = [other.name for other in providers if other.issuer == provider.issuer]
        if len(twins) > 1:
            raise ConfigError(
                f"OAUTH_PROVIDERS: {' and '.join(twins)} are the same provider; keep one of them"
            )
    return providers


def _prefix(name: str) -> str:
    return f"OAUTH_{name.upper().replace('-', '_')}"


def _provider(name: str, environ: Mapping[str, str]) -> Provider:
    prefix = _prefix(name)

    def given(what: str) -> str:
        return environ.get(f"{prefix}_{what}", "").strip()

    def required(what: str) -> str:
        value = given(what)
        if not value:
            raise ConfigError(
                f"{prefix}_{what}: is missing; sign-in with {name!r} of OAUTH_PROVIDERS needs it"
            )
        if not value.isascii() or not value.isprintable():
            raise ConfigError(f"{prefix}_{what}: has characters that no provider gives out; copy it again")
        return value

    kind: Literal["oidc", "github"] = "github" if name == "github" else "oidc"
    issuer, api_url, hosts = (
        _github(prefix, given("URL")) if kind == "github" else _oidc(name, prefix, given("ISSUER"))
    )
    return Provider(
        name=name,
        label=_label(prefix, given("LABEL")) or PRESETS.get(name) or name.replace("-", " ").capitalize(),
        kind=kind,
        issuer=issuer,
        api_url=api_url,
        client_id=required("CLIENT_ID"),
        client_secret=required("CLIENT_SECRET"),
        hosts=hosts | _hosts(prefix, given("HOSTS")),
    )


def _github(prefix: str, url: str) -> tuple[str, str, frozenset[str]]:
    issuer = _address(f"{prefix}_URL", url) if url else GITHUB
    api_url = GITHUB_API if issuer == GITHUB else f"{issuer}/api/v3"
    return issuer, api_url, frozenset({host_and_port(issuer), host_and_port(api_url)})


def _oidc(name: str, prefix: str, issuer: str) -> tuple[str, str, frozenset[str]]:
    if name == "google":
        if issuer:
            raise ConfigError(
                f"{prefix}_ISSUER: is known for google; remove it, or give the provider another name"
            )
        return GOOGLE, "", frozenset(f"{host}:443" for host in ("accounts.google.com", *GOOGLE_HOSTS))
    if not issuer:
        raise ConfigError(
            f"{prefix}_ISSUER: is missing; OAUTH_PROVIDERS names {name!r}, which is not one that is known by name "
            f"({', '.join(PRESETS)}). Set it to the https address of the provider, such as https://id.example.org"
        )
    _address(f"{prefix}_ISSUER", issuer)
    return issuer, "", frozenset({host_and_port(issuer)})


def _address(variable: str, text: str) -> str:
    try:
        address = web_address(text)
    except BadValue as problem:
        shown = "the value" if "@" in text else repr(text[:100])  # it may hold a password
        raise ConfigError(f"{variable}: {shown} {problem}") from None
    if not is_safe_to_call(address) or "|" in text or not text.isascii() or len(text) > 180:
        raise ConfigError(
            f"{variable}: {text[:100]!r} is not an address to trust people's identity to; accepted: https:// and a host "
            "(http only on this machine), at most 180 plain characters"
        )
    return address


def _hosts(prefix: str, text: str) -> frozenset[str]:
    """Further hosts, with or without a port, that the provider has endpoints on."""
    found = set()
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?", entry):
            raise ConfigError(
                f"{prefix}_HOSTS: {entry[:100]!r} is not a host; accepted: names separated by commas"
            )
        found.add(entry if ":" in entry else f"{entry}:443")
    return frozenset(found)


def _label(prefix: str, text: str) -> str:
    if len(text) > 40 or not text.isprintable():
        raise ConfigError(
            f"{prefix}_LABEL: {text[:100]!r} does not fit on a button; accepted: up to 40 characters"
        )
    return text
