"""Replay: recorded calls through the same service, on event time, with everything in memory."""

import gzip
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stream_detector.adapters.lines import DeadLetterLines, DecisionLines
from stream_detector.adapters.tally import Tally
from stream_detector.bootstrap.offline import offline_service
from stream_detector.bootstrap.parts import address_book_of
from stream_detector.detection.policy import Policy
from stream_detector.domain.errors import ConfigError
from stream_detector.ports import Record

_CHUNK = 1000


class Recording:
    """Lines of recorded calls, and how far the file behind them was read."""

    def __init__(self, lines: BinaryIO, raw: BinaryIO) -> None:
        self.lines = lines
        self._raw = raw

    def position_bytes(self) -> int:
        """Bytes of the file (packed, where it is) that were read; 0 where that cannot be told."""
        return self._raw.tell() if self._raw.seekable() else 0


@contextmanager
def opened(path: str) -> Iterator[Recording]:
    """A JSONL file, gzip if its name ends in .gz, or standard input for `-`.

    Raises:
        ConfigError: the file cannot be read.
    """
    if path == "-":
        yield Recording(sys.stdin.buffer, sys.stdin.buffer)
        return
    try:
        raw = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        message = f"CALLS: {path!r} cannot be read: {error.strerror}; name a JSONL file, a .gz of one, or - for stdin"
        raise ConfigError(message) from error
    with raw:
        if path.endswith(".gz"):
            with gzip.open(raw) as unpacked:
                yield Recording(unpacked, raw)  # type: ignore[arg-type]  # a GzipFile reads like a BinaryIO
        else:
            yield Recording(raw, raw)


def chunks(lines: BinaryIO) -> Iterator[list[Record]]:
    """Records of up to `_CHUNK` lines; the offset is the line number from 0; blank lines are left out.

    Raises:
        ConfigError: the gzip file is damaged.
    """
    chunk: list[Record] = []
    number = -1
    try:
        for number, line in enumerate(lines):
            value = line.removeprefix(BOM_UTF8).strip() if number == 0 else line.strip()
            if value:
                chunk.append(Record(number, 0, None, value))
            if len(chunk) >= _CHUNK:
                yield chunk
                chunk = []
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"CALLS: damaged gzip file after line {number + 1}: {error}; the lines before it were replayed"
        yield chunk
        raise ConfigError(message) from error
    yield chunk


async def replay(
    lines: BinaryIO,
    decisions: BinaryIO,
    dead_letters: BinaryIO,
    policy: Policy,
    on_progress: Callable[[int], None],
    *,
    addresses: str = "",
) -> Tally:
    """Run recorded calls through the core.

    Args:
        lines: one call per line, JSON, in the order in which they are to be observed.
        decisions: takes one JSON line per decision change.
        dead_letters: takes one JSON line per call that could not be used.
        policy: what leads to what.
        on_progress: called about once per thousand lines, with the number of calls so far.
        addresses: folder of address databases and lists, read once; empty for none.

    Returns:
        What was counted.

    Raises:
        ConfigError: the address files do not fit.
    """
    tally = Tally()
    book = address_book_of(addresses)
    service = offline_service(policy, DecisionLines(decisions), DeadLetterLines(dead_letters), tally, book)
    await service.claim(0, 0)
    for chunk in chunks(lines):
        await service.handle(0, chunk)
        on_progress(tally.calls)
    return tally
