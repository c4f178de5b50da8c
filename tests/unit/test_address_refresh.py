"""A running worker takes changed address files in, counts what it refuses, and reports their age."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from stream_detector.adapters.address_book import FileAddressBook
from stream_detector.adapters.metrics import WorkerMetrics
from stream_detector.bootstrap.addresses import keep_fresh

_AGE, _REFUSED = "stream_detector_addresses_age_seconds", "stream_detector_addresses_refused_total"


class Worker:
    """A folder with one list, its book, and the task that keeps the book fresh."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "vpn" / "tunnel.txt"
        self.file.parent.mkdir()
        self.file.write_text("192.0.2.0/24\n")
        os.utime(self.file, (1.0, time.time() - 1000.0))
        self.book = FileAddressBook(str(folder))
        self._registry = CollectorRegistry()
        self._task = asyncio.create_task(keep_fresh(self.book, WorkerMetrics(self._registry), every_s=0.01))

    def replace(self, text: str) -> None:
        """In one step, as whoever fetches files should."""
        fetched = self.file.with_suffix(".part")
        fetched.write_text(text)
        fetched.replace(self.file)

    def metric(self, name: str) -> float:
        return self._registry.get_sample_value(name) or 0.0

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + 20.0
        while not condition():
            assert not self._task.done(), self._task.exception()
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def test_a_changed_file_is_taken_in_and_a_broken_one_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        worker = Worker(tmp_path)
        await worker.until(lambda: 990.0 < worker.metric(_AGE) < 1100.0)
        worker.replace("198.51.100.0/24\n")
        await worker.until(lambda: worker.book.look_up("198.51.100.1").provider == "tunnel")
        await worker.until(lambda: worker.metric(_AGE) < 100.0)
        assert worker.metric(_REFUSED) == 0
        worker.replace("not an address\n")
        await worker.until(lambda: worker.metric(_REFUSED) > 0)
        assert worker.book.look_up("198.51.100.1").provider == "tunnel"
        worker.replace("203.0.113.0/24\n")
        await worker.until(lambda: worker.book.look_up("203.0.113.1").provider == "tunnel")
        await worker.stop()

    with caplog.at_level(logging.INFO):
        asyncio.run(story())
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "tunnel.txt' cannot be used: line 1: must be an address" in warnings[0]


def test_a_folder_that_is_gone_is_counted_each_time_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        worker = Worker(tmp_path)
        worker.file.unlink()
        await worker.until(lambda: worker.metric(_REFUSED) >= 3)
        assert worker.book.look_up("192.0.2.1").provider == "tunnel"
        await worker.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(story())
    assert len(caplog.records) == 1


def test_without_a_book_there_is_nothing_to_do() -> None:
    asyncio.run(keep_fresh(None, WorkerMetrics(CollectorRegistry()), every_s=0.01))
