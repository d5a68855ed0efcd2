"""Style sheets, scripts and images under names that change with their content, so that browsers may keep them for ever.

htmx and plotly.js come out of the installed wheels, unless static/vendor/ holds a file of that name. Compressed copies are
made at install; one that is missing is made at first use.
"""

import gzip
import hashlib
import importlib.util
import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import brotli
from flask import Blueprint, Flask, Response, abort, current_app, request, url_for

from swarm_ui import config

STATIC = config.ROOT / "static"
BUILT = config.ROOT / ".cache" / "assets"
FOR_EVER = "public, max-age=31536000, immutable"
_NAME = re.compile(r"(?:[a-z0-9_]+/)?[a-z0-9_]+(?:[.-][a-z0-9_]+)*\.(?:css|js|svg|png|ico|webp|woff2)")
_HASHED = re.compile(r"(?P<stem>.+)-(?P<hash>[0-9a-f]{12})(?P<suffix>\.[a-z0-9]+)")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_WORTH_COMPRESSING = (".css", ".js", ".svg")

bp = Blueprint("assets", __name__)


@dataclass(frozen=True)
class Library:
    """A file inside an installed package."""

    package: str
    path: str
    sha256: str | None = None


LIBRARIES = {
    "js/htmx.min.js": Library(
        "js_lib_htmx",
        "static/htmx/htmx.min.js",
        # The same as htmx.org 2.0.3 publishes.
        "491955cd1810747d7d7b9ccb936400afb760e06d25d53e4572b64b6563b2784e",
    ),
    "js/plotly.min.js": Library("plotly", "package_data/plotly.min.js"),
}


class AssetError(Exception):
    """An asset that is missing or not what it should be."""


@dataclass(frozen=True)
class Asset:
    name: str
    path: Path
    version: tuple[int, int]  # modification time and size, by which a change is noticed

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def hashed_name(self) -> str:
        stem, suffix = os.path.splitext(self.name)
        return f"{stem}-{self.sha256[:12]}{suffix}"

    @property
    def is_compressible(self) -> bool:
        return self.name.endswith(_WORTH_COMPRESSING)


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    app.jinja_env.globals["asset_url"] = asset_url


def asset_url(name: str) -> str:
    """The address of "css/swarm.css" as it was a second ago at most: a page names seven."""
    return _url_of(request.root_path, name, int(time.monotonic()))


@lru_cache(maxsize=256)
def _url_of(_root: str, name: str, _second: int) -> str:
    asset = find(name)
    if asset is None:
        raise AssetError(f"there is no asset {name!r}")
    return url_for("assets.show", filename=asset.hashed_name)


# Where files are.

_known: dict[str, Asset] = {}
_library_paths: dict[str, Path] = {}


def find(name: str) -> Asset | None:
    """The asset of that name; reads it again when the file has changed."""
    path = _locate(name)
    try:
        status = path.stat() if path else None
    except OSError:
        status = None
    if path is None or status is None:
        return None
    version = (status.st_mtime_ns, status.st_size)
    asset = _known.get(name)
    if asset is None or asset.path != path or asset.version != version:
        asset = _known[name] = Asset(name, path, version)
    return asset


def _locate(name: str) -> Path | None:
    if name in LIBRARIES:
        replacement = STATIC / "vendor" / name.rpartition("/")[2]
        return replacement if replacement.is_file() else _library_path(name)
    if name.startswith("vendor/") or not _NAME.fullmatch(name):
        return None
    return STATIC / name


def _library_path(name: str) -> Path:
    """Found without importing the package, which would cost time and memory."""
    if name not in _library_paths:
        library = LIBRARIES[name]
        spec = importlib.util.find_spec(library.package)
        if spec is None or not spec.submodule_search_locations:
            raise AssetError(f"the package {library.package!r} is not installed; run: make install")
        path = Path(next(iter(spec.submodule_search_locations))) / library.path
        if not path.is_file():
            raise AssetError(f"the package {library.package!r} holds no {library.path!r}")
        if library.sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != library.sha256:
            raise AssetError(f"{path} is not the file that was checked; reinstall its package")
        _library_paths[name] = path
    return _library_paths[name]


def everything() -> Iterator[Asset]:
    own = (path.relative_to(STATIC).as_posix() for path in sorted(STATIC.rglob("*")) if path.is_file())
    for name in [*LIBRARIES, *own]:
        asset = find(name)
        if asset:
            yield asset


# Serving.


@bp.get("/assets/<path:filename>")
def show(filename: str) -> Response:
    hashed = _HASHED.fullmatch(filename)
    # Without the hash (an import inside a script), or with an older one (a page opened before an upgrade): the file as it is
    # now, not to be kept.
    asset = find(hashed["stem"] + hashed["suffix"]) if hashed else None
    is_current = asset is not None and asset.hashed_name == filename
    asset = asset or find(filename)
    if asset is None:
        abort(404)
    encoding = _encoding(asset)
    path = _compressed(asset, encoding) if encoding else asset.path
    response = Response(path.read_bytes(), content_type=_TYPES[asset.path.suffix])
    response.set_etag(f"{asset.sha256[:32]}-{encoding or 'plain'}")
    response.headers["Cache-Control"] = FOR_EVER if is_current else "no-cache"
    if encoding:
        response.headers["Content-Encoding"] = encoding
    if asset.is_compressible:
        response.vary.add("Accept-Encoding")
    response.make_conditional(request)
    return response


show.public = True  # type: ignore[attr-defined]  # the sign-in page needs its style sheet


def _encoding(asset: Asset) -> str | None:
    if not asset.is_compressible:
        return None
    accepted = request.accept_encodings
    # Brotli only where the good copy is there: it is slow to make.
    if accepted.quality("br") > 0 and _copy(BUILT, asset, "br").is_file():
        return "br"
    return "gzip" if accepted.quality("gzip") > 0 else None


# Compressed copies, named by content: a copy that is there is never wrong.

_SUFFIX = {"br": ".br", "gzip": ".gz"}
_making = threading.Lock()


def _copy(folder: Path, asset: Asset, encoding: str) -> Path:
    return folder / (asset.sha256 + _SUFFIX[encoding])


def _compressed(asset: Asset, encoding: str) -> Path:
    built = _copy(BUILT, asset, encoding)
    if built.is_file():
        return built
    made = _copy(current_app.config["SETTINGS"].data_dir / "assets", asset, encoding)
    with _making:
        if not made.is_file():
            _write(made, gzip.compress(asset.path.read_bytes(), 5, mtime=0))
    return made


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".new")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def build(largest: int | None = None) -> int:
    """Make the copies that are missing, at the best level; those of files above `largest` bytes only at install."""
    made, wanted = 0, set()
    for asset in everything():
        if not asset.is_compressible:
            continue
        for encoding in _SUFFIX:
            copy = _copy(BUILT, asset, encoding)
            wanted.add(copy.name)
            if copy.is_file() or (largest is not None and asset.version[1] > largest):
                continue
            content = asset.path.read_bytes()
            _write(
                copy,
                brotli.compress(content, quality=11)
                if encoding == "br"
                else gzip.compress(content, 9, mtime=0),
            )
            made += 1
    for suffix in _SUFFIX.values():
        for old in BUILT.glob(f"*{suffix}"):
            if old.name not in wanted:
                old.unlink(missing_ok=True)
    return made
