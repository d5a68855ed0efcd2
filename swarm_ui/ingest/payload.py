"""A span's whole, packed: one zstd-compressed JSON document with attributes, events and links.

The dictionary (`payload.dict`, plain text of the keys and phrases that such documents repeat) makes short documents about a third
smaller and quicker to pack. It is part of the format: a changed dictionary is a new version byte, and old ones stay readable.
"""

from pathlib import Path
from threading import local
from typing import Any

import zstandard

from swarm_ui.jsontext import loads

_VERSION = b"\x01"
_STORED = b"@"
_LEVEL = 3
LARGEST_INLINE = 64 * 1024

_dictionary = zstandard.ZstdCompressionDict(
    (Path(__file__).with_name("payload.dict")).read_bytes(), dict_type=zstandard.DICT_TYPE_RAWCONTENT
)
_dictionary.precompute_compress(level=_LEVEL)
# A (de)compressor is not safe to share between threads.
_threads = local()


def pack(document: bytes) -> bytes:
    """Compresses a JSON document with the keys attributes, events, links, status_message, resource (the hash of a row in
    `resources`); empty ones are left out."""
    try:
        compressor = _threads.compressor
    except AttributeError:
        compressor = _threads.compressor = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=_dictionary, write_content_size=True, write_dict_id=False, write_checksum=False
        )
    return _VERSION + compressor.compress(document)


def stored_at(url: str) -> bytes:
    """What stands in the column instead of a document that lies in object storage."""
    return _STORED + url.encode()


def unpack(blob: bytes | None) -> dict[str, Any]:
    """The document with all its keys; empty where there is none (any more)."""
    document = {"attributes": {}, "events": [], "links": [], "resource": "", "status_message": ""}
    if not blob:
        return document
    blob = bytes(blob)
    if blob[:1] == _STORED:
        from swarm_ui.ingest.large import fetch

        blob = fetch(blob[1:].decode())
        if blob is None:
            return document
    try:
        decompressor = _threads.decompressor
    except AttributeError:
        decompressor = _threads.decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary)
    return document | loads(decompressor.decompress(blob[1:]))
