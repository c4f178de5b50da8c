"""Simulated traffic as files: calls as JSON lines, labels as one JSON object. Equal scenarios give equal bytes."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from stream_detector.simulate.benign import Sources
from stream_detector.simulate.scenario import ContentOf, Scenario, labels, traffic
from stream_detector.wire import calls as wire

_REPORT_EVERY = 1_000

Progress = Callable[[int, float], None]
"""Called now and then with the calls written and the share of the simulated time that is done, 0 to 1."""


def write_files(
    scenario: Scenario,
    calls_path: Path,
    labels_path: Path,
    progress: Progress | None = None,
    *,
    content_of: ContentOf | None = None,
    sources: Sources | None = None,
) -> int:
    """Write both files; calls are compressed when `calls_path` ends in `.gz`.

    Returns:
        The number of calls.

    Raises:
        OSError: a file cannot be written.
    """
    report = progress or (lambda _calls, _share: None)
    labels_path.write_bytes(msgspec.json.format(msgspec.json.encode(labels(scenario), order="sorted")) + b"\n")
    count = 0
    with _writer(calls_path) as file:
        for call in traffic(scenario, content_of, sources):
            file.write(wire.encode(call) + b"\n")
            count += 1
            if count % _REPORT_EVERY == 0:
                report(count, (call.ts - scenario.start_s) / scenario.duration_s)
    report(count, 1.0)
    return count


@contextmanager
def _writer(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if path.suffix != ".gz":
            yield file
            return
        # neither name nor time in the header: they would differ from run to run
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=3, mtime=0) as compressed:
            yield compressed  # type: ignore[misc]
