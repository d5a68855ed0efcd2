"""The version, read from CHANGELOG.md: the first heading that is a number."""

import re
from pathlib import Path


def _read() -> str:
    changelog = Path(__file__).resolve().parent.parent / "CHANGELOG.md"
    found = re.search(r"^## (\d+\.\d+\.\d+)", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise RuntimeError("CHANGELOG.md names no version")
    return found[1]


VERSION = _read()
