"""An identity provider on loopback that does as it is told: OpenID Connect with PKCE, and GitHub's kind of OAuth 2. `faults` make it misbehave."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "swarm", "a-secret-of-the-client"
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})


@dataclass
class Provider:
    """`person` is who signs in. `claims` go over those of the ID token (None leaves one out); `faults` are named where they are looked up."""

    url: str = ""
    github: bool = False
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "mira-1",
            "email": "mira@example.org",
            "email_verified": True,
            "name": "Mira Okafor",
        }
    )
    addresses: list[dict[str, Any]] | None = None  # GitHub's; None answers 404
    claims: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    now: Callable[[], float] = time.time
    meanwhile: Callable[[str], None] = lambda path: None  # runs while whoever asks waits
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)

    # What a browser is sent to

    def authorize(self, query: dict[str, str]) -> str:
        """Where the provider sends the person, who consents, back to."""
        back = {"state": query.get("state", "")}
        if error := self.faults.get("authorize_error"):
            back |= {"error": error, "error_description": "<script>alert(1)</script> " + CLIENT_SECRET}
        else:
            assert query["response_type"] == "code"
            assert query["client_id"] == CLIENT_ID
            assert query["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(12)
            self.codes[code] = query
            back["code"] = code
        if "answer_iss" in self.faults:
            back["iss"] = self.faults["answer_iss"]
        return f"{query['redirect_uri']}?{urlencode(back)}"

    # What the product asks

    def discovery(self) -> Any:
        described = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
        return described | self.faults.get("discovery", {})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        if "token" in self.faults:
            return self.faults["token"]
        if self._client_of(form, authorization) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return self._no("invalid_grant", "bad_verification_code")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return self._no("invalid_grant", "bad_verification_code")
        answer = {"access_token": "access-of-the-person", "token_type": "Bearer", "expires_in": 3600}
        if not self.github:
            answer["id_token"] = self.id_token(asked.get("nonce"))
        return 200, answer | self.faults.get("answer", {})

    def _no(self, oidc: str, github: str) -> tuple[int, Any]:
        return (200, {"error": github}) if self.github else (400, {"error": oidc})

    def _client_of(self, form: dict[str, str], authorization: str) -> tuple[str, ...]:
        if authorization.startswith("Basic "):
            return tuple(base64.b64decode(authorization[6:]).decode().split(":", 1))
        return form.get("client_id", ""), form.get("client_secret", "")

    def id_token(self, nonce: str | None) -> str:
        now = int(self.now())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce}
        claims |= {
            name: value
            for name, value in self.person.items()
            if name not in self.faults.get("only_userinfo", ())
        }
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        if self.faults.get("alg") == "none":
            return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(claims)}."
        if self.faults.get("alg") == "HS256":  # signed with what everybody can read
            head, payload = (_encoded(part) for part in ({"alg": "HS256", "kid": "first"}, claims))
            made = hmac.new(KEY.as_pem(private=False), f"{head}.{payload}".encode(), "sha256").digest()
            return f"{head}.{payload}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
        key = OTHER_KEY if self.faults.get("signed_by_another") else KEY
        return jwt.encode({"alg": "RS256", "kid": self.faults.get("kid", "first")}, claims, key)

    def keys(self) -> Any:
        return self.faults.get("keys", {"keys": [KEY.as_dict(private=False)]})


def _encoded(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, body: str) -> None:
        provider, parts = self.server.provider, urlsplit(self.path)
        provider.asked.append(parts.path)
        path, query = parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}
        provider.meanwhile(path)
        if path in provider.faults.get("slow", ()):
            provider.hold.wait(10)
        if raw := provider.faults.get("raw", {}).get(path):
            return self._send(*raw)
        if target := provider.faults.get("redirect", {}).get(path):
            return self._send(302, b"", location=target)
        if path in ("/authorize", "/login/oauth/authorize"):
            return self._authorize(provider, query)
        bearer = self.headers.get("Authorization") == "Bearer access-of-the-person"
        form = {name: values[0] for name, values in parse_qs(body).items()}
        status, answer = self._machine(provider, path, form, bearer)
        return self._send(status, json.dumps(answer).encode())

    def _machine(self, provider: Provider, path: str, form: dict[str, str], bearer: bool) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, provider.discovery()
        if path in ("/token", "/login/oauth/access_token"):
            return provider.token(form, self.headers.get("Authorization", ""))
        if path == "/keys":
            return 200, provider.keys()
        if path == "/userinfo" and bearer:
            return 200, provider.person | provider.faults.get("userinfo", {})
        if path == "/api/v3/user" and bearer:
            return 200, provider.person
        if path == "/api/v3/user/emails" and bearer and provider.addresses is not None:
            return 200, provider.addresses
        return 404, {"error": "not_found"}

    def _authorize(self, provider: Provider, query: dict[str, str]) -> None:
        """A page with a button for browsers, which lead on to `back`."""
        target = provider.authorize(query)
        link = target.replace("&", "&amp;")
        page = f'<!doctype html><html lang="en"><title>Provider</title><h1>Provider</h1><a href="{link}">Allow</a></html>'
        self._send(200, page.encode(), kind="text/html")

    def _send(self, status: int, body: bytes, kind: str = "application/json", location: str = "") -> None:
        try:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # whoever asked has gone
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has hung up."""


@contextmanager
def running(**given: Any) -> Iterator[Provider]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = Provider(url=f"http://127.0.0.1:{server.server_port}", **given)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.provider
    finally:
        server.provider.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


def settings_of(provider: Provider, name: str) -> dict[str, str]:
    """The variables that make it a way to sign in, under this name."""
    prefix = f"OAUTH_{name.upper()}"
    where = {f"{prefix}_URL": provider.url} if provider.github else {f"{prefix}_ISSUER": provider.url}
    return {**where, f"{prefix}_CLIENT_ID": CLIENT_ID, f"{prefix}_CLIENT_SECRET": CLIENT_SECRET}
