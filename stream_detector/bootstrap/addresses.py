"""Keeps a worker's address data fresh while it runs."""

import asyncio
import logging
import time

from stream_detector.adapters.address_book import FileAddressBook
from stream_detector.adapters.metrics import WorkerMetrics
from stream_detector.domain.errors import ConfigError

_log = logging.getLogger(__name__)
_EVERY_S = 60.0


async def keep_fresh(book: FileAddressBook | None, metrics: WorkerMetrics, every_s: float = _EVERY_S) -> None:
    """Take changed files in and report their age, until cancelled; returns at once where there is no book.

    Files are read in a thread, because half a million ranges take a second; calls are handled meanwhile.
    """
    told = ""
    while book is not None:
        metrics.addresses_age.set(max(0.0, time.time() - book.made_s))
        await asyncio.sleep(every_s)
        try:
            if await asyncio.to_thread(book.refresh):
                _log.info("address data was read again")
                told = ""
        except ConfigError as error:
            metrics.addresses_refused.inc()
            if str(error) != told:
                told = str(error)
                _log.warning("%s; the data read before stays in use", told)
