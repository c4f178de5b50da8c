"""Parts that more than one process needs."""

import logging

from stream_detector.adapters.address_book import FileAddressBook
from stream_detector.adapters.clocks import ScaledClock, WallClock
from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.detection.sketching import Sketcher
from stream_detector.ports import Clock
from stream_detector.settings import Settings

_log = logging.getLogger(__name__)
PUBLIC_SALT = b"stream-detector: not a secret"


def clock_of(settings: Settings) -> Clock:
    """The clock that the settings name."""
    kind, *numbers = settings.clock.split(":")
    return ScaledClock(*map(float, numbers)) if kind == "scaled" else WallClock()


def sketcher_of(settings: Settings) -> Sketcher:
    """The sketcher with the installation's salt."""
    if not settings.sketch_salt:
        _log.warning("STREAM_DETECTOR_SKETCH_SALT is empty: sketches can be compared with guessed texts; set a secret")
        return Sketcher(PUBLIC_SALT)
    return Sketcher(settings.sketch_salt.encode())


def address_book_of(path: str) -> FileAddressBook | None:
    """The address book in the files that `Settings.addresses` names, if it names any.

    Raises:
        ConfigError: they cannot be read.
    """
    return FileAddressBook(path) if path else None


def stores_of(settings: Settings) -> RedisStores:
    """The stores in Redis."""
    return RedisStores(settings.redis, prefix=settings.key_prefix, profile_ttl_s=settings.profile_ttl_s)
