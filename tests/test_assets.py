"""Assets: names that change with the content, compressed copies, and nothing but assets."""

import gzip
import hashlib

import brotli
import pytest
from flask import Flask

from swarm_ui import assets, config

SHEET = "body { color: red }\n" * 50


@pytest.fixture
def static(tmp_path, monkeypatch):
    """A static folder of the test's own, with nothing compressed yet."""
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "own.css").write_text(SHEET)
    (folder / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret.css").write_text("secret")
    monkeypatch.setattr(assets, "STATIC", folder)
    monkeypatch.setattr(assets, "BUILT", tmp_path / "built")
    monkeypatch.setattr(assets, "_known", {})
    return folder


@pytest.fixture
def app(static, tmp_path):
    app = Flask("assets", static_folder=None)
    app.config["SETTINGS"] = config.load({"DATA_DIR": str(tmp_path / "data")})
    assets.init_app(app)
    return app


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def url(app):
    def url_of(name: str) -> str:
        """As a page of a second later names it."""
        assets._url_of.cache_clear()
        with app.test_request_context():
            return assets.asset_url(name)

    return url_of


def test_the_name_carries_the_hash(url):
    digest = hashlib.sha256(SHEET.encode()).hexdigest()
    assert url("css/own.css") == f"/assets/css/own-{digest[:12]}.css"


def test_it_may_be_kept_for_ever(client, url):
    answer = client.get(url("css/own.css"))
    assert answer.status_code == 200
    assert answer.text == SHEET
    assert answer.mimetype == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Content-Disposition" not in answer.headers


def test_a_known_tag_is_not_sent_again(client, url):
    tag = client.get(url("css/own.css")).headers["ETag"]
    answer = client.get(url("css/own.css"), headers={"If-None-Match": tag})
    assert (answer.status_code, answer.data) == (304, b"")


def test_another_content_gets_another_name(client, url, static):
    before = url("css/own.css")
    (static / "css" / "own.css").write_text("body { color: blue }")
    after = url("css/own.css")
    assert after != before
    assert client.get(after).text == "body { color: blue }"


@pytest.mark.parametrize("old", ["/assets/css/own.css", "/assets/css/own-000000000000.css"])
def test_an_old_or_plain_name_gives_the_file_as_it_is_now_not_to_be_kept(client, old):
    answer = client.get(old)
    assert answer.text == SHEET
    assert answer.headers["Cache-Control"] == "no-cache"


def test_an_unknown_name_raises_in_a_template(url):
    with pytest.raises(assets.AssetError, match="no asset 'css/other.css'"):
        url("css/other.css")


@pytest.mark.parametrize(
    "path",
    [
        "css/other.css",
        "css",
        "",
        "../secret.css",
        "css/../../secret.css",
        "%2e%2e/secret.css",
        "..%2fsecret.css",
        "css/..%2f..%2fsecret.css",
        "/etc/passwd",
        "css//own.css",
        "css/own.css%00",
        "css/own.css%0a",
        "vendor/htmx.min.js",
        "js/plotly.py",
        "css/own-zzzzzzzzzzzz.css",
    ],
)
def test_nothing_else_is_served(client, static, path):
    (static / "vendor").mkdir()
    (static / "vendor" / "htmx.min.js").write_text("newer")
    answer = client.get(f"/assets/{path}", follow_redirects=True)
    assert answer.status_code == 404
    assert b"secret" not in answer.data


def test_gzip_is_made_at_first_use_and_kept(client, url, tmp_path):
    answer = client.get(url("css/own.css"), headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data).decode() == SHEET
    kept = list((tmp_path / "data" / "assets").iterdir())
    assert [path.suffix for path in kept] == [".gz"]
    written = kept[0].stat().st_mtime_ns
    client.get(url("css/own.css"), headers={"Accept-Encoding": "gzip"})
    assert kept[0].stat().st_mtime_ns == written


def test_brotli_is_preferred_where_it_was_built(client, url):
    assert assets.build(largest=100_000) > 0
    answer = client.get(url("css/own.css"), headers={"Accept-Encoding": "gzip, deflate, br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert brotli.decompress(answer.data).decode() == SHEET
    plain = client.get(url("css/own.css"), headers={"Accept-Encoding": "br;q=0, gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != answer.headers["ETag"]


def test_it_builds_what_is_missing_and_removes_what_is_old(static, tmp_path):
    assets.build(largest=100_000)
    assert assets.build(largest=100_000) == 0
    (static / "css" / "own.css").write_text("body { color: blue }")
    assert assets.build(largest=100_000) == 2
    names = {path.name for path in (tmp_path / "built").iterdir()}
    current = {asset.sha256 for asset in assets.everything()}
    assert {name.partition(".")[0] for name in names} <= current
    digest = hashlib.sha256(b"body { color: blue }").hexdigest()
    assert {f"{digest}.br", f"{digest}.gz"} <= names


def test_images_are_sent_as_they_are(client, url):
    answer = client.get(url("logo.png"), headers={"Accept-Encoding": "gzip, br"})
    assert answer.data == b"\x89PNG"
    assert "Content-Encoding" not in answer.headers


def test_below_a_path_prefix(app, url):
    with app.test_request_context(environ_overrides={"SCRIPT_NAME": "/swarm"}):
        assert assets.asset_url("css/own.css").startswith("/swarm/assets/css/own-")


def test_libraries_come_out_of_their_wheels(client, url):
    htmx = client.get(url("js/htmx.min.js"))
    assert hashlib.sha256(htmx.data).hexdigest() == assets.LIBRARIES["js/htmx.min.js"].sha256
    plotly = client.get(url("js/plotly.min.js"))
    assert plotly.mimetype == "text/javascript"
    assert b"plotly.js v" in plotly.data[:200]


def test_a_library_that_was_tampered_with_is_refused(monkeypatch, url):
    tampered = assets.Library("js_lib_htmx", "static/htmx/htmx.min.js", "0" * 64)
    monkeypatch.setitem(assets.LIBRARIES, "js/htmx.min.js", tampered)
    monkeypatch.setattr(assets, "_library_paths", {})
    with pytest.raises(assets.AssetError, match="not the file that was checked"):
        url("js/htmx.min.js")


def test_a_library_that_is_not_installed_names_the_cure(monkeypatch, url):
    monkeypatch.setitem(assets.LIBRARIES, "js/other.js", assets.Library("no_such_package", "other.js"))
    with pytest.raises(assets.AssetError, match="run: make install"):
        url("js/other.js")


def test_a_file_that_the_operator_put_in_vendor_wins(client, url, static):
    before = url("js/htmx.min.js")
    (static / "vendor").mkdir()
    (static / "vendor" / "htmx.min.js").write_text("newer")
    assert url("js/htmx.min.js") != before
    assert client.get(url("js/htmx.min.js")).text == "newer"


def test_every_own_file_has_a_servable_name():
    own = {path.relative_to(assets.STATIC).as_posix() for path in assets.STATIC.rglob("*") if path.is_file()}
    served = {asset.name for asset in assets.everything()}
    assert {name for name in own if not name.startswith("vendor/")} <= served
