"""Payloads too large for a row lie in object storage, under the hash of their content: written before the commit that names them."""

from collections.abc import Callable
from hashlib import blake2b

from flask import current_app

from swarm_ui.storage import Storage, StorageError, storage_for


def _storage() -> Storage:
    found = current_app.extensions.get("payload_storage")
    if found is None:
        found = current_app.extensions["payload_storage"] = storage_for(current_app.config["SETTINGS"])
    return found


def put(owner_id: int, packed: bytes) -> str:
    """The URL under which `fetch` finds it. Raises StorageError: then nothing may be acknowledged."""
    return _storage().put(_key(owner_id, name_of(packed)), packed)


def name_of(packed: bytes) -> str:
    return blake2b(packed, digest_size=20).hexdigest()


def _key(owner_id: int, name: str) -> str:
    return f"{folder_of(owner_id)}{name[:2]}/{name}"


def folder_of(owner_id: int) -> str:
    """All of an owner's files lie below it."""
    return f"payloads/{owner_id}/"


def url_of(owner_id: int, name: str) -> str:
    """Where the owner's file of this name lies, or would lie."""
    return _storage().url_of(_key(owner_id, name))


def size_of(owner_id: int, most: int) -> tuple[int, int, bool]:
    """(files, bytes, whether that is all)."""
    return _storage().size_of(folder_of(owner_id), most)


def delete_all(owner_id: int, most: int) -> int:
    """Deletes up to `most` files of the owner; how many."""
    return _storage().delete_all(folder_of(owner_id), most)


def fetch(url: str) -> bytes | None:
    """None where it is gone or cannot be reached; a page then shows the rest."""
    return fetcher()(url)


def fetcher() -> Callable[[str], bytes | None]:
    """`fetch` for later, when the application is not at hand any more."""
    storage = _storage()

    def from_storage(url: str) -> bytes | None:
        try:
            return storage.get(url)
        except StorageError:
            return None

    return from_storage
