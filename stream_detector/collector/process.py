"""The whole collector in one process: HTTP server, reader of topics and writer on one event loop.

More collectors are more processes; halves of one call must reach the same one.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Protocol

from stream_detector.collector.http import CollectorApp
from stream_detector.collector.reader import TopicReader
from stream_detector.collector.writer import Writer
from stream_detector.serving.background import together


class Serve(Protocol):
    """Serves an application until told to stop, then finishes the open requests (`serving.server.serve`)."""

    def __call__(self, app: CollectorApp, *, stop: asyncio.Event) -> Coroutine[object, object, None]:
        """Raises `ConfigError` where nothing can be listened on."""


async def run(
    app: CollectorApp, writer: Writer, serve: Serve, stop: asyncio.Event, *, reader: TopicReader | None = None
) -> None:
    """Collect until `stop` is set; then answer the open requests, and write what was read and the halves that wait.

    Args:
        app: takes bodies.
        writer: writes what they bring.
        serve: asks the application.
        stop: ends it.
        reader: of topics; None for none.

    Raises:
        ConfigError: host and port cannot be listened on.
        StoreUnavailable: Kafka did not take the halves that waited.
    """
    writing = asyncio.create_task(writer.run())
    intake = [serve(app, stop=stop)] + ([reader.run(stop)] if reader else [])
    serving = asyncio.create_task(together(*intake))
    try:
        await asyncio.wait({writing, serving}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            stop.set()
        await serving
    finally:
        if writing.done():
            await writing
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    await writer.finish()
