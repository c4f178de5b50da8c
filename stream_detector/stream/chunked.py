"""Faust transport `chunked://`: one message per partition and fetch, its value the list of the raw records.

Stock Faust spends four asyncio tasks on every record; here they are spent on every fetch. The module is what the entry
point `faust.transports: chunked` names. It overrides internals of Faust and aiokafka, so it insists on the exact
versions it was tested with; with others it says so and is the stock transport, whose messages hold one record each.
"""

import logging
from importlib.metadata import PackageNotFoundError, version

TESTED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}


def untested_packages() -> dict[str, str]:
    """Packages installed in another version than the tested one -> that version; empty when all is well."""
    return {package: found for package, tested in TESTED.items() if (found := _installed(package)) != tested}


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


_untested = untested_packages()
IS_CHUNKED = not _untested
"""False: `Transport` is Faust's own, and a message holds one record."""

if IS_CHUNKED:
    from stream_detector.stream.chunk_consumer import ChunkTransport as Transport
else:
    from faust.transport.drivers.aiokafka import Transport  # type: ignore[no-redef]  # one of the two

    logging.getLogger(__name__).warning(
        "falling back to Faust's stock transport, at a thirtieth of the speed: tested with %s, found %s",
        ", ".join(f"{package} {tested}" for package, tested in TESTED.items()),
        ", ".join(f"{package} {found}" for package, found in _untested.items()),
    )

__all__ = ["IS_CHUNKED", "TESTED", "Transport", "untested_packages"]
