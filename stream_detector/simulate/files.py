"""Simulated traffic as files: calls as JSON lines, labels as one JSON object. Equal scenarios give equal bytes."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct, field

from stream_detector.domain.calls import ApiCall
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.scenario import ContentOf, Scenario, labels, traffic
from stream_detector.wire import calls as wire

_REPORT_EVERY = 1_000
_DAY_S = 86_400

Progress = Callable[[int, float], None]
"""Called now and then with the calls written and the share of the simulated time that is done, 0 to 1."""


class Told(Struct):
    """A label as it is written: the truth about a client, and what it sent, so that scoring can do without the calls."""

    campaign: str | None
    kind: str = field(name="class")
    starts_at: float | None
    """Event time from which a campaign uses the account; None where it does from the start."""
    calls: int = 0
    output_tokens: int = 0
    days: int = 0
    """UTC days with a call."""


class _Counts:
    """What every client sent."""

    def __init__(self, scenario: Scenario) -> None:
        starts = {each.id: scenario.start_s + each.start_after_s for each in scenario.campaigns if each.start_after_s}
        self.told = {
            client: Told(label.campaign, label.kind, starts.get(label.campaign or ""))
            for client, label in labels(scenario).items()
        }
        self._last_day: dict[str, int] = {}

    def add(self, call: ApiCall) -> None:
        """Count one call; calls come in time order. What precedes the campaign is not its own."""
        told, day = self.told[call.client], int(call.ts // _DAY_S)
        if told.starts_at is not None and call.ts < told.starts_at:
            return
        told.calls += 1
        told.output_tokens += call.output_tokens or 0
        if self._last_day.get(call.client) != day:
            self._last_day[call.client] = day
            told.days += 1

    def write(self, path: Path) -> None:
        """As one JSON object."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.told, order="sorted")) + b"\n")


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
    counts = _Counts(scenario)
    counts.write(labels_path)  # before the long part, so that a name that cannot be written is told at once
    count = 0
    with _writer(calls_path) as file:
        for call in traffic(scenario, content_of, sources):
            file.write(wire.encode(call) + b"\n")
            counts.add(call)
            count += 1
            if count % _REPORT_EVERY == 0:
                report(count, (call.ts - scenario.start_s) / scenario.duration_s)
    counts.write(labels_path)
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
