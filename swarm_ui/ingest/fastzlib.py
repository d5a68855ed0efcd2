"""`zlib`, by isal where it is made for the processor: unpacks in less than half the time, and sums in a fifth."""

import zlib as slower
from typing import Any

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]

zlib: Any = isal_zlib or slower
