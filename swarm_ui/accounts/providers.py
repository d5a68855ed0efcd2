"""Who may vouch for people: the identity providers of OAUTH_PROVIDERS, and which of them an account signs in with."""

from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from swarm_ui.config_providers import Provider

if TYPE_CHECKING:
    from swarm_ui.accounts.oauth import Client

_CLIENTS = "identity_providers"


def configured() -> tuple[Provider, ...]:
    """In the order of their buttons."""
    providers: tuple[Provider, ...] = current_app.config["SETTINGS"].providers
    return providers


def called(name: str) -> Provider | None:
    return next((provider for provider in configured() if provider.name == name), None)


def client_of(provider: Provider) -> "Client":
    """One for each process: it keeps what the provider says about itself for a while."""
    clients: dict[str, Any] = current_app.extensions.setdefault(_CLIENTS, {})
    if provider.name not in clients:
        from swarm_ui.accounts import oauth

        clients[provider.name] = oauth.Client(provider)
    client: Client = clients[provider.name]
    return client


def prepare(app: Flask) -> None:
    """Loads what signing in needs, where it is needed: once before the processes part, not on somebody's first visit."""
    if app.config["SETTINGS"].providers:
        import swarm_ui.accounts.oauth  # noqa: F401


def way_of(open_id: str) -> str | None:
    """The name on the button that this account signs in with; None where there is none any more."""
    issuer = open_id.partition("|")[0]
    return next(
        (provider.label for provider in configured() if provider.issuer.rstrip("/") == issuer.rstrip("/")),
        None,
    )


def may_connect(open_id: str | None) -> bool:
    """Whether no provider vouches for the account: it was made for an address, or by the first link of an installation."""
    return open_id is None or open_id.startswith("local|")


def redirect_uri(provider: Provider) -> str:
    """Where the provider sends people back to. Never by the Host header, which is whatever a stranger says."""
    return f"{current_app.config['SETTINGS'].public_url}/login/{provider.name}/callback"
