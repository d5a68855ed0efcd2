"""Payloads too large for a row lie in object storage, under the hash of their content: written before the commit that names them."""

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
    name = blake2b(packed, digest_size=20).hexdigest()
    return _storage().put(f"payloads/{owner_id}/{name[:2]}/{name}", packed)


def fetch(url: str) -> bytes | None:
    """None where it is gone or cannot be reached; a page then shows the rest."""
    try:
        return _storage().get(url)
    except StorageError:
        return None
