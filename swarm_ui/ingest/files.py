"""OTLP from files: JSON, JSON lines as collectors write them, or protobuf; any of them packed with gzip.

What cannot be read is kept in `problems`, line by line where the file has lines; the rest is read all the same.
"""

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from swarm_ui.ingest import otlp
from swarm_ui.ingest.records import Batch, Unreadable
from swarm_ui.jsontext import dump_bytes, loads

Read = Callable[[bytes, str], Batch]
SIGNALS: dict[str, tuple[str, Read]] = {
    "traces": ("resourceSpans", otlp.read_traces),
    "metrics": ("resourceMetrics", otlp.read_metrics),
    "logs": ("resourceLogs", otlp.read_logs),
}
_NAMED = re.compile(r"(?<![a-z])(?:(traces?|spans?)|(metrics?)|(logs?))(?![a-z])")
_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r\n\xef\xbb\xbf"


class File:
    """`batches()` reads it once; `advance` hears how many bytes of the file were used up."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        self.path = path
        self.problems: list[str] = []
        self._advance = advance
        self._refused: Counter[tuple[str, str]] = Counter()

    def batches(self) -> Iterator[tuple[str, Batch]]:
        """(signal, what was in it), piece by piece."""
        try:
            with self.path.open("rb") as file:
                packed = file.read(2) == _GZIP
                file.seek(0)
                stream = cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file)) if packed else file)
                used = 0
                for signal, batch in self._pieces(stream):
                    yield signal, batch
                    self._refused.update((signal, reason) for reason in batch.refused)
                    used, before = file.tell(), used
                    self._advance(used - before)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.problems.append(f"broken gzip: {error}")
        except OSError as error:
            self.problems.append(error.strerror or str(error))
        except Unreadable as error:
            self.problems.append(str(error))
        self.problems += [
            f"{times:,} of its {signal} refused: {reason}"
            for (signal, reason), times in self._refused.most_common(5)
        ]

    def _pieces(self, stream: BinaryIO) -> Iterator[tuple[str, Batch]]:
        skipped, begin = b"", stream.readline()
        while begin and not begin.strip(_BLANK):
            skipped, begin = skipped + begin, stream.readline()
        text = begin.lstrip(_BLANK)
        if not skipped and not begin:
            raise Unreadable("the file is empty")
        if text[:1] not in (b"{", b"["):
            yield self._protobuf(skipped + begin + stream.read())
            return
        try:
            first = loads(text)
        except ValueError:
            yield from self._document(_parsed(text + stream.read()))
            return
        yield from self._document(first)
        for number, line in enumerate(stream, 2 + skipped.count(b"\n")):
            if line.strip(_BLANK):
                yield from self._line(number, line)

    def _line(self, number: int, line: bytes) -> Iterator[tuple[str, Batch]]:
        try:
            yield from self._document(_parsed(line))
        except Unreadable as error:
            self.problems.append(f"line {number}: {error}")

    def _document(self, document: object) -> Iterator[tuple[str, Batch]]:
        found = False
        for item in document if isinstance(document, list) else [document]:
            for signal, (key, read) in SIGNALS.items():
                if isinstance(item, dict) and key in item:
                    found = True
                    yield signal, read(dump_bytes(item), otlp.JSON)
        if not found:
            raise Unreadable(f"no OTLP: none of {', '.join(key for key, _ in SIGNALS.values())} is in it")

    def _protobuf(self, body: bytes) -> tuple[str, Batch]:
        """By the file's name; where it says nothing, whatever gives a sensible answer. The messages of the three signals resemble each other."""
        named = _NAMED.search(self.path.name.lower())
        if named:
            signal = ("traces", "metrics", "logs")[named.lastindex - 1]  # type: ignore[operator]
            return signal, SIGNALS[signal][1](body, otlp.PROTOBUF)
        for signal, (_key, read) in SIGNALS.items():
            try:
                batch = read(body, otlp.PROTOBUF)
            except Unreadable:
                continue
            if _sensible(signal, batch):
                return signal, batch
        raise Unreadable("neither JSON nor protobuf of OTLP traces, logs or metrics")


def _parsed(text: bytes) -> object:
    try:
        return loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None


def _sensible(signal: str, batch: Batch) -> bool:
    """Bytes of another signal give spans without ids, points without names, or records of no time."""
    if signal == "metrics":
        return any(point.name for point in batch.records)
    if signal == "logs":
        return any(record.at for record in batch.records)
    return bool(batch.records)
