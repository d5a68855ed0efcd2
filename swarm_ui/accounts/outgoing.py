"""Requests to an identity provider: to its own hosts alone, no redirect followed, only so long and only so much."""

import time
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session
from urllib3.exceptions import HTTPError

from swarm_ui.config_values import host_and_port, is_safe_to_call

CONNECT_SECONDS, READ_SECONDS = 4, 6
WHOLE_SECONDS = 10  # for one answer, however slowly it drips
MOST_BYTES = 1 << 20


class Elsewhere(requests.RequestException):
    """The provider points to a host that is not one of its own."""


class Session(OAuth2Session):
    def __init__(self, *arguments: Any, hosts: frozenset[str] = frozenset(), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.hosts = hosts

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> requests.Response:
        check_address(url, self.hosts)
        options |= {"allow_redirects": False, "stream": True, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        begun = time.monotonic()
        response = super().request(method, url, *arguments, **options)
        with response:
            if response.is_redirect:
                raise Elsewhere(f"{host_and_port(url)} answered with a redirect")
            response._content = _read(response, begun + WHOLE_SECONDS)
        return response


def check_address(url: str, hosts: frozenset[str]) -> None:
    try:
        host = host_and_port(url)
    except (ValueError, AttributeError, TypeError):
        raise Elsewhere("an endpoint is not a web address") from None
    if host not in hosts:
        raise Elsewhere(f"an endpoint is at {host}, which is not among the hosts of this provider")
    if not is_safe_to_call(url):
        raise Elsewhere(f"the endpoint at {host} is not https")


def _read(response: requests.Response, deadline: float) -> bytes:
    content = bytearray()
    try:
        while part := response.raw.read1(1 << 16, decode_content=True):
            content += part
            if len(content) > MOST_BYTES:
                raise ValueError("the answer is too long")
            if time.monotonic() > deadline:
                raise requests.Timeout("the answer took too long")
    except HTTPError as error:  # urllib3's own, which requests would have translated
        kind = requests.Timeout if "timed out" in str(error) else requests.ConnectionError
        raise kind(type(error).__name__) from None
    return bytes(content)
