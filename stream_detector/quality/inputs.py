"""Where the benchmark's traffic comes from: real recordings where they are at hand, made-up ones otherwise."""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path

from msgspec import Struct

from stream_detector.bootstrap.parts import address_book_of
from stream_detector.detection.sketching import Sketcher
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.errors import ConfigError
from stream_detector.ports import Record
from stream_detector.service.intake import Limits, Reader
from stream_detector.settings import Settings
from stream_detector.simulate import recordings
from stream_detector.simulate.benign import Sources
from stream_detector.simulate.scenario import SALT
from stream_detector.wire import calls as wire

DATA = "STREAM_DETECTOR_DATA"
_USUAL_PLACE = Path("../shared/data")
_CHUNK = 500


class Inputs(Struct, frozen=True, kw_only=True):
    """Folders; empty for none."""

    data: str = ""
    """Recordings (`simulate.recordings`)."""
    addresses: str = ""
    """Address databases and lists (`adapters.address_book`)."""

    def told(self) -> str:
        """In words."""
        traffic = "real" if self.data else "simulated"
        known = "with" if self.addresses else "without"
        return f"{traffic} times of programs and questions of people, {known} address databases; all else is simulated"


def inputs_of(environ: Mapping[str, str], addresses: str) -> Inputs:
    """The folder of recordings that STREAM_DETECTOR_DATA names, or the usual one if it is there.

    Raises:
        ConfigError: the variable names what is not a folder.
    """
    named = environ.get(DATA)
    if named and not Path(named).is_dir():
        message = f"{DATA}: {named!r} is not a folder; name one with recordings, or set it to nothing to simulate all"
        raise ConfigError(message)
    if named is None and _USUAL_PLACE.is_dir():
        named = str(_USUAL_PLACE)
    return Inputs(data=named or "", addresses=addresses)


@lru_cache(maxsize=1)
def sources_of(inputs: Inputs) -> Sources:
    """Times and questions of honest clients.

    Raises:
        ConfigError: the recordings do not fit.
    """
    return recordings.read(Path(inputs.data)) if inputs.data else Sources()


def completed(calls: Iterable[ApiCall], inputs: Inputs) -> Iterator[ApiCall]:
    """The calls as the engine gets them: with what is known of their addresses."""
    reader = _reader(inputs)
    if reader is None:
        yield from calls
        return
    remaining = iter(calls)
    while chunk := [Record(0, 0, None, wire.encode(call)) for call in islice(remaining, _CHUNK)]:
        for taken in reader.read(0, chunk, 0.0).taken:
            if isinstance(taken.call, ApiCall):
                yield taken.call


@lru_cache(maxsize=1)
def _reader(inputs: Inputs) -> Reader | None:
    if not inputs.addresses:
        return None
    limits = Limits(max_record_bytes=Settings().max_record_bytes, max_future_s=math.inf, max_past_s=math.inf)
    return Reader("benchmark", limits, Sketcher(SALT), address_book_of(inputs.addresses))
