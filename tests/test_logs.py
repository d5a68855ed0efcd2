"""Logs: one line an event, nothing secret in it."""

import json
import logging

import pytest

from swarm_ui import config, logs

KEY = "swk_Zx9abcdefghijklmnopqrstuvwxyz0123456789"
TOKEN = "Qm1rT3kD8sLw0vXcYb2nE5uHgJ7aPzRf"


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def configure(tmp_path):
    def with_settings(**environ: str) -> logging.Logger:
        logs.configure(config.load({"DATA_DIR": str(tmp_path), **environ}))
        return logging.getLogger("swarm_ui.test")

    return with_settings


@pytest.fixture(params=["json", "text"])
def log(request, configure):
    return configure(LOG_FORMAT=request.param)


def test_json_holds_the_event_and_its_fields(configure, capsys):
    configure(LOG_FORMAT="json").info("worker started", extra={"number": 3, "of": {"a": [1]}})
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "worker started"
    assert line["level"] == "info"
    assert line["logger"] == "swarm_ui.test"
    assert (line["number"], line["of"]) == (3, {"a": [1]})
    assert line["time"].endswith("Z")


def test_text_is_read_by_people(configure, capsys):
    configure(LOG_FORMAT="text").warning("disk is %d%% full", 91, extra={"path": "/srv/a b", "free": 9})
    line = capsys.readouterr().err
    assert 'warning swarm_ui.test: disk is 91% full path="/srv/a b" free=9' in line


def test_an_event_is_one_line(log, capsys):
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("it\nbroke\r\u2028here\x1b[31m", extra={"value": "a\nb"})
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "ValueError: first" in lines[0]
    assert "\x1b" not in lines[0]


def test_the_level_holds(configure, capsys):
    log = configure(LOG_LEVEL="warning")
    log.info("quiet")
    log.warning("loud")
    assert "quiet" not in (written := capsys.readouterr().err)
    assert "loud" in written


def test_configuring_twice_writes_once(configure, capsys):
    configure()
    configure().info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"key {KEY} was used",
        f"Authorization: Bearer {TOKEN}",
        f"authorization=Basic {TOKEN}",
        f'{{"Authorization": "Bearer {TOKEN}"}}',
        f"{{'authorization': 'Bearer {TOKEN}'}}",
        f"headers [('Authorization', 'Bearer {TOKEN}')]",
        f"X-Api-Key: {TOKEN}",
        f"Cookie: swarm_ui={TOKEN}",
        f"sent Bearer {TOKEN}",
        f"GET /login/{TOKEN} HTTP/1.1",
        f"http://127.0.0.1:8000/swarm/login/{TOKEN}",
        f"GET /callback?code={TOKEN}&state={TOKEN}",
        f"mysql+pymysql://root:{TOKEN}@db/swarm",
    ],
)
def test_secrets_are_hidden_wherever_they_stand(log, capsys, text):
    log.info(text)
    log.info("as an argument: %s", text)
    log.info("as a field", extra={"detail": text, "nested": {"list": [text]}})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        log.exception("as an error")
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 4
    assert KEY not in written
    assert TOKEN not in written
    assert logs.HIDDEN in written


@pytest.mark.parametrize(
    "name", ["authorization", "api_key", "apiKey", "password", "client_secret", "login_token", "cookie"]
)
def test_fields_with_a_telling_name_are_hidden(log, capsys, name):
    log.info("signed in", extra={name: "plain-word"})
    assert "plain-word" not in capsys.readouterr().err


def test_what_is_not_secret_stays(log, capsys):
    log.info("projected", extra={"trace": "4bf92f3577b34da6a3ce929d0e0e4736", "tokens": 12, "path": "/login"})
    written = capsys.readouterr().err
    assert "4bf92f3577b34da6a3ce929d0e0e4736" in written
    assert "12" in written
    assert "/login" in written
    assert logs.HIDDEN not in written


def test_values_that_json_cannot_hold_do_not_break_a_line(log, capsys):
    log.info("odd", extra={"number": float("nan"), "text": "\ud800", "thing": object()})
    assert "odd" in capsys.readouterr().err
