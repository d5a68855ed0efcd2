"""Secrets at rest: AES-256-GCM under a ring of keys, of which the first encrypts and all decrypt.

A secret is stored as `v1.<key id>.<base64(nonce + ciphertext)>`. Table, column, row and owner are authenticated with it, so that one that
is copied to another row does not open. Key ids are derived from the keys: nothing has to be named, and a wrong key is noticed before it is
tried. No message of this module holds a secret or a key.
"""

import fcntl
import os
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import current_app
from sqlalchemy import Column, MetaData, TypeDecorator

from swarm_ui.config import Settings, read_secret_keys
from swarm_ui.orm import LongText

VERSION = "v1"
_NONCE = 12


class SecretError(Exception):
    """A secret that cannot be opened; the text says why, and never what it holds."""


class Secret(TypeDecorator[str]):
    """A column of sealed secrets: what is not sealed is refused, so that none gets in by mistake. Write with `seal`, read with `unseal`."""

    impl = LongText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        if value is not None and not value.startswith(f"{VERSION}."):
            raise ValueError("only sealed secrets go into this column; see crypto.seal")
        return value


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    cipher: AESGCM


class KeyRing:
    """`load` gives the keys' texts, first the one that encrypts, and is asked again where `changed` answers something new: a rotation
    holds in running processes too."""

    def __init__(
        self, load: Callable[[], tuple[str, ...]], changed: Callable[[], object] = lambda: None
    ) -> None:
        self._load, self._changed = load, changed
        self._lock = threading.Lock()
        self._seen: object = None
        self._keys: list[_Key] = []

    def keys(self) -> list[_Key]:
        with self._lock:
            state = self._changed()
            if not self._keys or state != self._seen:
                self._keys = [_Key(key_id(text), AESGCM(_bytes_of(text))) for text in self._load()]
                self._seen = state
            return self._keys

    @property
    def ids(self) -> list[str]:
        return [key.id for key in self.keys()]

    def encrypt(self, text: str, place: str) -> str:
        key = self.keys()[0]
        nonce = os.urandom(_NONCE)
        sealed = nonce + key.cipher.encrypt(nonce, text.encode(), place.encode())
        return f"{VERSION}.{key.id}.{b64encode(sealed).decode()}"

    def decrypt(self, stored: str, place: str) -> str:
        version, _, rest = stored.partition(".")
        named, _, body = rest.partition(".")
        if version != VERSION or not named or not body:
            raise SecretError("This is no sealed secret.")
        key = next((key for key in self.keys() if key.id == named), None)
        if key is None:
            raise SecretError(
                f"The secret was encrypted with the key {named[:16]!r}, which is not among SECRET_KEYS. Put that key back."
            )
        try:
            sealed = b64decode(body, validate=True)
            return key.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretError(
                "The secret does not belong to this row, or was changed. Enter it again."
            ) from None


def key_id(text: str) -> str:
    return sha256(b"swarm-ui secret key id\x1f" + text.encode()).hexdigest()[:8]


def _bytes_of(text: str) -> bytes:
    """The text is long and random already (config.py sees to the length): a hash makes it as long as AES wants it."""
    return sha256(b"swarm-ui secret key\x1f" + text.encode()).digest()


def key_of(stored: str) -> str:
    """The id of the key that a stored secret needs."""
    return stored.split(".", 2)[1] if stored.count(".") >= 2 else ""


def ring_of(settings: Settings) -> KeyRing:
    """From SECRET_KEYS, or the file in DATA_DIR, which `flask secrets rotate` extends."""
    if settings.secret_keys:
        return KeyRing(lambda: settings.secret_keys)
    path = keys_file(settings)
    return KeyRing(lambda: read_secret_keys(path), lambda: _state(path))


def keys_file(settings: Settings) -> Path:
    return settings.data_dir / "secret_keys"


def _state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def ring() -> KeyRing:
    """The running application's."""
    found = current_app.extensions.get("key_ring")
    if found is None:
        found = current_app.extensions["key_ring"] = ring_of(current_app.config["SETTINGS"])
    return found


def add_key(path: Path) -> str:
    """Puts a new key before those in the file, and returns its id. The file is replaced as a whole: no reader sees half of it."""
    text = secrets.token_hex(32)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # of two rotations at once neither loses the other's key
        kept = read_secret_keys(path)
        temporary = path.with_name(f".{path.name}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("".join(f"{line}\n" for line in (text, *kept)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        os.fsync(folder)
    finally:
        os.close(folder)
    return key_id(text)


def place_of(table: str, column: str, row_id: object, owner_id: object) -> str:
    """What a secret is bound to."""
    return "\x1f".join((table, column, str(row_id), str(owner_id)))


def seal(row: Any, attribute: str, text: str | None) -> None:
    """Sets a `Secret` attribute; the row must have its id and owner already. None takes the secret away."""
    setattr(row, attribute, None if text is None else ring().encrypt(text, _place(row, attribute)))


def unseal(row: Any, attribute: str) -> str | None:
    """The secret in clear; raises SecretError."""
    stored = getattr(row, attribute)
    return None if stored is None else ring().decrypt(stored, _place(row, attribute))


def shown(text: str) -> str:
    """What may be seen of a secret on a page: its last four characters, where it is long enough that they give nothing away."""
    return f"…{text[-4:]}" if len(text) >= 12 else "…"


def _place(row: Any, attribute: str) -> str:
    mapper = type(row).__mapper__
    column = mapper.attrs[attribute].columns[0]
    owner_id = getattr(row, "user_id", "")
    if not isinstance(column.type, Secret):
        raise TypeError(f"{attribute} is no column of secrets")
    if row.id is None or owner_id is None:
        raise ValueError("a secret needs the id and the owner of its row")
    return place_of(column.table.name, column.name, row.id, owner_id)


def secret_columns(metadata: MetaData) -> Iterator[Column[Any]]:
    """Every column that holds sealed secrets."""
    for table in metadata.sorted_tables:
        yield from (column for column in table.columns if isinstance(column.type, Secret))
