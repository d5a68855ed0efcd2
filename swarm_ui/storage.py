"""Large payloads: bytes under a key, in a local folder or in S3. What is stored is found again by its URL alone."""

import itertools
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from swarm_ui.config import Settings

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._=-]*")


class StorageError(Exception):
    """Storage cannot be reached, or a key or URL does not belong to it."""


class NotStored(StorageError):
    """There is nothing under this URL."""


class Storage(Protocol):
    def put(self, key: str, content: bytes) -> str:
        """Store `content`, durably, in place of what the key held; the URL to get it by."""

    def get(self, url: str) -> bytes:
        """Raises NotStored."""

    def delete(self, url: str) -> None:
        """Nothing happens when there is nothing."""

    def exists(self, url: str) -> bool: ...

    def url_of(self, key: str) -> str:
        """The URL that `put` gives for this key."""

    def size_of(self, prefix: str, most: int) -> tuple[int, int, bool]:
        """(objects, bytes, whether that is all) below a prefix that ends in a slash; counting stops after `most` objects."""

    def delete_all(self, prefix: str, most: int) -> int:
        """Deletes up to `most` objects below a prefix that ends in a slash, known to anybody or not; how many."""


def storage_for(settings: Settings) -> Storage:
    place = urlsplit(settings.storage_url)
    if place.scheme == "s3":
        return Bucket(place.netloc, place.path.strip("/"), settings.s3_endpoint_url)
    return Folder(Path(place.path))


def _checked(key: str) -> str:
    """A key is a relative path of plain names, so that it can neither leave the folder nor need quoting."""
    if len(key) > 500 or not all(_PART.fullmatch(part) for part in key.split("/")):
        raise StorageError(f"not a storage key: {key[:100]!r}")
    return key


def _make_folder(path: Path) -> None:
    """Like `mkdir -p`, with the new folders on the way closed to others too."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


class Folder:
    """Files below one folder. URLs are `file:KEY`, so that the folder may move."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, key: str, content: bytes) -> str:
        path = self.root / _checked(key)
        try:
            _make_folder(path.parent)
            descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
            try:
                with os.fdopen(descriptor, "wb") as file:  # mkstemp's mode is 0600
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
            self._sync_folders(path.parent)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        return f"file:{key}"

    def get(self, url: str) -> bytes:
        path = self._path(url)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise NotStored(f"nothing is stored under {url}") from None
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error

    def delete(self, url: str) -> None:
        path = self._path(url)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot delete {path}: {error.strerror}") from error

    def exists(self, url: str) -> bool:
        return self._path(url).is_file()

    def url_of(self, key: str) -> str:
        return f"file:{_checked(key)}"

    def size_of(self, prefix: str, most: int) -> tuple[int, int, bool]:
        number = size = 0
        for path in self._below(prefix):
            if number >= most:
                return number, size, False
            try:
                size += path.stat().st_size
            except OSError:  # gone meanwhile
                continue
            number += 1
        return number, size, True

    def delete_all(self, prefix: str, most: int) -> int:
        found = list(itertools.islice(self._below(prefix), most))
        try:
            for path in found:
                path.unlink(missing_ok=True)
            if len(found) < most:
                shutil.rmtree(self.root / _checked(prefix.rstrip("/")), ignore_errors=True)
        except OSError as error:
            raise StorageError(f"cannot delete below {self.root / prefix}: {error.strerror}") from error
        return len(found)

    def _below(self, prefix: str) -> Iterator[Path]:
        for folder, _folders, names in os.walk(self.root / _checked(prefix.rstrip("/"))):
            yield from (Path(folder, name) for name in names)

    def _path(self, url: str) -> Path:
        scheme, _, key = url.partition(":")
        if scheme != "file":
            raise StorageError(
                f"{url[:100]!r} is not in {self.root}; is STORAGE_URL what it was when it was stored?"
            )
        return self.root / _checked(key)

    def _sync_folders(self, folder: Path) -> None:
        """The names, too, must outlive a power cut: of the file and of folders that are new."""
        while True:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if folder == self.root or folder == folder.parent:
                return
            folder = folder.parent


class Bucket:
    """Objects below a prefix of an S3 bucket. Credentials and region come from the usual AWS variables."""

    def __init__(self, bucket: str, prefix: str, endpoint_url: str | None) -> None:
        self.bucket = bucket
        self.base = f"{prefix}/" if prefix else ""
        self.endpoint_url = endpoint_url
        self._making = threading.Lock()

    @cached_property
    def _client(self) -> Any:
        # Loaded at first use: it takes a third of a second and 38 MiB.
        import boto3
        from botocore.config import Config

        options = Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path" if self.endpoint_url else "auto"},
            # Other services than AWS do not all know the newer checksum headers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        region = None if not self.endpoint_url else (boto3.Session().region_name or "us-east-1")
        return boto3.client("s3", endpoint_url=self.endpoint_url, region_name=region, config=options)

    def put(self, key: str, content: bytes) -> str:
        self._call("put_object", _checked(key), Body=content)
        return f"s3://{self.bucket}/{self.base}{key}"

    def get(self, url: str) -> bytes:
        from botocore.exceptions import BotoCoreError, HTTPClientError

        try:
            return self._call("get_object", self._key(url))["Body"].read()
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise StorageError(f"S3 broke off: {error}") from error

    def delete(self, url: str) -> None:
        self._call("delete_object", self._key(url))

    def exists(self, url: str) -> bool:
        try:
            self._call("head_object", self._key(url))
        except NotStored:
            return False
        return True

    def url_of(self, key: str) -> str:
        return f"s3://{self.bucket}/{self.base}{_checked(key)}"

    def size_of(self, prefix: str, most: int) -> tuple[int, int, bool]:
        number = size = 0
        for _name, length in self._below(prefix):
            if number >= most:
                return number, size, False
            number, size = number + 1, size + length
        return number, size, True

    def delete_all(self, prefix: str, most: int) -> int:
        found = [name for name, _length in itertools.islice(self._below(prefix), most)]
        for name in found:  # one by one: not every service of this kind knows how to delete several
            self._call("delete_object", name.removeprefix(self.base))
        return len(found)

    def _below(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(whole name, size), a thousand a request."""
        from botocore.exceptions import BotoCoreError, ClientError

        start = self.base + _checked(prefix.rstrip("/")) + "/"
        more: dict[str, Any] = {}
        while True:
            try:
                with self._making:
                    client = self._client
                answer = client.list_objects_v2(Bucket=self.bucket, Prefix=start, **more)
            except (BotoCoreError, ClientError) as error:
                raise StorageError(f"S3 cannot list {start}: {error}") from error
            for item in answer.get("Contents", ()):
                yield item["Key"], int(item["Size"])
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _key(self, url: str) -> str:
        start = f"s3://{self.bucket}/{self.base}"
        if not url.startswith(start):
            raise StorageError(
                f"{url[:100]!r} is not in {start}; is STORAGE_URL what it was when it was stored?"
            )
        return _checked(url.removeprefix(start))

    def _call(self, operation: str, key: str, **parameters: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with self._making:  # one client for all threads
                client = self._client
            return getattr(client, operation)(Bucket=self.bucket, Key=self.base + key, **parameters)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "404", "NotFound"):
                raise NotStored(f"nothing is stored under s3://{self.bucket}/{self.base}{key}") from None
            raise StorageError(f"S3 refused {operation}: {error}") from error
        except BotoCoreError as error:
            raise StorageError(f"S3 cannot be reached: {error}") from error
