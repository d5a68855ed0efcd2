"""Storage: a folder, and S3 against a small server of our own on loopback."""

import hashlib
import stat
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from swarm_ui import config
from swarm_ui.storage import Bucket, Folder, NotStored, StorageError, storage_for

KEY = "spans/ab/0123456789abcdef"


class S3(BaseHTTPRequestHandler):
    """As much of S3 as storage uses; objects by path."""

    objects: dict[str, bytes]
    seen: list[tuple[str, str, str]]
    failing = False
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
        if self.failing:
            status, body = 403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.failing:
            self.objects[self.path] = body
        self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_GET(self) -> None:
        bucket, _, query = self.path.partition("?")
        if "list-type=2" in query:
            self.answer(200, self._listing(bucket.strip("/"), parse_qs(query)))
        elif self.path in self.objects:
            self.answer(200, self.objects[self.path], ETag='"x"')
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")

    do_HEAD = do_GET

    def _listing(self, bucket: str, asked: dict[str, list[str]]) -> bytes:
        """Two objects a page."""
        prefix, begin = asked["prefix"][0], int(asked.get("continuation-token", ["0"])[0])
        names = sorted(path.removeprefix(f"/{bucket}/") for path in self.objects)
        found = [name for name in names if name.startswith(prefix)]
        items = "".join(
            f"<Contents><Key>{name}</Key><Size>{len(self.objects[f'/{bucket}/{name}'])}</Size></Contents>"
            for name in found[begin : begin + 2]
        )
        more = begin + 2 < len(found)
        token = f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}</ListBucketResult>"
        ).encode()

    def do_DELETE(self) -> None:
        self.objects.pop(self.path, None)
        self.answer(204)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def s3(monkeypatch):
    """The handler class of a running server: its objects, what it has seen, its address."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    handler = type("Handler", (S3,), {"objects": {}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bucket(s3):
    storage = Bucket("swarm", "large", s3.url)
    yield storage
    if "_client" in vars(storage):
        storage._client.close()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "storage")


@pytest.fixture(params=["folder", "bucket"])
def storage(request):
    return request.getfixturevalue(request.param)


def test_what_was_put_is_got(storage):
    content = bytes(range(256)) * 1000
    assert storage.get(storage.put(KEY, content)) == content


def test_an_empty_payload(storage):
    assert storage.get(storage.put(KEY, b"")) == b""


def test_a_second_put_replaces(storage):
    storage.put(KEY, b"one")
    assert storage.get(storage.put(KEY, b"two")) == b"two"


def test_it_knows_what_exists(storage):
    url = storage.put(KEY, b"one")
    assert storage.exists(url)
    storage.delete(url)
    assert not storage.exists(url)


def test_what_lies_below_a_prefix_is_measured_and_deleted(storage):
    kept = storage.put("payloads/12/neighbour", b"stays")
    mine = [storage.put(f"payloads/1/{number}", b"x" * number) for number in range(1, 6)]
    assert storage.size_of("payloads/1/", 100) == (5, 15, True)
    assert storage.size_of("payloads/1/", 3)[0::2] == (3, False)
    assert storage.delete_all("payloads/1/", 3) == 3
    assert storage.delete_all("payloads/1/", 100) == 2
    assert storage.delete_all("payloads/1/", 100) == 0
    assert not any(storage.exists(url) for url in mine)
    assert storage.get(kept) == b"stays"


def test_nothing_there_is_said_so(storage):
    url = storage.put(KEY, b"one")
    storage.delete(url)
    with pytest.raises(NotStored, match="nothing is stored"):
        storage.get(url)
    storage.delete(url)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../outside",
        "a/../../outside",
        "a//b",
        "a/./b",
        ".hidden",
        "a\\b",
        "a b",
        "a\x00b",
        "ü",
        "a/\n",
    ]
    + ["k" * 501],
)
def test_a_key_cannot_lead_elsewhere(storage, key):
    with pytest.raises(StorageError, match="not a storage key"):
        storage.put(key, b"x")


@pytest.mark.parametrize(
    "url", ["file:../../etc/passwd", "s3://other/large/key", "s3://swarm/large/../key", "http://x/y", ""]
)
def test_a_url_from_elsewhere_is_refused(storage, url):
    for use in (storage.get, storage.delete, storage.exists):
        with pytest.raises(StorageError):
            use(url)


def test_files_are_for_their_owner_alone(folder):
    folder.put(KEY, b"x")
    assert stat.S_IMODE((folder.root / KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_write_that_fails_leaves_the_old_content_and_no_rest(folder, monkeypatch):
    url = folder.put(KEY, b"old")
    monkeypatch.setattr("os.replace", _fail)
    with pytest.raises(StorageError, match="cannot write"):
        folder.put(KEY, b"new")
    assert folder.get(url) == b"old"
    assert [path.name for path in (folder.root / KEY).parent.iterdir()] == [KEY.rpartition("/")[2]]


def _fail(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_read_is_a_storage_error(folder):
    (folder.root / KEY).mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot read"):
        folder.get(f"file:{KEY}")


def test_the_folder_may_move(folder, tmp_path):
    url = folder.put(KEY, b"x")
    folder.root.rename(tmp_path / "elsewhere")
    assert Folder(tmp_path / "elsewhere").get(url) == b"x"


def test_s3_urls_name_bucket_and_prefix(bucket, s3):
    assert bucket.put(KEY, b"x") == f"s3://swarm/large/{KEY}"
    assert s3.objects == {f"/swarm/large/{KEY}": b"x"}
    assert "AKIATEST" in s3.seen[0][2]


def test_without_a_prefix(s3):
    storage = Bucket("swarm", "", s3.url)
    assert storage.put(KEY, b"x") == f"s3://swarm/{KEY}"
    assert storage.get(f"s3://swarm/{KEY}") == b"x"
    storage._client.close()


def test_a_refusal_is_a_storage_error(bucket, s3):
    s3.failing = True
    with pytest.raises(StorageError, match="AccessDenied"):
        bucket.put(KEY, b"x")


def test_a_service_that_is_down_is_a_storage_error(monkeypatch, s3):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    storage = Bucket("swarm", "", "http://127.0.0.1:1")
    with pytest.raises(StorageError, match="cannot be reached"):
        storage.put(KEY, b"x")


def test_settings_choose_the_backend(tmp_path):
    environ = {"DATA_DIR": str(tmp_path)}
    local = storage_for(config.load(environ))
    assert isinstance(local, Folder)
    assert local.root == tmp_path / "storage"
    environ |= {"STORAGE_URL": "s3://bucket/some/prefix", "S3_ENDPOINT_URL": "http://127.0.0.1:9000"}
    remote = storage_for(config.load(environ))
    assert isinstance(remote, Bucket)
    assert (remote.bucket, remote.base, remote.endpoint_url) == (
        "bucket",
        "some/prefix/",
        "http://127.0.0.1:9000",
    )
