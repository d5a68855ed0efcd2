"""Compressed bodies, unpacked by isal, and by zlib where a processor has no isal."""

import gzip
import platform
import zlib
from importlib import import_module

import pytest

from swarm_ui.extensions import db
from swarm_ui.ingest import facts, intake
from swarm_ui.ingest.models import Span
from swarm_ui.tenancy import bind_owner
from tests.ingest.conftest import rows
from tests.ingest.test_protocol import rpc_status
from tests.otlp import Draft, document, encoded, post

# As requirements.txt says where isal is installed.
HAS_ISAL = platform.machine() in ("x86_64", "AMD64", "aarch64", "arm64")


@pytest.fixture(autouse=True, params=["isal.isal_zlib", "zlib"] if HAS_ISAL else ["zlib"])
def unpacker(request, monkeypatch, alice):
    bind_owner(db.session, alice.id)
    for module in (intake, facts):
        monkeypatch.setattr(module, "zlib", import_module(request.param))


@pytest.mark.parametrize("coding", ["deflate", "identity", "x-gzip", "GZIP", ""])
def test_other_spellings_of_the_compression_are_understood(sender, coding):
    body = encoded(document(Draft(1)))
    if coding == "deflate":
        body = zlib.compress(body)
    elif "gzip" in coding.lower():
        body = gzip.compress(body)
    assert post(sender, body, headers={"Content-Encoding": coding}).status_code == 200
    assert len(rows(Span)) == 1


def test_gzip_may_come_in_several_members(sender):
    body = encoded(document(Draft(1)))
    zipped = gzip.compress(body[:100]) + gzip.compress(body[100:])
    assert post(sender, zipped, headers={"Content-Encoding": "gzip"}).status_code == 200
    assert len(rows(Span)) == 1


BODY = gzip.compress(encoded(document(Draft(1))))


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip at all",
        BODY[:-12],
        b"",
        BODY + b"rest",
        BODY[:-8] + b"\0\0\0\0" + BODY[-4:],
        BODY[:-4] + b"\1\0\0\0",
        BODY[: len(BODY) // 2] + b"\xff\xff\xff\xff" + BODY[len(BODY) // 2 + 4 :],
        b"\x1f\x8b\x08\x00",
    ],
    ids=[
        "no gzip", "truncated", "empty", "garbage after the end", "wrong checksum", "wrong length", "broken in the middle", "head only",
    ],
)  # fmt: skip
def test_corrupt_gzip_is_a_400(sender, body):
    response = post(sender, body, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 400
    code, message = rpc_status(response)
    assert code == 3
    assert message.startswith("The body is not gzip: ")
    assert rows(Span) == []


def test_the_limit_counts_what_comes_out_of_gzip(sender, small_limit):
    bomb = gzip.compress(b" " * 20_000_000)
    assert len(bomb) < 50_000
    response = post(sender, bomb, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 413
    assert rpc_status(response)[1] == "A body may have 50000 bytes after decompression."


def test_a_bomb_of_many_small_members_is_stopped_too(sender, small_limit):
    bomb = gzip.compress(b" " * 10_000) * 1_000
    assert len(bomb) > 30_000
    assert post(sender, bomb[:49_000], headers={"Content-Encoding": "gzip"}).status_code == 413


def test_contents_get_the_same_hash_from_both(sender, monkeypatch):
    """Servers with and without isal may share a database."""
    drafts = [Draft(1, trace=trace, name="naïve step", attributes={"text": "a" * 5_000}) for trace in (1, 2)]
    assert post(sender, encoded(document(drafts[0]))).status_code == 200
    monkeypatch.setattr(facts, "zlib", zlib)
    assert post(sender, encoded(document(drafts[1]))).status_code == 200
    one, other = rows(Span)
    assert one.content_hash == other.content_hash > 0
