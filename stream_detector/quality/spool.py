"""Traffic on disk: simulated once, and read by whoever needs it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from stream_detector.domain.calls import ApiCall
from stream_detector.quality.inputs import Inputs, completed, sources_of
from stream_detector.settings import Settings
from stream_detector.simulate.scenario import Scenario, traffic
from stream_detector.wire import calls as wire


def write_population(scenario: Scenario, inputs: Inputs, path: Path) -> int:
    """Simulate the calls of a scenario into a file, one JSON line each.

    Returns:
        The number of calls.
    """
    return sum(1 for _ in written(completed(traffic(scenario, sources=sources_of(inputs)), inputs), path))


def written(calls: Iterable[ApiCall], path: Path) -> Iterator[ApiCall]:
    """The same calls; each is in the file once the next one is asked for."""
    with path.open("wb") as file:
        for call in calls:
            file.write(wire.encode(call) + b"\n")
            yield call


def read_calls(path: Path) -> Iterator[ApiCall]:
    """The calls again, in the same order."""
    max_bytes = Settings().max_record_bytes
    with path.open("rb") as file:
        for line in file:
            yield from wire.decode(line, max_bytes=max_bytes).calls
