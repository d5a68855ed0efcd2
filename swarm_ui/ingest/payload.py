"""Spans' wholes, packed: JSON documents with attributes, events and links, compressed with zstd.

Spans repeat each other (each model call carries the conversation so far), so those that arrive together are compressed together: a row of
`payload_blocks` holds them, one document a line, and a span's `payload` names block and line. Measured on recorded clients this takes a third
to a ninth of the space of documents compressed one by one, in half the time; opening one costs a fraction of a millisecond. Other forms of
`payload` are one compressed document, and the URL of one that is too large for a row.

The dictionary (`payload.dict`: keys and phrases that such documents repeat, as plain text) is part of the format: a changed one is a new
version byte, and old ones stay readable. It helps small documents. A large block says all of that itself, and comes out smaller without it; to
open one, it makes no difference.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from threading import Lock, local
from typing import Any

import zstandard

from swarm_ui.jsontext import loads

_SINGLE, _IN_BLOCK, _STORED = b"\x01", b"\x02", b"@"
_LEVEL = 3
_LARGE = 64 * 1024
# Above this a document goes to object storage, and a block is closed.
LARGEST_INLINE = 64 * 1024
LARGEST_BLOCK = 512 * 1024
_PARTS_LIMIT = 65_000

_dictionary = zstandard.ZstdCompressionDict(
    (Path(__file__).with_name("payload.dict")).read_bytes(), dict_type=zstandard.DICT_TYPE_RAWCONTENT
)
_dictionary.precompute_compress(level=_LEVEL)
# Neither a compressor nor a decompressor may be used by two threads at once. One compressor for all of them, as its tables take a megabyte; who
# appends holds up the others anyway (`append.one_at_a_time`).
_compressing = Lock()
_threads = local()

Document = dict[str, Any]
# Bodies of blocks by their ids.
FetchBlocks = Callable[[list[int]], dict[int, bytes]]


_small, _large = [
    zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=dictionary, write_content_size=True, write_dict_id=False, write_checksum=False
    )
    for dictionary in (_dictionary, None)
]


def _compress(data: bytes) -> bytes:
    with _compressing:
        return _SINGLE + (_large if len(data) > _LARGE else _small).compress(data)


def _decompress(blob: bytes) -> bytes:
    try:
        decompressor = _threads.decompressor
    except AttributeError:
        decompressor = _threads.decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary)
    return decompressor.decompress(blob[1:])


def pack(document: bytes) -> bytes:
    """One JSON document with the keys attributes, events, links, status_message, resource; empty ones are left out."""
    return _compress(document)


def stored_at(url: str) -> bytes:
    """What stands in the column instead of a document that lies in object storage."""
    return _STORED + url.encode()


_newest_block = 0
_newest_lock = Lock()


def _new_block_id(at_us: int) -> int:
    """Grows with time, so that blocks are appended to their table; twelve random bits keep processes apart, and one never repeats itself."""
    global _newest_block
    with _newest_lock:
        _newest_block = max(_newest_block + 1, at_us << 12 | secrets.randbits(12))
        return _newest_block


class Blocks:
    """Collects the documents of a request: `add` gives what stands in a span's `payload`, `rows` the blocks to store with them."""

    def __init__(self, at_us: int) -> None:
        self._at_us = at_us
        self._begin()
        self._documents: list[bytes] = []
        self._size = 0
        self._closed: list[tuple[int, bytes]] = []

    def add(self, document: bytes) -> bytes:
        if self._size + len(document) > LARGEST_BLOCK or len(self._documents) >= _PARTS_LIMIT:
            self._close()
        self._documents.append(document)
        self._size += len(document)
        return self._head + (len(self._documents) - 1).to_bytes(2, "big")

    def _begin(self) -> None:
        self._id = _new_block_id(self._at_us)
        self._head = _IN_BLOCK + self._id.to_bytes(8, "big")

    def _close(self) -> None:
        if self._documents:
            self._closed.append((self._id, _compress(b"\n".join(self._documents))))
            self._begin()
        self._documents, self._size = [], 0

    def rows(self) -> list[tuple[int, bytes]]:
        """(id, body)."""
        self._close()
        return self._closed


def block_of(blob: bytes) -> int | None:
    """The block that a span's payload names."""
    return int.from_bytes(blob[1:9], "big") if blob[:1] == _IN_BLOCK else None


def unpack(blob: bytes | None) -> Document:
    """A document that needs no block; empty where there is none (any more)."""
    return Reader(lambda _ids: {}).open(blob)


class Reader:
    """Opens payloads; blocks are fetched together (`expect`) and taken apart once."""

    def __init__(self, fetch: FetchBlocks) -> None:
        self._fetch = fetch
        self._lines: dict[int, list[bytes]] = {}

    def expect(self, blobs: Iterable[bytes | None]) -> None:
        heads = {bytes(blob[:9]) for blob in blobs if blob}
        wanted = {block for head in heads if (block := block_of(head)) is not None} - self._lines.keys()
        if wanted:
            bodies = self._fetch(sorted(wanted))
            for block_id in wanted:
                body = bodies.get(block_id)
                # `split` would look at each byte; this looks for the ends of lines.
                self._lines[block_id] = BytesIO(_decompress(bytes(body))).readlines() if body else []

    def open(self, blob: bytes | None) -> Document:
        empty: Document = {"attributes": {}, "events": [], "links": [], "resource": "", "status_message": ""}
        if not blob:
            return empty
        blob = bytes(blob)
        block_id = block_of(blob)
        if block_id is not None:
            if block_id not in self._lines:
                self.expect([blob])
            lines = self._lines[block_id]
            part = int.from_bytes(blob[9:11], "big")
            return empty | loads(lines[part]) if part < len(lines) else empty
        if blob[:1] == _STORED:
            from swarm_ui.ingest.large import fetch

            found = fetch(blob[1:].decode())
            if found is None:
                return empty
            blob = found
        return empty | loads(_decompress(blob))

    def open_all(self, blobs: Sequence[bytes | None]) -> list[Document]:
        self.expect(blobs)
        return [self.open(blob) for blob in blobs]


def session_reader(session: Any) -> Reader:
    """A reader for the rows of the session's owner."""
    from sqlalchemy import bindparam, text

    from swarm_ui.tenancy import owner_of

    statement = text("SELECT id, body FROM payload_blocks WHERE userId = :owner AND id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )

    def fetch(block_ids: list[int]) -> dict[int, bytes]:
        return dict(session.execute(statement, {"owner": owner_of(session), "ids": block_ids}).all())

    return Reader(fetch)
