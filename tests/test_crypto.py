"""Secrets at rest: bound to their row, under a ring of keys that can be rotated."""

import stat
from base64 import b64decode

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from swarm_ui import config, create_app, crypto
from swarm_ui.audit import AuditEvent
from swarm_ui.crypto import KeyRing, SecretError, key_id
from swarm_ui.extensions import db
from swarm_ui.integrations.models import LlmProvider
from swarm_ui.sealed import rotation
from swarm_ui.tenancy import bind_owner

ONE, TWO = "one " * 10, "two " * 10
SECRET = "sk-live-0123456789"


@pytest.fixture
def provider(app, make, alice):
    """Makes a provider with a secret."""

    def build(owner=alice, secret: str = SECRET) -> LlmProvider:
        row = LlmProvider(id=make._id(), user_id=owner.id, name="main", provider="openai")
        crypto.seal(row, "api_key", secret)
        return make._add(row)

    return build


def stored(row: LlmProvider) -> str:
    db.session.rollback()
    with db.engine.connect() as connection:
        found = connection.execute(
            text("SELECT apiKey FROM llm_providers WHERE id = :id /* userId */"), {"id": row.id}
        )
        return found.scalar_one()


def put(row: LlmProvider, value: str) -> None:
    with db.engine.execution_options(writes=True).begin() as connection:
        connection.execute(
            text("UPDATE llm_providers SET apiKey = :value WHERE id = :id /* userId */"),
            {"value": value, "id": row.id},
        )


def opened(row: LlmProvider) -> str | None:
    db.session.expunge_all()
    db.session.rollback()
    bind_owner(db.session, row.user_id)
    return crypto.unseal(db.session.get_one(LlmProvider, row.id), "api_key")


def run(app, *arguments: str, code: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["secrets", *arguments])
    db.session.remove()
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_what_is_stored_says_nothing(provider):
    row = provider()
    value = stored(row)
    version, key, body = value.split(".")
    assert version == "v1"
    assert key == crypto.ring().ids[0]
    assert len(b64decode(body)) == 12 + len(SECRET) + 16
    assert SECRET not in value
    assert opened(row) == SECRET
    assert stored(provider()) != value, "equal secrets look different"


def test_a_secret_opens_in_its_row_alone(provider, bob):
    first, second, his = provider(), provider(secret="other"), provider(bob)
    for other in (second, his):
        put(other, stored(first))
        with pytest.raises(SecretError, match="does not belong to this row"):
            opened(other)
        db.session.remove()
    assert opened(first) == SECRET


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("v1.{key}.AAAA", "was changed"),
        ("v1.{key}.%%%", "was changed"),
        ("v1.00000000.AAAA", "'00000000', which is not among SECRET_KEYS"),
        ("v1.", "no sealed secret"),
        ("v1.x", "no sealed secret"),
        ("v2.{key}.AAAA", "no sealed secret"),
        (SECRET, "no sealed secret"),
    ],
)
def test_what_cannot_be_opened_is_a_clear_error(provider, value, said):
    row = provider()
    put(row, value.replace("{key}", crypto.ring().ids[0]))
    with pytest.raises(SecretError) as error:
        opened(row)
    assert said in str(error.value)
    assert SECRET not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_nothing_gets_in_unsealed(make, alice, app):
    with pytest.raises(StatementError, match="only sealed secrets"):
        make._add(LlmProvider(id=make._id(), user_id=alice.id, name="x", provider="openai", api_key=SECRET))
    db.session.rollback()
    with pytest.raises(ValueError, match="id and the owner"):
        crypto.seal(LlmProvider(name="x"), "api_key", SECRET)
    with pytest.raises(TypeError):
        crypto.seal(LlmProvider(id="a", user_id=1, name="x"), "name", SECRET)


def test_a_secret_can_be_taken_away(provider):
    row = provider()
    bind_owner(db.session, row.user_id)
    mine = db.session.get_one(LlmProvider, row.id)
    crypto.seal(mine, "api_key", None)
    db.session.commit()
    assert opened(row) is None


def test_the_first_key_encrypts_and_all_decrypt():
    old, both, new = (KeyRing(lambda keys=keys: keys) for keys in ((ONE,), (TWO, ONE), (TWO,)))
    sealed = old.encrypt("x", "here")
    assert both.decrypt(sealed, "here") == "x"
    assert crypto.key_of(both.encrypt("x", "here")) == key_id(TWO)
    with pytest.raises(SecretError):
        new.decrypt(sealed, "here")
    with pytest.raises(SecretError):
        old.decrypt(sealed, "there")


def test_only_the_end_of_a_secret_is_shown():
    assert crypto.shown("sk-abcdefgh1234") == "…1234"
    assert crypto.shown("short") == "…"


def test_keys_lie_in_the_data_dir_for_the_owner_alone(app):
    path = crypto.keys_file(app.config["SETTINGS"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ONE not in repr(app.config["SETTINGS"])
    before = config.read_secret_keys(path)
    config.load({"DATA_DIR": str(path.parent)})
    assert config.read_secret_keys(path) == before


@pytest.mark.parametrize("value", ["short", f"{ONE},short", f"{ONE},{ONE}", ","])
def test_bad_keys_stop_the_start_and_are_not_repeated(tmp_path, value):
    with pytest.raises(config.ConfigError, match="SECRET_KEYS") as error:
        config.load({"DATA_DIR": str(tmp_path), "SECRET_KEYS": value})
    assert ONE.strip() not in str(error.value)
    assert "'short'" not in str(error.value)


def test_rotate_encrypts_anew_and_says_what_can_go(provider, app, bob, root):
    rows = [provider(), provider(bob, "his"), provider(secret="third")]
    old = crypto.ring().ids
    said = run(app, "rotate")
    new = crypto.ring().ids
    assert new[1:] == old
    assert f"3 secrets encrypted anew with the key {new[0]}" in said
    assert f"No secret needs the key {old[0]} any more" in said
    assert {crypto.key_of(stored(row)) for row in rows} == {new[0]}
    assert [opened_of(row) for row in rows] == [SECRET, "his", "third"]
    assert run(app, "list").splitlines() == [
        f"{new[0]}\t3 secrets\tencrypts",
        f"{old[0]}\t0 secrets\tdecrypts only",
    ]
    path = crypto.keys_file(app.config["SETTINGS"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bind_owner(db.session, root.id)
    events = db.session.scalars(select(AuditEvent)).all()
    assert [(event.action, event.after) for event in events] == [
        ("secrets.rotate", {"key": new[0], "secrets": 3})
    ]
    assert all(key not in str(events[0].after) for key in config.read_secret_keys(path))


def opened_of(row: LlmProvider) -> str | None:
    found = opened(row)
    db.session.remove()
    return found


def test_a_running_process_uses_the_new_key_at_once(provider, app, environ):
    provider()
    other = create_app(config.load(environ))
    with other.app_context():
        before = crypto.ring().ids
        run(app, "rotate")
        assert crypto.ring().ids == crypto.ring_of(app.config["SETTINGS"]).ids
        assert crypto.ring().ids[1:] == before
        db.engine.dispose()


def test_stopped_in_the_middle_it_goes_on(provider, app, monkeypatch):
    rows = [provider(secret=f"secret {number}") for number in range(5)]
    monkeypatch.setattr(rotation, "PORTION", 2)
    whole, calls = rotation._portion, []

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(rotation, "_portion", dies)
    run(app, "rotate", code=1)
    monkeypatch.setattr(rotation, "_portion", whole)
    newest = crypto.ring().ids[0]
    assert sum(crypto.key_of(stored(row)) == newest for row in rows) == 2
    assert "3 secrets encrypted anew" in run(app, "rotate", "--keep-key")
    assert crypto.ring().ids[0] == newest
    assert [opened_of(row) for row in rows] == [f"secret {number}" for number in range(5)]


def test_a_secret_that_cannot_be_opened_is_named_and_left(provider, app):
    good, bad = provider(), provider()
    put(bad, "v1.00000000.AAAA")
    said = run(app, "rotate", code=1)
    assert "1 secret could not be opened" in said
    assert bad.id in said
    assert SECRET not in said
    assert stored(bad) == "v1.00000000.AAAA"
    assert opened(good) == SECRET
    assert "missing: put this key back" in run(app, "list")


def test_a_secret_that_changes_meanwhile_is_left_alone(provider, app):
    row = provider()
    ring = crypto.ring()
    behind = rotation._behind(db.engine, LlmProvider.__table__.c.apiKey, "ffffffff", "")
    place = crypto.place_of("llm_providers", "apiKey", row.id, row.user_id)
    put(row, ring.encrypt("newer", place))
    assert rotation._portion(db.engine, LlmProvider.__table__.c.apiKey, ring, behind, rotation.Rotated()) == 0
    assert opened(row) == "newer"


def test_with_keys_from_the_environment_nothing_is_written(app, environ, provider):
    row = provider()
    old = config.read_secret_keys(crypto.keys_file(app.config["SETTINGS"]))[0]
    other = create_app(config.load(environ | {"SECRET_KEYS": f"{TWO},{old}"}))
    with other.app_context():
        said = other.test_cli_runner().invoke(args=["secrets", "rotate"]).output
        assert f"1 secret encrypted anew with the key {key_id(TWO.strip())}" in said
        assert "take it out of SECRET_KEYS" in said
        db.engine.dispose()
    assert crypto.key_of(stored(row)) == key_id(TWO.strip())
    assert config.read_secret_keys(crypto.keys_file(app.config["SETTINGS"])) == (old,)


def test_lost_keys_are_told_in_one_line(app):
    path = crypto.keys_file(app.config["SETTINGS"])
    path.write_text("short\n")
    said = run(app, "list", code=1)
    assert "holds no key, or one that is too short" in said
    assert "Traceback" not in said
