"""Signing in with a provider: OpenID Connect's authorization code with PKCE, state and nonce, by Authlib; and GitHub, which is OAuth 2 without it.

Nothing here touches the database: a provider may take its time, and nobody is to wait for it.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import FlaskIntegration, FlaskOAuth2App
from authlib.oauth2.base import OAuth2Error
from authlib.oidc.core import CodeIDToken
from joserfc.errors import ExpiredTokenError, JoseError

from swarm_ui import clock
from swarm_ui.accounts import outgoing, people, providers
from swarm_ui.config_providers import Provider
from swarm_ui.jsontext import clean_text

log = logging.getLogger(__name__)

LEEWAY = 120  # seconds that the provider's clock and ours may differ
KEPT_FOR = timedelta(minutes=10)  # what a provider says about itself, its keys among it
# Signatures that only the provider can make: neither `none` nor those with a shared key.
SIGNATURES = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")


class Failed(Exception):
    """Nobody is signed in. `reason` is a word that `refusals.py` knows; the text is for the log and holds nothing secret."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is. `email` is one that it has verified; `unverified` says that there is one, but nobody knows whose."""

    open_id: str
    name: str | None
    email: str | None
    unverified: bool = False


class Claims(CodeIDToken):
    """Of an ID token, by the product's clock."""

    def validate(self, now: int | None = None, leeway: int = 0) -> None:
        super().validate(now or int(clock.now().timestamp()), leeway)


class Client(FlaskOAuth2App):
    """Authlib's client for one provider. It believes only what it needs of the provider's description of itself."""

    client_cls = outgoing.Session

    def __init__(self, provider: Provider) -> None:
        github = provider.kind == "github"
        options: dict[str, Any] = {"code_challenge_method": "S256", "hosts": provider.hosts}
        if github:
            options |= {"scope": "read:user user:email", "token_endpoint_auth_method": "client_secret_post"}
        else:
            options |= {"scope": "openid email profile"}
        super().__init__(
            FlaskIntegration(provider.name),
            provider.name,
            client_id=provider.client_id,
            client_secret=provider.client_secret,
            authorize_url=f"{provider.issuer}/login/oauth/authorize" if github else None,
            access_token_url=f"{provider.issuer}/login/oauth/access_token" if github else None,
            client_kwargs=options,
            user_agent="swarm-ui",
        )
        self.provider = provider
        self.server_metadata: dict[str, Any] = {}

    def load_server_metadata(self) -> dict[str, Any]:
        if self.provider.kind == "github":
            return {}
        now = clock.now()
        if not self.server_metadata or self.server_metadata["_loaded_at"] <= now - KEPT_FOR:
            address = f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            with self._get_session() as session:
                response = session.request("GET", address, withhold_token=True)
                response.raise_for_status()
                self.server_metadata = {**_believed(response.json(), self.provider), "_loaded_at": now}
        return self.server_metadata

    def read(self, url: str, access_token: str) -> Any:
        """What an API of the provider answers, JSON."""
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        with self._get_session() as session:
            response = session.request("GET", url, withhold_token=True, headers=headers)
            response.raise_for_status()
            return response.json()


def _believed(described: Any, provider: Provider) -> dict[str, Any]:
    """The part of a discovery document that is used, checked. Everything in it would become an option of the client."""
    if not isinstance(described, dict):
        raise ValueError("the discovery document is no object")
    issuer = described.get("issuer")
    if not isinstance(issuer, str) or issuer.rstrip("/") != provider.issuer.rstrip("/"):
        raise Failed("wrong_provider", "the discovery document names another issuer than was configured")
    believed: dict[str, Any] = {"issuer": issuer}
    for name in ENDPOINTS:
        if described.get(name) is not None:
            outgoing.check_address(described[name], provider.hosts)
            believed[name] = described[name]
        elif name != "userinfo_endpoint":
            raise ValueError(f"the discovery document has no {name}")
    signatures = described.get("id_token_signing_alg_values_supported") or ["RS256"]
    believed["id_token_signing_alg_values_supported"] = [name for name in SIGNATURES if name in signatures]
    if not believed["id_token_signing_alg_values_supported"]:
        raise Failed(
            "wrong_settings", "the provider offers no signature that only it can make, such as RS256"
        )
    methods = described.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if "client_secret_basic" not in methods and "client_secret_post" in methods:
        believed["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105
    return believed


def begin(provider: Provider) -> tuple[str, dict[str, str]]:
    """Where to send the browser, and what it has to bring back: {"state", "nonce", "verifier"}."""
    with _trouble(provider):
        made = providers.client_of(provider).create_authorization_url(providers.redirect_uri(provider))
    return made["url"], {
        "state": made["state"],
        "nonce": made.get("nonce", ""),
        "verifier": made["code_verifier"],
    }


def finish(provider: Provider, begun: Mapping[str, str], answer: Mapping[str, str]) -> Identity:
    """Who it is, for the `answer` that came back in the address and what was kept since `begin`."""
    client = providers.client_of(provider)
    with _trouble(provider):
        named = answer.get("iss") if provider.kind == "oidc" else None  # RFC 9207, where a provider says it
        if named and named != client.load_server_metadata()["issuer"]:
            raise Failed("untrusted", "the answer names another issuer")
        token = client.fetch_access_token(
            redirect_uri=providers.redirect_uri(provider),
            code=answer["code"],
            code_verifier=begun["verifier"],
        )
        if not isinstance(token.get("access_token"), str):
            raise ValueError("the token endpoint gave no access token")
        return _github(client, token) if provider.kind == "github" else _oidc(client, token, begun["nonce"])


def _oidc(client: Client, token: Mapping[str, Any], nonce: str) -> Identity:
    if not isinstance(token.get("id_token"), str):
        raise Failed("untrusted", "the token endpoint gave no ID token")
    described = client.load_server_metadata()
    expected = {
        "iss": {"essential": True, "value": described["issuer"]},
        "aud": {"essential": True, "value": client.client_id},
        "sub": {"essential": True},
    }
    # With a class of ours Authlib leaves out the access token, of which the ID token may hold a hash.
    read = lambda claims, header, options, known: Claims(  # noqa: E731
        claims, header, options, {**known, "access_token": token["access_token"]}
    )
    claims = client.parse_id_token(token, nonce, claims_options=expected, claims_cls=read, leeway=LEEWAY)
    about = claims
    if "email" not in claims and described.get("userinfo_endpoint"):
        about = client.read(described["userinfo_endpoint"], token["access_token"])
        if about.get("sub") != claims["sub"]:
            raise Failed("untrusted", "the user info is about somebody else")
    # The address and whether it is verified come from one place: each may say it of another address.
    address = _address(about.get("email"))
    verified = about.get("email_verified") is True or about.get("email_verified") == "true"
    return Identity(
        _open_id(described["issuer"], claims["sub"]),
        _name(claims.get("name"), about.get("name"), about.get("preferred_username")),
        address if verified else None,
        unverified=bool(address) and not verified,
    )


def _github(client: Client, token: Mapping[str, Any]) -> Identity:
    provider = client.provider
    account = client.read(f"{provider.api_url}/user", token["access_token"])
    if not isinstance(account["id"], int) or isinstance(account["id"], bool):
        raise ValueError("the account has no numeric id")
    try:
        addresses = client.read(f"{provider.api_url}/user/emails", token["access_token"])
    except requests.HTTPError:  # the person did not let us see them
        addresses = []
    primary: dict[str, Any] = next((entry for entry in addresses if entry.get("primary") is True), {})
    address, verified = _address(primary.get("email")), primary.get("verified") is True
    return Identity(
        _open_id(provider.issuer, str(account["id"])),
        _name(account.get("name"), account.get("login")),
        address if verified else None,
        unverified=bool(address) and not verified,
    )


def _open_id(issuer: str, subject: str) -> str:
    open_id = f"{issuer}|{subject}"
    if not open_id.isascii() or not open_id.isprintable() or not subject.strip() or len(open_id) > 255:
        raise Failed("untrusted", "the subject is not one that can be kept")
    return open_id


def _address(text: Any) -> str | None:
    try:
        return people.clean_email(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _name(*candidates: Any) -> str | None:
    names = (clean_text(name, 200).strip() for name in candidates if isinstance(name, str))
    return next(filter(None, names), None)


@contextmanager
def _trouble(provider: Provider) -> Iterator[None]:
    """Whatever a provider does instead of what it should becomes one of a few reasons."""
    try:
        yield
    except outgoing.Elsewhere as error:
        raise Failed("wrong_provider", f"{error}; {provider.variable('HOSTS')} can name more") from None
    except requests.Timeout:
        raise Failed("slow", "it did not answer in time") from None
    except requests.ConnectionError:
        raise Failed("down", "it cannot be reached") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise Failed("down", f"it answered {status}") from None
    except ExpiredTokenError:
        raise Failed("expired", "the ID token has expired") from None
    except JoseError as error:
        raise Failed(
            "untrusted", f"{type(error).__name__} {getattr(error, 'claim', '') or ''}".strip()
        ) from None
    except (OAuthError, OAuth2Error) as error:
        raise _refused(error.error) from None
    except requests.RequestException as error:
        raise Failed("nonsense", type(error).__name__) from None
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
        # Not its text, which may repeat what was sent.
        raise Failed("nonsense", type(error).__name__) from None


def _refused(error: Any) -> Failed:
    """By the word of the token endpoint."""
    word = error if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else "something else"
    if word in ("invalid_grant", "bad_verification_code"):
        return Failed("code_refused", f"the code was refused: {word}")
    if word in (
        "invalid_client",
        "unauthorized_client",
        "incorrect_client_credentials",
        "redirect_uri_mismatch",
    ):
        return Failed("wrong_settings", f"the provider does not accept this installation: {word}")
    return Failed("provider_error", f"the token endpoint said: {word}")
