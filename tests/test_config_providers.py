"""Identity providers in the environment: what is read, and what stops the start."""

import pytest

from swarm_ui.config import ConfigError, load

CORP = {
    "OAUTH_PROVIDERS": "corp",
    "OAUTH_CORP_ISSUER": "https://id.example.org",
    "OAUTH_CORP_CLIENT_ID": "swarm",
    "OAUTH_CORP_CLIENT_SECRET": "topsecret",
}
GOOGLE = {
    "OAUTH_PROVIDERS": "google",
    "OAUTH_GOOGLE_CLIENT_ID": "g",
    "OAUTH_GOOGLE_CLIENT_SECRET": "topsecret",
}
GITHUB = {
    "OAUTH_PROVIDERS": "github",
    "OAUTH_GITHUB_CLIENT_ID": "h",
    "OAUTH_GITHUB_CLIENT_SECRET": "topsecret",
}


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    return {"DATA_DIR": str(tmp_path / "data")}


def test_there_are_none_by_default(environ):
    assert load(environ).providers == ()
    assert load(environ | {"OAUTH_CORP_CLIENT_ID": "x"}).providers == ()


def test_several_at_once_in_their_order(environ):
    both = GITHUB | GOOGLE | CORP | {"OAUTH_PROVIDERS": "github, Google,corp"}
    settings = load(environ | both)
    assert [(p.name, p.label, p.kind) for p in settings.providers] == [
        ("github", "GitHub", "github"),
        ("google", "Google", "oidc"),
        ("corp", "Corp", "oidc"),
    ]
    assert "topsecret" not in repr(settings)
    assert "topsecret" not in str(settings.providers)


def test_the_presets_know_where_they_are(environ):
    (google,) = load(environ | GOOGLE).providers
    assert google.issuer == "https://accounts.google.com"
    assert {"accounts.google.com:443", "oauth2.googleapis.com:443", "www.googleapis.com:443"} <= google.hosts
    (github,) = load(environ | GITHUB).providers
    assert (github.issuer, github.api_url) == ("https://github.com", "https://api.github.com")
    assert github.hosts == {"github.com:443", "api.github.com:443"}
    (enterprise,) = load(environ | GITHUB | {"OAUTH_GITHUB_URL": "https://Git.Example.org/"}).providers
    assert (enterprise.issuer, enterprise.api_url) == (
        "https://git.example.org",
        "https://git.example.org/api/v3",
    )


def test_a_name_with_a_hyphen_and_a_label(environ):
    variables = {name.replace("CORP", "BIG_CORP"): value for name, value in CORP.items()}
    variables |= {"OAUTH_PROVIDERS": "big-corp", "OAUTH_BIG_CORP_HOSTS": "Keys.Example.org, 10.0.0.1:8443"}
    (provider,) = load(environ | variables).providers
    assert provider.label == "Big corp"
    assert provider.hosts == {"id.example.org:443", "keys.example.org:443", "10.0.0.1:8443"}
    (provider,) = load(environ | variables | {"OAUTH_BIG_CORP_LABEL": "Büro & Söhne"}).providers
    assert provider.label == "Büro & Söhne"


def test_an_issuer_is_kept_as_it_is_written(environ):
    for issuer in (
        "https://id.example.org/",
        "https://id.example.org/realms/All",
        "http://127.0.0.1:99",
        "http://localhost",
        "http://[::1]:5",
    ):
        assert load(environ | CORP | {"OAUTH_CORP_ISSUER": issuer}).providers[0].issuer == issuer


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        (CORP | {"OAUTH_CORP_CLIENT_SECRET": ""}, "OAUTH_CORP_CLIENT_SECRET: is missing"),
        (CORP | {"OAUTH_CORP_CLIENT_ID": " "}, "OAUTH_CORP_CLIENT_ID: is missing"),
        (CORP | {"OAUTH_CORP_CLIENT_SECRET": "topsecret…"}, "OAUTH_CORP_CLIENT_SECRET: has characters"),
        (CORP | {"OAUTH_CORP_ISSUER": ""}, "OAUTH_CORP_ISSUER: is missing"),
        (
            CORP | {"OAUTH_CORP_ISSUER": "http://id.example.org"},
            "OAUTH_CORP_ISSUER: 'http://id.example.org' is not an address to trust",
        ),
        (CORP | {"OAUTH_CORP_ISSUER": "http://127.0.0.1.evil.org"}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_ISSUER": "https://id.example.org|x"}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_ISSUER": "https://u:topsecret@id.example.org"}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_ISSUER": "https://id.example.org?x=1"}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_ISSUER": "id.example.org"}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_ISSUER": "https://id.example.org/" + "x" * 200}, "OAUTH_CORP_ISSUER: "),
        (CORP | {"OAUTH_CORP_LABEL": "x" * 41}, "OAUTH_CORP_LABEL: "),
        (CORP | {"OAUTH_CORP_HOSTS": "https://keys.example.org"}, "OAUTH_CORP_HOSTS: "),
        (GOOGLE | {"OAUTH_GOOGLE_ISSUER": "https://evil.example"}, "OAUTH_GOOGLE_ISSUER: is known"),
        (GITHUB | {"OAUTH_GITHUB_URL": "http://git.example.org"}, "OAUTH_GITHUB_URL: "),
        ({"OAUTH_PROVIDERS": "gogle"}, "OAUTH_GOGLE_ISSUER: is missing; OAUTH_PROVIDERS names 'gogle'"),
        ({"OAUTH_PROVIDERS": "corp,corp"}, "OAUTH_PROVIDERS: "),
        ({"OAUTH_PROVIDERS": "link"}, "OAUTH_PROVIDERS: "),
        ({"OAUTH_PROVIDERS": "a/b"}, "OAUTH_PROVIDERS: "),
        ({"OAUTH_PROVIDERS": "x" * 40}, "OAUTH_PROVIDERS: "),
        (
            CORP | {n.replace("CORP", "TWIN"): v for n, v in CORP.items()} | {"OAUTH_PROVIDERS": "corp,twin"},
            "OAUTH_PROVIDERS: corp and twin",
        ),
        ({"ALLOWED_EMAILS": "example"}, "ALLOWED_EMAILS: "),
        ({"ALLOWED_EMAILS": "*.example.org"}, "ALLOWED_EMAILS: "),
        ({"ALLOWED_EMAILS": "exämple.org"}, "ALLOWED_EMAILS: "),
        ({"ALLOWED_EMAILS": "a b@example.org"}, "ALLOWED_EMAILS: "),
    ],
)
def test_what_cannot_be_used_stops_the_start(environ, variables, named):
    with pytest.raises(ConfigError) as refusal:
        load(environ | variables)
    message = str(refusal.value)
    assert message.startswith(named)
    assert "\n" not in message
    assert "topsecret" not in message


def test_who_is_allowed(environ):
    settings = load(environ | {"ALLOWED_EMAILS": "Example.org, @second.example , Mira@Example.com"})
    assert settings.allowed_emails == ("example.org", "second.example", "mira@example.com")
    assert all(map(settings.allows, ("a@example.org", "a@second.example", "mira@example.com")))
    assert not any(
        map(
            settings.allows, (None, "", "a@example.com", "example.org", "a@sub.example.org", "a@xexample.org")
        )
    )
    assert not load(environ).allows("a@example.org")
