"""Settings: defaults, what is accepted, and a refusal that names the variable."""

import multiprocessing
import stat

import pytest

from swarm_ui.config import ROOT, SETTINGS, ConfigError, Setting, load


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    return {"DATA_DIR": str(tmp_path / "data")}


def test_defaults_need_no_other_service(environ, tmp_path):
    settings = load(environ)
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/swarm.db"
    assert settings.storage_url == f"file://{tmp_path}/data/storage"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.run_timeout == 1800
    assert settings.max_body_bytes == 64 * 1024 * 1024
    assert settings.loopback_only


def test_the_default_data_dir_lies_in_the_checkout():
    row = next(row for row in SETTINGS if row.name == "DATA_DIR")
    assert row.value == ROOT / "instance"
    assert row.read("elsewhere") == ROOT / "elsewhere"


def test_every_row_has_a_field_and_every_field_a_row(environ):
    assert [row.name.lower() for row in SETTINGS if not hasattr(load(environ), row.name.lower())] == []
    derived = {"providers", "public_url_is_set"}
    assert {row.name.lower() for row in SETTINGS} | derived == set(vars(load(environ)))
    assert len({row.name for row in SETTINGS}) == len(SETTINGS)


def test_an_empty_variable_counts_as_not_set(environ):
    assert load(environ | {"PORT": "", "HOST": " "}).port == 8000


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("HOST", "localhost", "localhost"),
        ("HOST", "[::1]", "::1"),
        ("HOST", "swarm.example.org", "swarm.example.org"),
        ("PORT", "65535", 65535),
        (
            "DATABASE_URL",
            "mysql://u:p%40x@db:3307/swarm",
            "mysql+pymysql://u:p%40x@db:3307/swarm?charset=utf8mb4",
        ),
        (
            "DATABASE_URL",
            "mariadb://u@db/swarm?ssl_ca=a",
            "mysql+pymysql://u@db/swarm?charset=utf8mb4&ssl_ca=a",
        ),
        ("DATABASE_URL", "sqlite:////srv/swarm.db", "sqlite:////srv/swarm.db"),
        ("DATABASE_URL", "sqlite://", "sqlite://"),
        ("PUBLIC_URL", "https://Swarm.Example.org/ui/", "https://swarm.example.org/ui"),
        ("STORAGE_URL", "file:///srv/swarm/", "file:///srv/swarm"),
        ("STORAGE_URL", "s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
        ("STORAGE_URL", "s3://bucket", "s3://bucket"),
        ("S3_ENDPOINT_URL", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("TRUSTED_PROXIES", "2", 2),
        ("RUN_TIMEOUT", "90", 90),
        ("RUN_TIMEOUT", "90s", 90),
        ("RUN_TIMEOUT", "30m", 1800),
        ("RUN_TIMEOUT", "1h 30m", 5400),
        ("RUN_TIMEOUT", "2D", 172800),
        ("LOG_LEVEL", "DEBUG", "debug"),
        ("LOG_FORMAT", "text", "text"),
        ("WEB_PROCESSES", "4", 4),
        ("MAX_BODY_BYTES", "1048576", 1 << 20),
        ("MAX_BODY_BYTES", "10 MiB", 10 << 20),
        ("MAX_BACKLOG", "1", 1),
        ("SECRET_KEY", "x" * 32, "x" * 32),
    ],
)
def test_it_reads(environ, name, text, value):
    assert getattr(load(environ | {name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HOST", "not a host"),
        ("HOST", "1.2.3.4.5"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "٨٠٠٠"),
        ("DATA_DIR", "what?"),
        ("DATABASE_URL", "postgresql://u:topsecret@db/swarm"),
        ("DATABASE_URL", "mysql://u:topsecret@db"),
        ("DATABASE_URL", "mysql://u:topsecret@db:port/swarm"),
        ("DATABASE_URL", "swarm.db"),
        ("PUBLIC_URL", "swarm.example.org"),
        ("PUBLIC_URL", "ftp://swarm.example.org"),
        ("PUBLIC_URL", "https://swarm.example.org:99999"),
        ("PUBLIC_URL", "https://u:p@swarm.example.org"),
        ("PUBLIC_URL", "https://swarm.example.org/?a=b"),
        ("PUBLIC_URL", 'https://swarm.example.org/"><script>'),
        ("STORAGE_URL", "s3://ab/prefix"),
        ("STORAGE_URL", "gs://bucket"),
        ("STORAGE_URL", "file://elsewhere/path"),
        ("STORAGE_URL", "/srv/swarm"),
        ("S3_ENDPOINT_URL", "127.0.0.1:9000"),
        ("TRUSTED_PROXIES", "yes"),
        ("RUN_TIMEOUT", "0"),
        ("RUN_TIMEOUT", "soon"),
        ("RUN_TIMEOUT", "-5m"),
        ("RUN_TIMEOUT", "m"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("WEB_PROCESSES", "0"),
        ("WEB_THREADS", "1e3"),
        ("MAX_BODY_BYTES", "64 parsecs"),
        ("MAX_BODY_BYTES", "12"),
        ("MAX_BACKLOG", "0"),
        ("SECRET_KEY", "topsecret"),
    ],
)
def test_a_bad_value_is_refused_by_name(environ, name, text):
    with pytest.raises(ConfigError) as refusal:
        load(environ | {name: text})
    message = str(refusal.value)
    assert message.startswith(f"{name}: ")
    assert "accepted: " in message
    assert "\n" not in message
    assert "topsecret" not in message


def test_a_relative_sqlite_file_lies_in_the_data_dir(environ, tmp_path):
    settings = load(environ | {"DATABASE_URL": "sqlite:///other.db"})
    assert settings.database_url == f"sqlite:///{tmp_path}/data/other.db"


def test_the_public_address_follows_host_and_port(environ):
    assert load(environ | {"HOST": "::1", "PORT": "81"}).public_url == "http://[::1]:81"
    assert load(environ | {"HOST": "0.0.0.0"}).public_url == "http://127.0.0.1:8000"


def test_the_public_address_may_carry_a_path(environ):
    assert load(environ).public_prefix == ""
    assert load(environ | {"PUBLIC_URL": "https://example.org/swarm/"}).public_prefix == "/swarm"


def test_the_usual_variable_names_the_s3_service_too(environ):
    environ["AWS_ENDPOINT_URL_S3"] = "http://one:9000"
    assert load(environ).s3_endpoint_url == "http://one:9000"
    assert load(environ | {"S3_ENDPOINT_URL": "http://two:9000"}).s3_endpoint_url == "http://two:9000"
    with pytest.raises(ConfigError, match="^AWS_ENDPOINT_URL_S3: "):
        load(environ | {"AWS_ENDPOINT_URL_S3": "nowhere"})


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
    ]
    + [("192.168.1.4", False), ("localhost.example.org", False)],
)
def test_it_knows_loopback(environ, host, answer):
    assert load(environ | {"HOST": host}).loopback_only is answer


def test_the_data_dir_is_made_for_its_owner_alone(environ, tmp_path):
    load(environ)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_file_in_the_place_of_the_data_dir_is_refused(environ, tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="^DATA_DIR: "):
        load(environ)


def test_the_secret_key_is_made_once_and_kept(environ, tmp_path):
    first = load(environ).secret_key
    kept = tmp_path / "data" / "secret_key"
    assert len(first) == 64
    assert kept.read_text().strip() == first
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.chmod(0o644)
    assert load(environ).secret_key == first
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_key_cut_off_by_a_crash_is_made_anew(environ, tmp_path):
    load(environ)
    (tmp_path / "data" / "secret_key").write_text("abc")
    key = load(environ).secret_key
    assert len(key) == 64
    assert load(environ).secret_key == key


def _key_of(data_dir: str) -> str:
    return load({"DATA_DIR": data_dir}).secret_key


def test_processes_that_start_together_agree_on_the_key(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        keys = pool.map(_key_of, [str(tmp_path / "data")] * 8, chunksize=1)
    assert len(set(keys)) == 1


def test_secrets_stay_out_of_the_representation(environ):
    settings = load(environ | {"DATABASE_URL": "mysql://u:topsecret@db/swarm", "SECRET_KEY": "s" * 40})
    assert "topsecret" not in repr(settings)
    assert "s" * 40 not in repr(settings)


def test_only_config_reads_the_environment():
    readers = []
    for path in sorted((ROOT / "swarm_ui").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "os.getenv" in text or "os.environ.get" in text or 'environ["' in text:
            readers.append(path.relative_to(ROOT).as_posix())
    assert [name for name in readers if name != "swarm_ui/config.py"] == []


def test_rows_are_documented():
    assert [row.name for row in SETTINGS if not row.help.endswith(".") or not row.default] == []
    assert all(isinstance(row, Setting) for row in SETTINGS)
