"""What a hostile client tries: foreign hosts, paths that climb, redirects that lead away, caches that keep."""

from hashlib import sha256

import pytest

TRAVERSALS = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/swarm_ui/config.py", "....//....//etc/passwd", "..\\..\\secret_key",
    "%5c..%5csecret_key", "/etc/passwd", "%00", "css/../../../app.py", "css/swarm.css%00.png", "secret_key", "../secret_key", "C:%5cWindows%5cwin.ini",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_file_url_leads_out_of_its_folder(app, client, path):
    """Every URL that names a file: those whose rule ends in a path or a file's name."""
    rules = [rule for rule in app.url_map.iter_rules() if {"filename", "name"} & set(rule.arguments)]
    rules = [rule for rule in rules if "ping_key" not in rule.arguments]  # an agent's name, behind a key
    assert rules
    for rule in rules:
        prefix = rule.rule.split("<")[0]
        answer = client.get(f"{prefix}{path}")
        assert answer.status_code in (301, 302, 308, 400, 404), f"{prefix}{path}: {answer.status_code}"
        assert b"root:" not in answer.data
        assert b"SECRET" not in answer.data


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example"])
@pytest.mark.parametrize(
    "path", ["/", "/settings", "/settings/members", "/connect", "/login", "/nothing", "/api/v1/"]
)
def test_a_foreign_host_header_is_in_no_answer(client, app, path, host):
    for visitor in (client, app.test_client()):
        answer = visitor.get(path, headers={"Host": host})
        assert "evil.example" not in answer.get_data(as_text=True)
        assert "evil.example" not in (answer.location or "")


def test_forwarded_hosts_count_only_behind_trusted_proxies(client):
    answer = client.get(
        "/settings", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil.example"}
    )
    assert "evil.example" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "///evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/%0d%0aSet-Cookie:x=1\r\nX: y",
     "javascript:alert(1)", "evil.example", "http:evil.example", "/\x00/evil.example", " //evil.example"],
)  # fmt: skip
def test_no_next_leads_away(client, make, alice, bob, target):
    make.membership(bob, alice)
    answers = [
        client.get("/login", query_string={"next": target}),
        client.post("/theme", data={"theme": "dark", "next": target}),
        client.post("/settings/keys", data={"name": "x", "scopes": "ingest", "next": target}),
        client.post(f"/spaces/{bob.id}/enter", data={"next": target}),
    ]
    client.post(f"/spaces/{alice.id}/enter")
    for answer in answers:
        assert answer.status_code in (302, 303)
        assert answer.location.startswith("/")
        assert not answer.location.startswith(("//", "/\\"))
        assert "evil.example" not in answer.location.partition("?")[0] or answer.location.startswith("/%0d")


def test_pages_of_a_person_are_kept_by_no_shared_cache_and_downloads_by_none(client):
    assert client.get("/settings").headers["Cache-Control"] == "private, no-cache"
    for path in (
        "/settings/audit/export.csv",
        "/settings/audit/export.jsonl",
        "/api/v1/audit",
        "/api/v1/tasks",
    ):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_headers_are_on_every_answer(client, app):
    for visitor, path in (
        (client, "/settings"),
        (client, "/nothing"),
        (app.test_client(), "/login"),
        (client, "/api/v1/"),
    ):
        headers = visitor.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "frame-ancestors 'none'" in client.get("/settings").headers["Content-Security-Policy"]
    secure = client.get("/settings", base_url="https://localhost")
    assert "max-age" in secure.headers["Strict-Transport-Security"]


def test_a_program_gets_no_cookie_and_caches_tell_strangers_apart_by_theirs(app, alice, make):
    make.api_key(alice, hash=sha256(b"swk_cookie").hexdigest(), scopes=["read"])
    answer = app.test_client().get("/api/v1/agents", headers={"x-api-key": "swk_cookie"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" in app.test_client().get("/login").headers["Vary"]
